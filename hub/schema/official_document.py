"""What an official document (公文) must have besides its schema: XSD 1.0 cannot make one part depend on another.

The rules are those that bind the sender whatever the recipient thinks; taste and layout are left to people.
"""

from __future__ import annotations

from typing import Any

from hub.directory import GROUP
from hub.errors import Refused
from hub.message import Header, Role

TYPE = "official-document-1"
_Q = "{urn:hub:official-document:v1}"
_UPWARD = frozenset({"request", "report"})
"""请示 and 报告 go to a superior, whether or not the document says so: 中办发〔2012〕14号, article 8."""


def check(document: Any, header: Header) -> None:
    """Refuse an upward document without signer, and a request with several main recipients, printed or addressed.

    `document` has passed its schema. Sources: GB/T 9704-2012 7.2.6; 中办发〔2012〕14号, article 15 (1).
    Errors: Refused payload.signer, payload.one-recipient.
    """
    kind = (document.findtext(f"{_Q}documentKind") or "").strip()
    direction = (document.findtext(f"{_Q}direction") or "").strip()
    if (direction == "upward" or kind in _UPWARD) and document.find(f"{_Q}signer") is None:
        raise Refused("payload.signer", where="od:signer", got=kind)
    if kind == "request":
        printed = len(document.findall(f"{_Q}mainRecipients/{_Q}mainRecipient"))
        addressed = [one.address for one in header.recipients if one.role is Role.MAIN]
        if printed > 1 or len(addressed) > 1 or any(one.startswith(GROUP) for one in addressed):
            got = ", ".join(addressed)[:200]
            raise Refused("payload.one-recipient", where="od:mainRecipients", expected="1", got=got)
