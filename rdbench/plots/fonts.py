"""Fonts for labels in any script."""

from __future__ import annotations

import unicodedata
from typing import Final

FAMILY: Final = "DejaVu Sans"
"""Comes with matplotlib, so that figures are the same everywhere."""
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
