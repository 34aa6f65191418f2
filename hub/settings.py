"""The settings of one installation, `hub.yaml` in its data directory. Every key has a default but the hub's id.

Paths are relative to the data directory. Unknown keys are refused with the nearest known one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from typing import Any

from hub.config import check_keys, read_yaml
from hub.errors import Misconfigured
from hub.message import Classification

FILE = "hub.yaml"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the front door listens, and the address that its WSDL announces."""

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the hub takes at most. Sizes in bytes, times in seconds."""

    max_bytes: int = 20 * 1024 * 1024
    max_recipients: int = 10_000
    classification: str = "none"
    clock_skew: float = 300.0
    max_life: float = 90 * 86400.0
    request_window: float = 300.0
    concurrent: int = 200


@dataclass(frozen=True, slots=True)
class Trusting:
    """How certificates are judged. `crl_grace` in seconds past a CRL's next update."""

    crl_folder: str = "crls"
    crl_grace: float = 86400.0
    require_crl: bool = False


@dataclass(frozen=True, slots=True)
class Delivering:
    """How the way out works. Times in seconds."""

    parallel: int = 64
    lease: float = 120.0
    sweep: float = 1.0
    mailbox_lease: float = 300.0
    breaker_failures: int = 5
    breaker_pause: float = 30.0


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
    listen: Listen = field(default_factory=Listen)
    limits: Limits = field(default_factory=Limits)
    trust: Trusting = field(default_factory=Trusting)
    delivery: Delivering = field(default_factory=Delivering)
    ledger: Sequencing = field(default_factory=Sequencing)

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
        shown = self.listen.public_url or f"http://{self.listen.host}:{self.listen.port}"
        return shown.rstrip("/")


_PARTS: dict[str, type[Any]] = {
    "listen": Listen,
    "limits": Limits,
    "trust": Trusting,
    "delivery": Delivering,
    "ledger": Sequencing,
}


def load_settings(text: str) -> Settings:
    """The settings in a YAML text. Errors: Misconfigured config.*, settings.value."""
    settings: Settings = _read(Settings, read_yaml(text, FILE), "")
    if settings.limits.classification not in list(Classification):
        raise _wrong("limits.classification", ", ".join(Classification), settings.limits.classification)
    return settings


def _read(kind: type[Any], mapping: Mapping[str, Any], where: str) -> Any:
    known = {f.name: f for f in fields(kind)}
    check_keys(mapping, tuple(known), where or FILE)
    values: dict[str, Any] = {}
    for name, spec in known.items():
        place = f"{where}.{name}" if where else name
        if name not in mapping:
            if spec.default is MISSING and spec.default_factory is MISSING:
                raise _wrong(place, "a value", "nothing")
            continue
        value = mapping[name]
        if name in _PARTS and kind is Settings:
            if not isinstance(value, Mapping):
                raise _wrong(place, "keys", repr(value))
            values[name] = _read(_PARTS[name], value, place)
        else:
            values[name] = _convert(value, str(spec.type), place)
    return kind(**values)


def _convert(value: Any, kind: str, where: str) -> Any:
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "str" and isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise _wrong(where, kind, repr(value))


def _wrong(where: str, expected: str, got: str) -> Misconfigured:
    return Misconfigured("settings.value", where=where, expected=expected, got=got)
