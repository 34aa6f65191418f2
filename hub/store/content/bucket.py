"""The content store in a bucket of a server that speaks S3. Needs the package `minio` (extra `s3`).

Keys stand in the URL or in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. `?secure=false` is for a server without TLS,
`?region=NAME` for one that wants it said.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hub.errors import Misconfigured, Unavailable
from hub.store.content.content import DIGEST, MOST_BYTES, Blob, ContentStore, checked

_SECONDS = 30.0
_CONNECTIONS = 16
_WHOLE = 2 * MOST_BYTES
"""A blob is smaller, so it goes in one request, and nothing half done is left on the server."""


class Bucket:
    """Blobs as objects `PREFIX/ab/cd…` of one bucket, which must exist."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def put(self, digest: str, content: bytes) -> None:
        """See ContentStore. The server checks the bytes it got by their MD5 or its own checksum."""
        key = self._key(digest)
        with _translated(digest):
            self._client.put_object(self._bucket, key, io.BytesIO(content), len(content), part_size=_WHOLE)

    def get(self, digest: str) -> bytes:
        """See ContentStore."""
        try:
            content = self._read(digest)
        except Unavailable as error:
            # Some servers name the type of their error page wrongly, and the client then does not read it.
            if error.code == "content.unreachable" and not self.has(digest):
                raise Unavailable("content.missing", where=digest) from None
            raise
        return checked(digest, content)

    def has(self, digest: str) -> bool:
        """See ContentStore."""
        key = self._key(digest)
        try:
            with _translated(digest):
                self._client.stat_object(self._bucket, key)
        except Unavailable as error:
            if error.code == "content.missing":
                return False
            raise
        return True

    def delete(self, digest: str) -> None:
        """See ContentStore."""
        key = self._key(digest)
        with _translated(digest):
            self._client.remove_object(self._bucket, key)

    def blobs(self) -> Iterator[Blob]:
        """See ContentStore."""
        with _translated(""):
            for found in self._client.list_objects(self._bucket, prefix=self._prefix, recursive=True):
                digest = found.object_name[len(self._prefix) :].replace("/", "")
                if DIGEST.fullmatch(digest):
                    yield Blob(digest, found.size or 0, found.last_modified or datetime.now(UTC))

    def sweep(self, before: datetime) -> int:
        """See ContentStore. A blob is put in one request: there is nothing to be left behind."""
        return 0

    def _read(self, digest: str) -> bytes:
        key = self._key(digest)
        with _translated(digest):
            answer = self._client.get_object(self._bucket, key)
            try:
                content: bytes = answer.read(MOST_BYTES + 1)
            finally:
                answer.close()
                answer.release_conn()
        return content

    def _key(self, digest: str) -> str:
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"no digest: {digest!r}")
        return f"{self._prefix}{digest[:2]}/{digest[2:]}"


def open_bucket(url: str) -> ContentStore:
    """The bucket that a URL names; asks it once whether it is there. Errors: Misconfigured, Unavailable content.*"""
    try:
        import urllib3
        from minio import Minio
    except ImportError as error:
        raise Misconfigured("content.driver", operator=str(error)) from None
    parts = urlsplit(url)
    bucket, _, prefix = parts.path.strip("/").partition("/")
    options = parse_qs(parts.query)
    if not parts.hostname or not bucket or not options.keys() <= {"secure", "region"}:
        raise Misconfigured("content.place", expected="s3://HOST/BUCKET")
    host = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    timeout = urllib3.Timeout(connect=_SECONDS / 3, read=_SECONDS)
    pool = urllib3.PoolManager(maxsize=_CONNECTIONS, timeout=timeout, retries=urllib3.Retry(2, redirect=0))
    client = Minio(
        host,
        access_key=unquote(parts.username or "") or os.environ.get("AWS_ACCESS_KEY_ID"),
        secret_key=unquote(parts.password or "") or os.environ.get("AWS_SECRET_ACCESS_KEY"),
        secure=options.get("secure", ["true"])[0] != "false",
        region=options.get("region", ["us-east-1"])[0],
        http_client=pool,
    )
    with _translated(""):
        if not client.bucket_exists(bucket):
            raise Misconfigured("content.place", expected=bucket, got="-")
    return Bucket(client, bucket, prefix)


@contextmanager
def _translated(digest: str) -> Iterator[None]:
    from minio.error import MinioException, S3Error
    from urllib3.exceptions import HTTPError

    try:
        yield
    except S3Error as error:
        if error.code in ("NoSuchKey", "NoSuchObject", "NotFound"):
            raise Unavailable("content.missing", where=digest) from None
        code = "content.forbidden" if error.code in _FORBIDDEN else "content.io"
        raise Unavailable(code, where=digest, operator=f"{error.code}: {error.message}") from None
    except (MinioException, HTTPError, OSError) as error:
        raise Unavailable("content.unreachable", where=digest, operator=repr(error)[:500]) from None


_FORBIDDEN = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
