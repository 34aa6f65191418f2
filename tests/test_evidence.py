"""Evidence files and the stranger's verifier: a good one passes, and whatever is changed in it is found."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import xmlsec
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

import cli
import verify_evidence
from commands.frame.exits import ExitCode
from hub import envelope
from hub.errors import Misconfigured, Refused
from hub.evidence.asic import CADES, LIST, SEAL, pack
from hub.evidence.export import collect, export
from hub.evidence.page import sections
from hub.evidence.pdf import FONTS, as_pdf
from hub.labels import HOPS
from hub.ledger.sequence import Sequencer, checkpoint_signers
from hub.parser import parse
from hub.store import tree_proofs
from hub.store.evidence import find_case, read_names
from hub.store.operate import Order, release_held
from hub.store.trace import find_messages
from hub.store.tree_proofs import keep_cosignatures
from hub.tree.checkpoint import cosign, cosignatures
from hub.tree.key import Ed25519NoteSigner, Kind
from hub.tree.note import Note, read_note
from tests.keys import certificate_pem, der, key_pair, key_pem, signer
from tests.test_mailbox import confirm, fetch
from tests.town import HUB, ROUTING, Town, authority, found_town, signer_of

ROOT = Path(__file__).parent.parent
CASE = "4403-2026-7"
HOLD = """
version: 1
rules:
  - name: hold
    when: {sender: a}
    then: {hold: 待审}
