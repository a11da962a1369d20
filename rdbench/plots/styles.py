"""Looks of curves: within one figure no two are alike, in color and in grey.

The first colors are those of Okabe and Ito (2008) without the yellow, which white paper swallows;
the others are as far from these and from each other as they can be (CIEDE2000 of 22 and more).
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

BLACK, ORANGE, SKY, GREEN, BLUE, RED, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
_FURTHER: Final = ("#7409AA", "#79061A", "#A1B82E", "#29564F", "#7F7F7F", "#F42547", "#665919")
COLORS: Final = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, BLACK, *_FURTHER)
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*", "p", "d")
SOLID, DASHED, DASHDOT, DOTTED, LONG = (
    (0.0, ()),
    (0.0, (5.0, 1.6)),
    (0.0, (6.0, 1.6, 1.2, 1.6)),
    (0.0, (1.2, 1.4)),
    (0.0, (9.0, 2.0)),
)
DASHES: Final = (SOLID, DASHED, DASHDOT, DOTTED, LONG)
STEP: Final = 14.0
"""CIE L* between the shades of a color, which are from 18 to 78."""
UNLIKE: Final = 9.0
"""CIEDE2000 from which two colors of one figure are told apart at a glance."""

Array = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class Style:
    """Color, marker and dashes of a curve. A marker is filled, but where it stands for a mean of
    single images."""

    color: str
    marker: str
    dashes: tuple[float, tuple[float, ...]]

    def size(self, points: float) -> float:
        """The markersize with which it looks like others of ``points``: a star is mostly gaps."""
        return 1.5 * points if self.marker == "*" else points


KNOWN: Final = {
    "jpeg": Style(BLACK, "o", SOLID),
    "jpeg2000": Style(ORANGE, "s", SOLID),
    "webp": Style(SKY, "^", SOLID),
    "avif": Style(RED, "D", SOLID),
    "hevc": Style(BLUE, "v", SOLID),
    "jpegxl": Style(GREEN, "P", SOLID),
    "png": Style(BLACK, "X", DOTTED),
    "bpg": Style(BLUE, "<", LONG),
    "hm": Style(BLUE, "8", DASHED),
    "vtm": Style(GREEN, "d", DOTTED),
    # Programs have the colors of the libraries that code the same format.
    "cjpeg": Style(BLACK, "P", LONG),
    "openjpeg": Style(ORANGE, ">", DOTTED),
    "imagemagick-jp2": Style(ORANGE, "D", LONG),
    "ffmpeg-jpeg2000": Style(ORANGE, "X", DASHDOT),
    "cwebp": Style(SKY, "v", DOTTED),
    "avifenc": Style(RED, "s", DOTTED),
    "cjxl": Style(GREEN, "X", DASHED),
    "x265": Style(BLUE, "^", DOTTED),
    "heif-enc": Style(BLUE, "P", DASHDOT),
    "kvazaar": Style(SKY, "h", LONG),
    "vvenc": Style(GREEN, "s", LONG),
    "av1": Style(RED, "d", DASHED),
    "dumas2018": Style(PURPLE, "h", SOLID),
    "lee2019": Style(PURPLE, "*", DASHED),
    "bmshj2018-factorized": Style(GREEN, "p", DASHDOT),
    "bmshj2018-hyperprior": Style(SKY, ">", DASHED),
    "mbt2018-mean": Style(ORANGE, "<", DASHED),
    "mbt2018": Style(RED, "8", DASHDOT),
    "cheng2020-anchor": Style(BLACK, "H", DASHED),
    "cheng2020-attn": Style(BLACK, "d", DASHDOT),
    "elic2022": Style(PURPLE, "8", LONG),
}


def styles(curves: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Style]:
    """The style of each curve (codec, title) of one figure.

    Each codec has a color of its own: that of :data:`KNOWN`, or one that its name gives, where no
    codec before it has taken that. The further curves of a codec are shades of its color. Markers
    and dashes are each curve's own as far as there are enough, so that they tell it in grey.
    """
    keys = list(dict.fromkeys(curves))
    codecs = sorted({codec for codec, _ in keys}, key=_priority)
    wished = {codec: KNOWN.get(codec) or _hashed(codec) for codec in codecs}
    own = {codec: [key for key in keys if key[0] == codec] for codec in codecs}
    firsts = [own[codec][0] for codec in codecs]
    found: dict[tuple[str, str], Style] = {}
    colors: dict[str, str] = {}
    for key in (*firsts, *(key for codec in codecs for key in own[codec][1:])):
        wish = wished[key[0]]
        place = own[key[0]].index(key)
        shades = _shades(colors[key[0]])[1:] if place else ()
        taken = [style.color for style in found.values()]
        color = _apart([*shades, *_colors(wish.color)], taken)
        colors.setdefault(key[0], color)
        marker = _free(_from(MARKERS, wish.marker), [style.marker for style in found.values()])
        dashes = _from(DASHES, wish.dashes)[place % len(DASHES)]
        found[key] = Style(color, marker, dashes)
    return found


def _priority(codec: str) -> tuple[int, str]:
    """Known codecs come first to their colors."""
    return (list(KNOWN).index(codec) if codec in KNOWN else len(KNOWN)), codec


def _hashed(codec: str) -> Style:
    start = int.from_bytes(hashlib.sha256(codec.encode()).digest()[:8], "big")
    return _LOOKS[start % len(_LOOKS)]


_LOOKS: Final = tuple(itertools.starmap(Style, itertools.product(COLORS, MARKERS, DASHES)))


def _free(wanted: Sequence[T], taken: Sequence[T]) -> T:
    """The first of ``wanted`` that is not taken, or the first that fewest have."""
    return min(wanted, key=taken.count)


def _from(table: Sequence[T], item: T) -> list[T]:
    """``item``, and what follows it in ``table``, around its end."""
    start = table.index(item) if item in table else 0
    return list(dict.fromkeys([item, *table[start:], *table[:start]]))


def _apart(wanted: Iterable[str], taken: Sequence[str]) -> str:
    """The first of ``wanted`` that is unlike all colors that are taken, or the one that is most
    unlike them."""
    best, farthest = "", -1.0
    for color in wanted:
        nearest = min((difference(color, other) for other in taken), default=math.inf)
        if nearest >= UNLIKE:
            return color
        if nearest > farthest:
            best, farthest = color, nearest
    return best


def _colors(wish: str) -> Iterator[str]:
    """Colors for a codec's first curve, in the order of preference."""
    shades = [_shades(color) for color in _from(COLORS, wish)]
    return itertools.chain.from_iterable(zip(*shades, strict=True))


@functools.cache
def difference(one: str, other: str) -> float:
    """CIEDE2000 of two colors: 1 can just be seen, black and white are 100 apart."""
    from skimage.color import deltaE_ciede2000

    return float(deltaE_ciede2000(_lab(one), _lab(other)))


@functools.cache
def _shades(color: str) -> tuple[str, ...]:
    """A color and three shades of it, mixed with black or white, from the most different one."""
    from skimage.color import lab2rgb

    own = _lab(color)
    levels = [own[0] + step * STEP for step in (4, -4, 3, -3, 2, -2, 1, -1)]
    shades = [color]
    for level in [level for level in levels if 18 <= level <= 78][-3:]:
        lighter = level > own[0]
        rest = (100 - level) / (100 - own[0]) if lighter else level / own[0]
        red, green, blue = lab2rgb([level, *(rest * own[1:])])
        shades.append(f"#{round(255 * red):02X}{round(255 * green):02X}{round(255 * blue):02X}")
    return tuple(shades)


@functools.cache
def _lab(color: str) -> Array:
    """CIE L*a*b* of a hex code."""
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(np.array(list(bytes.fromhex(color[1:]))) / 255))
