"""What HEVC and VVC streams have in common: NAL units in a byte stream, and their bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rdbench.errors import BitstreamError

CHROMA: Final = {0: ("400", 1, 1), 1: ("420", 2, 2), 2: ("422", 2, 1), 3: ("444", 1, 1)}
"""Chroma format, SubWidthC and SubHeightC by chroma_format_idc (H.265 Table 6-1, H.266 Table 2)."""

_START: Final = b"\0\0\1"


@dataclass(frozen=True)
class Geometry:
    """What a decoder outputs: size in pixels after cropping, chroma format, bits per sample."""

    width: int
    height: int
    chroma: str
    """One of "400", "420", "422", "444"."""
    depth: int

    @property
    def channels(self) -> int:
        """1 for 4:0:0, else 3."""
        return 1 if self.chroma == "400" else 3


def units(stream: bytes) -> Iterator[bytes]:
    """The NAL units of a byte stream (H.265 and H.266, Annex B), each with its header."""
    start = stream.find(_START)
    while start >= 0:
        start += len(_START)
        end = stream.find(_START, start)
        yield stream[start:] if end < 0 else stream[start:end]
        start = end


def payload(unit: bytes) -> bytes:
    """The RBSP of a NAL unit: no header, no emulation_prevention_three_byte (7.3.1.1)."""
    return unit[2:].replace(b"\0\0\3", b"\0\0")


class Bits:
    """A reader of the bits of an RBSP, from the first; ``standard`` is its name in messages.

    All methods raise :class:`BitstreamError` at the end of the data.
    """

    def __init__(self, data: bytes, standard: str) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)
        self._standard = standard

    def u(self, count: int) -> int:
        """The next ``count`` bits as an unsigned integer, u(n)."""
        self._left -= count
        if self._left < 0:
            raise BitstreamError(f"{self._standard}: the sequence parameter set ends early")
        return (self._value >> self._left) & ((1 << count) - 1)

    def ue(self) -> int:
        """The next unsigned Exp-Golomb code, ue(v) (9.2). Raises :class:`BitstreamError` for one
        with more than 32 leading zeros."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise BitstreamError(f"{self._standard}: the sequence parameter set is damaged")
        return (1 << zeros) - 1 + self.u(zeros)

    def picture_size(self, format_idc: int) -> tuple[int, int]:
        """Width and height in luma samples, cropped to the conformance window. Both standards code
        them alike: two sizes, a flag, and four offsets in chroma samples. Raises
        :class:`BitstreamError` for an empty picture."""
        _, sub_width, sub_height = CHROMA[format_idc]
        width, height = self.ue(), self.ue()
        if self.u(1):
            left, right, top, bottom = (self.ue() for _ in range(4))
            width -= sub_width * (left + right)
            height -= sub_height * (top + bottom)
        if width <= 0 or height <= 0:
            raise BitstreamError(f"{self._standard}: a picture of {width}x{height} is not valid")
        return width, height

    def align(self) -> None:
        """Skip to the next whole byte."""
        self.u(self._left % 8)
