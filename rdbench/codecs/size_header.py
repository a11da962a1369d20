"""The header that rdbench puts before streams that lack the size of the image. Its bytes count."""

from __future__ import annotations

from typing import Final

from rdbench import leb128
from rdbench.errors import BitstreamError
from rdbench.formats import Geometry
from rdbench.pixel_limit import check_size

CHANNELS: Final = {1: "400", 3: "444"}


def is_there(stream: bytes | bytearray) -> bool:
    """Whether bytes begin as :func:`written` does; a program's stream that does gets one, too."""
    return stream[0] in CHANNELS


def written(width: int, height: int, channels: int) -> bytes:
    """The missing information: one byte for the channels (1 or 3), then width and height in base
    128."""
    return bytes([channels]) + leb128.written(width) + leb128.written(height)


def split(data: bytes, max_pixels: int) -> tuple[Geometry, bytes]:
    """The inverse of :func:`written`, and the stream after it. Raises :class:`BitstreamError` for a
    malformed header, and for a picture of more than ``max_pixels``."""
    width, place = leb128.read(data, 1)
    height, place = leb128.read(data, place)
    if not is_there(data) or not width or not height:
        raise BitstreamError("the header with the size of the image is damaged")
    check_size(width, height, max_pixels)
    return Geometry(width, height, CHANNELS[data[0]], 8), data[place:]
