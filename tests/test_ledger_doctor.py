"""What the doctor says of the ledger: keys, how far its tree has come, witness and time-stamps."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.checks.ledger import check_confirmed, check_ledger_keys, check_tree
from commands.checks.looked import Check, Level, Site
from hub.errors import Misconfigured
from hub.hub import open_hub, read_settings
from hub.ledger.sequence import open_sequencer
from hub.settings.settings import Settings
from hub.store.timestamps import keep_timestamp
from hub.store.tree_proofs import keep_cosignatures
from hub.store.tree_standing import Standing, read_standing
from hub.tree.checkpoint import Cosignature
from tests.admin import Administrator, administrator
from tests.keys import key_pem
from tests.test_sequence import drain
from tests.town import START, Town
from tests.witnessing import NAME, grow

LEDGER = f"""
ledger:
  witnesses: "{NAME}+0+x"
  timestamp_url: http://tsa.example/
"""


@pytest.fixture
def admin(tmp_path: Path) -> Administrator:
    return administrator(tmp_path / "data")


def site(admin: Administrator, **ahead: float) -> Site:
    """The installation as it is so much later than now; what the commands do is of the wall clock's now."""
    return Site(admin.folder, read_settings(admin.folder), datetime.now(UTC) + timedelta(**ahead))


def levels(checks: Iterable[Check]) -> dict[str, Level]:
    return {check.name: check.level for check in checks}


def settle(admin: Administrator, text: str) -> None:
    with (admin.folder / "hub.yaml").open("a", encoding="utf-8") as file:
        file.write(text)


def numbered(admin: Administrator) -> int:
    """Let every entry have its place; the size of the tree."""
    hub = open_hub(admin.folder)
    try:
        drained = drain(open_sequencer(lambda: hub, admin.folder))
        return drained[-1].size
    finally:
        hub.close()


def test_a_ledger_that_was_not_begun_is_in_order(admin: Administrator) -> None:
    found = [*check_ledger_keys(site(admin)), *check_tree(site(admin, days=3)), *check_confirmed(site(admin))]
    assert levels(found) == {"ledger-keys": "ok", "tree": "ok", "witness": "ok"}


def test_a_key_that_is_not_the_ledgers_is_named(admin: Administrator) -> None:
    numbered(admin)
    (admin.folder / "keys" / "other.key").write_bytes(key_pem(Ed25519PrivateKey.generate()))
    settle(admin, "\nledger:\n  key: keys/other.key\n")
    with pytest.raises(Misconfigured, match=r"tree\.key"):
        list(check_ledger_keys(site(admin)))


def test_an_entry_that_waits_is_named_once_the_ledger_has_begun(admin: Administrator) -> None:
    numbered(admin)
    assert levels(check_tree(site(admin))) == {"tree": "ok"}
    admin.done("group", "add", "offices")
    assert levels(check_tree(site(admin, days=1))) == {"tree": "warn"}


def test_a_witness_and_an_authority_that_do_not_come_are_named(admin: Administrator) -> None:
    settle(admin, LEDGER)
    assert levels(check_confirmed(site(admin))) == {"witness": "warn", "timestamp": "ok"}
    size = _confirmed(admin)
    assert levels(check_confirmed(site(admin, minutes=30))) == {"witness": "ok", "timestamp": "ok"}
    admin.done("group", "add", "offices")
    assert _numbered_without_witness(admin) > size
    assert levels(check_confirmed(site(admin, seconds=30))) == {"witness": "ok", "timestamp": "ok"}
    assert levels(check_confirmed(site(admin, minutes=30))) == {"witness": "warn", "timestamp": "warn"}
    assert levels(check_confirmed(site(admin, minutes=15))) == {"witness": "warn", "timestamp": "ok"}


def _numbered_without_witness(admin: Administrator) -> int:
    text = (admin.folder / "hub.yaml").read_text(encoding="utf-8")
    (admin.folder / "hub.yaml").write_text(text.replace(LEDGER, ""), encoding="utf-8")
    try:
        return numbered(admin)
    finally:
        (admin.folder / "hub.yaml").write_text(text, encoding="utf-8")


def _confirmed(admin: Administrator) -> int:
    size = _numbered_without_witness(admin)
    hub = open_hub(admin.folder)
    with hub.store.transaction() as transaction:
        now = datetime.now(UTC)
        keep_cosignatures(transaction, size, [Cosignature(NAME, now, "line")])
        keep_timestamp(transaction, size, b"response", int(now.timestamp() * 1_000_000))
    hub.close()
    return size


def test_the_moments_are_those_of_the_rows(town: Town) -> None:
    def standing() -> Standing:
        with town.hub.store.reading() as connection:
            return read_standing(connection)

    assert standing() == Standing()
    grow(town, 2)
    assert standing() == Standing(unstamped=START, unwitnessed=START, begun=True)
    with town.hub.store.transaction() as transaction:
        keep_cosignatures(transaction, 2, [Cosignature(NAME, START + timedelta(seconds=3), "line")])
    town.clock.turn(seconds=20)
    grow(town, 1)
    found = standing()
    assert (found.witnessed, found.unwitnessed) == (START + timedelta(seconds=3), START + timedelta(seconds=20))
    assert (found.unstamped, found.stamped, found.waiting) == (START, None, None)


@pytest.mark.parametrize(("seconds", "pending"), [(0, False), (1200, False), (1201, True)])
def test_a_time_stamp_is_pending_when_the_second_would_be_due(seconds: int, pending: bool) -> None:
    at: datetime = START + timedelta(seconds=seconds)
    assert Standing(unstamped=START).stamp_pending(at, Settings("hub").ledger.timestamp_interval) is pending
    assert Standing(waiting=START).lag(at) == seconds
    assert Standing().lag(at) == 0