"""
RECEIPT = """<rcp:receipt xmlns:rcp="urn:hub:receipt:v1"><rcp:kind>signedFor</rcp:kind>
<rcp:ofMessageId>notice</rcp:ofMessageId><rcp:ofSender>a</rcp:ofSender><rcp:time>2026-03-02T09:05:00+08:00</rcp:time>
<rcp:personName>李工</rcp:personName></rcp:receipt>"""


@dataclass(frozen=True)
class Exported:
    """A container with the keys that a stranger would have been given."""

    raw: bytes
    key: str
    anchors: tuple[bytes, ...]

    def said(self, raw: bytes | None = None, **given: Any) -> list[tuple[str, str, str]]:
        wanted: dict[str, Any] = {"keys": [self.key], "anchors": self.anchors, "witnesses": [], **given}
        return verify_evidence.check(self.raw if raw is None else raw, **wanted).said

    def wrong(self, raw: bytes | None = None, **given: Any) -> list[str]:
        return [en for mark, _, en in self.said(raw, **given) if mark == "[XX]"]


def sequence(town: Town) -> Any:
    signers = checkpoint_signers(town.hub, town.folder)
    asyncio.run(Sequencer(lambda: town.hub, signers).step())
    return signers[0].key


def work(town: Town) -> None:
    """A notice with both kinds of attachment, its receipt, a failed attempt, and a case of two messages."""
    attached = [envelope.attachment("att", "附件.ofd", "application/ofd", b"OFD", inline=False),
                envelope.attachment("inl", "表.ofd", "application/ofd", b"inline", inline=True)]  # fmt: skip
    raw = town.signed("a", ["b", "c"], message_id="notice", document_number="云府〔2026〕3号", attachments=attached)
    town.submit(raw, {"att": b"OFD"})
    town.deliver()
    town.clock.turn(seconds=90)
    town.send("b", "a", message_id="got-it", type="receipt-1", payload=parse(RECEIPT.encode()), in_reply_to="notice")
    for number in (1, 2):
        town.send("a", "d", message_id=f"case-{number}", case_number=CASE)
    town.deliver()


def exported(town: Town, text: str) -> Exported:
    key = sequence(town)
    with town.hub.store.reading() as connection:
        found = find_case(connection, [text]) or find_messages(connection, [text])
    _, raw = export(town.hub, town.folder, found, text, [key])
    return Exported(raw, key.text(), tuple(authority().anchors))


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = found_town(tmp_path_factory.mktemp("evidence"))
    work(town)
    yield town
    town.close()


@pytest.fixture(scope="module")
def message(worked: Town) -> Exported:
    return exported(worked, "notice")


def files_of(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as container:
        return {name: container.read(name) for name in container.namelist()}


def zipped(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as container:
        for name, content in files.items():
            container.writestr(name, content)
    return written.getvalue()


def is_found(good: Exported, raw: bytes) -> bool:
    """The change is told as wrong, or makes the file unreadable."""
    try:
        return bool(good.wrong(raw))
    except verify_evidence.BAD:
        return True


# what passes


def test_the_evidence_of_a_message_and_of_its_reply_is_proven(message: Exported) -> None:
    said = [en for mark, _, en in message.said() if mark == "[ok]"]
    assert message.wrong() == []
    for words in ("envelope of a/notice", "envelope of b/got-it", "attachment att", "attachment inl", "b signed with",
                  "c signed with", "hub/1 (accepted", "signed with its key", "as they were sealed"):  # fmt: skip
        assert any(words in line for line in said), words


def test_the_evidence_of_a_case_holds_all_its_messages(worked: Town) -> None:
    case = exported(worked, CASE)
    said = [zh for mark, zh, _ in case.said() if mark == "[ok]"]
    assert case.wrong() == []
    assert sum("a/case-" in line and "信封" in line for line in said) == 2


def test_a_cosignature_is_proven_with_the_key_of_its_witness(tmp_path: Path) -> None:
    town = found_town(tmp_path)
    work(town)
    good = exported(town, "notice")
    witness = Ed25519NoteSigner.of("witness", some_key(), Kind.COSIGNATURE)
    note = read_note(files_of(good.raw)["ledger/checkpoint"])
    signed = Note(note.text, (*note.signatures, cosign(note, witness, town.clock())))
    size = int(note.text.split("\n")[1])
    with town.hub.store.transaction() as transaction:
        keep_cosignatures(transaction, size, cosignatures(signed, [witness.key]))
    with_witness = exported(town, "notice")
    town.close()
    said = with_witness.said(witnesses=[witness.key.text()])
    assert any(mark == "[ok]" and "witness" in en for mark, _, en in said)
    assert any(mark == "[??]" and "No witness" in en for mark, _, en in with_witness.said())


def some_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def test_every_kind_of_hop_is_proven_for_what_it_is(town: Town) -> None:
    """A mailbox's confirmation, an unsigned answer, a release by order, a replay, other bytes under one id."""
    town.reroute(HOLD)
    raw = town.signed("a", ["m", "b"], message_id="all")
    town.submit(raw)
    with town.hub.store.transaction() as transaction:
        release_held(transaction, "a", "all", Order(HUB, "王工", "已审"), town.clock())
    town.connector.signs = False
    unsigned_taken(town)
    town.deliver()
    assert confirm(town, fetch(town)) == 1
    town.submit(raw)
    with pytest.raises(Refused):
        town.send("a", "b", message_id="all", document_number="另一件")
    good = exported(town, "all")
    assert good.wrong() == []
    said = {en for _, _, en in good.said()}
    for words in ("administrator's order", "m signed with", "b did not sign", "(fetched", "(replayed"):
        assert any(words in line for line in said), words


def unsigned_taken(town: Town) -> None:
    """Let every endpoint answer without a signature."""

    def change(registry: Any) -> Any:
        lax = tuple(replace(e, profile=replace(e.profile, signed_answer=False)) for e in registry.endpoints)
        return replace(registry, endpoints=lax)

    town.register(change)


def test_what_only_the_file_itself_vouches_for_is_said_loudly(message: Exported, tmp_path: Path) -> None:
    said = message.said(keys=[], anchors=[])
    assert any(zh.startswith("!!") and en.startswith("!!") for _, zh, en in said)
    (tmp_path / "e.asice").write_bytes(message.raw)
    assert verify_evidence.main([str(tmp_path / "e.asice")]) == 3


