"""Signed notes, checkpoints and cosignatures, against published vectors and an independent reader of the format."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import HubError, Misconfigured, Refused
from hub.tree.checkpoint import Checkpoint, cosign, cosignatures, open_checkpoint
from hub.tree.key import EcdsaNoteSigner, Ed25519NoteSigner, Kind, NoteKey, read_keys
from hub.tree.note import MOST_BYTES, Note, opened, read_note, sign_note
from tests.keys import key_pair, key_pem, signer

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ORIGIN = "hub.example/ledger/1"
ROOT = base64.b64encode(bytes(32)).decode()
# golang.org/x/mod/sumdb/note, the example of its documentation
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""
PETERS_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
# github.com/transparency-dev/formats: a checkpoint of Sigstore's Rekor, signed with ECDSA on P-256
REKOR = (
    "rekor.sigstore.dev+c0d23d6a+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1eQXBogSMdGvXwBcK5AW5i0hrZLOC96l"
    "+smGNM7nwZ4QvFK/4sueRoVj//QP22Ni4Qt9DPfkWLc="
)
REKORS_NOTE = (
    "Rekor\n798034\nf+7CoKgXKE/tNys9TTXcr/ad6U/K3xvznmzew9y6SP0=\n\n— rekor.sigstore.dev wNI9ajBEAiARInWIWyCdyG27CO6L"
    "PnPekyw20qO0YJfoaPaowGp/XgIgc+qEHS3+GKVClgqq20uDLet7MCoTURUCRdxwWBHHufk=\n"
)
# a witness of the public network, with a key of type 0x04
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"


def log_signer() -> EcdsaNoteSigner:
    return EcdsaNoteSigner.of(ORIGIN, signer())


def witness(name: str = "witness.example/w1", seed: int = 1) -> Ed25519NoteSigner:
    return Ed25519NoteSigner.of(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32), Kind.COSIGNATURE)


def checkpoint(size: int = 5, root: bytes = b"\x07" * 32) -> Checkpoint:
    return Checkpoint(ORIGIN, size, root)


def signed() -> Note:
    return sign_note(checkpoint().text(), [log_signer()])


def code_of(octets: bytes | str) -> str:
    raw = octets.encode() if isinstance(octets, str) else octets
    with pytest.raises(Refused) as caught:
        open_checkpoint(read_note(raw), ORIGIN, [log_signer().key])
    return caught.value.code


def test_a_note_of_go_is_read_verified_and_written_back() -> None:
    note = read_note(PETERS_NOTE.encode())
    assert [s.name for s in opened(note, [NoteKey.read(PETER)])] == ["PeterNeumann"]
    assert note.written() == PETERS_NOTE


def test_our_ed25519_note_is_gos_byte_for_byte() -> None:
    peter = Ed25519NoteSigner.of("PeterNeumann", Ed25519PrivateKey.from_private_bytes(PETERS_SEED))
    text = PETERS_NOTE.partition("\n\n")[0] + "\n"
    assert sign_note(text, [peter]).written() == PETERS_NOTE
    assert peter.key.text() == PETER


def test_a_checkpoint_of_rekor_verifies_by_its_ecdsa_key() -> None:
    found = open_checkpoint(read_note(REKORS_NOTE.encode()), "Rekor", [NoteKey.read(REKOR)])
    assert (found.size, base64.b64encode(found.root)) == (798034, b"f+7CoKgXKE/tNys9TTXcr/ad6U/K3xvznmzew9y6SP0=")


@pytest.mark.parametrize("text", [PETER, REKOR, REMORA])
def test_published_keys_have_the_ids_they_say(text: str) -> None:
    assert NoteKey.read(text).text() == text
    assert read_keys(f" {text}\n{REMORA} ") == (NoteKey.read(text), NoteKey.read(REMORA))


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER.replace("PeterNeumann", "Peter Neumann"),
        PETER.replace("PeterNeumann", ""),
        PETER[:-4],
        PETER + "!",
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
    ],
)
def test_a_wrong_verifier_key_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(Misconfigured, match=r"note\.key") as caught:
        NoteKey.read(wrong)
    assert "FALVFGyN" not in str(caught.value.facts())


def test_an_ecdsa_key_on_another_curve_is_refused() -> None:
    key, _ = key_pair("p384")
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(Misconfigured, match=r"note\.key"):
        NoteKey.read(NoteKey("x", Kind.ECDSA, spki).text())


def test_a_hub_key_that_is_not_on_p256_cannot_sign_checkpoints() -> None:
    with pytest.raises(Misconfigured, match=r"note\.signer"):
        EcdsaNoteSigner.of(ORIGIN, signer("rsa2048"))


@pytest.mark.parametrize("pem", [b"", b"nonsense", key_pem(key_pair("p256")[0])])
def test_a_file_without_an_ed25519_key_is_refused(pem: bytes) -> None:
    with pytest.raises(Misconfigured, match=r"note\.signer"):
        Ed25519NoteSigner.from_pem(ORIGIN, pem)


def test_our_checkpoint_by_a_reader_written_from_the_specification() -> None:
    """Splits at the last empty line, takes key id and DER signature apart, and verifies with the library alone."""
    raw = signed().written().encode()
    text, _, lines = raw.rpartition(b"\n\n")
    text += b"\n"
    assert text.split(b"\n") == [ORIGIN.encode(), b"5", base64.b64encode(b"\x07" * 32), b""]
    dash, name, coded = lines.rstrip(b"\n").split(b" ")
    assert (dash, name) == ("—".encode(), ORIGIN.encode())
    value = base64.b64decode(coded)
    spki = log_signer().key.public
    assert value[:4] == hashlib.sha256(spki).digest()[:4]
    public = load_der_public_key(spki)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(value[4:], text, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(value[4:], text.replace(b"5", b"6"), ec.ECDSA(hashes.SHA256()))


def test_a_checkpoint_may_be_signed_by_several_keys_and_one_known_is_enough() -> None:
    second = Ed25519NoteSigner.of(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"k" * 32))
    note = read_note(sign_note(checkpoint().text(), [second, log_signer()]).written().encode())
    assert open_checkpoint(note, ORIGIN, [log_signer().key]) == checkpoint()
    assert open_checkpoint(note, ORIGIN, [second.key]) == checkpoint()
    assert len(opened(note, [second.key, log_signer().key])) == 2


def test_a_changed_text_is_refused() -> None:
    assert code_of(signed().written().replace("\n5\n", "\n6\n")) == "note.invalid"


def test_a_bad_signature_by_a_known_key_spoils_the_note_even_beside_a_good_one() -> None:
    good = signed()
    bad = sign_note(checkpoint(6).text(), [log_signer()]).signatures
    assert code_of(Note(good.text, good.signatures + bad).written()) == "note.invalid"


def test_an_unknown_key_or_another_name_signs_nothing() -> None:
    stranger = EcdsaNoteSigner.of("other.example", signer())
    assert code_of(sign_note(checkpoint().text(), [stranger]).written()) == "note.unknown-key"


def test_another_logs_checkpoint_is_refused() -> None:
    other = Checkpoint("other.example/log", 5, b"\x07" * 32)
    assert code_of(sign_note(other.text(), [log_signer()]).written()) == "note.other-log"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n5\n",
        f"{ORIGIN}\n05\n{ROOT}\n",
        f"{ORIGIN}\n-1\n{ROOT}\n",
        f"{ORIGIN}\n٥\n{ROOT}\n",
        f"{ORIGIN}\n5\nBw==\n",
        f"\n5\n{ROOT}\n",
        f"{ORIGIN}\n5\n{ROOT}",
        f"{ORIGIN}\n5\n{ROOT}\n\nx\n",
    ],
)
def test_what_is_not_a_checkpoint_is_not_read_as_one(text: str) -> None:
    with pytest.raises(Refused, match=r"note\.not-checkpoint"):
        Checkpoint.read(text)


def test_extension_lines_are_read_and_signed() -> None:
    extended = Checkpoint(ORIGIN, 5, bytes(32), ("one", "two three"))
    assert Checkpoint.read(extended.text()) == extended


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"text only\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        "text\n\n— name\n".encode(),
        "text\n\n— name !!!!\n".encode(),
        "text\n\n— name AAAA\n".encode(),
        "text\n\n— na+me AAAAAAAA\n".encode(),
        "text\n\n—  AAAAAAAA\n".encode(),
        "text\n\n— n AAAAAAAA".encode(),
        "te\tt\n\n— n AAAAAAAA\n".encode(),
        "te\rt\n\n— n AAAAAAAA\n".encode(),
        b"\xff\xfe\n\n",
        b"x" * (MOST_BYTES + 1),
        b"text\n\n" + "— n AAAAAAAA\n".encode() * 101,
    ],
)
def test_what_is_not_a_note_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match=r"note\.malformed"):
        read_note(raw)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_note_or_a_refusal(raw: bytes) -> None:
    try:
        note = read_note(raw)
    except HubError:
        return
    assert note.written().encode() == raw


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_changed_byte_is_found(place: int, change: int) -> None:
    raw = bytearray(signed().written().encode())
    raw[place % len(raw)] ^= change
    assert code_of(bytes(raw)).startswith("note.")


def test_a_cosignature_is_what_the_specification_says_it_is() -> None:
    """Ed25519 over a header line, the time, and the checkpoint's text; the value begins with the time."""
    note, by = signed(), witness()
    line = cosign(note, by, AT)
    seconds = int(AT.timestamp())
    assert line.value[:8] == seconds.to_bytes(8, "big")
    assert line.key_id == hashlib.sha256(b"witness.example/w1\n\x04" + by.key.public).digest()[:4]
    public = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32).public_key()
    public.verify(line.value[8:], b"cosignature/v1\ntime %d\n" % seconds + note.text.encode())


