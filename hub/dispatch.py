"""Who goes when on the way out: finds endpoints with work, leases for them, and keeps each to its limits.

A dead or slow endpoint holds only its own place: every endpoint has at most one carrier, its breaker stops new leases
for it alone. Wake-ups are hints; a sweep each second finds whatever a hint did not tell. Lapsed leases and expired
deliveries are `hub.supervise`'s to find.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from hub import crash, supervise
from hub.connector import Connector
from hub.deliver import Delivered, GaveUp, Outcome, RetryAt, deliver
from hub.directory import Endpoint, Kind
from hub.errors import HubError
from hub.hub import Hub
from hub.retry import Breaker
from hub.store import outbox, queues
from hub.store.outbox import Leased

RUN = 16
"""How many deliveries one lease takes for one endpoint; fewer if they make a whole `limits.max_bytes` before."""
Seen = Callable[[Leased, Outcome, float], None]
"""Is told of each attempt: what was delivered, what became of it, and the seconds it took."""

log = logging.getLogger("hub.deliver")


class Dispatcher:
    """Runs the way out of one process. `hub` gives the current hub, so that a changed registry is seen at once."""

    def __init__(self, hub: Callable[[], Hub], connector: Connector, seen: Seen = lambda *_: None) -> None:
        self._hub = hub
        self._seen = seen
        self._connector = connector
        self._ready: dict[str, None] = {}  # in order of waking
        self._breakers: dict[str, Breaker] = {}
        self._carriers: dict[str, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._stopping = False
        self._swept: float | None = None

    def wake(self, endpoints: Iterable[str]) -> None:
        """Say that these endpoints may have something due."""
        self._ready.update(dict.fromkeys(endpoints))
        self._woken.set()

    def look(self) -> None:
        """Say that any endpoint may have something due: the next sweep is now."""
        self._swept = None
        self._woken.set()

    def stop(self) -> None:
        """Take no new leases; `run` returns when what is under way has ended."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Deliver until `stop`. An error of ours is logged and met again at the next sweep; none ends the loop."""
        recovered = False
        clock = asyncio.get_running_loop().time
        while not self._stopping:
            try:
                if not recovered:
                    await self.recover()
                    recovered = True
                if self._swept is None or clock() - self._swept >= self._hub().settings.delivery.sweep:
                    self._swept = clock()
                    await self.sweep()
                await self._start()
            except HubError as error:
                log.error("dispatch", extra={"fields": {"code": error.code, "operator": error.operator}})
            await self._sleep()
        await self._finish()

    async def drain(self) -> int:
        """Deliver all that is due at this moment of the hub's clock; return how many were tried."""
        tried = 0
        await supervise.sweep(self._hub())
        await self.sweep()
        while started := await self._start():
            tried += started
            await self._finish()
            await self.sweep()
        return tried

    async def recover(self) -> None:
        """Put back what this node had leased when it last ended."""
        hub = self._hub()
        at = hub.clock()
        until = at + timedelta(seconds=hub.settings.delivery.lease)
        await hub.writer.run(lambda transaction: supervise.take_back(transaction, hub, at, until, own=True))
        crash.point("dispatch.recovered")

    async def sweep(self) -> None:
        """Find every endpoint with something due."""
        hub = self._hub()
        self.wake(await asyncio.to_thread(_endpoints_due, hub))  # a database that hangs stops nobody else

    async def _start(self) -> int:
        hub = self._hub()
        chosen = self._choose(hub.settings.delivery.parallel - len(self._carriers))
        if not chosen:
            return 0
        at = hub.clock()
        slowest = max(endpoint.profile.timeout for endpoint in chosen.values())
        until = at + timedelta(seconds=max(hub.settings.delivery.lease, 2 * slowest))
        wanted, room = [(code, RUN) for code in chosen], hub.settings.limits.max_bytes
        leased = await hub.writer.run(lambda transaction: outbox.lease(transaction, wanted, at, until, room))  # 1
        crash.point("dispatch.leased")
        by_endpoint: dict[str, list[Leased]] = {}
        for one in leased:
            by_endpoint.setdefault(one.endpoint, []).append(one)
        for code, load in by_endpoint.items():
            self._carriers[code] = asyncio.create_task(self._carry(chosen[code], load))
        return len(leased)

    def _choose(self, free: int) -> dict[str, Endpoint]:
        """Take at most `free` endpoints that may be sent to now from those that are ready."""
        chosen: dict[str, Endpoint] = {}
        for code in [code for code in self._ready if code not in self._carriers]:
            if len(chosen) >= free:
                break
            del self._ready[code]
            endpoint = self._hub().rules.directory.endpoints.get(code)
            if endpoint is not None and self._open(endpoint):
                chosen[code] = endpoint
        return chosen

    def _open(self, endpoint: Endpoint) -> bool:
        if endpoint.kind is not Kind.PUSH or endpoint.paused:
            return False
        return self._breaker(endpoint).admits(self._hub().clock())

    async def _carry(self, endpoint: Endpoint, load: list[Leased]) -> None:
        """Deliver one endpoint's load, as many at a time as its profile allows; what its breaker stops goes back.

        It ends when nothing of the load is under way any more, whatever one of them could not be settled for.
        """
        waiting = deque(load)
        try:
            works = [self._work(endpoint, waiting) for _ in range(min(endpoint.profile.parallel, len(load)))]
            ends = await asyncio.gather(*works, return_exceptions=True)
            if waiting:
                await self._release(waiting)
            for error in filter(None, ends):
                raise error
        except HubError as error:
            fields = {"endpoint": endpoint.code, "code": error.code, "operator": error.operator}
            log.error("unrecorded", extra={"fields": fields})
        finally:
            del self._carriers[endpoint.code]
            if self._is_full(load) or any(one.ordered for one in load):
                self._ready[endpoint.code] = None
            self._woken.set()

    async def _work(self, endpoint: Endpoint, waiting: deque[Leased]) -> None:
        while waiting and not self._stopping and self._open(endpoint) and self._in_time(endpoint, waiting[0]):
            leased = waiting.popleft()
            if not leased.lost:  # else nothing is sent
                self._probe(endpoint)
            began = time.perf_counter()
            outcome = await deliver(self._hub(), self._connector, endpoint, leased)
            if not leased.lost:
                self._learn(endpoint, outcome)
            self._seen(leased, outcome, time.perf_counter() - began)
            _log(leased, outcome)

    def _is_full(self, load: Sequence[Leased]) -> bool:
        """Whether more may be due than was leased."""
        return len(load) == RUN or sum(one.size for one in load) >= self._hub().settings.limits.max_bytes

    def _in_time(self, endpoint: Endpoint, leased: Leased) -> bool:
        """Whether an answer will be here before the lease ends; what comes later could be handed over twice."""
        return self._hub().clock() + timedelta(seconds=endpoint.profile.timeout) <= leased.until

    async def _release(self, load: Iterable[Leased]) -> None:
        deliveries = [one.consignment.delivery_id for one in load]
        await self._hub().writer.run(lambda transaction: outbox.release(transaction, deliveries))

    def _breaker(self, endpoint: Endpoint) -> Breaker:
        limits = self._hub().settings.delivery
        fresh = Breaker(threshold=limits.breaker_failures, rest=limits.breaker_pause)
        return self._breakers.get(endpoint.code, fresh)

    def _probe(self, endpoint: Endpoint) -> None:
        self._breakers[endpoint.code] = self._breaker(endpoint).after_probe(self._hub().clock())

    def _learn(self, endpoint: Endpoint, outcome: Outcome) -> None:
        breaker, at = self._breaker(endpoint), self._hub().clock()
        good = isinstance(outcome, Delivered)
        self._breakers[endpoint.code] = breaker.after_success(at) if good else breaker.after_failure(at)

    async def _sleep(self) -> None:
        free = len(self._carriers) < self._hub().settings.delivery.parallel
        if free and any(code not in self._carriers for code in self._ready):
            return
        self._woken.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), self._hub().settings.delivery.sweep)

    async def _finish(self) -> None:
        while self._carriers:
            await asyncio.gather(*self._carriers.values())


def _endpoints_due(hub: Hub) -> list[str]:
    with hub.store.reading() as connection:
        return list(queues.endpoints_due(connection, hub.clock()))


def _log(leased: Leased, outcome: Outcome) -> None:
    """One line for each attempt: what became of it, never what it carried."""
    consignment = leased.consignment
    fields = {
        "sender": consignment.sender,
        "message": consignment.message_id,
        "recipient": consignment.recipient,
        "attempt": leased.attempts + 1,
    }
    match outcome:
        case Delivered():
            log.info("delivered", extra={"fields": fields})
        case RetryAt(at, cause):
            log.warning("retry", extra={"fields": {**fields, "code": cause, "at": at.isoformat(timespec="seconds")}})
        case GaveUp(cause):
            log.error("gave-up", extra={"fields": {**fields, "code": cause}})
