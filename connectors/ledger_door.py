"""The ledger's tree over HTTP, for witnesses and auditors: checkpoints, tiles (C2SP tlog-tiles) and proofs.

Promises: what it answers can be checked without trusting it; it reads, and keeps cosignatures of configured witnesses;
what may be cached for ever says so. Entries themselves, which tell who wrote to whom, are answered only if the settings
say so. Errors are JSON, as in `HubError.facts`. The format is docs/ledger-format.md.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from connectors.soap.door import BODY_SECONDS
from hub.errors import HubError, Misconfigured, Refused, Unavailable
from hub.hub import Hub
from hub.ledger.cosign import keep_cosignature
from hub.store import tree_proofs
from hub.store.tree import read_tile
from hub.store.tree_keys import read_changes
from hub.store.tree_proofs import Published
from hub.tree.note import MOST_BYTES
from hub.tree.tiles import HASH, MOST_LEVEL, read_number_path

PREFIX = "/ledger/v1"
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_FRESH = {"Cache-Control": "no-cache"}
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_OCTETS = "application/octet-stream"
_STATUS = {
    "tree.no-checkpoint": 404,
    "tree.not-numbered": 404,
    "tree.no-tile": 404,
    "tree.entries-closed": 403,
    "note.unknown-key": 403,
    "tree.fork": 409,
    "http.too-large": 413,
    "http.slow": 408,
}

log = logging.getLogger("hub.ledger")
Answer = Callable[[Request], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class LedgerDoor:
    """Answers for the hub that `current` gives."""

    current: Callable[[], Hub]

    def latest(self, request: Request) -> Response:
        """The latest checkpoint."""
        with self.current().store.reading() as connection:
            return _note(tree_proofs.read_checkpoint(connection), _FRESH)

    def witnessed(self, request: Request) -> Response:
        """The latest checkpoint with a cosignature."""
        with self.current().store.reading() as connection:
            return _note(tree_proofs.read_witnessed(connection), _FRESH)

    def checkpoint(self, request: Request) -> Response:
        """The checkpoint of one size."""
        size = _number(request.path_params["size"], "size")
        with self.current().store.reading() as connection:
            return _note(tree_proofs.read_checkpoint(connection, size), _FRESH)

    def tile(self, request: Request) -> Response:
        """A tile or an entry bundle, full or as far as the path says."""
        place = read_number_path(request.path_params["place"])
        if place is None:
            raise Refused("tree.no-tile", got=request.url.path[:200])
        if request.path_params["level"] == "entries":
            return self._bundle(*place)
        level, (number, width) = _number(request.path_params["level"], "level"), place
        with self.current().store.reading() as connection:
            hashes = read_tile(connection, level, number) if level <= MOST_LEVEL else b""
        if len(hashes) < width * HASH:
            raise Refused("tree.no-tile", got=request.url.path[:200])
        return Response(hashes[: width * HASH], media_type=_OCTETS, headers=_FOR_EVER)

    def _bundle(self, number: int, width: int) -> Response:
        hub = self.current()
        if not hub.settings.ledger.publish_entries:
            raise Refused("tree.entries-closed")
        with hub.store.reading() as connection:
            entries = tree_proofs.read_bundle(connection, number, width)
        if entries is None:
            raise Refused("tree.no-tile", got=f"entries {number}, {width}")
        return Response(entries, media_type=_OCTETS, headers=_FOR_EVER)

    def inclusion(self, request: Request) -> Response:
        """The proof that an entry is in a checkpoint, the latest unless `size` names one."""
        query = request.query_params
        sequence = _number(query.get("sequence", ""), "sequence")
        size = _number(query["size"], "size") if "size" in query else None
        with self.current().store.reading() as connection:
            found = tree_proofs.read_inclusion(connection, query.get("node", ""), sequence, size)
        answer = {
            "node": found.node,
            "sequence": found.sequence,
            "index": found.index,
            "leaf": found.leaf.hex(),
            "size": found.checkpoint.size,
            "root": found.checkpoint.root.hex(),
            "proof": [part.hex() for part in found.proof],
            "checkpoint": found.checkpoint.note,
        }
        return JSONResponse(answer, headers=_FRESH)

    def consistency(self, request: Request) -> Response:
        """The proof that one tree is the beginning of another, the present one unless `to` names one."""
        query = request.query_params
        old = _number(query.get("from", ""), "from")
        new = _number(query["to"], "to") if "to" in query else None
        with self.current().store.reading() as connection:
            found = tree_proofs.read_consistency(connection, old, new)
        answer = {
            "from": found.old,
            "to": found.new,
            "fromRoot": found.old_root.hex(),
            "toRoot": found.new_root.hex(),
            "proof": [part.hex() for part in found.proof],
        }
        return JSONResponse(answer, headers=_FRESH)

    def keys(self, request: Request) -> Response:
        """The changes of the keys that sign checkpoints, first to last."""
        hub = self.current()
        with hub.store.reading() as connection:
            changes = [{"size": one.size, "note": one.note} for one in read_changes(connection)]
        origin = hub.settings.log_origin(hub.store.ledger_id)
        return JSONResponse({"origin": origin, "changes": changes}, headers=_FRESH)

    async def cosignature(self, request: Request) -> Response:
        """Keep a witness's cosignature; the checkpoint with all that are known."""
        return _note(await keep_cosignature(self.current(), await _body(request)), _FRESH)


