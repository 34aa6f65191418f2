"""The text of a new `hub.yaml`: every setting with its default, explained in Chinese and English.

Promises: what it writes, `hub.settings.file.load_settings` reads; what is commented out is the default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from hub.errors import Misconfigured
from hub.settings.file import load_settings
from hub.settings.settings import Settings

_BEFORE_HOST = re.compile(r"(://)([^\s/:@\"']*):[^\s@\"']*@")
"""USER:PASSWORD@ of an address."""
_IN_QUERY = re.compile(r"([?&])(?:password|passfile|sslpassword)=[^&\s\"']*&?")

_TEXT = """\
# 交换中心的设置。带 # 的行是默认值，去掉 # 即可修改；修改后重启 hub serve 生效。
# Settings of this hub. Lines with # show the defaults; remove the # to change one, then restart hub serve.
# 路径相对于本目录。时间单位为秒，大小单位为字节。
# Paths are relative to this folder, times in seconds, sizes in bytes.

# 交换中心的地址（也是登记的单位代码），启用后不要修改 / the hub's own address, a department code; never change it
hub: {hub}
# 显示名称 / name shown to people
name: {name}
# 本进程在账本中的节点名 / the node name of this process in the ledger
# node: hub
# 数据库 / database: sqlite:///FILE | postgresql+psycopg://USER@HOST/NAME
{database}
# 签名私钥与证书 / signing key and certificate
# key: keys/hub.key
# certificate: keys/hub.crt
# 路由规则 / routing rules
# routing: routing.yaml
# 日志级别 / log level: debug | info | warning | error
# log: info
# 日志格式 / form of the log: text | json
# log_format: text
# 本进程承担的任务 / what this process does: accept, deliver, sequence, supervise
# roles: accept,deliver,sequence,supervise

listen:
  # 监听地址；对外服务须启用 TLS：由本中心（见 tls）或前面的反向代理提供
  # where to listen; serve others with TLS only: the hub's own, see tls, or that of a reverse proxy in front
  host: {host}
  port: {port}
  # 单位看到的地址，写入 WSDL / the address departments see, written into the WSDL
  {public_url}
  # 本中心自己的 TLS：服务器证书（可含证书链）、私钥、单位客户端证书的发证机构，均为 PEM 文件；留空即为 HTTP。
  # client：none 不要求单位出示证书，optional 可出示，required 必须出示。
  # proof：已登记的客户端证书可代替收取、确认、查询请求的签名。
  # TLS of the hub itself: its certificate (and chain), key and the authorities of departments' client certificates,
  # PEM files; without certificate it is plain HTTP. client: none | optional | required. With proof an enrolled client
  # certificate stands for the signature of a Fetch, Confirm, Status or inquiry.
  # tls: {{certificate: "", key: "", client_ca: "", client: none, proof: false}}
  # 反向代理转来客户端证书的请求头（如 X-Client-Cert），仅采信来自 trusted_proxies 的请求（地址或网段，以空格分隔）
  # header in which a proxy hands on client certificates (X-Client-Cert), read from trusted_proxies and nobody else:
  # addresses or networks with spaces between
  # forwarded_certificate: ""
  # trusted_proxies: ""

# database_pool:
  # 本进程最多使用的 PostgreSQL 连接数 / PostgreSQL connections of this process at most
  # connections: 10
  # 等待空闲连接的时限，0 为不限（下同） / how long to wait for a free one; 0 is no limit, here and below
  # wait: 10
  # 单条语句的时限 / how long one statement may take
  # statement_timeout: 60
  # 等待锁的时限 / how long to wait for a lock
  # lock_timeout: 10
  # 事务中无操作的时限 / how long a transaction may do nothing
  # idle_timeout: 60

