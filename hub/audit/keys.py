"""Part of the audit: the changes of the keys that sign checkpoints, as a chain that begins or ends at known keys. Pure.

Found: a change that one of its keys has not signed, that does not join the one before or after it, that was made on
another tree, or that no entry tells of. Keys to which no chain leads are not believed, so every checkpoint of theirs
is found too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from hub.administration.administered import Deed, read_act
from hub.audit.finding import Finding, shown
from hub.errors import Refused
from hub.tree.key import NoteKey
from hub.tree.key_change import Epochs, KeyChange, open_change

CODE = "audit.key-change"
RootAt = Callable[[int], bytes]
"""The root of the first leaves; asked only for sizes that there are leaves for."""


def open_changes(
    rows: Iterable[Sequence[Any]], origin: str
) -> tuple[list[tuple[int, KeyChange | None]], list[Finding]]:
    """The changes in rows of size and note, in order, None for one that is not proven; and what is wrong with them."""
    found: list[tuple[int, KeyChange | None]] = []
    wrong: list[Finding] = []
    for size, note in rows:
        change = None
        try:
            change = open_change(note.encode() if isinstance(note, str) else b"", origin)
        except (Refused, UnicodeEncodeError) as error:
            expected = error.expected if isinstance(error, Refused) else ""
            wrong.append(Finding(CODE, _name(size), "note", expected, getattr(error, "code", "note.malformed")))
        if change is not None and change.size != size:
            wrong.append(Finding(CODE, _name(size), "size", str(change.size), shown(size)))
            change = None
        if type(size) is int:
            found.append((size, change))
    return found, wrong


def check_changes(
    changes: Sequence[tuple[int, KeyChange | None]], epochs: Epochs, leaves: int, root: RootAt
) -> Iterator[Finding]:
    """Yield each change that does not join its neighbours or known keys, or is of another tree than this one."""
    for place, (size, change) in enumerate(changes):
        if change is None:
            continue
        sides = (("old", epochs.keys[place], change.old), ("new", epochs.keys[place + 1], change.new))
        for field, expected, got in sides:
            if set(expected) != set(got):
                yield Finding(CODE, _name(size), field, _ids(expected), _ids(got))
        if size > leaves:
            yield Finding(CODE, _name(size), "size", f"<= {leaves}", shown(size))
        elif (wanted := root(size)) != change.root:
            yield Finding(CODE, _name(size), "root", wanted.hex(), change.root.hex())


def check_told(rows: Iterable[Sequence[Any]], acts: Iterable[bytes]) -> Iterator[Finding]:
    """Yield each kept change that no entry tells of, and each that an entry tells of and that is not kept.

    `acts` are the documents of the entries; one that cannot be read was found with its entry.
    """
    told = _notes(acts)
    kept = {note: size for size, note in rows}
    for note, size in kept.items():
        if note not in told:
            yield Finding(CODE, _name(size), "entry")
    for note in sorted(told - kept.keys()):
        yield Finding(CODE, "key_changes", "note", shown(note.replace("\n", " ")))


def _notes(acts: Iterable[bytes]) -> Collection[str]:
    notes = set()
    for raw in acts:
        try:
            act = read_act(raw)
        except ValueError:
            continue
        if act.what is Deed.LOG_KEYS_CHANGED:
            notes |= {values["note"] for values in act.after.values() if "note" in values}
    return notes


def _name(size: object) -> str:
    return f"key change {shown(size)}"


def _ids(keys: Iterable[NoteKey]) -> str:
    return ", ".join(sorted(key.id.hex() for key in keys)) or "-"