def ledger_door(current: Callable[[], Hub]) -> list[BaseRoute]:
    """The routes of one hub's ledger."""
    door = LedgerDoor(current)
    return [
        Route(f"{PREFIX}/checkpoint", _reading(door.latest), methods=["GET"]),
        Route(f"{PREFIX}/checkpoint/witnessed", _reading(door.witnessed), methods=["GET"]),
        Route(f"{PREFIX}/checkpoint/{{size}}", _reading(door.checkpoint), methods=["GET"]),
        Route(f"{PREFIX}/tile/{{level}}/{{place:path}}", _reading(door.tile), methods=["GET"]),
        Route(f"{PREFIX}/proof/inclusion", _reading(door.inclusion), methods=["GET"]),
        Route(f"{PREFIX}/proof/consistency", _reading(door.consistency), methods=["GET"]),
        Route(f"{PREFIX}/keys", _reading(door.keys), methods=["GET"]),
        Route(f"{PREFIX}/cosignature", _guarded(door.cosignature), methods=["POST"]),
    ]


def _reading(answer: Answer) -> Endpoint:
    """Run in a thread: the database is waited for there, not on the loop that accepts messages."""

    async def work(request: Request) -> Response:
        return await run_in_threadpool(answer, request)

    return _guarded(work)


def _guarded(work: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await work(request)
        except HubError as error:
            return _refusal(error, request)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            log.exception("ledger")
            return _refusal(Misconfigured("hub.internal", operator=repr(error)), request)

    return answer


def _refusal(error: HubError, request: Request) -> Response:
    status = _STATUS.get(error.code, 400 if isinstance(error, Refused) else 500)
    headers = dict(_FRESH)
    if isinstance(error, Unavailable):
        status, headers["Retry-After"] = 503, str(error.retry_after)
    if not isinstance(error, Refused):
        fields = {"code": error.code, "path": request.url.path, "operator": error.operator}
        log.error("ledger", extra={"fields": fields})
    return JSONResponse(error.facts(), status_code=status, headers=headers)


def _note(published: Published, headers: dict[str, str]) -> Response:
    return PlainTextResponse(published.note, headers=headers)


def _number(text: str, name: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Refused("tree.parameter", where=name, expected="0, 1, 2, \u2026", got=text[:40])
    return int(text)


async def _body(request: Request) -> bytes:
    chunks = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                chunks += chunk
                if len(chunks) > MOST_BYTES:
                    raise Refused("http.too-large", expected=f"<= {MOST_BYTES}")
    except TimeoutError:
        raise Refused("http.slow", expected=f"<= {BODY_SECONDS:.0f} s") from None
    return bytes(chunks)
