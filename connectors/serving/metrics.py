"""`/metrics` for Prometheus: counts of this process, and gauges that are read when they are asked for.

Promises: counting costs the roads a few additions and no query; the number of lines is bounded (codes stand in the
catalogue, endpoints beyond the `metrics.endpoints` fullest ones are added up as `other`); queues are read at most once
in `FRESH` seconds. Numbers of queues and ledger are the whole hub's, so each process of a cluster tells the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connectors.health_door import HealthDoor
from hub import __version__
from hub.deliver import Delivered, GaveUp, Outcome, RetryAt
from hub.errors import HubError
from hub.health.health import Measured, is_ready, judge
from hub.hub import Hub
from hub.store.outbox import Leased
from hub.store.queues import Queue, read_queues
from hub.store.tree import read_head

FRESH = 10.0
OTHER = "other"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_AGES = (0.1, 0.5, 1, 5, 15, 60, 300, 1800, 3600, 6 * 3600, 86400, 3 * 86400)
_PIECES = (1, 2, 4, 8, 16, 32, 64)


class Meters:
    """The counts of one process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a line more for each count, which nobody asks for
        self.registry = CollectorRegistry()
        self._calls = Counter("hub_calls", "Calls, by operation and code; no code: answered", ["operation", "code"],
                              registry=self.registry)  # fmt: skip
        self._call_seconds = Histogram("hub_call_seconds", "Time to answer a call", ["operation"],
                                       buckets=_SECONDS, registry=self.registry)  # fmt: skip
        self._attempts = Counter("hub_delivery_attempts", "Attempts to deliver, by outcome and cause",
                                 ["outcome", "code"], registry=self.registry)  # fmt: skip
        self._attempt_seconds = Histogram("hub_delivery_attempt_seconds", "Time of one attempt",
                                          buckets=_SECONDS, registry=self.registry)  # fmt: skip
        self._delivered_after = Histogram("hub_delivered_after_seconds", "From acceptance to the acknowledgement",
                                          buckets=_AGES, registry=self.registry)  # fmt: skip
        self._pieces = Histogram("hub_commit_pieces", "Pieces of work in one transaction",
                                 buckets=_PIECES, registry=self.registry)  # fmt: skip
        self._commit_seconds = Histogram("hub_commit_seconds", "Time of one transaction",
                                         buckets=_SECONDS, registry=self.registry)  # fmt: skip
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def called(self, operation: str, code: str, seconds: float) -> None:
        """Count a call that was answered, with a code if that was a fault."""
        self._calls.labels(operation, code).inc()
        self._call_seconds.labels(operation).observe(seconds)

    def attempted(self, leased: Leased, outcome: Outcome, at: datetime, seconds: float) -> None:
        """Count an attempt to deliver, which ended `at`."""
        self._attempt_seconds.observe(seconds)
        match outcome:
            case Delivered():
                self._attempts.labels("delivered", "").inc()
                self._delivered_after.observe(max(0.0, (at - leased.first_at).total_seconds()))
            case RetryAt(_, cause):
                self._attempts.labels("retry", cause).inc()
            case GaveUp(cause):
                self._attempts.labels("gave-up", cause).inc()

    def committed(self, pieces: int, seconds: float) -> None:
        """Count a transaction."""
        self._pieces.observe(pieces)
        self._commit_seconds.observe(seconds)


@dataclass(frozen=True, slots=True)
class Looked:
    """What the database said at the last look."""

    size: int = 0
    queues: Mapping[str, Queue] = field(default_factory=dict)


class MetricsDoor:
    """Answers for the hub that `current` gives; `load` gives the calls and bytes that are under way."""

    def __init__(
        self, current: Callable[[], Hub], meters: Meters, health: HealthDoor, load: Callable[[], tuple[int, int]]
    ) -> None:
        self._current = current
        self._meters = meters
        self._health = health
        self._load = load
        self._looked = Looked()
        self._looked_at: float | None = None
        self._families: list[GaugeMetricFamily] = []
        meters.registry.register(_Latest(lambda: self._families))

    @property
    def routes(self) -> list[BaseRoute]:
        """Where it is served."""
        return [Route("/metrics", self.metrics, methods=["GET"])]

    async def metrics(self, request: Request) -> Response:
        """All lines."""
        hub, measured = self._current(), await self._health.measured()
        if self._looked_at is None or time.monotonic() - self._looked_at > FRESH:
            self._looked_at = time.monotonic()
            self._looked = await asyncio.to_thread(_look, hub, self._looked)
        most = hub.settings.metrics.endpoints
        families = [*_state(hub, measured, self._load()), *_queues(self._looked, most, measured.at)]
        self._families = [family for family in families if family.samples]
        return Response(generate_latest(self._meters.registry), media_type=CONTENT_TYPE_LATEST)


class _Latest(Collector):
    """What was read last, as the registry wants it."""

    def __init__(self, families: Callable[[], list[GaugeMetricFamily]]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges."""
        yield from self._families()


def _look(hub: Hub, before: Looked) -> Looked:
    try:
        with hub.store.reading() as connection:
            return Looked(read_head(connection).size, read_queues(connection))
    except HubError:
        return before


def _state(hub: Hub, measured: Measured, load: tuple[int, int]) -> Iterator[GaugeMetricFamily]:
    info = GaugeMetricFamily("hub_info", "Which process this is", labels=["hub", "node", "version"])
    info.add_metric([hub.id, hub.settings.node, __version__], 1)
    findings = GaugeMetricFamily("hub_finding", "What /readyz complains of", labels=["part", "level", "code"])
    found = judge(measured, hub.settings)
    for finding in found:
        findings.add_metric([finding.part, str(finding.level), finding.code], 1)
    yield from (info, findings)
    yield GaugeMetricFamily("hub_ready", "Whether calls may come", value=float(is_ready(found)))
    yield GaugeMetricFamily("hub_calls_under_way", "Calls that are being answered", value=load[0])
    yield GaugeMetricFamily("hub_bytes_under_way", "Bodies of calls that are being answered", value=load[1])
    yield GaugeMetricFamily("hub_writer_waiting", "Pieces of work before the database", value=hub.writer.waiting)
    for name, value in measured.figures().items():
        yield GaugeMetricFamily(f"hub_{name}", "As /readyz says", value=value)


def _queues(looked: Looked, most: int, at: datetime) -> Iterator[GaugeMetricFamily]:
    waiting = GaugeMetricFamily("hub_queue_waiting", "Deliveries not done, by endpoint", labels=["endpoint"])
    oldest = GaugeMetricFamily("hub_queue_oldest_seconds", "Age of the first of them", labels=["endpoint"])
    fullest = sorted(looked.queues.items(), key=lambda item: (-item[1].waiting, item[0]))
    for code, queue in fullest[:most]:
        waiting.add_metric([code], queue.waiting)
        oldest.add_metric([code], _age(queue, at))
    if others := [queue for _, queue in fullest[most:]]:
        waiting.add_metric([OTHER], sum(queue.waiting for queue in others))
        oldest.add_metric([OTHER], max(_age(queue, at) for queue in others))
    yield from (waiting, oldest)
    for state in ("held", "dead"):
        total = sum(getattr(queue, state) for queue in looked.queues.values())
        yield GaugeMetricFamily(f"hub_deliveries_{state}", f"Deliveries that are {state}", value=total)
    yield GaugeMetricFamily("hub_ledger_entries", "Entries with a place in the ledger's tree", value=looked.size)


def _age(queue: Queue, at: datetime) -> float:
    return max(0.0, (at - queue.oldest).total_seconds()) if queue.oldest else 0.0
