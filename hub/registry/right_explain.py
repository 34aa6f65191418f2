"""Why a department may or may not send a type of message to another: the rights that say so, or what is missing.

Promises: its verdict is the one that `Directory.may_send` and `Directory.expand` give. It decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from hub.directory import GROUP, Right
from hub.registry.registry import Registry


class Reason(StrEnum):
    """What settles the question for one recipient."""

    ALLOWED = "allowed"
    NO_RIGHT = "noRight"
    SENDER_UNKNOWN = "senderUnknown"
    SENDER_DISABLED = "senderDisabled"
    RECIPIENT_UNKNOWN = "recipientUnknown"
    RECIPIENT_DISABLED = "recipientDisabled"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one recipient; `rights` are all that allow it, also where a department is disabled."""

    recipient: str
    reason: Reason
    rights: tuple[Right, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether a message would be let through."""
        return self.reason is Reason.ALLOWED


def explain_right(registry: Registry, sender: str, address: str, type: str) -> list[Verdict]:
    """Tell, for each department behind `address` (a code or `group:NAME`), whether and why.

    A group's empty list means that nobody is in it, or that there is no such group.
    """
    return [_verdict(registry, sender, code, type) for code in _codes(registry, sender, address)]


def _codes(registry: Registry, sender: str, address: str) -> Iterable[str]:
    if not address.startswith(GROUP):
        return (address,)
    members = next((g.members for g in registry.groups if GROUP + g.name == address), ())
    return [code for code in members if code != sender]


def _verdict(registry: Registry, sender: str, recipient: str, type: str) -> Verdict:
    rights = tuple(
        r
        for r in registry.rights
        if r.type in (type, "*") and _names(registry, r.sender, sender) and _names(registry, r.recipient, recipient)
    )
    return Verdict(recipient, _reason(registry, sender, recipient, rights), rights)


def _names(registry: Registry, subject: str, code: str) -> bool:
    """Whether the subject of a right covers a department."""
    if subject.startswith(GROUP):
        return any(code in g.members for g in registry.groups if GROUP + g.name == subject)
    return subject in ("*", code)


def _reason(registry: Registry, sender: str, recipient: str, rights: tuple[Right, ...]) -> Reason:
    enabled = {d.code: d.enabled for d in registry.departments}
    checks = (
        (sender not in enabled, Reason.SENDER_UNKNOWN),
        (not enabled.get(sender, False), Reason.SENDER_DISABLED),
        (recipient not in enabled, Reason.RECIPIENT_UNKNOWN),
        (not enabled.get(recipient, False), Reason.RECIPIENT_DISABLED),
        (not rights, Reason.NO_RIGHT),
    )
    return next((reason for holds, reason in checks if holds), Reason.ALLOWED)
