"""The text of a new `hub.yaml`: every setting with its default, explained in Chinese and English.

Promises: what it writes, `hub.settings.load_settings` reads; what is commented out is the default.
"""

from __future__ import annotations

import json

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

listen:
  # 监听地址；对外服务请在前面加反向代理并启用 TLS / put a reverse proxy with TLS in front of it
  host: {host}
  port: {port}
  # 单位看到的地址，写入 WSDL / the address departments see, written into the WSDL
  {public_url}

# limits:
  # 单份报文上限 / largest message
  # max_bytes: 20971520
  # 一份报文最多的收文单位 / most recipients of one message
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
"""


def settings_text(hub: str, name: str, host: str, port: int, public_url: str = "", database: str = "") -> str:
    """Write a `hub.yaml`; only what is given here is not commented out."""
    address = f"public_url: {_quoted(public_url)}" if public_url else f"# public_url: http://{host}:{port}"
    store = f"database: {_quoted(database)}" if database else "# database: sqlite:///hub.db"
    names = {"hub": _quoted(hub), "name": _quoted(name), "host": _quoted(host)}
    return _TEXT.format(**names, port=port, public_url=address, database=store)


def _quoted(text: str) -> str:
    """A text as YAML's double-quoted scalar, of which JSON's is a subset once all is escaped but plain characters."""
    return json.dumps(text, ensure_ascii=not text.isprintable())
