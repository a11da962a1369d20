"""One look per codec, the same in every figure, told apart in color and in grey.

Colors are those of Okabe and Ito (2008) without the yellow, which white paper swallows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

BLACK, ORANGE, SKY, GREEN, BLUE, RED, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
COLORS: Final = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*", "p")
SOLID, DASHED, DASHDOT, DOTTED, LONG = (
    (0.0, ()),
    (0.0, (5.0, 1.6)),
    (0.0, (6.0, 1.6, 1.2, 1.6)),
    (0.0, (1.2, 1.4)),
    (0.0, (9.0, 2.0)),
)
DASHES: Final = (SOLID, DASHED, DASHDOT, DOTTED, LONG)


@dataclass(frozen=True)
class Style:
    """Color, marker and dashes of a line; ``hollow`` markers are for a codec's second curve."""

    color: str
    marker: str
    dashes: tuple[float, tuple[float, ...]]
    hollow: bool = False

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
_ALL: Final = tuple(
    Style(color, marker, dashes) for color in COLORS for marker in MARKERS for dashes in DASHES
)


def styles(curves: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Style]:
    """The style of each curve (codec, title) of one figure.

    A codec's style does not depend on what else is drawn, with two exceptions: an unknown codec
    steps aside where its hash meets a look that is taken, and the further curves of one codec
    keep its color and get other markers.
    """
    keys = list(dict.fromkeys(curves))
    codecs = {codec for codec, _ in keys}
    base = {codec: KNOWN[codec] for codec in sorted(codecs & set(KNOWN))}
    for codec in sorted(codecs - set(KNOWN)):
        base[codec] = _hashed(codec, base.values())
    found: dict[tuple[str, str], Style] = {}
    for key in keys:
        found[key] = _variant(base[key[0]], sum(codec == key[0] for codec, _ in found))
    return found


def _hashed(codec: str, taken: Iterable[Style]) -> Style:
    looks = {(style.color, style.marker) for style in taken}
    start = int.from_bytes(hashlib.sha256(codec.encode()).digest()[:8], "big")
    for step in range(len(_ALL)):
        style = _ALL[(start + step) % len(_ALL)]
        if (style.color, style.marker) not in looks:
            return style
    return _ALL[start % len(_ALL)]


def _variant(style: Style, number: int) -> Style:
    """The ``number``-th further curve of a codec: every second one hollow, all with own dashes."""
    if number == 0:
        return style
    marker = MARKERS[(_place(MARKERS, style.marker) + number // 2) % len(MARKERS)]
    dashes = DASHES[(_place(DASHES, style.dashes) + number) % len(DASHES)]
    return Style(
        style.color, style.marker if number == 1 else marker, dashes, hollow=number % 2 == 1
    )


def _place(table: tuple[object, ...], item: object) -> int:
    return table.index(item) if item in table else 0
