"""OpenTelemetry spans, if `tracing.url` is set: one for each call, and one for each attempt to deliver.

Promises: a message has one trace wherever it is worked on, because the trace's id is made from sender and message id:
all processes add to it without having spoken. Departments get it as `traceparent`. Spans hold codes and ids, never
documents; they are sent from a thread of their own and lost rather than waited for. What a sender claims about traces
is not believed. OpenTelemetry is imported by `open_tracing` and not before.
"""

from __future__ import annotations

import hashlib
import time
from contextvars import ContextVar
from typing import Any

from connectors.serving.trace_context import TRACEPARENT
from connectors.soap.door import Outcome as Called
from hub.connector import Connector
from hub.directory import Endpoint
from hub.errors import Misconfigured, Undelivered
from hub.message import Consignment
from hub.settings.settings import Settings

_SAMPLED = 1


class Tracing:
    """Makes spans. `exporter` sends them; a batch of them each `seconds`."""

    def __init__(self, settings: Settings, exporter: Any, seconds: float = 5.0) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

        known = {"service.name": "hub", "service.namespace": settings.hub, "service.instance.id": settings.node}
        self._root: ContextVar[tuple[int, int] | None] = ContextVar("root", default=None)
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(settings.tracing.share),
            resource=Resource.create(known),
            id_generator=_ids(self._root),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=seconds * 1000))
        self._tracer = self._provider.get_tracer("hub")

    def called(self, outcome: Called, seconds: float) -> None:
        """Make the span of a call that has been answered; of a message that was taken, it is the trace's root."""
        from opentelemetry.context import Context

        ends = time.time_ns()
        taken = bool(outcome.message_id) and outcome.event.startswith("Submit")
        token = self._root.set(ids_of(outcome.sender, outcome.message_id) if taken else None)
        try:
            named = _named(outcome.sender, outcome.message_id, code=outcome.code)
            span = self._tracer.start_span(
                outcome.event, Context(), attributes=named, start_time=ends - round(seconds * 1e9)
            )
        finally:
            self._root.reset(token)
        _end(span, outcome.code, ends)

    def around(self, connector: Connector) -> Connector:
        """The same connector, with a span around each delivery."""
        return _Traced(self, connector)

    def delivering(self, endpoint: Endpoint, consignment: Consignment) -> Any:
        """The span of an attempt that begins now."""
        from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context

        trace_id, root_id = ids_of(consignment.sender, consignment.message_id)
        root = NonRecordingSpan(SpanContext(trace_id, root_id, is_remote=True, trace_flags=TraceFlags(_SAMPLED)))
        more = {"recipient": consignment.recipient, "endpoint": endpoint.code}
        named = _named(consignment.sender, consignment.message_id, **more)
        return self._tracer.start_span("deliver", set_span_in_context(root), SpanKind.CLIENT, attributes=named)

    def close(self) -> None:
        """Send what waits; may block for as long as the exporter's time limit."""
        self._provider.shutdown()


class _Traced:
    """A connector that traces."""

    def __init__(self, tracing: Tracing, connector: Connector) -> None:
        self._tracing = tracing
        self._connector = connector

    async def deliver(self, endpoint: Endpoint, consignment: Consignment) -> bytes:
        """As the connector does, with the trace told to the department."""
        span = self._tracing.delivering(endpoint, consignment)
        token, code = TRACEPARENT.set(_header(span)), ""
        try:
            return await self._connector.deliver(endpoint, consignment)
        except Undelivered as error:
            code = error.code
            raise
        finally:
            TRACEPARENT.reset(token)
            _end(span, code)

    async def ping(self, endpoint: Endpoint) -> str:
        """As the connector does."""
        return await self._connector.ping(endpoint)

    async def close(self) -> None:
        """As the connector does."""
        await self._connector.close()


def open_tracing(settings: Settings) -> Tracing | None:
    """As the settings say; None if nothing is traced. Errors: Misconfigured tracing.absent, settings.value."""
    if not settings.tracing.url:
        return None
    if not 0 <= settings.tracing.share <= 1:
        got = f"{settings.tracing.share:g}"
        raise Misconfigured("settings.value", where="tracing.share", expected="0..1", got=got)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise Misconfigured("tracing.absent", operator=str(error)) from None
    return Tracing(settings, OTLPSpanExporter(endpoint=settings.tracing.url, timeout=5))


def ids_of(sender: str, message_id: str) -> tuple[int, int]:
    """The ids of a message's trace and of its root span."""
    digest = hashlib.sha256(f"{sender}/{message_id}".encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")


def _ids(root: ContextVar[tuple[int, int] | None]) -> Any:
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """Chance, unless the span is the root of a message's trace."""

        def generate_trace_id(self) -> int:
            given = root.get()
            return given[0] if given else super().generate_trace_id()

        def generate_span_id(self) -> int:
            given = root.get()
            return given[1] if given else super().generate_span_id()

    return Ids()


def _named(sender: str, message_id: str, **more: str) -> dict[str, str]:
    facts = {"sender": sender, "message_id": message_id, **more}
    return {f"hub.{name}": value for name, value in facts.items() if value}


def _header(span: Any) -> str:
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _end(span: Any, code: str, at: int | None = None) -> None:
    from opentelemetry.trace import Status, StatusCode

    if code:
        span.set_attribute("hub.code", code)
        span.set_status(Status(StatusCode.ERROR, code))
    span.end(at)
