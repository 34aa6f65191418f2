"""What an audit found wrong: a code, the place, what should stand there and what does. A value with its sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.catalogue import CATALOGUE

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written. `what` names the row, `field` its column.

    `node` and `sequence` name a ledger entry; elsewhere they are empty and 0.
    """

    code: str
    what: str = ""
    field: str = ""
    expected: str = ""
    got: str = ""
    node: str = ""
    sequence: int = 0

    def sentence(self, lang: str = "en") -> str:
        """The whole finding in `lang`, "zh" or "en"."""
        text, words = CATALOGUE[self.code], _WORDS[lang]
        parts = [text.zh if lang == "zh" else text.en]
        if self.node:
            parts.append(words[0].format(node=self.node, sequence=self.sequence))
        for label, value in zip(words[1:5], (self.what, self.field, self.expected, self.got), strict=True):
            if value:
                parts.append(label + value)
        return words[5].join(parts)


_WORDS = {
    "zh": ("节点 {node} 第 {sequence} 条记录", "对象：", "字段：", "应为：", "实为：", "；"),
    "en": ("node {node}, entry {sequence}", "of: ", "field: ", "expected: ", "got: ", "; "),
}


def differing(code: str, what: str, expected: Mapping[str, object], row: Mapping[Any, Any]) -> Iterator[Finding]:
    """Yield a finding for each column of `row` that is not what `expected` says, by value and by type."""
    for name, wanted in expected.items():
        got = row[name]
        if got != wanted or type(got) is not type(wanted):
            yield Finding(code, what, name, shown(wanted), shown(got))


def shown(value: object) -> str:
    """A value as a finding shows it: bytes in hex, cut where it is long."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
