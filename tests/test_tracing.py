"""Spans: one trace per message across processes, told to departments; and nothing of it unless it is asked for."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.serving.trace_context import TRACEPARENT, trace_headers
from connectors.serving.tracing import Tracing, ids_of, open_tracing
from connectors.soap.door import Outcome
from hub.directory import Endpoint
from hub.dispatch import Dispatcher
from hub.errors import Misconfigured
from hub.message import Consignment
from hub.settings.settings import Settings
from hub.settings.settings import Tracing as Asked
from tests.town import Town, undelivered

SETTINGS = Settings(hub="hub")


@pytest.fixture
def spans() -> Any:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans: Any) -> Iterator[Tracing]:
    made = Tracing(SETTINGS, spans)
    yield made
    made.close()


def test_a_message_has_one_trace_from_its_acceptance_to_every_delivery(
    town: Town, tracing: Tracing, spans: Any
) -> None:
    told: dict[str, dict[str, str]] = {}
    before = town.connector.deliver

    async def deliver(endpoint: Endpoint, consignment: Consignment) -> bytes:
        told[endpoint.code] = trace_headers()
        return await before(endpoint, consignment)

    town.connector.deliver = deliver  # type: ignore[method-assign]
    town.connector.trouble["c"] = undelivered("delivery.timeout")
    town.send("a", ["b", "c"], message_id="m-1")
    tracing.called(Outcome("Submit", "a", "m-1"), 0.25)
    others = type(spans)()
    elsewhere = Tracing(replace(SETTINGS, node="back"), others)
    town.run(Dispatcher(lambda: town.hub, elsewhere.around(town.connector)).drain())
    tracing.close()
    elsewhere.close()
    finished = [*spans.get_finished_spans(), *others.get_finished_spans()]
    found = {(span.name, span.attributes.get("hub.endpoint")): span for span in finished}
    root, good, bad = found["Submit", None], found["deliver", "b"], found["deliver", "c"]
    assert {span.context.trace_id for span in found.values()} == {ids_of("a", "m-1")[0]}
    assert root.parent is None
    assert good.parent.span_id == bad.parent.span_id == root.context.span_id == ids_of("a", "m-1")[1]
    assert (root.end_time - root.start_time) / 1e9 == pytest.approx(0.25)
    assert (good.status.is_ok, bad.status.is_ok, bad.attributes["hub.code"]) == (True, False, "delivery.timeout")
    assert told["b"] == {"traceparent": f"00-{good.context.trace_id:032x}-{good.context.span_id:016x}-01"}
    assert TRACEPARENT.get() == ""


def test_two_refused_calls_have_two_traces(tracing: Tracing, spans: Any) -> None:
    for _ in range(2):
        tracing.called(Outcome("call", code="xml.malformed"), 0.001)
    tracing.close()
    one, two = spans.get_finished_spans()
    assert one.context.trace_id != two.context.trace_id
    assert one.attributes["hub.code"] == "xml.malformed"


def test_a_share_of_nothing_makes_no_spans_and_still_delivers(town: Town, spans: Any) -> None:
    none = Tracing(replace(SETTINGS, tracing=Asked(share=0.0)), spans)
    town.send("a", "b")
    town.run(Dispatcher(lambda: town.hub, none.around(town.connector)).drain())
    none.close()
    assert spans.get_finished_spans() == ()
    assert len(town.connector.handed) == 1


def test_nothing_is_traced_or_imported_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    assert open_tracing(SETTINGS) is None
    assert trace_headers() == {}
    with pytest.raises(Misconfigured, match=r"tracing\.absent"):
        open_tracing(replace(SETTINGS, tracing=Asked(url="http://127.0.0.1:9/v1/traces")))
    with pytest.raises(Misconfigured, match=r"settings\.value"):
        open_tracing(replace(SETTINGS, tracing=Asked(url="http://127.0.0.1:9/v1/traces", share=2)))


def test_the_other_verbs_of_a_connector_pass_through(town: Town, tracing: Tracing) -> None:
    traced = tracing.around(town.connector)
    endpoint = town.hub.rules.directory.endpoints["b"]
    assert asyncio.run(traced.ping(endpoint)) == "ok"
    asyncio.run(traced.close())
