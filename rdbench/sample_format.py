"""The sample format of an image: channels, bit depth, alpha and transfer curve. Images are arrays
(height, width, channels). Every part that takes or makes images declares their
:class:`SampleFormat`; formats outside :data:`MEASURED` are refused where images are read
(:mod:`rdbench.images.loading`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rdbench.schema import current_samples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    """An image in memory: uint8, (height, width, channels)."""

_NAMES: Final = {1: "gray", 3: "rgb"}
COLOR_TEXTS: Final = {"luma": "luma (BT.601, 16 to 235)", "rgb": "RGB", "gray": "gray"}
"""What is measured of an image: the text of the column ``color``, and that of titles."""
_TEXT: Final = re.compile(r"(gray|rgb)(a?)(\d+)(?:-([a-z0-9]+))?")


@dataclass(frozen=True, order=True)
class SampleFormat:
    """The samples of an image: ``channels`` (1 or 3) without alpha, bits of each (``depth``),
    whether there is ``alpha``, and their ``transfer`` curve."""

    channels: int
    depth: int = 8
    alpha: bool = False
    transfer: str = "srgb"

    @property
    def text(self) -> str:
        """The text of the column ``sample_format``: ``rgb8``, ``gray8``."""
        curve = "" if self.transfer == "srgb" else f"-{self.transfer}"
        return f"{self.color}{'a' * self.alpha}{self.depth}{curve}"

    @property
    def color(self) -> str:
        """The text of the column ``color``, unless it is luma: ``rgb``, ``gray``."""
        return _NAMES[self.channels]

    @property
    def words(self) -> str:
        """The word in messages: ``gray``, ``color``."""
        return {1: "gray", 3: "color"}[self.channels]

    @classmethod
    def parse(cls, text: str) -> SampleFormat:
        """The inverse of :attr:`text`, also of what an older rdbench wrote. Raises
        :class:`ValueError` for any other text."""
        found = _TEXT.fullmatch(current_samples(text))
        if found is None:
            raise ValueError(f"{text!r} is not a sample format such as rgb8")
        name, alpha, depth, transfer = found.groups()
        channels = next(count for count, known in _NAMES.items() if known == name)
        return cls(channels, int(depth), bool(alpha), transfer or "srgb")

    @classmethod
    def of(cls, image: NDArray[np.generic]) -> SampleFormat:
        """The format of an array (height, width, channels) of unsigned integers, all of whose bits
        are used. Raises :class:`ValueError` for another array."""
        if image.ndim != 3 or image.dtype.kind != "u":
            raise ValueError(f"{image.dtype} {image.shape} are not samples of an image")
        return cls(int(image.shape[2]), 8 * image.dtype.itemsize)


GRAY8: Final = SampleFormat(1)
RGB8: Final = SampleFormat(3)
MEASURED: Final = frozenset({GRAY8, RGB8})
"""The formats that are measured; the luma plane of an image is ``gray8``."""


def checked(image: NDArray[np.generic], role: str = "the image") -> Image:
    """``image``, contiguous, if its samples are :data:`MEASURED` and it is not empty. Raises
    :class:`ValueError` with ``role`` for any other array.
    """
    import numpy as np

    if image.ndim != 3 or image.dtype.kind != "u" or SampleFormat.of(image) not in MEASURED:
        raise ValueError(
            f"{role} must be uint8, (height, width, 1 or 3), but it is {image.dtype}, {image.shape}"
        )
    if image.size == 0:
        raise ValueError(f"{role} must not be empty; its shape is {image.shape}")
    return np.ascontiguousarray(image, np.uint8)
