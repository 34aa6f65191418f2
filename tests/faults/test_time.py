"""R14 and R15: clocks that jump, and certificates that end, roll over and are revoked while the hub runs."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import hub.hub
from hub.administration.install import CA_FOLDER
from hub.registry.registry import Registry
from hub.signing.signer import FileSigner
from hub.trust.ca import DemoCa
from hub.trust.certificate import EnrolledCertificate
from hub.trust.chain import Authorities
from hub.trust.crl import read_crl
from hub.trust.crl_folder import crl_path, put_crl
from tests.faults.conftest import Found, Tell
from tests.faults.receivers import memory_of, read_handed
from tests.faults.senders import Sender
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check
from tests.faults.town_of_processes import PROFILE, Town

PATIENT = replace(PROFILE, give_up_after=365 * 86400.0)
JUMPS = (3 * 86400, -3600)
LIFE = 3600
"""Seconds that the old certificate still has."""


def jumping(path: Path) -> None:
    """Let the process's clock be wrong by as many seconds as a file says at each look."""
    right = hub.hub.utc_now

    def wrong() -> datetime:
        return right() + timedelta(seconds=float(path.read_text(encoding="utf-8") or 0))

    assert hub.hub.open_hub.__kwdefaults__ is not None
    hub.hub.open_hub.__kwdefaults__["clock"] = wrong


def test_r14_clock_jumps(found_town: Found, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town(profile=PATIENT)
    clock = town.folder / "clock"
    clock.write_text("0")
    town.node.up(prepare=partial(jumping, clock))

    async def one_case() -> int:
        async with town.sender("a") as sender:
            return sum([await sender.send(TO, conversation="case") for _ in range(sizes.messages)])

    for jump in (0, *JUMPS):
        asyncio.run(one_case())
        clock.write_text(str(jump))
        if jump == 0:
            town.receive()
            town.drain()
            town.stop_receiving()
        time.sleep(0.3)
    town.receive()
    zeros = all_is_well(town, jumps="+3 days, -1 h")
    assert zeros.delivered == 2 * 3 * sizes.messages
    check_order(town)


def check_order(town: Town) -> None:
    """What each application got from each sender, all of one conversation, came in the order of sending."""
    for code in TO:
        by_sender = defaultdict(list)
        for one in read_handed(memory_of(town.memories, code)):
            if one.first:
                stem, _, number = one.message_id.rpartition("-")
                by_sender[stem].append(int(number))
        assert all(numbers == sorted(numbers) for numbers in by_sender.values())


def enrolled(town: Town, ca: DemoCa, at: datetime, days: int) -> tuple[FileSigner, bytes]:
    """A further certificate for department a."""
    issued = ca.issue("a", "a", at, days=days)

    def with_it(registry: Registry) -> Registry:
        return replace(registry, certificates=(*registry.certificates, EnrolledCertificate("a", issued.der)))

    town.register(with_it)
    return FileSigner.from_pem(issued.key_pem, issued.certificate_pem), issued.der


def test_r15_certificates_end_roll_over_and_are_revoked(found_town: Found, tell: Tell, all_is_well: Check) -> None:
    town = found_town()
    town.receive()
    ca = DemoCa.load(town.node.folder / CA_FOLDER)
    clock = town.folder / "clock"
    clock.write_text("0")
    town.node.up(prepare=partial(jumping, clock))

    async def sent(signer: FileSigner, patience: float) -> str:
        number = len(list(town.memories.glob("sent-*")))
        memory = town.memories / f"sent-a-{number}.jsonl"
        async with Sender("a", [town.node.url], signer, town.hub_mark, memory) as sender:
            return "taken" if await sender.send(TO, patience) else sender.told

    def until(signer: FileSigner, wanted: str) -> float:
        """Send until the answer is the wanted one; the seconds that it took."""
        began = time.monotonic()
        while (answer := asyncio.run(sent(signer, 0.0))) != wanted:
            assert time.monotonic() < began + 60, answer
            time.sleep(0.05)
        return time.monotonic() - began

    new, new_der = enrolled(town, ca, datetime.now(UTC) - timedelta(minutes=1), days=1)
    old, _ = enrolled(town, ca, datetime.now(UTC) + timedelta(seconds=LIFE - 86400), days=1)
    for signer in (old, new) * 2:  # a running hub sees a new certificate within a second or so
        until(signer, "taken")
    clock.write_text(str(LIFE))
    until(old, "certificate.expired")
    until(new, "taken")
    revoked = ca.revoke(new_der, datetime.now(UTC))
    raw = revoked.crl(datetime.now(UTC), datetime.now(UTC) + timedelta(days=1))
    put_crl(crl_path(town.node.folder / "crls", read_crl(raw, Authorities(revoked.anchors))), raw)
    seconds = until(new, "certificate.revoked")
    all_is_well(town, revocation_seen_in=f"{seconds:.1f} s")