# limits:
  # 单份报文上限 / largest message
  # max_bytes: 20971520
  # 一份报文最多的收件单位 / most recipients of one message
  # max_recipients: 10000
  # 允许传输的最高密级 / highest classification that may travel: none | confidential | secret | topSecret
  # classification: none
  # 发文系统时钟最多可快多少 / how far a sender's clock may be ahead
  # clock_skew: 300
  # 最长有效期 / longest life of a message
  # max_life: 7776000
  # 收取、确认、查询请求的时间窗 / time window of Fetch, Confirm and Status requests
  # request_window: 300
  # 同时处理的请求数 / requests handled at the same time
  # concurrent: 200
  # 正在处理的请求合计字节数上限 / most bytes of all requests being handled
  # bytes_under_way: 268435456
  # 等待写入数据库的事项达到多少即暂不接收新请求 / pieces of work waiting for the database at which calls are put off
  # backlog: 500

# trust:
  # 吊销列表目录 / folder of revocation lists
  # crl_folder: crls
  # 吊销列表过期后的宽限 / grace for an overdue list
  # crl_grace: 86400
  # 是否要求每个发证机构都有吊销列表 / whether every authority must have a list
  # require_crl: false

# delivery:
  # 同时投递数 / deliveries at the same time
  # parallel: 64
  # 一次投递的租约 / lease of one delivery
  # lease: 120
  # 检查队列的间隔 / how often the queues are looked at
  # sweep: 1
  # 信箱收取的租约 / lease of fetched mailbox messages
  # mailbox_lease: 300
  # 连续失败多少次后暂停该端点 / failures in a row that rest an endpoint
  # breaker_failures: 5
  # 暂停多久 / for how long
  # breaker_pause: 30
  # https 端点的发证机构（PEM），留空则采信本机系统所信任的机构 / authorities of https endpoints; empty: the machine's
  # tls_ca: ""
  # 端点要求客户端证书时本中心出示的证书与私钥（PEM） / what the hub shows to endpoints that ask for a certificate
  # tls_certificate: ""
  # tls_key: ""

# ledger:
  # 账本来源名称，默认为“中心代码/ledger/账本编号” / name of the log; by default HUB/ledger/LEDGER-ID
  # origin: ""
  # 签署检查点的 Ed25519 私钥文件；中心证书不是 P-256 时必填 / Ed25519 key file, needed if the hub's is not P-256
  # key: ""
  # 见证方的公开密钥，以空格分隔 / verifier keys of the witnesses, with spaces between
  # witnesses: ""
  # 是否向能访问本服务的各方公开账目内容 / whether whoever reaches this service may read the entries
  # publish_entries: false
  # 编号间隔 / how often entries are given their places
  # interval: 0.1
  # 迟于多少秒报警 / how late is an alarm
  # alarm: 5
  # 时间戳服务（RFC 3161）地址，留空则不申请 / address of an RFC 3161 time-stamp authority; empty for none
  # timestamp_url: ""
  # 时间戳服务的根证书文件（PEM） / file with the authority's root certificates (PEM)
  # timestamp_anchors: ""
  # 申请时间戳的间隔 / how often a time-stamp is asked for
  # timestamp_interval: 600
  # 账本既无见证也无时间戳超过多久即暂停接收，0 为不暂停 / stop taking messages after so long unconfirmed; 0: never
  # max_unwitnessed: 0

# content:
  # 大附件的存储位置：目录，或 s3://主机/桶名 / where large attachments lie: a folder, or s3://HOST/BUCKET
  # place: content

# upload:
  # 分片大小（字节，不超过 8 MiB） / size of a part, at most 8 MiB
  # part_bytes: 8388608
  # 单个附件的上限 / largest attachment
  # most_bytes: 10737418240
  # 每个单位已上传而尚无报文引用的附件总量上限 / what a department may have uploaded that no message refers to
  # department_bytes: 21474836480
  # 无报文引用的上传保留多久 / how long that stays
  # keep: 604800
  # 下载链接的有效时间 / how long a link to download works
  # link: 86400

