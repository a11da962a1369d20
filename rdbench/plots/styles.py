"""Looks of curves by their identity, so that they do not change when a figure adds or leaves out
curves. A codec has its own color and marker in every figure and report: those of
:mod:`rdbench.plots.palette`, or, for other names, ones derived from the name. The line shows the
origin: solid with filled markers for measured curves, dashed with hollow ones for published curves.
"""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rdbench.plots.palette import KNOWN, MARKERS, OTHERS, SAME

SOLID: Final = (0.0, ())
DASHED: Final = (0.0, (4.0, 1.8))
APART: Final = 7
"""How far the markers of two curves of a codec are from each other in their table, whose neighbors
are alike."""
STEP: Final = 14.0
"""CIE L* between the shades of a color, which are from 18 to 78."""
UNLIKE: Final = 9.0
"""CIEDE2000 from which two colors of one figure are told apart at a glance."""

Array = NDArray[np.float64]
Dashes = tuple[float, tuple[float, ...]]


class Member(NamedTuple):
    """A curve, as far as its look depends on who it is."""

    codec: str
    title: str
    published: bool = False


@dataclass(frozen=True)
class Style:
    """Color and marker of a curve, and whether it was published and not measured."""

    color: str
    marker: str
    published: bool = False

    @property
    def dashes(self) -> Dashes:
        return DASHED if self.published else SOLID

    @property
    def filled(self) -> Style:
        """The same in figures in which a hollow marker stands for something else."""
        return Style(self.color, self.marker)

    def size(self, points: float) -> float:
        """The markersize with which it looks like others of ``points``: a star is mostly gaps, and
        a hollow marker shows around a filled one."""
        larger = 1.5 if self.marker == "*" else 1.0
        return larger * points + (2.0 if self.published else 0)

    def marks(self, points: float) -> dict[str, Any]:
        """How Matplotlib draws its markers, of ``points``."""
        hollow = self.published
        return {
            "color": self.color,
            "marker": self.marker,
            "markersize": self.size(points),
            "markerfacecolor": "none" if hollow else self.color,
            "markeredgecolor": self.color if hollow else "white",
            "markeredgewidth": 0.9 if hollow else 0.5,
        }


def styles(cast: Iterable[Member]) -> dict[Member, Style]:
    """The style of each curve of a figure.

    The first curve of a codec, and the first published one, have the codec's own look. Further
    ones are shades of its color with markers of their own, in the order in which they come.
    Who has a look in :data:`rdbench.plots.palette.KNOWN` keeps it; others step aside where somebody
    in the figure looks the same.
    """
    keys = list(dict.fromkeys(cast))
    found: dict[Member, Style] = {}
    places: dict[Member, int] = {}
    for key in keys:
        places[key] = sum(other[::2] == key[::2] for other in places)
    own: dict[str, Style] = {}
    for codec in sorted({key.codec for key in keys}, key=lambda name: (not _known(name), name)):
        own[codec] = _own(codec, list(own.values()))
    for key in sorted(keys, key=lambda key: places[key]):
        base = own[key.codec]
        if not places[key]:
            found[key] = Style(base.color, base.marker, key.published)
            continue
        taken = [style for style in found.values() if style.published == key.published]
        looks = (
            Style(color, marker, key.published) for color, marker in _variants(base, places[key])
        )
        found[key] = next((look for look in looks if not _alike(look, taken)), base)
    return {key: found[key] for key in keys}


def _own(codec: str, taken: list[Style]) -> Style:
    """The look of a codec, beside those of known codecs and of others before it."""
    if known := _known(codec):
        return Style(*known)
    start = int.from_bytes(hashlib.sha256(codec.encode()).digest()[:8], "big")
    colors = _around(OTHERS, start)
    markers = _around(MARKERS, start // len(OTHERS))
    free = [color for color in colors if all(color != style.color for style in taken)]
    looks = (Style(color, marker) for marker in markers for color in (*free, *colors))
    return next((look for look in looks if not _alike(look, taken)), Style(colors[0], markers[0]))


def _known(codec: str) -> tuple[str, str] | None:
    return KNOWN.get(SAME.get(codec, codec))


def _variants(base: Style, place: int) -> Iterator[tuple[str, str]]:
    """Looks for a further curve of a codec, the preferred one first."""
    shades = _shades(base.color)
    markers = _around(MARKERS, MARKERS.index(base.marker))
    for step in range(len(MARKERS)):
        for turn in range(len(shades)):
            yield (
                shades[(place + turn) % len(shades)],
                markers[(place + step) * APART % len(markers)],
            )


def _alike(look: Style, taken: Iterable[Style]) -> bool:
    """Whether somebody has the same marker in a color that is hard to tell from its own."""
    return any(
        look.marker == other.marker and difference(look.color, other.color) < UNLIKE
        for other in taken
    )


def _around(table: tuple[str, ...], start: int) -> tuple[str, ...]:
    """``table`` from a place on, around its end."""
    start %= len(table)
    return table[start:] + table[:start]


@functools.cache
def difference(one: str, other: str) -> float:
    """CIEDE2000 of two colors: 1 is just visible, black and white are 100 apart."""
    from skimage.color import deltaE_ciede2000

    return float(deltaE_ciede2000(_lab(one), _lab(other)))


@functools.cache
def _shades(color: str) -> tuple[str, ...]:
    """A color and three shades of its hue, from the most different one."""
    own = _lab(color)
    levels = [own[0] + step * STEP for step in (4, -4, 3, -3, 2, -2, 1, -1)]
    levels = [level for level in levels if 18 <= level <= 78][-3:]
    return (color, *(_shade(level, own[1:]) for level in levels))


def _shade(level: float, hue: Array) -> str:
    """The color of a lightness whose a* and b* are the nearest to ``hue`` that a screen has."""
    from skimage.color import lab2rgb, rgb2lab

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of colors that no screen has
        for part in np.linspace(1, 0, 21):
            wanted = np.array([level, *(part * hue)])
            rgb = lab2rgb(wanted)
            if np.abs(rgb2lab(rgb) - wanted).max() < 1:
                break
    red, green, blue = np.round(255 * rgb).astype(int)
    return f"#{red:02X}{green:02X}{blue:02X}"


@functools.cache
def _lab(color: str) -> Array:
    """CIE L*a*b* of a hex code."""
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(np.array(list(bytes.fromhex(color[1:]))) / 255))
