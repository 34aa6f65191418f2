"""One change to a registry value: find, add, change or remove an item. Pure; what results is checked by its user.

Promises: an item that is not there, or that is there already, is an error that names the nearest known one, never a
silent success. It does not check references: `hub.registry.registry.check_registry` does, once, over the whole result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from typing import TypeVar

from hub.directory import GROUP, Department, Endpoint, Right
from hub.errors import Misconfigured
from hub.registry.registry import Group, Item, Registry, items_of, key_of
from hub.trust.certificate import EnrolledCertificate, thumbprint

_Some = TypeVar("_Some", Department, Group, Endpoint, Right, EnrolledCertificate)
_MARK = re.compile(r"[0-9a-f]{8,64}")


def department_of(registry: Registry, code: str) -> Department:
    """Return a department. Errors: Misconfigured registry.absent."""
    return _find(registry.departments, code)


def group_of(registry: Registry, name: str) -> Group:
    """Return a group, named with or without `group:`. Errors: Misconfigured registry.absent."""
    return _find(registry.groups, name.removeprefix(GROUP))


def endpoint_of(registry: Registry, code: str) -> Endpoint:
    """Return an endpoint. Errors: Misconfigured registry.absent."""
    return _find(registry.endpoints, code)


def certificate_of(registry: Registry, mark: str) -> EnrolledCertificate:
    """Return an enrolled certificate by its thumbprint or the first 8 or more digits of it.

    Errors: Misconfigured registry.absent, registry.ambiguous.
    """
    mark = mark.lower().replace(":", "")
    found = [c for c in registry.certificates if _MARK.fullmatch(mark) and thumbprint(c.der).startswith(mark)]
    if not found:
        raise Misconfigured("registry.absent", got=mark[:80], expected="SHA-256, >= 8 hex")
    if len(found) > 1:
        raise Misconfigured("registry.ambiguous", got=mark)
    return found[0]


def added(registry: Registry, item: Item) -> Registry:
    """Return the registry with one more item. Errors: Misconfigured registry.exists."""
    noun, name = key_of(item)
    if any(key_of(known) == (noun, name) for known in items_of(registry)):
        raise Misconfigured("registry.exists", got=name)
    return _of([*items_of(registry), item])


def changed(registry: Registry, item: Item) -> Registry:
    """Return the registry with `item` in the place of the one of its name. Errors: Misconfigured registry.absent."""
    return added(removed(registry, item), item)


def removed(registry: Registry, item: Item) -> Registry:
    """Return the registry without the item of this one's name. Errors: Misconfigured registry.absent."""
    noun, name = key_of(item)
    kept = [known for known in items_of(registry) if key_of(known) != (noun, name)]
    if len(kept) == sum(1 for _ in items_of(registry)):
        raise Misconfigured("registry.absent", got=name)
    return _of(kept)


def without_department(registry: Registry, code: str) -> Registry:
    """Return the registry without a department and without everything that hangs on it.

    Its endpoints, certificates, rights and memberships go; departments below it stay, without a parent.
    Errors: Misconfigured registry.absent.
    """
    department_of(registry, code)
    return Registry.of(
        departments=[replace(d, parent="") if d.parent == code else d for d in registry.departments if d.code != code],
        groups=[replace(g, members=tuple(m for m in g.members if m != code)) for g in registry.groups],
        endpoints=[e for e in registry.endpoints if e.department != code],
        rights=[r for r in registry.rights if code not in (r.sender, r.recipient)],
        certificates=[c for c in registry.certificates if c.department != code],
    )


def without_group(registry: Registry, name: str) -> Registry:
    """Return the registry without a group and the rights that name it. Errors: Misconfigured registry.absent."""
    group = group_of(registry, name)
    subject = GROUP + group.name
    kept = replace(registry, rights=tuple(r for r in registry.rights if subject not in (r.sender, r.recipient)))
    return removed(kept, group)


def _find(items: Iterable[_Some], name: str) -> _Some:
    known = {key_of(item)[1]: item for item in items}
    if name in known:
        return known[name]
    nearest = get_close_matches(name, known, n=1, cutoff=0.6)
    raise Misconfigured("registry.absent", got=name[:80], expected=nearest[0] if nearest else "")


def _of(items: Iterable[Item]) -> Registry:
    every = list(items)
    return Registry.of(
        departments=[i for i in every if isinstance(i, Department)],
        groups=[i for i in every if isinstance(i, Group)],
        endpoints=[i for i in every if isinstance(i, Endpoint)],
        rights=[i for i in every if isinstance(i, Right)],
        certificates=[i for i in every if isinstance(i, EnrolledCertificate)],
    )
