"""The readable page as PDF with its Chinese font inside. Needs fpdf2 and a font file; without them the page is HTML."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hub.errors import Misconfigured
from hub.evidence.dossier import Dossier
from hub.evidence.page import Section, sections

NAME = "page.pdf"
FONTS = ("DroidSansFallbackFull.ttf", "NotoSansSC-Regular.ttf", "NotoSansCJKsc-Regular.otf", "LXGWWenKai-Regular.ttf")
"""Free fonts with Chinese letters; the first is Debian's fonts-droid-fallback (Apache-2.0)."""
_FAMILY = "page"
_LABEL = 48  # millimetres


def find_font(folders: Iterable[Path]) -> Path | None:
    """The first of the known fonts below these folders; None also if the PDF library is not installed."""
    if find_spec("fpdf") is None:
        return None
    found = {path.name: path for folder in folders for path in folder.rglob("*.[to]tf") if path.name in FONTS}
    return next((found[name] for name in FONTS if name in found), None)


def as_pdf(dossier: Dossier, font: Path) -> tuple[str, bytes]:
    """The page's name and its bytes. Errors: Misconfigured evidence.font."""
    pdf = _blank(font, dossier.exported)
    for section in sections(dossier):
        _write(pdf, section)
    return NAME, bytes(pdf.output())


def _blank(font: Path, at: datetime) -> Any:
    try:
        from fpdf import FPDF

        pdf = FPDF()
        pdf.add_font(_FAMILY, fname=font)
    except Exception as error:  # noqa: BLE001: the library lets through whatever its font reader stumbles on
        raise Misconfigured("evidence.font", where=font.name, operator=f"{type(error).__name__}: {error}") from None
    pdf.set_creation_date(at)
    pdf.set_title("Evidence")
    pdf.add_page()
    return pdf


def _write(pdf: Any, section: Section) -> None:
    pdf.ln(4)
    pdf.set_font(_FAMILY, size=14)
    pdf.multi_cell(0, 8, section.heading, new_x="LMARGIN", new_y="NEXT")
    pdf.set_font(_FAMILY, size=9)
    for label, text in section.rows:
        if label:
            pdf.cell(_LABEL, 5, label)
        pdf.multi_cell(0, 5, text, wrapmode="CHAR", align="L", new_x="LMARGIN", new_y="NEXT")
