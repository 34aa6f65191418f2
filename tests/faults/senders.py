"""Sending departments that remember: what they signed before it left them, and each receipt once they have checked it.

A sender hands the same bytes in until it has a receipt, as docs/departments.md tells it to. Its memory is a file to
which lines are only added; it outlives the hub and the test's own mistakes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from connectors.exchange_client import ExchangeClient, Submitted
from hub import envelope, proof
from hub.errors import HubError, Unavailable
from hub.message import Header, Recipient
from hub.parser import parse
from hub.signing import signature
from hub.signing.signer import Signer

PAUSE, LONGEST_PAUSE = 0.02, 0.2
"""Seconds between two tries: at first, and at most. A hub that starts needs the processor itself."""
PATIENCE = 120.0
_PAYLOAD = """<od:officialDocument xmlns:od="urn:hub:official-document:v1"><od:documentKind>notice</od:documentKind>
<od:title>测试通知</od:title><od:body><od:paragraph>各单位：</od:paragraph></od:body>
<od:documentDate>2026-03-02</od:documentDate></od:officialDocument>"""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A message that a sender made; with `entry` also acknowledged: node and sequence of the entry, and its hash."""

    sender: str
    message_id: str
    digest: str
    recipients: tuple[str, ...]
    node: str = ""
    sequence: int = 0
    entry: str = ""


class Memory:
    """A file of lines that are only added, each by one write.

    `kill -9` may end a write at the border of a page: what is there of such a line is taken away at the next start. Who
    wrote it had not answered yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)
        self._file.truncate(path.read_bytes().rfind(b"\n") + 1)

    def add(self, line: Any) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        self._file.close()


def read_memory(path: Path) -> Iterator[Remembered]:
    """All lines of a sender's memory, in their order."""
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        yield Remembered(**{**fields, "recipients": tuple(fields["recipients"])})


class NotTaken(Exception):
    """The hub gave no receipt in the sender's patience; the last error says why."""


class Sender:
    """One sending department. `hub_mark` is the thumbprint by which it knows the hub's signature.

    `told` is the code of the last error that it met, `acknowledged` the number of its receipts.
    """

    def __init__(self, code: str, urls: Sequence[str], signer: Signer, hub_mark: str, memory: Path) -> None:
        self.code = code
        self._signer = signer
        self._hub_mark = hub_mark
        self._name = memory.stem
        self._memory = Memory(memory)
        self._numbers = count(1)
        self._clients = [ExchangeClient(url, signer, code, seconds=1.5) for url in urls]
        self.tries = 0
        self.told = ""
        self.acknowledged = 0

    def make(
        self, to: Sequence[str], message_id: str = "", conversation: str | None = None
    ) -> tuple[Remembered, bytes]:
        """Sign a document, and remember that it was made."""
        name = message_id or f"{self._name}-{next(self._numbers)}"
        header = Header(
            message_id=name,
            type="official-document-1",
            sender=self.code,
            recipients=tuple(Recipient(code) for code in to),
            created=datetime.now(UTC),
            conversation=conversation,
        )
        raw = signature.sign(envelope.build(header, parse(_PAYLOAD.encode())), self._signer)
        made = Remembered(self.code, name, hashlib.sha256(raw).hexdigest(), tuple(to))
        self._memory.add(asdict(made))
        return made, raw

    async def send(self, to: Sequence[str], patience: float = PATIENCE, **options: Any) -> bool:
        """Make a document and hand it in until there is a receipt; False if there was none in time."""
        made, raw = self.make(to, **options)
        return await self.hand_in(made, raw, patience)

    async def hand_in(self, made: Remembered, raw: bytes, patience: float = PATIENCE) -> bool:
        """Hand bytes in until there is a right receipt, at one node after the other."""
        end = asyncio.get_running_loop().time() + patience
        pause = PAUSE
        while True:
            self.tries += 1
            try:
                answer = await self._clients[self.tries % len(self._clients)].submit(raw, form="binary")
                self._memory.add(asdict(self._checked(made, answer)))
                self.acknowledged += 1
                return True
            except (HubError, ValueError) as error:
                self.told = getattr(error, "code", "")
                if asyncio.get_running_loop().time() > end:
                    return False
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _checked(self, made: Remembered, answer: Submitted) -> Remembered:
        """The receipt, if the hub's own signature says of this very message that it is taken."""
        signed = signature.verify(parse(answer.stamp))
        stamp = proof.read_stamp(signed.root)
        told = (signed.thumbprint, stamp.sender, stamp.message_id, stamp.digest)
        if told != (self._hub_mark, made.sender, made.message_id, made.digest):
            raise Unavailable("exchange.answer")
        place = (stamp.node, stamp.sequence, stamp.entry_hash)
        return Remembered(made.sender, made.message_id, made.digest, made.recipients, *place)

    async def __aenter__(self) -> Sender:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        self._memory.close()
