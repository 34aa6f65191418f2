"""What goes wrong in work that is done again and again: it is logged once while it lasts, and does not end the work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hub.errors import HubError


class Trouble:
    """Of one piece of work; `event` is how the log calls it, `level` that of an error of ours."""

    def __init__(self, log: logging.Logger, event: str, level: int = logging.ERROR) -> None:
        self._log = log
        self._event = event
        self._level = level
        self._last = ""

    @contextmanager
    def told_once(self) -> Iterator[None]:
        """Do the work in this block. What nobody foresaw is logged with its traceback."""
        try:
            yield
        except HubError as error:
            if self._last != error.code:
                self._log.log(
                    self._level, self._event, extra={"fields": {"code": error.code, "operator": error.operator}}
                )
            self._last = error.code
        except Exception as error:  # noqa: BLE001 (work that ends unseen is worse than any error of it)
            if self._last != repr(error):
                self._log.exception(self._event)
            self._last = repr(error)
        else:
            self._last = ""
