"""Whole numbers in base 128, as used in the headers of streams: seven bits per byte, lowest first,
the high bit set in all bytes except the last, in as few bytes as possible (unsigned LEB128)."""

from __future__ import annotations

from typing import Final

from rdbench.errors import BitstreamError

_BITS: Final = 35


def written(number: int) -> bytes:
    """``number`` (0 to 2^35 - 1) in 1 to 5 bytes."""
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def read(data: bytes, at: int) -> tuple[int, int]:
    """The number at byte ``at`` of ``data``, and the position after it. Raises
    :class:`BitstreamError` if the data end first, or if the number is longer than necessary or than
    five bytes.
    """
    number = 0
    for shift in range(0, _BITS, 7):
        if at >= len(data):
            raise BitstreamError("the stream's header is wrong: it ends within a number")
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            if not byte and shift:
                break
            return number, at
    raise BitstreamError("the stream's header is wrong: a number is longer than necessary")
