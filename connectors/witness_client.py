"""A hub's ledger as its witness reaches it: over HTTP, with nothing but a URL. The paths are docs/ledger-format.md's.

Promises: whatever the hub answers, a bounded value of the right shape comes out, or one of the errors of
`hub.witness.look.Log`. It believes nothing: what it hands on is checked by the witness.
"""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from connectors.plain_http import Answer, Ask, fetch
from connectors.soap.client import CallFailed
from hub.errors import Misconfigured, Unavailable, Undelivered
from hub.tree.note import MOST_BYTES

PREFIX = "/ledger/v1"
MOST_HASHES = 128
"""Longer than any consistency proof: two for each level of the largest tree."""
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CODE = re.compile(r"[a-z]{1,20}\.[a-z-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WitnessClient:
    """One hub's ledger. `url` is the hub's base address, `seconds` the time for each call.

    `ca` is a CA file for the hub's TLS certificate. It is read for each call, so that what is taken out of it counts no
    longer, and each call may end in Misconfigured witness.ca.
    """

    url: str
    seconds: float = 30.0
    ca: Path | None = None

    @classmethod
    def of(cls, url: str, ca: Path | None = None, seconds: float = 30.0) -> WitnessClient:
        """With a CA file that can be read now, if one is named. Errors: Misconfigured witness.ca."""
        made = cls(url, seconds, ca)
        made.tls()
        return made

    def tls(self) -> ssl.SSLContext | None:
        """What https goes by now; None for the machine's own authorities. Errors: Misconfigured witness.ca."""
        try:
            return ssl.create_default_context(cafile=self.ca) if self.ca else None
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured("witness.ca", operator=str(error)) from None

    async def latest(self) -> bytes | None:
        """The latest checkpoint's note; None if the hub says that it has none."""
        answer = await self._ask(Ask("/checkpoint"))
        if answer.status == HTTPStatus.NOT_FOUND and _told(answer) == "tree.no-checkpoint":
            return None
        return _good(answer).body

    async def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """What the hub hands over as the consistency proof between two sizes."""
        answer = _good(await self._ask(Ask(f"/proof/consistency?from={old}&to={new}")))
        return _hashes(_object(answer.body).get("proof"))

    async def key_changes(self) -> tuple[bytes, ...]:
        """The notes that the hub hands over as the changes of its keys; none if it does not know the question."""
        answer = await self._ask(Ask("/keys"))
        if answer.status == HTTPStatus.NOT_FOUND:
            return ()
        return _notes(_object(_good(answer).body).get("changes"))

    async def hand_in(self, note: bytes) -> None:
        """Give the hub a cosignature."""
        _good(await self._ask(Ask("/cosignature", "POST", note, {"Content-Type": "text/plain; charset=utf-8"})))

    async def _ask(self, ask: Ask) -> Answer:
        url = self.url.rstrip("/") + PREFIX + ask.url
        try:
            answer = await fetch(replace(ask, url=url, seconds=self.seconds, most=MOST_BYTES, tls=self.tls()))
        except CallFailed as failed:
            if failed.cause in ("answer", "too-large"):
                raise Undelivered("witness.answer", where=ask.url, operator=str(failed)) from None
            raise Unavailable("witness.unreachable", operator=str(failed)) from None
        if answer.passing:
            raise Unavailable("witness.unreachable", got=f"HTTP {answer.status}")
        return answer


def _good(answer: Answer) -> Answer:
    if not answer.good:
        raise Undelivered("witness.refused", got=_told(answer) or f"HTTP {answer.status}")
    return answer


def _told(answer: Answer) -> str:
    """The code in a refusal, or nothing."""
    try:
        code = str(_object(answer.body).get("code", ""))
    except Undelivered:
        return ""
    return code if _CODE.fullmatch(code) else ""


def _object(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Undelivered("witness.answer", expected="JSON")
    return found


def _notes(found: object) -> tuple[bytes, ...]:
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Undelivered("witness.answer", where="changes")
    notes = [one.get("note") for one in found]
    if not all(isinstance(note, str) for note in notes):
        raise Undelivered("witness.answer", where="changes", expected="note")
    return tuple(str(note).encode("utf-8", "replace") for note in notes)


def _hashes(found: object) -> tuple[bytes, ...]:
    if not isinstance(found, list) or len(found) > MOST_HASHES:
        raise Undelivered("witness.answer", where="proof", expected=f"<= {MOST_HASHES}")
    if not all(isinstance(part, str) and _HASH.fullmatch(part) for part in found):
        raise Undelivered("witness.answer", where="proof", expected="SHA-256")
    return tuple(bytes.fromhex(part) for part in found)
