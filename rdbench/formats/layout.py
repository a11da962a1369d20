"""What must be known of raw planes before they can be read: chroma format, bit depth, colors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

_SUBSAMPLING: Final = {"400": (1, 1), "420": (2, 2), "422": (1, 2), "444": (1, 1)}
_MATRICES: Final = ("bt601", "bt709", "gbr")
_RANGES: Final = ("full", "limited")
SITINGS: Final = ("left", "center", "topleft")


@dataclass(frozen=True)
class Layout:
    """How the planes of one frame represent an image.

    ``chroma`` is "400" (gray), "420", "422" or "444"; ``depth`` is 8 to 16 bits; ``matrix`` is
    "bt601", "bt709" or "gbr" (H.273 MatrixCoefficients 5 or 6, 1, and 0); ``range`` is "full" or
    "limited" (VideoFullRangeFlag 1 and 0). For "400", matrix and range have no effect: samples are
    only scaled by (2^depth - 1) / 255. Samples of more than 8 bits are little-endian 16-bit words.

    ``siting`` is the position of subsampled chroma relative to luma (ChromaLocType): "left" (0, in
    a column of luma samples and, for 4:2:0, halfway between two rows; H.264 and HEVC assume it if
    a stream does not specify one), "center" (1, halfway in both directions, as in JPEG) or
    "topleft" (2, on a luma sample). 4:2:2 has chroma in every row, so left and topleft are the
    same there.

    Raises :class:`ValueError` for anything else, and for "gbr" with subsampled chroma.
    """

    chroma: str
    depth: int
    matrix: str
    range: str
    siting: str = "left"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("chroma", self.chroma, _SUBSAMPLING),
            ("matrix", self.matrix, _MATRICES),
            ("range", self.range, _RANGES),
            ("siting", self.siting, SITINGS),
        ):
            if value not in known:
                raise ValueError(f"layout: {name} {value!r} is not one of {', '.join(known)}")
        if not 8 <= self.depth <= 16:
            raise ValueError(f"layout: depth {self.depth} is not within 8 to 16")
        if self.matrix == "gbr" and self.chroma in ("420", "422"):
            raise ValueError(f"layout: gbr is not subsampled; use chroma 444, not {self.chroma}")

    @property
    def channels(self) -> int:
        """Number of planes, which is also the number of channels of the image: 1 or 3."""
        return 1 if self.chroma == "400" else 3

    @property
    def peak(self) -> int:
        """Largest sample, 2^depth - 1."""
        return (1 << self.depth) - 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples in memory: uint8 for depth 8, else uint16."""
        return np.dtype(np.uint8 if self.depth == 8 else np.uint16)

    @property
    def subsampling(self) -> tuple[int, int]:
        """Luma rows per chroma row and luma columns per chroma column."""
        return _SUBSAMPLING[self.chroma]

    @property
    def subsampled(self) -> bool:
        """Whether chroma has fewer samples than luma."""
        return self.subsampling != (1, 1)

    def plane_shapes(self, height: int, width: int) -> list[tuple[int, int]]:
        """The (rows, columns) of each plane of a frame; the sides of chroma are rounded up."""
        if self.channels == 1:
            return [(height, width)]
        down, across = self.subsampling
        chroma = (-(-height // down), -(-width // across))
        return [(height, width), chroma, chroma]

    def frame_bytes(self, width: int, height: int) -> int:
        """Length of one frame of raw planes, in bytes."""
        samples = sum(rows * columns for rows, columns in self.plane_shapes(height, width))
        return samples * self.dtype.itemsize
