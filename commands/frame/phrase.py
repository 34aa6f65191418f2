"""Everything the command line says exists in Chinese and in English; here is the pair, and who reads which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

LANGUAGES = ("zh", "en")


class Phrase(NamedTuple):
    """One text in both languages."""

    zh: str
    en: str

    def by(self, lang: str) -> str:
        """The text in `lang` ("zh" or "en")."""
        return self.zh if lang == "zh" else self.en


def find_choice(words: Sequence[str], names: Sequence[str], choices: Sequence[str]) -> str:
    """The value of an option of these names anywhere in a command line; empty if there is none that is a choice.

    Read before click parses anything, because even a usage error has to be told in the right form.
    """
    before = words[: words.index("--")] if "--" in words else words
    for word, following in zip_longest(before, before[1:]):
        for choice in choices:
            if (word in names and following == choice) or word in [f"{name}={choice}" for name in names]:
                return choice
    return ""


def choose_language(words: Sequence[str], environ: Mapping[str, str]) -> str:
    """The language of the user: `--lang` anywhere in the command line, else the locale."""
    asked = find_choice(words, ("--lang",), LANGUAGES)
    if asked:
        return asked
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"
