"""Files that a user names on the command line: read whole and bounded, written without ever replacing one.

A file inside a data directory is not read here but by whoever it belongs to.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from hub.errors import Misconfigured

LARGEST = 256 * 1024 * 1024
FILE: Any = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
"""The type of an argument that names a file; `-` is standard input or output."""
FOLDER: Any = click.Path(path_type=Path, file_okay=False)


def read_file(path: Path) -> bytes:
    """The bytes of a file, or of standard input for `-`. Errors: Misconfigured file.too-large; OSError."""
    if str(path) == "-":
        content = sys.stdin.buffer.read(LARGEST + 1)
    else:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Misconfigured("file.too-large", expected=f"<= {LARGEST}", where=path.name)
    return content


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, a byte order mark left out. Errors: Misconfigured file.encoding, file.too-large."""
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise Misconfigured("file.encoding", where=path.name, operator=str(wrong)) from None


def see_free(path: Path) -> None:
    """See that `write_new` will find its place free, before long work is done. Errors: Misconfigured file.exists."""
    if os.path.lexists(path):
        raise Misconfigured("file.exists", where=path.name, operator=str(path))


def write_new(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file that was not there; a private one is closed to others from its first byte on.

    Errors: Misconfigured file.exists; OSError.
    """
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
    except FileExistsError:
        raise Misconfigured("file.exists", where=path.name, operator=str(path)) from None
    with open(opened, "wb") as file:
        file.write(content)
