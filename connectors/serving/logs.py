"""Log lines to stderr: one line per event, `time level logger event key=value ...`, or one JSON object per line.

Promises: no value can break out of its line or pose as another field, whatever a stranger wrote into it. Fields come
from `extra={"fields": {...}}`; documents never do.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

from hub.errors import Misconfigured

LEVELS = ("debug", "info", "warning", "error")
_LONGEST = 500
_PLAIN = re.compile(r"[^\s\"=\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class OutcomeFormatter(logging.Formatter):
    """Formats a record as one line, and a traceback of ours below it."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; quoted as JSON strings are values that hold more than plain characters."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = [at.replace("+00:00", "Z"), record.levelname.lower(), record.name, _line(record.getMessage())]
        fields = getattr(record, "fields", {})
        line = " ".join([*head, *(f"{key}={_value(value)}" for key, value in fields.items() if value != "")])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: time, level, logger, event, the fields, and a traceback of ours."""

    def format(self, record: logging.LogRecord) -> str:
        """One line. A field never hides one of the four that every line has."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = getattr(record, "fields", {})
        line = {key: str(value)[:_LONGEST] for key, value in fields.items() if value != ""}
        line |= {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _line(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        written = json.dumps(line, ensure_ascii=False)
        return written if written.isprintable() else json.dumps(line)


def set_up_logs(level: str = "info", stream: TextIO | None = None, form: str = "text") -> None:
    """Send the hub's log lines to `stream` (stderr). Errors: Misconfigured settings.value."""
    if level not in LEVELS:
        raise Misconfigured("settings.value", where="log", expected=", ".join(LEVELS), got=level)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else OutcomeFormatter())
    ours = logging.getLogger("hub")
    ours.handlers[:] = [handler]
    ours.setLevel(level.upper())
    ours.propagate = False
    others = logging.getLogger()
    others.handlers[:] = [handler]
    others.setLevel(logging.WARNING)


def _line(message: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in message[: 2 * _LONGEST])


def _value(value: object) -> str:
    written = str(value)[:_LONGEST]
    plain = written.isprintable() and _PLAIN.fullmatch(written)
    return written if plain else json.dumps(written, ensure_ascii=not written.isprintable())
