"""How curves look in a report: as in figures, in the words of SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from rdbench.plots.styles import Member, Style, styles


def _polygon(corners: int, *, turned: float = 0.0, inner: float = 1.0, width: float = 1.0) -> str:
    """A path about the origin: a regular polygon with a corner at the top (``turned`` by so much of
    a side), or a star whose every second corner is at ``inner``."""
    places = []
    for corner in range(corners):
        radius = inner if corner % 2 and inner < 1 else 1.0
        angle = 2 * math.pi * (corner + turned) / corners
        places.append(f"{width * radius * math.sin(angle):.3f},{-radius * math.cos(angle):.3f}")
    return f"M{'L'.join(places)}Z"


_X: Final = "M-1,-.55L-.55,-1 0,-.45.55,-1 1,-.55.45,0 1,.55.55,1 0,.45-.55,1-1,.55-.45,0Z"
_SHAPES: Final = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "v": "triangle-down",
    "<": "triangle-left",
    ">": "triangle-right",
    "D": "diamond",
    "d": _polygon(4, width=0.6),
    "P": "cross",
    "X": _X,
    "*": _polygon(10, inner=0.42),
    "p": _polygon(5),
    "h": _polygon(6),
    "H": _polygon(6, turned=0.5),
    "8": _polygon(8, turned=0.5),
}
"""Markers of Matplotlib as shapes of Vega: names, or paths from -1 to 1."""


def looks(cast: Iterable[Member]) -> dict[Member, dict[str, object]]:
    """Color, dashes in pixels and shape of each curve, as figures have them; the shape of published
    ones is hollow."""
    return {key: _look(style) for key, style in styles(cast).items()}


def _look(style: Style) -> dict[str, object]:
    _, dashes = style.dashes
    return {
        "color": style.color,
        "dash": [round(2 * length, 1) for length in dashes],
        "shape": _SHAPES[style.marker],
    }
