"""Receiving departments that remember everything handed to them, in a file each, before they answer.

Their application sees a message the first time it is handed over and never again: it knows a message by sender and
message id, as read from the signed envelope, which is the rule that docs/departments.md gives. The file tells both: how
often the hub handed a message over, and how often the application got it. A receiver that is killed and started again
knows what it has from its file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.pretend.department import PretendDepartment, Received, pretend_departments
from connectors.pretend.fault import parse_fault
from connectors.serving.server import serve
from hub import envelope
from hub.parser import parse
from hub.signing.signer import FileSigner
from tests.faults.senders import Memory


@dataclass(frozen=True, slots=True)
class HandedOver:
    """One delivery as a receiver got it; `first` if its application got it then, `digest` of the bytes that came."""

    recipient: str
    sender: str
    message_id: str
    digest: str
    delivery_id: int
    first: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """Sender, message id, recipient."""
        return self.sender, self.message_id, self.recipient


def read_handed(path: Path) -> Iterator[HandedOver]:
    """All lines of a receiver's memory, in their order."""
    for line in path.read_text(encoding="utf-8").splitlines():
        yield HandedOver(**json.loads(line))


class Remembering(dict[tuple[str, str], Received]):
    """What a pretend department has: each message is written to its file before it is acknowledged."""

    def __init__(self, code: str, path: Path) -> None:
        super().__init__()
        self._code = code
        self._memory = Memory(path)
        self._known = {(one.sender, one.message_id) for one in read_handed(path)}

    def setdefault(self, key: tuple[str, str], received: Received) -> Received:  # type: ignore[override]
        """Remember one delivery; nothing of it is kept in memory but its name."""
        header = envelope.read(parse(received.envelope)).header  # the department has checked its signature
        name = (header.sender, header.message_id)
        self._memory.add(
            {
                "recipient": self._code,
                "sender": header.sender,
                "message_id": header.message_id,
                "digest": hashlib.sha256(received.envelope).hexdigest(),
                "delivery_id": received.delivery_id,
                "first": name not in self._known,
            }
        )
        self._known.add(name)
        return received


def receive(port: int, folder: Path, codes: tuple[str, ...], faults: Mapping[str, str]) -> None:
    """Serve receiving departments until a signal; `faults` by code or "*", as `hub mock dept --fault` takes them."""
    departments = []
    signers = {code: FileSigner.load(folder / f"{code}.key", folder / f"{code}.crt") for code in codes}
    for code in codes:
        fault = parse_fault(faults.get(code, faults.get("*", "none")))
        stranger = next(signer for other, signer in signers.items() if other != code)
        handed = Remembering(code, memory_of(folder, code))
        departments.append(PretendDepartment(code, signers[code], fault, stranger, handed=handed))
    serve(pretend_departments(departments), "127.0.0.1", port)


def memory_of(folder: Path, code: str) -> Path:
    """The file in which a receiver remembers."""
    return folder / f"handed-{code}.jsonl"
