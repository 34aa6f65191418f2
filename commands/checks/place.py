"""What `hub doctor` looks at on this machine: files, permissions, the key, the disk, the port, the clock."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from json import loads
from typing import TYPE_CHECKING

from commands.checks.looked import Check, Level, Site, fail, failed, ok, warn
from hub.errors import Misconfigured

if TYPE_CHECKING:
    from hub.settings.listen import Listen
    from hub.store.store import Store

SOON = timedelta(days=30)
LITTLE, TOO_LITTLE = 1024**3, 100 * 1024**2
_SECRET = ("keys/*.key", "ca/*.key", "departments/*.key")


def check_permissions(site: Site) -> Iterator[Check]:
    """Private keys belong to their owner alone, and nobody else may write into the folder."""
    open_keys = [
        path.relative_to(site.folder).as_posix()
        for pattern in _SECRET
        for path in site.folder.glob(pattern)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    for name in open_keys:
        yield fail("permissions", f"私钥 {name} 可被他人读取，请执行 chmod 600", f"others may read {name}: chmod 600")
    if not os.access(site.folder, os.W_OK):
        yield failed("permissions", Misconfigured("settings.unwritable"))
    elif site.folder.stat().st_mode & stat.S_IWOTH:
        yield fail("permissions", "数据目录可被任何人写入", "anybody may write into the data directory")
    elif not open_keys:
        yield ok("permissions", "密钥文件和目录权限正常", "keys and folder are closed to others")


def check_key(site: Site) -> Iterator[Check]:
    """The hub's key fits its certificate, and that is inside its dates."""
    from hub.signing.signer import FileSigner
    from hub.trust.certificate import read_certificate

    signer = FileSigner.load(site.folder / site.settings.key, site.folder / site.settings.certificate)
    until = read_certificate(signer.certificate).not_after
    day = f"{until:%Y-%m-%d}"
    if until < site.at:
        yield fail("key", f"本中心证书已于 {day} 过期", f"the hub's certificate expired on {day}")
    elif until - site.at < SOON:
        yield warn("key", f"本中心证书将于 {day} 到期", f"the hub's certificate expires on {day}")
    else:
        yield ok("key", f"本中心私钥与证书匹配，有效期至 {day}", f"the hub's key and certificate fit, until {day}")


def check_disk(site: Site) -> Iterator[Check]:
    """There is room to store messages."""
    free = shutil.disk_usage(site.folder).free
    level = Level.FAIL if free < TOO_LITTLE else Level.WARN if free < LITTLE else Level.OK
    size = f"{free / 1024**3:.1f} GiB"
    made = {Level.FAIL: fail, Level.WARN: warn, Level.OK: ok}[level]
    yield made("disk", f"磁盘剩余空间 {size}", f"{size} of disk space free")


def check_port(site: Site) -> Iterator[Check]:
    """The port is free, or it is this hub that uses it."""
    host, port = site.settings.listen.host, site.settings.listen.port
    place = f"{host}:{port}"
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except PermissionError:
        yield fail("port", f"没有权限使用端口 {place}", f"port {place} may not be used by this account")
        return
    except OSError as error:
        yield _busy_port(site, place, str(error))
        return
    yield ok("port", f"端口 {place} 空闲（本中心未运行）", f"port {place} is free (the hub is not running)")


def _busy_port(site: Site, place: str, words: str) -> Check:
    if site.settings.listen.tls.client == "required":
        zh = f"端口 {place} 正在使用；因要求客户端证书，未核实是否为本中心"
        return warn("port", zh, f"{place} is in use; callers need a certificate, so it was not asked by whom")
    serving = _serving(site.settings.listen)
    if serving == site.settings.hub:
        return ok("port", f"本中心正在 {place} 运行", f"the hub is running at {place}")
    if serving:
        return fail("port", f"{place} 上运行的是另一个交换中心 {serving}", f"another hub, {serving}, runs at {place}")
    return fail("port", f"端口 {place} 无法使用：{words}", f"port {place} cannot be used: {words}")


def check_tls(site: Site) -> Iterator[Check]:
    """The files of TLS, to both sides, can serve and are inside their dates."""
    from connectors.tls import TlsEdges

    edges = TlsEdges(site.folder, site.settings)
    expiring = edges.expiring(site.at)
    for one in expiring:
        day = one.got[:10]
        yield warn("tls", f"{one.where} 的证书有效期至 {day}", f"a certificate in {one.where} ends on {day}")
    if not expiring and (edges.incoming or edges.outgoing):
        yield ok("tls", "TLS 证书与私钥匹配且在有效期内", "TLS certificates and keys fit and are within their dates")


def _serving(listen: Listen) -> str:
    """The id of the hub that answers there, or nothing. It proves nothing, so its certificate is not judged."""
    import ssl

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)  # noqa: S104
    if listen.scheme == "https":
        unjudged = ssl._create_unverified_context()  # noqa: S323
        connection: HTTPConnection = HTTPSConnection(host, listen.port, timeout=2, context=unjudged)
    else:
        connection = HTTPConnection(host, listen.port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        found = loads(connection.getresponse().read(10_000))
        return str(found.get("hub", "")) if isinstance(found, dict) else ""
    except (OSError, HTTPException, ValueError):
        return ""
    finally:
        connection.close()


def _beside_the_database(store: Store) -> list[Check]:
    from hub.hub import utc_now
    from hub.store.store import LARGEST_CLOCK_DIFFERENCE

    difference = store.clock_difference(utc_now)
    if abs(difference) <= LARGEST_CLOCK_DIFFERENCE:
        return []
    seconds = round(abs(difference).total_seconds())
    zh, en = ("慢", "behind") if difference > timedelta() else ("快", "ahead of")
    return [
        fail(
            "clock",
            f"本机时钟比数据库服务器{zh} {seconds} 秒，请启用时间同步（NTP）",
            f"this clock is {seconds} s {en} the database server's: set both by NTP",
        )
    ]


def check_clock(site: Site) -> Iterator[Check]:
    """The clock is not behind what the ledger has already seen: signatures and deadlines go by it."""
    from hub.hub import open_store
    from hub.ledger.ledger import from_microseconds
    from hub.store.entries import latest_entries

    store = open_store(site.folder, site.settings)
    try:
        with store.reading() as connection:
            latest = latest_entries(connection, 1)
        wrong = _beside_the_database(store)
    finally:
        store.close()
    if latest and from_microseconds(latest[0].time_us) > site.at + timedelta(seconds=5):
        seen = from_microseconds(latest[0].time_us).isoformat(timespec="seconds")
        zh, en = f"本机时钟早于账本最后一条记录（{seen}）", f"this clock is behind the last entry ({seen})"
        wrong.append(fail("clock", zh, en))
    yield from wrong
    if not wrong:
        now = site.at.isoformat(timespec="seconds")
        yield ok("clock", f"本机时间 {now}", f"the clock says {now}")
