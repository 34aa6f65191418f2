"""The error tree: whose fault it is, a stable code, one sentence in Chinese and one in English.

The sentences stand in `hub.catalogue`; code raises only a code and its facts. What a stranger may read
(`code`, texts, `expected`, `got`, `where`) and what only the operator may read (`operator`) are kept apart,
so no fault can leak a path, a library's words or key material.
"""

from __future__ import annotations

from typing import Any

from hub.catalogue import CATALOGUE, Text


class HubError(Exception):
    """Base of every error a user may see. `code` must stand in the catalogue."""

    def __init__(
        self, code: str, *, expected: str = "", got: str = "", where: str = "", operator: str = "", got_zh: str = ""
    ) -> None:
        """`got_zh`: the same in Chinese, where `got` is an English sentence and not a value."""
        self.code = code
        self.text: Text = CATALOGUE[code]
        self.expected = expected
        self.got = got
        self.got_zh = got_zh or got
        self.where = where
        self.operator = operator
        super().__init__(f"{code}: {self.sentence('en')}")

    def sentence(self, lang: str = "en") -> str:
        """The whole public message in `lang` ("zh" or "en"): fact, place, expected, got, next step."""
        words = _WORDS[lang]
        parts = [self.text.zh if lang == "zh" else self.text.en]
        got = self.got_zh if lang == "zh" else self.got
        for label, value in ((words[0], self.where), (words[1], self.expected), (words[2], got)):
            if value:
                parts.append(f"{label}{value}")
        parts.append(self.text.next_zh if lang == "zh" else self.text.next_en)
        return words[3].join(parts)

    def facts(self) -> dict[str, Any]:
        """The public fields, for a SOAP fault's detail and for `-o json`."""
        return {
            "code": self.code,
            "zh": self.sentence("zh"),
            "en": self.sentence("en"),
            "where": self.where,
            "expected": self.expected,
            "got": self.got,
        }


_WORDS = {
    "zh": ("位置：", "应为：", "实为：", "；"),
    "en": ("at: ", "expected: ", "got: ", "; "),
}


class Refused(HubError):
    """The sender's fault: the same bytes will be refused again."""


class Undelivered(HubError):
    """The receiver's fault: an endpoint did not take a message, or answered wrongly."""


class Misconfigured(HubError):
    """Ours: settings, keys, routing or data that an administrator must mend."""


class Unavailable(HubError):
    """Ours and passing: nothing was stored, the caller should try again after `retry_after` seconds."""

    retry_after = 30
