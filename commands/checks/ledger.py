"""What `hub doctor` looks at in the ledger: its keys, how far its tree has come, who outside has confirmed it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

from commands.checks.looked import Check, Site, ok, warn
from hub.administration.administered import NODE
from hub.hub import open_hub, open_store
from hub.ledger.sequence import check_signers, checkpoint_signers
from hub.store.tree_standing import Standing, age, read_standing

LONG = 60.0
"""Seconds for which a witness may not have looked; by default it looks every ten."""


def check_ledger_keys(site: Site) -> Iterator[Check]:
    """The keys that hub.yaml names are those that the ledger goes on with. Errors: Misconfigured tree.key, note.*"""
    with closing(open_hub(site.folder, node=NODE)) as hub:
        signers = checkpoint_signers(hub, site.folder)
        with hub.store.reading() as connection:
            check_signers(connection, signers)
    yield ok("ledger-keys", f"账本签名密钥 {len(signers)} 把，与账本相符",
             f"{len(signers)} keys sign the ledger, and are those it goes on with")  # fmt: skip


def check_tree(site: Site) -> Iterator[Check]:
    """No entry waits long for its place in the tree; a hub that does not run numbers nothing."""
    standing = _standing(site)
    lag = standing.lag(site.at)
    if not standing.begun:
        yield ok("tree", "尚未签署检查点，首次运行后开始", "no checkpoint was signed yet; the first run begins with it")
    elif lag > site.settings.ledger.alarm:
        yield warn("tree", f"有账目等待编入账本树已 {lag:.0f} 秒；如交换中心正在运行，请查看日志中的 sequence",
                   f"an entry has waited {lag:.0f} s for its place; if the hub runs, see the log")  # fmt: skip
    else:
        yield ok("tree", "账目均已编入账本树", "every entry has its place in the tree")


def check_confirmed(site: Site) -> Iterator[Check]:
    """A configured witness has come, and a configured authority has stamped."""
    standing, ledger = _standing(site), site.settings.ledger
    if ledger.witnesses:
        yield _witness(standing, site.at)
    if ledger.timestamp_url:
        yield _timestamp(standing, site.at, ledger.timestamp_interval)
    if not (ledger.witnesses or ledger.timestamp_url):
        yield ok("witness", "未设置见证方和时间戳：账本如被整体重建将无从发现",
                 "neither witness nor time-stamps: a ledger rebuilt as a whole would go unnoticed")  # fmt: skip


def _witness(standing: Standing, at: datetime) -> Check:
    if standing.witnessed is None:
        return warn("witness", "见证方尚未副署过任何检查点", "no witness has cosigned a checkpoint yet")
    last, behind = standing.witnessed.isoformat(timespec="seconds"), age(standing.witnessed, at)
    if behind > LONG and standing.unwitnessed:
        return warn("witness", f"见证方最后一次副署是 {last}，此后的检查点未经见证",
                    f"the last cosignature is of {last}; later checkpoints are not witnessed")  # fmt: skip
    return ok("witness", f"见证方最后一次副署是 {last}", f"the last cosignature is of {last}")


def _timestamp(standing: Standing, at: datetime, interval: float) -> Check:
    last = standing.stamped.isoformat(timespec="seconds") if standing.stamped else "-"
    if standing.stamp_pending(at, interval):
        return warn("timestamp", f"时间戳待补，最后一次是 {last}", f"a time-stamp is pending, the last is of {last}")
    return ok("timestamp", f"最后一次时间戳是 {last}", f"the last time-stamp is of {last}")


def _standing(site: Site) -> Standing:
    with closing(open_store(site.folder, site.settings)) as store, store.reading() as connection:
        return read_standing(connection)
