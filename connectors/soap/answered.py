"""What a SOAP service hands back for one call, before it becomes a message. A value."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.soap.soap import Version


@dataclass(frozen=True, slots=True)
class Answered:
    """The response element, and what the log and the dispatcher want to know of the call."""

    operation: str
    content: bytes
    version: Version
    sender: str = ""
    message_id: str = ""
    count: int | None = None
    endpoints: tuple[str, ...] = ()
