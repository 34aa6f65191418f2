"""The W3C trace context of the delivery under way, as a header for the department that it goes to.

It needs no OpenTelemetry.
"""

from __future__ import annotations

from contextvars import ContextVar

TRACEPARENT: ContextVar[str] = ContextVar("traceparent", default="")
"""Set around one delivery by `connectors.serving.tracing`; empty if nothing is traced."""


def trace_headers() -> dict[str, str]:
    """The header, or none."""
    value = TRACEPARENT.get()
    return {"traceparent": value} if value else {}