def test_cosignatures_are_verified_and_dated() -> None:
    note = signed()
    both = Note(note.text, (*note.signatures, cosign(note, witness(), AT), cosign(note, witness("w2", 2), AT)))
    found = cosignatures(read_note(both.written().encode()), [witness().key, witness("w2", 2).key])
    assert [(one.witness, one.at) for one in found] == [("witness.example/w1", AT), ("w2", AT)]
    assert [one.witness for one in cosignatures(both, [witness("w2", 2).key])] == ["w2"]


def test_a_cosignature_of_another_time_tree_or_length_is_refused() -> None:
    note, by = signed(), witness()
    line = cosign(note, by, AT)
    later = type(line)(line.name, line.key_id, bytes([1]) + line.value[1:])
    short = type(line)(line.name, line.key_id, line.value[:7])
    for wrong in (later, short, cosign(sign_note(checkpoint(6).text(), [log_signer()]), by, AT)):
        with pytest.raises(Refused, match=r"note\.invalid"):
            cosignatures(Note(note.text, (wrong,)), [by.key])


def test_the_logs_own_signature_is_no_cosignature() -> None:
    with pytest.raises(Refused, match=r"note\.unknown-key"):
        cosignatures(signed(), [log_signer().key])


def test_a_cosignature_from_beyond_the_calendar_is_refused() -> None:
    note, by = signed(), witness()
    value = by.cosign(note.text.encode(), 2**63)
    line = type(note.signatures[0])(by.key.name, by.key.id, value)
    with pytest.raises(Refused, match=r"note\.invalid"):
        cosignatures(Note(note.text, (line,)), [by.key])
