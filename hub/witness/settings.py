"""The settings of a witness, `witness.yaml` in its folder: which log it watches, where, and under which name."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hub.config import check_keys, read_yaml, text_at
from hub.errors import Misconfigured
from hub.tree.key import Kind, NoteKey, is_name, read_keys

FILE = "witness.yaml"
_KNOWN = ("hub", "name", "keys", "interval", "ca")


@dataclass(frozen=True, slots=True)
class WitnessSettings:
    """`witness.yaml`. `keys` are the log's verifier keys, `ca` a PEM file of who vouches for the hub's TLS, if any."""

    hub: str
    name: str
    keys: tuple[NoteKey, ...]
    interval: float = 10.0
    ca: str = ""

    @property
    def origin(self) -> str:
        """The log's name; all its keys carry it."""
        return self.keys[0].name

    @classmethod
    def read(cls, text: str) -> WitnessSettings:
        """Read the YAML text. Errors: Misconfigured config.*, note.key, witness.setting."""
        mapping = read_yaml(text, FILE)
        check_keys(mapping, _KNOWN, FILE)
        keys = read_keys(text_at(mapping, "keys"))
        interval = _interval(text_at(mapping, "interval", "10"))
        read = cls(text_at(mapping, "hub"), text_at(mapping, "name"), keys, interval, text_at(mapping, "ca", ""))
        read.check()
        return read

    def check(self) -> None:
        """Refuse what could never work. Errors: Misconfigured witness.setting."""
        if not self.hub.startswith(("http://", "https://")):
            raise Misconfigured("witness.setting", where="hub", expected="https://\u2026", got=self.hub[:200])
        if not is_name(self.name):
            raise Misconfigured("witness.setting", where="name", expected="no spaces, no +", got=self.name[:200])
        names = sorted({key.name for key in self.keys})
        if len(names) != 1 or any(key.kind is Kind.COSIGNATURE for key in self.keys):
            raise Misconfigured("witness.setting", where="keys", expected="the log's keys", got=", ".join(names)[:200])

    def text(self) -> str:
        """The YAML text; JSON's strings are YAML's."""
        keys = " ".join(key.text() for key in self.keys)
        fields = {"hub": self.hub, "name": self.name, "keys": keys, "ca": self.ca}
        lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items()]
        return "".join(lines) + f"interval: {self.interval:g}\n"


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86400:
        raise Misconfigured("witness.setting", where="interval", expected="0.1..86400", got=text[:40])
    return seconds
