"""The readable page as PDF, with the letters that it uses inside, so that it looks the same wherever it is opened."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from hub.errors import Misconfigured
from hub.evidence.dossier import Dossier
from hub.evidence.page import TITLE, Section, sections

NAME = "page.pdf"
FONTS = tuple(Path(__file__).parent / "fonts" / name for name in ("DroidSansFallbackFull.ttf", "DejaVuSans.ttf"))
"""Chinese letters, and for what the first lacks, all others."""
_FAMILY = "page"
_LABEL = 48  # millimetres


def as_pdf(dossier: Dossier, font: Path | None = None) -> tuple[str, bytes]:
    """The page's name and its bytes; `font` is asked for each letter before `FONTS` are.

    Errors: Misconfigured settings.value for a font that cannot be read.
    """
    pdf = _blank((*_chosen(font), *FONTS), dossier.exported)
    for section in sections(dossier):
        _write(pdf, section)
    return NAME, bytes(pdf.output())


def _chosen(font: Path | None) -> tuple[Path, ...]:
    """The font that was asked for, once it could be read; the PDF library would leave a broken file open."""
    from fontTools.ttLib import TTFont

    if font is None:
        return ()
    try:
        TTFont(BytesIO(font.read_bytes())).getBestCmap()
    except Exception as error:  # noqa: BLE001 (the library lets through whatever it stumbles on)
        raise Misconfigured("settings.value", where="--font", expected="TTF, OTF", operator=str(error)) from None
    return (font,)


def _blank(fonts: tuple[Path, ...], at: datetime) -> Any:
    from fpdf import FPDF

    pdf = FPDF()
    families = [f"{_FAMILY}{number or ''}" for number in range(len(fonts))]
    for family, font in zip(families, fonts, strict=True):
        pdf.add_font(family, fname=font)
    pdf.set_fallback_fonts(families[1:])
    pdf.set_creation_date(at)
    pdf.set_title(TITLE)
    pdf.set_lang("zh-CN")
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
