"""The palette: one color and one marker for each codec, in all figures and reports.

The first seven colors are those of Okabe and Ito (2008) without the yellow, which white paper
swallows. The others were searched for within the hues of their formats, so that any two codecs are
9 and more apart in CIEDE2000, and two with one marker by more than that to eyes without the cones
of long or of middle waves (Machado et al. 2009, doi 10.1109/TVCG.2009.113) and by 12 of CIE L* in
gray. The tests say so.
"""

from __future__ import annotations

from types import MappingProxyType
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
"""For anything but a codec, in this order."""
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*", "p", "d", "8", "H")

KNOWN: Final = MappingProxyType(
    {
        # JPEG, in grays; PNG
        "jpeg": (BLACK, "o"),
        "cjpeg": ("#C1C1C1", "P"),
        "mozjpeg": ("#A99F92", "v"),
        "jpegli": ("#6B6256", "<"),
        "cjpegli": ("#898989", "d"),
        "png": ("#2C2C2C", "X"),
        # Block transforms
        "dct-block": ("#029100", "H"),
        "klt-block": ("#F890FD", "*"),
        # JPEG 2000
        "jpeg2000": (ORANGE, "s"),
        "openjpeg": ("#E08528", ">"),
        "imagemagick-jp2": ("#CFA285", "D"),
        "ffmpeg-jpeg2000": ("#A57C45", "X"),
        "openjph": ("#763700", "p"),
        # WebP
        "webp": (SKY, "^"),
        "cwebp": ("#04333C", "v"),
        "webp2": ("#355D68", "8"),
        # AV1 and AV2
        "avif": (RED, "D"),
        "avifenc": ("#402006", "s"),
        "aomenc": ("#B8463C", "^"),
        "svtav1": ("#FF3A65", "o"),
        "av1": ("#FF9A64", "d"),
        "av2": ("#790A21", "h"),
        # HEVC
        "hevc": (BLUE, "v"),
        "bpg": ("#849EB5", "<"),
        "hm": ("#898FCA", "8"),
        "x265": ("#204495", "^"),
        "heif-enc": ("#3C4158", "P"),
        "kvazaar": ("#5C6487", "h"),
        # JPEG XL and VVC
        "jpegxl": (GREEN, "P"),
        "cjxl": ("#81C19A", "X"),
        "vtm": ("#006B62", "d"),
        "vvenc": ("#398790", "s"),
        "uvg266": ("#00CAB2", "o"),
        # Learned codecs
        "dumas2018-case1": ("#5F4576", "*"),
        "dumas2018-case2": (PURPLE, "h"),
        "dumas2018-case3": ("#B165FC", "^"),
        "lee2019": ("#9E6474", "*"),
        "bmshj2018-factorized": ("#6268DC", "p"),
        "bmshj2018-hyperprior": ("#9950A7", ">"),
        "mbt2018-mean": ("#3D1353", "<"),
        "mbt2018": ("#FFA0B4", "8"),
        "cheng2020-anchor": ("#552DC8", "H"),
        "cheng2020-attn": ("#6F3845", "s"),
        "elic2022": ("#69083F", "D"),
        "theis2017": ("#00177D", "^"),
        "trained": ("#CFB2D2", "p"),
        "zoo": ("#A73450", "o"),
    }
)
"""Color and marker by codec."""
SAME: Final = MappingProxyType(
    {"balle2017": "bmshj2018-factorized", "balle2018": "bmshj2018-hyperprior", "VVC": "vtm"}
)
"""Other names of codecs that are there."""
OTHERS: Final = (
    "#7BBC50",
    "#7A6400",
    "#837D5A",
    "#44682C",
    "#CBBB80",
    "#443200",
    "#535231",
    "#29391D",
)
"""Colors of codecs that are not there: olive, which none of these has."""
