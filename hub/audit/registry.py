"""Part of the audit: the registry as the administrators' entries made it, against the registry as it stands. Pure.

Departments, groups, endpoints, rights, certificates, authorities and schemas; revocation lists, routing and settings
are files, and the keys of checkpoints and the database itself have their own records: all of these stay out.
A registry that was not begun by the entry of an installation cannot be followed, and is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hub.administration.administered import Act, Deed, Facts
from hub.audit.finding import Finding

_ELSEWHERE = ("crl ", "database ", "file ", "ledger ", "rule ", "document ", "hold ")


def check_registry(acts: Iterable[Act], present: Facts) -> Iterator[Finding]:
    """Yield every item that is not as the acts, in order of their entries, left it."""
    made = _made(acts)
    if made is None:
        return
    for name in sorted(made.keys() | present.keys()):
        if made.get(name) == present.get(name):
            continue
        expected, got = made.get(name), present.get(name)
        if expected is None or got is None:
            yield Finding("audit.registry", name, "", _there(expected), _there(got))
            continue
        for field in sorted(expected.keys() | got.keys()):
            if expected.get(field) != got.get(field):
                yield Finding("audit.registry", name, field, expected.get(field, ""), got.get(field, ""))


def _made(acts: Iterable[Act]) -> dict[str, dict[str, str]] | None:
    items: dict[str, dict[str, str]] | None = None
    for act in acts:
        if act.what is Deed.INSTALLED:
            items = {}
        if items is None:
            return None
        for name in act.before.keys() - act.after.keys():
            items.pop(name, None)
        for name, values in act.after.items():
            if not name.startswith(_ELSEWHERE):
                items.setdefault(name, {}).update(values)
    return items


def _there(values: object) -> str:
    return "-" if values is None else "+"
