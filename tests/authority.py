"""A small real time-stamp authority: `openssl ts -reply` behind HTTP, with a CA of its own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.keys import certificate_pem, key_pem

REPLY = "application/timestamp-reply"
NOW = datetime.now(UTC)
"""openssl reads the wall clock."""
_CONFIG = """[tsa]
default_tsa = t
[t]
serial = {home}/serial
signer_cert = {home}/tsa.crt
certs = {home}/ca.crt
signer_key = {home}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


def _certificate(name: str, key: Any, issuer: str, by: Any, usage: x509.ExtendedKeyUsage | None) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
    )
    return (builder.add_extension(usage, critical=True) if usage else builder).sign(by, hashes.SHA256())


@dataclass
class Authority:
    """An authority in a folder. `trouble`, if set, is answered instead of a time-stamp."""

    home: Path
    trouble: Response | None = None
    asked: int = 0

    @classmethod
    def found(cls, home: Path, name: str = "测试时间戳服务") -> Authority:
        home.mkdir(parents=True)
        root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        (home / "ca.crt").write_bytes(certificate_pem(_certificate("TSA root", root, "TSA root", root, None)))
        issued = _certificate(name, own, "TSA root", root, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]))
        (home / "tsa.crt").write_bytes(certificate_pem(issued))
        (home / "tsa.key").write_bytes(key_pem(own))
        (home / "serial").write_text("01\n")
        (home / "tsa.cnf").write_text(_CONFIG.format(home=home))
        return cls(home)

    @property
    def anchors(self) -> Path:
        return self.home / "ca.crt"

    def reply(self, request: bytes) -> bytes:
        """The response to a request, both DER."""
        (self.home / "query").write_bytes(request)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-section", "t", "-queryfile", "query"]
        return subprocess.run([*command], cwd=self.home, check=True, capture_output=True).stdout

    def app(self) -> Starlette:
        async def answer(request: Request) -> Response:
            self.asked += 1
            assert request.headers["content-type"] == "application/timestamp-query"
            body = await request.body()
            if self.trouble is not None:
                return self.trouble
            return Response(await run_in_threadpool(self.reply, body), media_type=REPLY)

        return Starlette(routes=[Route("/tsa", answer, methods=["POST"])])
