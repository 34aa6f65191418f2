"""Large attachments on PostgreSQL: a sweep and whoever counts on what it looks at wait for each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.applications import Starlette

from connectors.attachments.door import AttachmentDoor
from hub.attachments import sweep
from hub.store import sweeping, uploads
from hub.store.tables import uploads as table
from tests.postgres import Server
from tests.test_large_attachments import LIMITS, PART, WHOLE, begin, call, known, line, put, put_all, told
from tests.town import Town, found_town

PATIENCE = 60.0


@pytest.fixture
def town(tmp_path: Path, server: Server) -> Iterator[Town]:
    made = found_town(tmp_path, url=server.url(server.database(server.with_tables)))
    made.settle(upload=LIMITS)
    yield made
    made.close()


def uploaded(town: Town) -> None:
    app = Starlette(routes=AttachmentDoor(lambda: town.hub).routes)
    put_all(app, token := told(begin(town, app))["upload"])
    assert told(call(app, "POST", f"/uploads/{token}/complete"))["complete"]


def test_the_road_and_the_sweep_on_postgresql(town: Town) -> None:
    uploaded(town)
    town.send("a", "b", attachments=[line(WHOLE)])
    town.deliver()
    assert town.connector.handed[0].attachments == (("a1", WHOLE),)
    later = town.clock() + timedelta(days=10_000)
    assert sweep.sweep(town.hub.store, town.hub.content, later) == sweep.Swept()


def test_a_sweep_waits_for_a_message_that_binds_the_upload(town: Town) -> None:
    uploaded(town)
    later, went = town.clock() + timedelta(days=10_000), list[sweep.Swept]()
    sweeper = threading.Thread(target=lambda: went.append(sweep.sweep(town.hub.store, town.hub.content, later)))
    with town.hub.store.transaction() as transaction:
        bound = uploads.bind(transaction, "a", known(WHOLE).digest, len(WHOLE))
        assert bound is not None
        sweeper.start()
        sweeper.join(0.2)
        assert went == []
    sweeper.join(PATIENCE)
    assert [one.uploads for one in went] == [1]  # no message came of it


def test_a_part_that_comes_while_an_upload_is_finished_changes_nothing_of_it(town: Town) -> None:
    app = Starlette(routes=AttachmentDoor(lambda: town.hub).routes)
    put_all(app, token := told(begin(town, app))["upload"])
    store, content = town.hub.store, bytes(PART)
    with store.reading() as connection:
        upload = uploads.find_by_token(connection, token, town.clock())
        assert upload is not None
        parts = uploads.read_parts(connection, upload.id)
    late = threading.Thread(target=lambda: put(app, token, 2, content))
    with store.transaction() as transaction:
        assert uploads.finish(transaction, upload.id, parts, upload.until)
        late.start()
        late.join(0.2)
    late.join(PATIENCE)
    with store.reading() as connection:
        assert uploads.find(connection, upload.id) == replace(upload, complete=True)
        assert uploads.read_parts(connection, upload.id) == parts


def test_who_binds_waits_for_a_sweep(town: Town) -> None:
    uploaded(town)
    found: list[str | None] = []

    def bind() -> None:
        with town.hub.store.transaction() as transaction:
            found.append(uploads.bind(transaction, "a", known(WHOLE).digest, len(WHOLE)))

    binder = threading.Thread(target=bind)
    with town.hub.store.transaction() as transaction:
        sweeping.lock(transaction)
        binder.start()
        binder.join(0.2)
        assert found == []
        sweeping.forget(transaction, list(transaction.connection.scalars(select(table.c.id))))
    binder.join(PATIENCE)
    assert found == [None]
