"""The audit of the tree on a real PostgreSQL: silent on what the hub did, and it finds what others do."""

from __future__ import annotations

import pytest

from hub.audit.report import Row
from hub.errors import Refused
from hub.ledger.sequence import Sequencer
from hub.store.tree_proofs import read_inclusion
from tests.postgres import Server
from tests.postgres import limited_town as town
from tests.test_key_change import audited, changed, made
from tests.test_sequence import append, drain, sequencer
from tests.town import Town

__all__ = ["town"]

_FORGERIES = (  # each on top of the ones before
    ("UPDATE checkpoints SET root = decode(repeat('00', 32), 'hex') WHERE size = 600", "audit.root"),
    ("UPDATE tiles SET hashes = decode(repeat('00', 32), 'hex') WHERE level = 1", "audit.tile"),
    ("UPDATE key_changes SET note = replace(note, 'new ', 'old ')", "audit.key-change"),
    ("UPDATE leaves SET hash = decode(repeat('00', 32), 'hex') WHERE place = 3", "audit.leaf"),
)


def test_a_node_that_no_text_can_name_is_not_in_the_tree(town: Town) -> None:
    append(town, 1)
    drain(sequencer(town))
    with town.hub.store.reading() as connection, pytest.raises(Refused, match=r"tree\.not-numbered"):
        read_inclusion(connection, "\0", 1)


def test_the_tree_is_audited_on_postgresql(town: Town, server: Server) -> None:
    append(town, 600)
    drain(sequencer(town))
    changed(town, (made(2),))
    assert [finding.sentence() for finding in audited(town, (made(2),)).findings] == []
    grow = Sequencer(lambda: town.hub, (made(2),))
    append(town, 10)
    drain(grow)
    assert audited(town, (made(2),)).rows[Row.LEAF] == 611
    before: set[str] = set()
    for statement, code in _FORGERIES:
        server.run(statement, database=str(town.hub.store.engine.url.database))
        found = {finding.code for finding in audited(town, (made(2),)).findings}
        assert code in found - before, statement
        before = found
