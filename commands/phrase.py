"""Everything the command line says exists in Chinese and in English; here is the pair, and who reads which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

LANGUAGES = ("zh", "en")


class Phrase(NamedTuple):
    """One text in both languages."""

    zh: str
    en: str

    def by(self, lang: str) -> str:
        """The text in `lang` ("zh" or "en")."""
        return self.zh if lang == "zh" else self.en


def choose_language(words: Sequence[str], environ: Mapping[str, str]) -> str:
    """The language of the user: `--lang` anywhere in the command line, else the locale.

    Read before click parses anything, because even a usage error has to be told in it.
    """
    for place, word in enumerate(words):
        if word == "--":
            break
        asked = word.removeprefix("--lang=")
        if word == "--lang" and place + 1 < len(words):
            asked = words[place + 1]
        if asked in LANGUAGES and word.startswith("--lang"):
            return asked
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"
