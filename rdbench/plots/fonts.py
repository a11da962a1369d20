"""Fonts for labels in any script."""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

FAMILY: Final = "DejaVu Sans"
"""Part of Matplotlib, so that figures are the same everywhere."""
# For what it lacks, mostly Chinese, Japanese and Korean, whichever of these is installed.
FALLBACKS: Final = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans CJK KR",
    "Noto Sans JP",
    "Noto Sans SC",
    "Source Han Sans",
    "IPAexGothic",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "Hiragino Sans",
    "Arial Unicode MS",
)


HINTED: Final = 1.08
"""By how much hinting widens small text at most, on figures of few dots per inch."""


def fonts_for(text: str) -> tuple[list[str], str]:
    """The families to draw ``text`` with, and the characters of it that none of them has."""
    missing = {c for c in text if ord(c) > 126 and unicodedata.category(c)[0] not in "CZ"}
    missing -= _characters(FAMILY) if missing else set()
    families = [FAMILY]
    for family in FALLBACKS:
        if missing and (found := missing & _characters(family)):
            families.append(family)
            missing -= found
    return families, "".join(sorted(missing))


def _characters(family: str) -> set[str]:
    """The characters of a family; none where it is not installed."""
    from matplotlib import font_manager

    try:
        path = font_manager.findfont(family, fallback_to_default=False)
    except ValueError:
        return set()
    return set(map(chr, font_manager.get_font(path).get_charmap()))


def wrapped(text: str, width: float, points: float) -> list[str]:
    """``text`` in lines of at most ``width`` inches, drawn at a size in points; a longer word is
    broken."""
    most = width * 72 / points / HINTED
    lines, line, filled = [], "", 0.0
    for word in text.split():
        length = sum(map(_advance, word))
        if line and filled + _advance(" ") + length <= most:
            line, filled = f"{line} {word}", filled + _advance(" ") + length
            continue
        if line:
            lines.append(line)
        line, filled = "", 0.0
        for letter in word:
            if line and filled + _advance(letter) > most:
                lines.append(line)
                line, filled = "", 0.0
            line, filled = line + letter, filled + _advance(letter)
    return [*lines, line] if line else lines


@functools.cache
def _advance(letter: str) -> float:
    """How far a character of :data:`FAMILY` moves on, in units of the font size; one that it lacks
    is taken as wide as it is high."""
    from matplotlib import font_manager, ft2font

    font = font_manager.get_font(font_manager.findfont(FAMILY))
    if ord(letter) not in font.get_charmap():
        return 1.0
    font.set_size(100, 72)
    glyph = font.load_char(ord(letter), flags=ft2font.LoadFlags.NO_HINTING)
    return float(glyph.linearHoriAdvance) / 65536 / 100
