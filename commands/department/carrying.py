"""Uploads and downloads large attachments for a department on the command line, with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.department.side import Reach, Side
from commands.frame.command import Phrase, Session
from commands.frame.progress import progress

if TYPE_CHECKING:
    from connectors.exchange_client import Fetched
    from hub.message import Attachment


def attachments_url(reach: Reach) -> str:
    """The address of the attachment door that belongs to an exchange service. Errors: Misconfigured settings.*"""
    from connectors.attachments.client import PATH
    from connectors.front_door import PATH as EXCHANGE

    return reach.address().partition("?")[0].rstrip("/").removesuffix(EXCHANGE) + PATH


def upload_all(session: Session, side: Side, url: str, files: Sequence[tuple[Path, Attachment]]) -> None:
    """Upload files, or what is missing of them. Errors: ExchangeFault; Unavailable exchange.*; OSError."""
    from connectors.attachments.client import AttachmentClient, Digested

    if not files:
        return
    client = AttachmentClient(url, side.signer, side.department, tls=side.tls)
    total = sum(line.size for _, line in files)
    with progress(session, total, Phrase("正在上传", "uploading"), every=BYTES) as step:
        for path, line in files:
            client.upload(path, Digested(line.sha256, line.size), step)


def download_all(session: Session, side: Side, fetched: Fetched, home: Path) -> None:
    """Download what a message links to into its folder; files that are there already stay.

    Errors: Refused delivery.altered, ExchangeFault; Unavailable exchange.*; OSError.
    """
    from commands.department.unpacking import name_of
    from connectors.attachments.client import AttachmentClient, Digested

    client = AttachmentClient("", side.signer, side.department, tls=side.tls)
    waiting = [(link, home / name_of(fetched, link.id)) for link in fetched.links]
    waiting = [(link, target) for link, target in waiting if not target.exists()]
    total = sum(link.size for link, _ in waiting)
    with progress(session, total, Phrase("正在下载", "downloading"), every=BYTES) as step:
        for link, target in waiting:
            client.download(link.href, Digested(link.digest, link.size), target, step)


BYTES = 1024 * 1024
"""The bar is drawn anew once in so many bytes."""
