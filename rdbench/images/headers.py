"""What an image file says of its samples before it is decoded.

Pillow reduces some files with more than 8 bits to 8 bits without a word (RGB PNG and TIFF with
16 bits, PPM with a maximum over 255), and knows others only as unreadable. So the depth is read
from the file.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Final

from PIL.TiffImagePlugin import ImageFileDirectory_v2

PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC: Final = b"\xff\xd8\xff"
TIFF_MAGICS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_PNM_SEPARATOR: Final = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PNM_HEADER: Final = re.compile(rb"P[2356]" + 3 * (_PNM_SEPARATOR + rb"(\d+)"))

# TIFF 6.0, section 8 and 19
_BITS_PER_SAMPLE: Final = 258
_EXTRA_SAMPLES: Final = 338
_SAMPLE_FORMAT: Final = 339
_TIFF_KINDS: Final = {1: "", 2: "signed ", 3: "floating-point "}


@dataclass(frozen=True)
class Samples:
    """Samples as a file declares them."""

    bits: int = 8
    kind: str = ""
    """``""`` for unsigned integers, else ``"signed "``, ``"floating-point "`` or ``"complex "``"""
    extra: bool = False
    """Whether there are channels beside those of the color space, such as alpha"""


def declared_samples(data: bytes) -> Samples:
    """What the header of an image file says; 8-bit unsigned where it says nothing.

    Damaged files raise whatever comes: the caller tells damage from refusal.
    """
    if data.startswith(PNG_MAGIC) and len(data) > 24:
        return Samples(bits=data[24])
    if data.startswith(JPEG_MAGIC):
        return Samples(bits=_jpeg_precision(data))
    if data.startswith(TIFF_MAGICS):
        return _tiff_samples(data)
    if header := _PNM_HEADER.match(data):
        return Samples(bits=int(header[3]).bit_length())
    return Samples()


def _jpeg_precision(data: bytes) -> int:
    """Sample precision of the frame header (ITU-T T.81, B.2.2), or 8 where none is found."""
    position = 2
    while position + 4 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return data[position + 4]
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return 8


def _tiff_samples(data: bytes) -> Samples:
    stream = io.BytesIO(data)
    header = stream.read(16 if data[2:4] in (b"+\0", b"\0+") else 8)
    tags = ImageFileDirectory_v2(header)
    stream.seek(tags.next)
    tags.load(stream)
    kind = max(tags.get(_SAMPLE_FORMAT, (1,)))
    return Samples(
        bits=max(tags.get(_BITS_PER_SAMPLE, (1,))),
        kind=_TIFF_KINDS.get(kind, "complex "),
        extra=bool(tags.get(_EXTRA_SAMPLES)),
    )


def check_png(data: bytes) -> None:
    """Check that the chunks of a PNG file are whole, up to the last (PNG, clauses 5.3 and 5.4).

    Pillow does not check the sums of the image data and does not miss the end of the file.
    Raises :class:`ValueError`.
    """
    view = memoryview(data)
    position = len(PNG_MAGIC)
    while True:
        if position + 12 > len(data):
            raise ValueError("the file is truncated")
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise ValueError("the file is truncated")
        name = data[position + 4 : position + 8]
        if zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise ValueError(f"checksum error in the {name.decode('latin-1')} chunk")
        if name == b"IEND":
            return
        position = end + 4
