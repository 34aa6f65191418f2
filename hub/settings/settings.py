"""The settings of one installation, `hub.yaml` in its data directory. Every key has a default but the hub's id.

Paths are relative to the data directory. Unknown keys are refused with the nearest known one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from hub.message import Classification
from hub.settings.listen import Listen

FILE = "hub.yaml"
ROLES = ("accept", "deliver", "sequence", "supervise")
"""What a serving process may do: take calls, deliver, grow the ledger's tree, and watch over what nobody asks for."""
LOG_FORMATS = ("text", "json")
SMALLEST_PART, LARGEST_PART = 64 * 1024, 8 * 1024 * 1024
"""Bounds of `upload.part_bytes`; a part is in memory while it is under way."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the hub takes at most. Sizes in bytes, times in seconds.

    `bytes_under_way` bounds the bodies of all calls that are being answered, `backlog` the work that
    may wait for the database when a call comes.
    """

    max_bytes: int = 20 * 1024 * 1024
    max_recipients: int = 10_000
    classification: str = "none"
    clock_skew: float = 300.0
    max_life: float = 90 * 86400.0
    request_window: float = 300.0
    concurrent: int = 200
    bytes_under_way: int = 256 * 1024 * 1024
    backlog: int = 500


@dataclass(frozen=True, slots=True)
class DatabasePool:
    """How one process uses PostgreSQL: connections at most, and seconds until it gives up; 0 seconds is never.

    `wait` is for a free connection, `lock_timeout` for a lock, `statement_timeout` for one statement, `idle_timeout`
    for a transaction in which nothing happens.
    """

    connections: int = 10
    wait: float = 10.0
    statement_timeout: float = 60.0
    lock_timeout: float = 10.0
    idle_timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Trusting:
    """How certificates are judged. `crl_grace` in seconds past a CRL's next update."""

    crl_folder: str = "crls"
    crl_grace: float = 86400.0
    require_crl: bool = False


@dataclass(frozen=True, slots=True)
class Delivering:
    """How the way out works. Times in seconds.

    `tls_ca` are the authorities of `https` endpoints, in place of the machine's; `tls_certificate` and `tls_key` are
    what the hub shows to endpoints that ask for a certificate. PEM files.
    """

    parallel: int = 64
    lease: float = 120.0
    sweep: float = 1.0
    mailbox_lease: float = 300.0
    breaker_failures: int = 5
    breaker_pause: float = 30.0
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""


@dataclass(frozen=True, slots=True)
class Sequencing:
    """How the ledger's tree is kept. `witnesses`: verifier keys with spaces between; times in seconds.

    `key` is an Ed25519 private key that signs checkpoints beside the hub's own. `timestamp_url` is an RFC 3161
    authority, `timestamp_anchors` its roots (PEM). With `max_unwitnessed` above 0 the front door takes nothing while
    the oldest checkpoint that neither witness nor authority has confirmed is older than that.
    """

    origin: str = ""
    key: str = ""
    witnesses: str = ""
    publish_entries: bool = False
    interval: float = 0.1
    alarm: float = 5.0
    timestamp_url: str = ""
    timestamp_anchors: str = ""
    timestamp_interval: float = 600.0
    max_unwitnessed: float = 0.0


@dataclass(frozen=True, slots=True)
class Keeping:
    """One rule of retention: how long the documents of messages of a type and classification stay.

    `keep` is in days, written `730d`, since the message's last delivery ended; or `ever`. `type` may end in `*`.
    """

    keep: str
    type: str = "*"
    classification: str = "*"


@dataclass(frozen=True, slots=True)
class Storing:
    """Where large attachments lie: a folder, relative to the data directory, or `s3://HOST/BUCKET`."""

    place: str = "content"


@dataclass(frozen=True, slots=True)
class Uploading:
    """What departments may upload and download beside their messages. Sizes in bytes, times in seconds.

    `most_bytes` bounds one attachment, `department_bytes` what one department has uploaded that no message refers to
    yet, and `keep` how long that stays. A link to download works for `link` seconds.
    """

    part_bytes: int = 8 * 1024 * 1024
    most_bytes: int = 10 * 1024**3
    department_bytes: int = 20 * 1024**3
    keep: float = 7 * 86400.0
    link: float = 86400.0


@dataclass(frozen=True, slots=True)
class Watching:
    """From when on `/readyz` complains. Times in seconds, sizes in bytes; 0 turns an age's complaint off.

    `queue_age` is the age of the oldest waiting delivery, `witness_age` how long the ledger may go without confirmation
    from outside.
    """

    disk_free: int = 100 * 1024 * 1024
    queue_age: float = 86400.0
    witness_age: float = 3600.0


@dataclass(frozen=True, slots=True)
class Measuring:
    """Where `/metrics` is served, beside `/healthz` and `/readyz`; port 0: nowhere. `endpoints`: most told apart."""

    host: str = "127.0.0.1"
    port: int = 0
    endpoints: int = 50


@dataclass(frozen=True, slots=True)
class Tracing:
    """Where spans are sent by OTLP over HTTP; empty: nowhere. `share` of the messages that are traced, 0 to 1."""

    url: str = ""
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All of `hub.yaml`."""

    hub: str
    name: str = "交换中心"
    node: str = "hub"
    database: str = "sqlite:///hub.db"
    key: str = "keys/hub.key"
    certificate: str = "keys/hub.crt"
    routing: str = "routing.yaml"
    log: str = "info"
    log_format: str = "text"
    roles: str = ",".join(ROLES)
    database_pool: DatabasePool = field(default_factory=DatabasePool)
    listen: Listen = field(default_factory=Listen)
    limits: Limits = field(default_factory=Limits)
    trust: Trusting = field(default_factory=Trusting)
    delivery: Delivering = field(default_factory=Delivering)
    ledger: Sequencing = field(default_factory=Sequencing)
    content: Storing = field(default_factory=Storing)
    upload: Uploading = field(default_factory=Uploading)
    health: Watching = field(default_factory=Watching)
    metrics: Measuring = field(default_factory=Measuring)
    tracing: Tracing = field(default_factory=Tracing)

    def plays(self, role: str) -> bool:
        """Whether a process with these settings has this role."""
        return role in self.roles.split(",")

    retention: tuple[Keeping, ...] = ()

    def log_origin(self, ledger_id: str) -> str:
        """The name of the ledger's log in checkpoints: as configured, or the hub's id and the ledger's."""
        return self.ledger.origin or f"{self.hub}/ledger/{ledger_id}"

    @property
    def ceiling(self) -> Classification:
        """The highest classification that may travel."""
        return Classification(self.limits.classification)

    @property
    def skew(self) -> timedelta:
        """How far in the future a sender's clock may be."""
        return timedelta(seconds=self.limits.clock_skew)

    @property
    def public_url(self) -> str:
        """The front door's base address, without a slash at the end."""
        shown = self.listen.public_url or f"{self.listen.scheme}://{self.listen.host}:{self.listen.port}"
        return shown.rstrip("/")
