"""What changes from one registry to another, one line per fact. It compares; it applies nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from hub.administration.administered import Facts
from hub.directory import Department, Endpoint, Profile
from hub.registry.registry import Group, Item, Registry, items_of, key_of
from hub.trust.certificate import EnrolledCertificate

_Flat = dict[tuple[str, str], Mapping[str, str]]


class Verb(StrEnum):
    """What happens to an item, or to one field of it."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


_VERBS = {
    "zh": {Verb.ADDED: "新增", Verb.REMOVED: "删除", Verb.CHANGED: "修改"},
    "en": {Verb.ADDED: "add", Verb.REMOVED: "remove", Verb.CHANGED: "change"},
}
_NOUNS = {
    "department": "单位",
    "group": "单位组",
    "member": "单位组成员",
    "endpoint": "端点",
    "right": "权限",
    "certificate": "证书",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One fact. `field`, `before`, `after` are set for a changed field; a member's `code` is GROUP/CODE."""

    verb: Verb
    noun: str
    code: str
    field: str = ""
    before: str = ""
    after: str = ""

    def line(self, lang: str = "en") -> str:
        """One sentence in `lang` ("zh" or "en")."""
        verb = _VERBS[lang][self.verb]
        noun = _NOUNS[self.noun] if lang == "zh" else self.noun
        head = f"{verb}{noun} {self.code}" if lang == "zh" else f"{verb} {noun} {self.code}"
        if not self.field:
            return head
        colon, arrow = ("：", " → ") if lang == "zh" else (": ", " -> ")
        return f"{head} {self.field}{colon}{self.before or '-'}{arrow}{self.after or '-'}"


def diff(before: Registry, after: Registry) -> list[Change]:
    """Return every difference: first what is removed, then added, then changed, each by name."""
    old, new = _flat(before), _flat(after)
    removed = [Change(Verb.REMOVED, *key) for key in sorted(old.keys() - new.keys())]
    added = [Change(Verb.ADDED, *key) for key in sorted(new.keys() - old.keys())]
    changed = [
        Change(Verb.CHANGED, *key, name, old[key][name], value)
        for key in sorted(old.keys() & new.keys())
        for name, value in new[key].items()
        if old[key][name] != value
    ]
    return removed + added + changed


def sides(before: Registry, after: Registry) -> tuple[Facts, Facts]:
    """What only the one registry says and what only the other, each as `facts`; of an item only what differs."""
    old, new = _flat(before), _flat(after)
    return _only(old, new), _only(new, old)


def facts(registry: Registry) -> Facts:
    """All that a registry says: item -> field -> value, an item as `NOUN CODE`."""
    return {" ".join(key): values for key, values in _flat(registry).items()}


def _only(ours: _Flat, theirs: _Flat) -> Facts:
    return {
        " ".join(key): {name: value for name, value in values.items() if theirs.get(key, {}).get(name) != value}
        for key, values in ours.items()
        if theirs.get(key) != values
    }


def _flat(registry: Registry) -> _Flat:
    found: _Flat = {}
    for item in items_of(registry):
        found[key_of(item)] = _values(item)
        if isinstance(item, Group):
            found.update({("member", f"{item.name}/{member}"): {} for member in item.members})
    return found


def _values(item: Item) -> Mapping[str, str]:
    """The fields that may change while the item stays the same item."""
    if isinstance(item, EnrolledCertificate):
        return {"department": item.department, "enabled": _shown(item.enabled)}
    if isinstance(item, Endpoint):
        return {**_fields(item, "code", "profile"), **_fields(item.profile)}
    return _fields(item, "code") if isinstance(item, Department) else {}


def _fields(item: Department | Endpoint | Profile, *without: str) -> dict[str, str]:
    return {f.name: _shown(getattr(item, f.name)) for f in fields(item) if f.name not in without}


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
