"""The files of an evidence container and their index, as docs/evidence-format.md lays them out. It seals nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.evidence.dossier import Dossier, Paper, Trusted
from hub.proof import write_time

INDEX = "manifest.json"
CHECKPOINT = "ledger/checkpoint"
FORMAT = "hub-evidence-1"


def contents(dossier: Dossier, page: tuple[str, bytes]) -> dict[str, bytes]:
    """Every file by its name; `page` is the readable page's name and bytes."""
    files: dict[str, bytes] = {INDEX: b""}  # first, so that a reader finds it there; written when the rest is known
    index = {
        "format": FORMAT,
        "exported": write_time(dossier.exported),
        "subject": dossier.subject,
        "hub": dossier.hub,
        "ledger": dossier.ledger,
        "logKeys": list(dossier.log_keys),
        "messages": [_message(files, number, one) for number, one in enumerate(dossier.messages, start=1)],
        "entries": list(_entries(files, dossier)),
    }
    files[CHECKPOINT] = dossier.checkpoint.encode()
    files.update({f"evidence/{digest}": content for digest, content in dossier.evidence.items()})
    files.update(key_files(dossier.key_changes))
    files.update(trusted_files(dossier.trusted))
    files.update(timestamp_files(dossier.timestamps))
    files.update([page])
    files[INDEX] = json.dumps(index, ensure_ascii=False, indent=1).encode()
    return files


def _message(files: dict[str, bytes], number: int, one: Paper) -> dict[str, object]:
    """Put one message's files in; its line of the index."""
    folder = f"messages/{number}"
    files[f"{folder}/stamp.xml"] = one.stamp
    named = {"sender": one.sender, "messageId": one.message_id, "stamp": f"{folder}/stamp.xml"}
    if one.purged:
        return {**named, "purged": one.purged}
    beside = {id: f"{folder}/attachments/{place}" for place, (id, _) in enumerate(one.beside, start=1)}
    files[f"{folder}/envelope.xml"] = one.envelope
    files.update({beside[id]: content for id, content in one.beside})
    outside = {"outside": list(one.outside)} if one.outside else {}
    return {**named, "envelope": f"{folder}/envelope.xml", "attachments": beside, **outside}


def _entries(files: dict[str, bytes], dossier: Dossier) -> Iterator[dict[str, object]]:
    for number, proven in enumerate(dossier.entries, start=1):
        name = f"ledger/{number}.entry"
        files[name] = proven.form
        yield {"file": name, "index": proven.index, "proof": [one.hex() for one in proven.proof]}


def key_files(changes: Iterable[str]) -> Mapping[str, bytes]:
    """The changes of the log's keys, in order."""
    return _numbered("ledger/keys", "change", [change.encode() for change in changes])


def timestamp_files(timestamps: Sequence[tuple[bytes, bytes]]) -> Mapping[str, bytes]:
    """Time-stamps from pairs of what was stamped and the response."""
    notes, responses = ([pair[place] for pair in timestamps] for place in (0, 1))
    return {**_numbered("timestamps", "note", notes), **_numbered("timestamps", "tsr", responses)}


def trusted_files(trusted: Trusted) -> Iterator[tuple[str, bytes]]:
    """Certificates, anchors and revocation lists."""
    for folder, ders in (("certificates", trusted.certificates), ("anchors", trusted.anchors)):
        yield from ((f"{folder}/{hashlib.sha256(der).hexdigest()}.der", der) for der in ders)
    yield from _numbered("crls", "crl", map(_as_der, trusted.crls)).items()


def _as_der(crl: bytes) -> bytes:
    if not crl.lstrip().startswith(b"-----BEGIN"):
        return crl
    return x509.load_pem_x509_crl(crl).public_bytes(Encoding.DER)


def _numbered(folder: str, kind: str, octets: Iterable[bytes]) -> Mapping[str, bytes]:
    return {f"{folder}/{number}.{kind}": one for number, one in enumerate(octets, start=1)}
