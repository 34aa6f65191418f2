"""The readable page as PDF with its Chinese font inside. Needs fpdf2 and a font file; without them the page is HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
LATIN = "DejaVuSans.ttf"
"""For the letters that a Chinese font leaves to others, as the first of `FONTS` does."""
_FAMILY = "page"
_LABEL = 48  # millimetres


def find_fonts(folders: Iterable[Path], chosen: Path | None = None) -> tuple[Path, ...]:
    """The chosen font or the first of the known ones below these folders, and `LATIN` if it is there.

    None at all if no font with Chinese letters is there, or the PDF library is not installed.
    """
    if find_spec("fpdf") is None:
        return ()
    found = {path.name: path for folder in folders for path in folder.rglob("*.[to]tf")}
    chinese = chosen or next((found[name] for name in FONTS if name in found), None)
    return (chinese, *(found[name] for name in (LATIN,) if name in found)) if chinese is not None else ()


def as_pdf(dossier: Dossier, fonts: Sequence[Path]) -> tuple[str, bytes]:
    """The page's name and its bytes; what the first font lacks is taken from the others.

    Errors: Misconfigured settings.value for a font that cannot be read.
    """
    pdf = _blank(fonts, dossier.exported)
    for section in sections(dossier):
        _write(pdf, section)
    return NAME, bytes(pdf.output())


def _blank(fonts: Sequence[Path], at: datetime) -> Any:
    from fpdf import FPDF  # type: ignore[import-not-found,import-untyped,unused-ignore]

    pdf = FPDF()
    families = [f"{_FAMILY}{number or ''}" for number in range(len(fonts))]
    for family, font in zip(families, fonts, strict=True):
        try:
            pdf.add_font(family, fname=font)
        except Exception as error:  # noqa: BLE001 (the library lets through whatever its font reader stumbles on)
            raise Misconfigured("settings.value", where="--font", expected="TTF, OTF", operator=str(error)) from None
    pdf.set_fallback_fonts(families[1:])
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