# health:
  # 磁盘剩余空间下限 / least free disk space
  # disk_free: 104857600
  # 最早待投递报文超过多久即提示，0 为不提示 / age of the oldest waiting delivery that is told; 0: never
  # queue_age: 86400
  # 账本多久未获外部确认即提示，0 为不提示 / how long the ledger may go unconfirmed before it is told; 0: never
  # witness_age: 3600

# metrics:
  # 监控指标（Prometheus）的监听地址，端口 0 为不提供 / where /metrics listens; port 0: nowhere
  # host: 127.0.0.1
  # port: 0
  # 单独列出的端点数上限 / most endpoints with lines of their own
  # endpoints: 50

# tracing:
  # 调用链数据（OpenTelemetry，OTLP/HTTP）的发送地址，留空则不发送 / where spans are sent; empty: nowhere
  # url: ""
  # 采样比例 / share of the messages that are traced
  # share: 1

# 文件正文的保存期限：自最后一次投递结束起算，按顺序取第一条相符的规则；不设则永久保存。
# 清理须由管理员运行 hub retention purge，账目、戳记与回执凭据始终保留。
# How long documents stay after their last delivery ended; the first rule that fits counts, none means for ever.
# Nothing goes by itself: an administrator runs hub retention purge. Entries, stamps and acknowledgements always stay.
# 例 / for example: [{{type: "approval-status-*", keep: 730d}}, {{classification: secret, keep: ever}}]
# retention: []
"""


def settings_text(hub: str, name: str, host: str, port: int, public_url: str = "", database: str = "") -> str:
    """Write a `hub.yaml`; only what is given here is not commented out."""
    address = f"public_url: {_quoted(public_url)}" if public_url else f"# public_url: http://{host}:{port}"
    store = f"database: {_quoted(database)}" if database else "# database: sqlite:///hub.db"
    names = {"hub": _quoted(hub), "name": _quoted(name), "host": _quoted(host)}
    return _TEXT.format(**names, port=port, public_url=address, database=store)


def with_database(text: str, url: str) -> str:
    """A `hub.yaml` that names another database; every other line stays as it is. Errors: Misconfigured config.*"""
    return _with_line(text, "database", url)


def with_node(text: str, node: str) -> str:
    """A `hub.yaml` whose process has another node name. Errors: Misconfigured config.*, settings.value."""
    return _with_line(text, "node", node)


def _with_line(text: str, key: str, value: str) -> str:
    """Another value in the line of a key, or else in the line that shows its default, or else in a new one."""
    line = f"{key}: {_quoted(value)}"
    lines = (re.compile(rf"^{key}:.*$", re.MULTILINE), re.compile(rf"^# ?{key}:.*$", re.MULTILINE))
    place = next((pattern for pattern in lines if pattern.search(text)), None)
    changed = place.sub(lambda _: line, text, count=1) if place else f"{text.rstrip()}\n{line}\n"
    expected: Settings = replace(load_settings(text), **{key: value})  # type: ignore[arg-type]
    if load_settings(changed) != expected:
        raise Misconfigured("settings.value", where=key)
    return changed


def without_passwords(text: str) -> str:
    """A `hub.yaml` without passwords in its addresses, comments included. Errors: Misconfigured backup.password."""
    changed = _IN_QUERY.sub(r"\1", _BEFORE_HOST.sub(r"\1\2@", text))
    for value in _texts(asdict(load_settings(changed))):
        if "://" in value and (_BEFORE_HOST.search(value) or _IN_QUERY.search(value)):
            raise Misconfigured("backup.password")
    return changed


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for below in value.values():
            yield from _texts(below)
    elif isinstance(value, list | tuple):
        for below in value:
            yield from _texts(below)


def _quoted(text: str) -> str:
    """A text as YAML's double-quoted scalar, of which JSON's is a subset once all is escaped but plain characters."""
    return json.dumps(text, ensure_ascii=not text.isprintable())