def test_the_verifier_runs_alone_in_either_language(message: Exported, tmp_path: Path) -> None:
    """In an empty folder, isolated from this project: it may not need anything of it."""
    (tmp_path / "v.py").write_bytes((ROOT / "verify_evidence.py").read_bytes())
    (tmp_path / "e.asice").write_bytes(message.raw)
    (tmp_path / "root.der").write_bytes(message.anchors[0])
    words = [sys.executable, "-I", "v.py", "e.asice", "--log-key", message.key, "--anchor", "root.der", "--lang"]
    for lang, sentence in (("zh", "全部文件与封装时一致"), ("en", "All files are as they were sealed")):
        done = subprocess.run([*words, lang], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert sentence in done.stdout


def test_the_last_sentence_is_the_verdict(message: Exported) -> None:
    verdict = ("结论：未发现不符。", "Verdict: nothing is wrong.")
    assert message.said()[-1] == ("[ok]", *verdict)
    assert message.said(keys=[])[-1] == ("[??]", *verdict)
    files = files_of(message.raw)
    mark, zh, en = message.said(zipped({**files, "messages/1/envelope.xml": b"<a/>"}))[-1]
    assert mark == "[XX]"
    assert "不可采信" in zh
    assert "do not rely on" in en


def test_the_verifier_calls_the_hops_what_the_hub_calls_them() -> None:
    assert {str(hop): label.zh for hop, label in HOPS.items()} == verify_evidence.ACTS


@pytest.mark.parametrize("name", ["evidence-format.md", "evidence-format.zh-CN.md"])
def test_the_sentences_that_a_page_explains_are_those_of_the_verifier(name: str) -> None:
    """What stands for a name in a sentence is `…` on the page."""
    verifier = "".join(file.read_text(encoding="utf-8") for file in ROOT.glob("verify_*.py"))
    explained = (line for line in (ROOT / "docs" / name).read_text(encoding="utf-8").splitlines() if line[:4] == "- **")
    sentences = [sentence for line in explained for sentence in re.findall(r"\*\*(.+?)\*\*", line)]
    assert len(sentences) == 9
    parts = [part.strip() for sentence in sentences for part in re.split("…+", sentence)]
    assert [part for part in parts if part not in verifier] == []


def test_the_verifier_is_one_short_file_without_the_hub() -> None:
    text = (ROOT / "verify_evidence.py").read_text(encoding="utf-8")
    assert text.count("\n") < 400
    assert "import hub" not in text
    assert "from hub" not in text


def test_a_mistyped_key_of_the_readers_says_nothing_against_the_file(
    message: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "e.asice"
    file.write_bytes(message.raw)
    right = message.key
    for option in ("--log-key", "--witness"):
        for key in ("mistyped", right[:-4], right[:-5] + "=", right.replace("+", " ")):
            assert verify_evidence.main([str(file), option, key]) == 2
            said = capsys.readouterr().out
            assert "密钥" in said
            assert "不可采信" not in said


# what is found


def test_each_changed_byte_of_any_file_is_found(message: Exported) -> None:
    files = files_of(message.raw)
    for name, content in files.items():
        for place in {len(content) // 3, len(content) - 1}:
            changed = bytearray(content)
            changed[place] ^= 1
            assert is_found(message, zipped({**files, name: bytes(changed)})), (name, place)


def test_a_file_taken_out_or_put_in_is_found(message: Exported) -> None:
    files = files_of(message.raw)
    for name in files:
        assert is_found(message, zipped({k: v for k, v in files.items() if k != name})), name
    assert is_found(message, zipped({**files, "messages/1/extra.xml": b"<a/>"}))


def test_a_file_sealed_by_a_stranger_is_found(message: Exported, worked: Town) -> None:
    """Everything rewritten and sealed again by someone whose certificate no trusted authority issued."""
    files = {k: v for k, v in files_of(message.raw).items() if not k.startswith("META-INF/") and k != "mimetype"}
    raw = pack(files, HUB, signer("p256"), worked.clock())
    assert any("no trusted authority" in line for line in message.wrong(raw))


RESEALED: dict[str, Callable[[dict[str, Any]], None]] = {
    "index": lambda index: index["entries"][0].update(index=index["entries"][0]["index"] + 1),
    "proof": lambda index: index["entries"][0]["proof"].pop(),
    "ledger": lambda index: index.update(ledger="another"),
    "an entry left out": lambda index: index["entries"].pop(0),
    "entries exchanged": lambda index: index["entries"][0].update(file=index["entries"][1]["file"]),
    "messages exchanged": lambda index: index["messages"][0].update(envelope=index["messages"][1]["envelope"]),
    "stamps exchanged": lambda index: index["messages"][0].update(stamp=index["messages"][1]["stamp"]),
    "attachment lost": lambda index: index["messages"][0]["attachments"].clear(),
    "no message": lambda index: index["messages"].clear(),
}


@pytest.mark.parametrize("change", RESEALED)
def test_a_lie_is_found_though_the_hub_itself_sealed_it(message: Exported, worked: Town, change: str) -> None:
    assert is_found(message, resealed(message, worked, RESEALED[change]))


def resealed(good: Exported, town: Town, change: Callable[[dict[str, Any]], None], **files: bytes) -> bytes:
    whole = {k: v for k, v in files_of(good.raw).items() if not k.startswith("META-INF/") and k != "mimetype"}
    index = json.loads(whole["manifest.json"])
    change(index)
    whole.update({"manifest.json": json.dumps(index).encode(), **files})
    return pack(whole, HUB, town.hub.signer, town.clock())


def test_an_unchanged_index_sealed_again_is_right(message: Exported, worked: Town) -> None:
    """Else the test above would prove nothing."""
    assert message.wrong(resealed(message, worked, lambda index: None)) == []


def test_another_key_of_the_log_is_told(message: Exported, tmp_path: Path) -> None:
    other = Ed25519NoteSigner.of(message.key.split("+")[0], some_key()).key.text()
    assert any("log key has not signed" in line for line in message.wrong(keys=[other]))


def test_another_root_is_told(message: Exported) -> None:
    assert any("no trusted authority" in line for line in message.wrong(anchors=[der(key_pair("p256")[1])]))


def test_an_entry_of_another_ledger_is_told(message: Exported, worked: Town, tmp_path: Path) -> None:
    other = found_town(tmp_path)
    other.send("a", "b", message_id="notice")
    other.send("a", "b", message_id="another")
    foreign = files_of(exported(other, "notice").raw)["ledger/1.entry"]
    other.close()
    raw = resealed(message, worked, lambda index: None, **{"ledger/1.entry": foreign})
    assert any("not in this ledger's tree" in line for line in message.wrong(raw))


def test_a_revoked_certificate_is_told_only_after_its_revocation(message: Exported, worked: Town) -> None:
    for days, wrong in ((-1, True), (1, False)):
        at = worked.clock.now + timedelta(days=days)
        crl = revoking(signer_of("b")[1], at)
        raw = resealed(message, worked, lambda index: None, **{"crls/1.crl": crl})
        assert any("revoked" in line for line in message.wrong(raw)) is wrong


def revoking(der: bytes, at: datetime) -> bytes:
    """A list of the town's authority with one certificate on it, DER."""
    ca = authority().revoke(der, at)
    return x509.load_pem_x509_crl(ca.crl(at, at + timedelta(days=30))).public_bytes(Encoding.DER)


def test_a_zip_bomb_and_rubbish_are_refused(tmp_path: Path) -> None:
    for raw in (b"", b"PK", b"\0" * 1000, zipped({"mimetype": b"text/plain"})):
        with pytest.raises(verify_evidence.Wrong):
            verify_evidence.check(raw, [], [], [])
    (tmp_path / "x").write_bytes(b"rubbish")
    assert verify_evidence.main([str(tmp_path / "x")]) == 2
    assert verify_evidence.main([str(tmp_path / "absent")]) == 2


# what it costs


def test_each_proof_is_computed_once_and_each_tile_read_once(worked: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    places, tiles = [], []
    prove, read = tree_proofs.inclusion_proof, tree_proofs.read_tile
    monkeypatch.setattr(tree_proofs, "inclusion_proof", lambda *at: (places.append(at[1]), prove(*at))[1])
    monkeypatch.setattr(tree_proofs, "read_tile", lambda *at: (tiles.append(at[1:]), read(*at))[1])
    exported(worked, "notice")
    assert len(places) == len(set(places)) > 1
    assert len(tiles) == len(set(tiles)) > 0


# what other tools say


def test_openssl_takes_the_seal_of_the_container(message: Exported, tmp_path: Path) -> None:
    """The CAdES signature over the ASiC manifest, by the oracle that every auditor has."""
    files = files_of(message.raw)
    for name, content in (("list", files[LIST]), ("p7s", files[CADES]), ("root", pem_from(message.anchors[0]))):
        (tmp_path / name).write_bytes(content)
    words = ["openssl", "cms", "-verify", "-cades", "-binary", "-in", "p7s", "-inform", "DER", "-content", "list"]
    words += ["-CAfile", "root", "-purpose", "any", "-no_check_time"]
    done = subprocess.run([*words, "-out", "said"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    (tmp_path / "list").write_bytes(files[LIST] + b" ")
    done = subprocess.run([*words, "-out", "said"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0


def test_the_manifest_lists_what_is_in_the_container(message: Exported) -> None:
    with zipfile.ZipFile(io.BytesIO(message.raw)) as container:
        first = container.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert message.raw[38:69] == b"application/vnd.etsi.asic-e+zip"
    files = files_of(message.raw)
    listed = [e.get("URI") for e in etree.fromstring(files[LIST]) if e.tag.endswith("}DataObjectReference")]
    assert sorted(listed) == sorted(files.keys() - {"mimetype", LIST, CADES, SEAL})


def test_xmlsec_takes_every_signature_inside(message: Exported) -> None:
    checked = 0
    for content in files_of(message.raw).values():
        if b"SignatureValue" not in content:
            continue
        root = etree.fromstring(content)
        context = xmlsec.SignatureContext(xmlsec.KeysManager())
        context.key = xmlsec.Key.from_memory(pem_of(root), xmlsec.constants.KeyDataFormatCertPem)
        context.verify(xmlsec.tree.find_node(root, xmlsec.constants.NodeSignature))
        checked += 1
    assert checked == 8  # two envelopes, two stamps, three acknowledgements, the seal


def pem_from(der: bytes) -> bytes:
    return certificate_pem(x509.load_der_x509_certificate(der))


def pem_of(root: Any) -> bytes:
    coded = root.find(".//{http://www.w3.org/2000/09/xmldsig#}X509Certificate").text
    return f"-----BEGIN CERTIFICATE-----\n{coded}\n-----END CERTIFICATE-----\n".encode()


# the road to it


def test_an_entry_that_is_not_yet_in_the_tree_stops_the_export(tmp_path: Path) -> None:
    town = found_town(tmp_path)
    key = checkpoint_signers(town.hub, town.folder)[0].key
    for step in range(2):
        town.send("a", "b", message_id=f"late-{step}")
        with town.hub.store.reading() as connection:
            found = find_messages(connection, [f"late-{step}"])
        with pytest.raises(Refused) as caught:
            export(town.hub, town.folder, found, "late", [key])
        assert caught.value.code == "tree.not-numbered"
        assert "not in the tree yet" in caught.value.sentence("en")
        sequence(town)
    town.close()


def test_the_readable_page_names_departments_and_says_what_happened_in_both_languages(worked: Town) -> None:
    key = sequence(worked)
    with worked.hub.store.reading() as connection:
        found = find_messages(connection, ["notice"])
        (name,) = read_names(connection, ["b", "not-there"]).values()
    words = [row for section in sections(collect(worked.hub, worked.folder, found, "x", [key])) for row in section.rows]
    assert ("附件 Attachment", "附件.ofd (3 B)") in words
    delivered = [said for _, said in words if said.startswith("送达 delivered")]
    assert any(f"→ {name} (b), 已签名 signed" in said for said in delivered)
    assert all(at.endswith("UTC") for at, said in words if said.startswith(("接收", "送达")))


def test_the_readable_page_is_pdf_with_its_letters_inside(worked: Town, caplog: pytest.LogCaptureFixture) -> None:
    key = sequence(worked)
    with worked.hub.store.reading() as connection:
        found = find_messages(connection, ["notice"])
    dossier = collect(worked.hub, worked.folder, found, "云府〔2026〕3号", [key])
    name, page = as_pdf(dossier)
    assert name == "page.pdf"
    assert page.startswith(b"%PDF")
    assert page.count(b"/FontFile2") == len(FONTS)
    assert len(page) < 64 * 1024  # only the letters that it uses
    assert not [one for one in caplog.records if one.levelname != "INFO"]  # such as of letters that no font has
    assert as_pdf(dossier) == (name, page)


def test_a_letter_that_no_font_has_comes_from_a_font_of_ones_own(worked: Town, tmp_path: Path) -> None:
    key = sequence(worked)
    with worked.hub.store.reading() as connection:
        dossier = collect(worked.hub, worked.folder, find_messages(connection, ["notice"]), "x", [key])
    assert as_pdf(dossier, FONTS[1])[1].count(b"/FontFile2") == 1 + len(FONTS)
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    with pytest.raises(Misconfigured) as wrong:
        as_pdf(dossier, broken)
    assert wrong.value.code == "settings.value"
    assert wrong.value.where == "--font"


def test_the_fonts_are_those_that_their_licences_name() -> None:
    licences = (FONTS[0].parent / "LICENSES.txt").read_text(encoding="utf-8")
    for font in FONTS:
        assert font.name in licences
        assert hashlib.sha256(font.read_bytes()).hexdigest() in licences


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory as `hub init` would leave it, after some work."""
    folder = tmp_path_factory.mktemp("installed")
    town = found_town(folder)
    work(town)
    sequence(town)
    signer: Any = town.hub.signer
    town.close()
    (folder / "hub.yaml").write_text(f"hub: {HUB}\n", encoding="utf-8")
    (folder / "routing.yaml").write_text(ROUTING, encoding="utf-8")
    (folder / "keys").mkdir()
    (folder / "keys" / "hub.key").write_bytes(key_pem(signer._key))
    (folder / "keys" / "hub.crt").write_bytes(certificate_pem(x509.load_der_x509_certificate(signer.certificate)))
    return folder


def hub(folder: Path, *words: str, code: ExitCode = ExitCode.OK) -> str:
    done = CliRunner().invoke(cli.cli, ["--data", str(folder), "--lang", "zh", *words])
    assert done.exit_code == code, done.output
    return done.output


def test_a_taken_name_is_told_before_the_work_and_not_after_it(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "e.asice"
    out.write_bytes(b"older")
    monkeypatch.setattr("hub.evidence.export.export", None)
    told = hub(installed, "evidence", "export", "notice", "--out", str(out), code=ExitCode.MISCONFIGURED)
    assert "[file.exists]" in told
    assert out.read_bytes() == b"older"


def test_the_command_writes_a_file_that_the_command_checks(installed: Path, tmp_path: Path) -> None:
    out, root = tmp_path / "e.asice", tmp_path / "root.der"
    root.write_bytes(authority().anchors[0])
    told = json.loads(hub(installed, "-o", "json", "evidence", "export", "云府[2026]3号", "--out", str(out)))
    trusted = ("--log-key", told["logKeys"][0], "--anchor", str(root))
    assert "[ok] " in hub(installed, "evidence", "verify", str(out), *trusted)
    assert "!!" in hub(installed, "evidence", "verify", str(out), code=ExitCode.CHECK_FAILED)
    hub(installed, "evidence", "verify", str(out), "--log-key", "mistyped", code=ExitCode.MISCONFIGURED)
    out.write_bytes(out.read_bytes()[:-100])
    assert "ASiC-E" in hub(installed, "evidence", "verify", str(out), *trusted, code=ExitCode.CHECK_FAILED)
    hub(installed, "evidence", "export", "notice", "--out", str(out), code=ExitCode.MISCONFIGURED)
    hub(installed, "evidence", "export", "nothing", code=ExitCode.NOT_FOUND)
