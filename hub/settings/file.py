"""Reads `hub.yaml`: each key is known and of its kind, or told with the nearest known one. See `settings.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import Any

from hub.config import check_keys, read_yaml
from hub.errors import Misconfigured
from hub.message import Classification
from hub.settings.listen import Listen, Tls, check_listen
from hub.settings.settings import (
    FILE,
    LARGEST_PART,
    LOG_FORMATS,
    ROLES,
    SMALLEST_PART,
    DatabasePool,
    Delivering,
    Keeping,
    Limits,
    Measuring,
    Sequencing,
    Settings,
    Storing,
    Tracing,
    Trusting,
    Uploading,
    Watching,
)

_KEEP = re.compile(r"ever|[1-9][0-9]{0,4}d")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_PARTS: dict[str, type[Any]] = {
    "database_pool": DatabasePool,
    "listen": Listen,
    "limits": Limits,
    "trust": Trusting,
    "delivery": Delivering,
    "ledger": Sequencing,
    "content": Storing,
    "upload": Uploading,
    "health": Watching,
    "metrics": Measuring,
    "tracing": Tracing,
}
_INNER: dict[tuple[type[Any], str], type[Any]] = {(Listen, "tls"): Tls}


def load_settings(text: str) -> Settings:
    """The settings in a YAML text. Errors: Misconfigured config.*, settings.value."""
    settings: Settings = _read(Settings, read_yaml(text, FILE), "")
    if not SMALLEST_PART <= settings.upload.part_bytes <= LARGEST_PART:
        raise _wrong("upload.part_bytes", f"{SMALLEST_PART}..{LARGEST_PART}", str(settings.upload.part_bytes))
    if settings.limits.classification not in list(Classification):
        raise _wrong("limits.classification", ", ".join(Classification), settings.limits.classification)
    if bool(settings.delivery.tls_certificate) != bool(settings.delivery.tls_key):
        raise _wrong("delivery.tls_certificate", "tls_certificate and tls_key", "one of them")
    check_listen(settings.listen)
    return override(settings)


def override(
    settings: Settings, *, database: str = "", node: str = "", roles: str = "", metrics_port: int | None = None
) -> Settings:
    """The settings with what one process is told otherwise. Errors: Misconfigured settings.value."""
    wanted = [role.strip() for role in (roles or settings.roles).split(",")]
    for role in wanted:
        if role not in ROLES:
            raise _wrong("roles", ", ".join(ROLES), role)
    name = node or settings.node
    if not _NODE.fullmatch(name):
        raise _wrong("node", "A-Z a-z 0-9 . _ -, 1..64", name)
    if settings.log_format not in LOG_FORMATS:
        raise _wrong("log_format", ", ".join(LOG_FORMATS), settings.log_format)
    chosen = ",".join(role for role in ROLES if role in wanted)
    metrics = settings.metrics if metrics_port is None else replace(settings.metrics, port=metrics_port)
    return replace(settings, database=database or settings.database, node=name, roles=chosen, metrics=metrics)


def _read_retention(value: object) -> tuple[Keeping, ...]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise _wrong("retention", "a list of rules", repr(value))
    rules = tuple(_read(Keeping, item, f"retention[{number}]") for number, item in enumerate(value, start=1))
    for number, rule in enumerate(rules, start=1):
        if not _KEEP.fullmatch(rule.keep):
            raise _wrong(f"retention[{number}].keep", "730d | ever", rule.keep)
        if rule.classification not in ("*", *Classification):
            raise _wrong(f"retention[{number}].classification", ", ".join(Classification), rule.classification)
    return rules


def _read(kind: type[Any], mapping: Mapping[str, Any], where: str) -> Any:
    known = {f.name: f for f in fields(kind)}
    check_keys(mapping, tuple(known), where)
    values: dict[str, Any] = {}
    for name, spec in known.items():
        place = f"{where}.{name}" if where else name
        if name not in mapping:
            if spec.default is MISSING and spec.default_factory is MISSING:
                raise _wrong(place, "a value", "nothing")
            continue
        value = mapping[name]
        if name == "retention" and kind is Settings:
            values[name] = _read_retention(value)
        elif part := _PARTS.get(name) if kind is Settings else _INNER.get((kind, name)):
            if not isinstance(value, Mapping):
                raise _wrong(place, "keys", repr(value))
            values[name] = _read(part, value, place)
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
