"""Has the files that a serving hub goes by put on record: hub.yaml at the start, routing.yaml whenever it changes.

Promises: what cannot be recorded now is tried again at the next look, and serving goes on; the entry names the owner of
the file, which is all that a file tells of who wrote it.
"""

from __future__ import annotations

import logging
import socket
from pathlib import Path

from hub.administration import in_force
from hub.hub import Hub
from hub.settings.settings import FILE
from hub.store.operate import Order

log = logging.getLogger("hub.serve")


class OnRecord:
    """What one process has seen to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._settings_seen = False
        self._routing_seen = ""

    def look(self, hub: Hub) -> None:
        """Record what is not yet. Blocks. Errors: HubError."""
        names = [] if self._settings_seen else [FILE]
        if self._routing_seen != hub.rules.routing.version:
            names.append(hub.settings.routing)
        if not names:
            return
        texts = in_force.read_files(self._folder, hub.settings, names)
        for name, text in texts.items():
            order = Order(hub.id, _owner(self._folder / name))
            if in_force.put_on_record(hub.store, {name: text}, order, hub.clock()):
                log.info("file-changed", extra={"fields": {"file": name, "by": order.by}})
        self._settings_seen, self._routing_seen = True, hub.rules.routing.version


def _owner(path: Path) -> str:
    try:
        owner = path.owner()
    except (KeyError, OSError):  # a container may run as a number without a name
        owner = "?"
    return f"{owner}@{socket.gethostname()}"
