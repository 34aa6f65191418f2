"""Who gives an order at this terminal: the user of the operating system and the machine."""

from __future__ import annotations

import getpass
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.store.operate import Order


def whoever() -> str:
    """USER@HOST of whoever runs this program; a claim of this machine, not a proof."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        user = "?"
    return f"{user}@{socket.gethostname()}"


def order_of(hub: str, reason: str) -> Order:
    """An order of theirs; `hub` is the hub's address."""
    from hub.store.operate import Order

    return Order(hub, whoever(), reason)
