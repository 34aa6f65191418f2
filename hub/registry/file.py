"""The registry as one YAML document, for export, review and import.

Promises: `load_registry(dump_registry(r)) == r`, one text for one registry, Chinese readable, defaults left
out; and what is loaded has passed every check of `hub.registry.registry`, each error with its line. It opens no file.
"""

from __future__ import annotations

import textwrap
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import yaml

from hub.codes import check_division, check_uscc
from hub.config import (
    Located,
    check_keys,
    flag_at,
    integer_at,
    number_at,
    place,
    read_yaml,
    section_at,
    sections_at,
    text_at,
    texts_at,
)
from hub.directory import Department, Endpoint, Kind, Profile, Right
from hub.errors import Misconfigured
from hub.registry.registry import Group, Item, Registry, check_registry, key_of, placed
from hub.trust.certificate import EnrolledCertificate, split_certificates

VERSION = 1
NAME = "registry.yaml"
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_Some = TypeVar("_Some", Department, Endpoint, Right, EnrolledCertificate)


def load_registry(text: str, what: str = NAME) -> Registry:
    """Read and check a whole registry; `what` names the text in errors, as for `read_yaml`.

    Errors: Misconfigured config.*, registry.*, certificate.unreadable.
    """
    top = read_yaml(text, what)
    check_keys(top, ("version", "departments", "groups", "endpoints", "rights", "certificates"))
    if integer_at(top, "version") != VERSION:
        raise Misconfigured(
            "registry.version", expected=str(VERSION), got=str(top["version"]), where=place(top, "version")
        )
    places: dict[tuple[str, str], str] = {}
    registry = Registry.of(
        departments=_read_each(top, "departments", _department, places),
        groups=_groups(section_at(top, "groups"), places),
        endpoints=_read_each(top, "endpoints", _endpoint, places),
        rights=_read_each(top, "rights", _right, places),
        certificates=_read_each(top, "certificates", _certificate, places),
    )
    check_registry(registry, places)
    return registry


def dump_registry(registry: Registry) -> str:
    """Write a registry as YAML, in stable order."""
    document = {
        "version": VERSION,
        "departments": [_without_defaults(d) for d in registry.departments],
        "groups": {group.name: list(group.members) for group in registry.groups},
        "endpoints": [_without_defaults(e) for e in registry.endpoints],
        "rights": [_without_defaults(r) for r in registry.rights],
        "certificates": [_written(c) for c in registry.certificates],
    }
    text: str = yaml.dump(document, Dumper=_Plain, allow_unicode=True, sort_keys=False, width=110)
    return text


def _read_each(
    top: Located, key: str, read: Callable[[Located], _Some], places: dict[tuple[str, str], str]
) -> list[_Some]:
    found = []
    for section in sections_at(top, key):
        item = read(section)
        _remember(item, place(section), places)
        found.append(item)
    return found


def _remember(item: Item, where: str, places: dict[tuple[str, str], str]) -> None:
    key = key_of(item)
    if key in places:
        raise Misconfigured("registry.duplicate", got=key[1], where=where)
    places[key] = where


def _department(section: Located) -> Department:
    check_keys(section, (f.name for f in fields(Department)))
    return Department(
        code=text_at(section, "code"),
        name=text_at(section, "name"),
        uscc=_checked(section, "uscc", check_uscc),
        division=_checked(section, "division", check_division),
        parent=text_at(section, "parent", ""),
        level=text_at(section, "level", "city"),
        enabled=flag_at(section, "enabled", True),
    )


def _groups(section: Located, places: dict[tuple[str, str], str]) -> Iterable[Group]:
    for name in section:
        group = Group(name, texts_at(section, name))
        _remember(group, place(section, name), places)
        yield group


def _endpoint(section: Located) -> Endpoint:
    check_keys(section, (f.name for f in fields(Endpoint)))
    kind = text_at(section, "kind", Kind.PUSH)
    if kind not in list(Kind):
        raise Misconfigured("registry.choice", expected=" | ".join(Kind), got=kind, where=place(section, "kind"))
    return Endpoint(
        code=text_at(section, "code"),
        department=text_at(section, "department"),
        kind=Kind(kind),
        url=text_at(section, "url", ""),
        paused=flag_at(section, "paused", False),
        profile=_profile(section_at(section, "profile")),
    )


def _profile(section: Located) -> Profile:
    """Each key is read as the kind of value that its default is."""
    check_keys(section, (f.name for f in fields(Profile)))
    given: dict[str, Any] = {}
    for known in fields(Profile):
        if known.name in section:
            given[known.name] = _READERS[type(known.default)](section, known.name)
    return Profile(**given)


_READERS: dict[type, Callable[[Located, str], Any]] = {
    str: text_at,
    bool: flag_at,
    int: integer_at,
    float: number_at,
}


def _right(section: Located) -> Right:
    check_keys(section, (f.name for f in fields(Right)))
    return Right(text_at(section, "sender"), text_at(section, "recipient"), text_at(section, "type", "*"))


def _certificate(section: Located) -> EnrolledCertificate:
    check_keys(section, ("department", "pem", "enabled"))
    ders = _checked(section, "pem", lambda text: split_certificates(text.encode()))
    if len(ders) != 1:
        raise Misconfigured("registry.one-certificate", got=str(len(ders)), where=place(section, "pem"))
    return EnrolledCertificate(text_at(section, "department"), ders[0], flag_at(section, "enabled", True))


_Checked = TypeVar("_Checked")


def _checked(section: Located, key: str, check: Callable[[str], _Checked]) -> _Checked:
    with placed(place(section, key)):
        return check(text_at(section, key))


class _Block(str):
    """A text written as a block of lines."""

    __slots__ = ()


class _Plain(_Dumper):  # type: ignore[misc]  # the base is chosen at run time
    """Writes no anchors: the reader takes none."""

    def ignore_aliases(self, _value: object) -> bool:
        return True


def _represent_block(dumper: Any, text: _Block) -> yaml.ScalarNode:
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")
    return node


_Plain.add_representer(_Block, _represent_block)


def _without_defaults(item: Department | Endpoint | Right | Profile) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for known in fields(item):
        value = getattr(item, known.name)
        if isinstance(value, Profile):
            value = _without_defaults(value)
            if value:
                written[known.name] = value
        elif known.default is MISSING or value != known.default:
            written[known.name] = str(value) if isinstance(value, Kind) else value
    return written


def _written(certificate: EnrolledCertificate) -> dict[str, Any]:
    body = "\n".join(textwrap.wrap(b64encode(certificate.der).decode(), 64))
    pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    written: dict[str, Any] = {"department": certificate.department, "pem": _Block(pem)}
    return written if certificate.enabled else {**written, "enabled": False}
