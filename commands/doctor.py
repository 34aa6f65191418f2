"""`hub doctor`: look at everything that an administrator should know before trouble starts. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from commands.frame.command import ExitCode, Phrase, Session, column, single

if TYPE_CHECKING:
    from commands.checks.looked import Check

COLUMNS = (
    column("level", "结果", "RESULT"),
    column("name", "项目", "CHECK"),
    column("message", "说明", "MESSAGE"),
)
_TITLES = {
    "permissions": "权限",
    "key": "私钥",
    "disk": "磁盘",
    "port": "端口",
    "tls": "TLS",
    "database": "数据库",
    "rest": "其余项目",
    "role": "数据库权限",
    "partitions": "分区",
    "clock": "时钟",
    "registry": "登记簿",
    "trust": "信任",
    "routing": "路由",
    "certificates": "证书",
    "endpoints": "端点",
    "queues": "队列",
    "ledger-keys": "账本密钥",
    "tree": "账本树",
    "witness": "见证",
    "timestamp": "时间戳",
    "backup": "备份",
}
"""What a check is called in Chinese; in English, and for programs, its name does."""
_LEVELS = {
    "ok": Phrase("正常", "ok"),
    "warn": Phrase("提醒", "warn"),
    "fail": Phrase("异常", "FAIL"),
}


@single(
    "doctor",
    zh="检查文件、权限、密钥、证书、吊销列表、数据库、路由、端点、磁盘、时钟和端口；有异常时退出码为 8",
    en="Check files, permissions, key, certificates, revocation lists, database, routing, endpoints, disk, clock and "
    "port; exit code 8 if something is broken",
    examples=("hub doctor", "hub -o json doctor"),
)
def command(session: Session) -> ExitCode:
    """Run every check and show the results."""
    checks = list(_checks(session))
    if session.json:
        session.write_json([{"name": c.name, "level": c.level, "message": c.said} for c in checks])
    else:
        session.table(COLUMNS, [(_LEVELS[c.level], Phrase(_TITLES[c.name], c.name), c.said) for c in checks])
    return ExitCode.CHECK_FAILED if any(c.level == "fail" for c in checks) else ExitCode.OK


def _checks(session: Session) -> Iterator[Check]:
    """Each thing in turn; a fault that keeps several from being looked at is told once."""
    from commands.checks import backup, database, ledger, place, rules
    from commands.checks.looked import Level, Site, run
    from hub.hub import read_settings

    site = Site(session.folder, read_settings(session.folder), session.clock())
    outside = (
        ("permissions", place.check_permissions),
        ("key", place.check_key),
        ("disk", place.check_disk),
        ("port", place.check_port),
        ("tls", place.check_tls),
        ("database", rules.check_database),
    )
    inside = (
        ("role", database.check_role),
        ("partitions", database.check_partitions),
        ("clock", place.check_clock),
        ("registry", rules.check_registered),
        ("routing", rules.check_routing),
        ("trust", rules.check_trust),
        ("certificates", rules.check_certificates),
        ("endpoints", rules.check_endpoints),
        ("queues", rules.check_queues),
        ("ledger-keys", ledger.check_ledger_keys),
        ("tree", ledger.check_tree),
        ("witness", ledger.check_confirmed),
        ("backup", backup.check_backup),
    )
    opened = True
    for name, checker in outside:
        for check in run(name, checker, site):
            yield check
            opened = opened and (name, check.level) != ("database", Level.FAIL)
    if not opened:
        yield _not_looked_at([name for name, _ in inside], "数据库无法打开", "without the database")
        return
    told: set[Phrase] = set()
    blocked: list[str] = []
    for name, checker in inside:
        found = list(run(name, checker, site))
        if told.intersection(check.said for check in found):
            blocked.append(name)  # it could not be looked at, for a fault that another check has told as its own
            continue
        told.update(check.said for check in found if check.level == Level.FAIL)
        yield from found
    if blocked:
        yield _not_looked_at(blocked, "以上异常排除之前无法检查", "until what is broken above is mended")


def _not_looked_at(names: Sequence[str], zh: str, en: str) -> Check:
    from commands.checks.looked import warn

    titles = "、".join(_TITLES[name] for name in names)
    return warn("rest", f"{zh}，未检查：{titles}", f"not looked at {en}: {', '.join(names)}")
