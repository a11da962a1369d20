"""The sample format that an image file declares, read before decoding. Pillow silently reduces some
files with more than 8 bits to 8 bits (RGB PNG and TIFF with 16 bits, PPM with a maximum over 255,
JPEG 2000 and AVIF), and reports others only as unreadable. So the depth is read from the file.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Final, Literal

from PIL.TiffImagePlugin import ImageFileDirectory_v2

PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC: Final = b"\xff\xd8\xff"
TIFF_MAGICS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
JP2_MAGIC: Final = b"\0\0\0\x0cjP  "
CODESTREAM_MAGIC: Final = b"\xff\x4f\xff\x51"
CODESTREAM_END: Final = b"\xff\xd9"
MOST_FRAMES: Final = 1000
"""More are not counted."""
MOST_SCANS: Final = 100
"""The most scans of a JPEG file, each of which covers the whole picture; encoders write about
ten."""

_PNM_SEPARATOR: Final = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PNM_HEADER: Final = re.compile(rb"P[2356]" + 3 * (_PNM_SEPARATOR + rb"(\d+)"))

# The length of an av1C box, its name, marker and version, profile and level
_AV1_CONFIGURATION: Final = re.compile(rb"\0\0..av1C\x81.(?=.)", re.DOTALL)

# ITU-T T.81, B.1.1.3: not a byte that was stuffed, a restart or a fill byte
_MARKER: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
_START_OF_IMAGE: Final = 0xD8
_END_OF_IMAGE: Final = 0xD9
_START_OF_SCAN: Final = 0xDA

# TIFF 6.0, section 8 and 19
_BITS_PER_SAMPLE: Final = 258
_COMPRESSION: Final = 259
_PHOTOMETRIC: Final = 262
_EXTRA_SAMPLES: Final = 338
_SAMPLE_FORMAT: Final = 339
_YCBCR: Final = 6
_TIFF_JPEG: Final = (6, 7)  # libtiff makes RGB of these
_TIFF_KINDS: Final = {1: "", 2: "signed ", 3: "floating-point "}


@dataclass(frozen=True)
class Samples:
    """Samples as a file declares them."""

    bits: int = 8
    kind: str = ""
    """``""`` for unsigned integers, else ``"signed "``, ``"floating-point "`` or ``"complex "``"""
    extra: bool = False
    """Whether there are channels besides those of the color space, such as alpha"""
    ycbcr: bool = False
    """Whether they are luma and chroma that the reader must convert to colors"""
    gray: bool = False
    """Whether it declares a single channel, of which Pillow makes three"""
    frames: int = 1
    """How many images a TIFF file has, at most :data:`MOST_FRAMES`"""
    scans: int = 1
    """How often a JPEG file goes through its picture, at most :data:`MOST_SCANS`"""


def declared_samples(data: bytes) -> Samples:
    """The format in the header of an image file; 8-bit unsigned if it does not say. Damaged files
    may raise any error: the caller distinguishes damage from refusal.
    """
    if data.startswith(PNG_MAGIC) and len(data) > 24:
        return Samples(bits=data[24])
    if data.startswith(JPEG_MAGIC):
        return Samples(bits=_jpeg_precision(data), scans=check_scans(data))
    if data.startswith(TIFF_MAGICS):
        return _tiff_samples(data)
    if header := _PNM_HEADER.match(data):
        return Samples(bits=int(header[3]).bit_length())
    if data.startswith((JP2_MAGIC, CODESTREAM_MAGIC)):
        return _jpeg2000_samples(data)
    if is_heif(data):
        return _av1_samples(data)
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


def check_scans(data: bytes) -> int:
    """How many scans a JPEG file has. Raises :class:`ValueError` for more than :data:`MOST_SCANS`:
    one of a few kilobytes may hold thousands (ITU-T T.81, B.1.1.5: a marker ends the entropy-coded
    data)."""
    position = scans = 0
    while found := _MARKER.search(data, position):
        position = found.end()
        if (marker := found[1][0]) == _END_OF_IMAGE:
            break
        if marker == _START_OF_SCAN:
            scans += 1
            if scans > MOST_SCANS:
                raise ValueError(f"it has more than {MOST_SCANS} scans; save it again")
        elif marker != _START_OF_IMAGE:
            position += int.from_bytes(data[position : position + 2], "big")
    return scans


def is_heif(data: bytes) -> bool:
    """Whether a file is of the family of ISO/IEC 23008-12: HEIC or AVIF."""
    return data[4:8] == b"ftyp"


def _jpeg2000_samples(data: bytes) -> Samples:
    """Of the components in the SIZ marker segment (ITU-T T.800, A.5.1). Raises :class:`ValueError`
    where no codestream ends in the file: OpenJPEG takes one that ends behind its headers."""
    start = data.index(CODESTREAM_MAGIC) + len(CODESTREAM_MAGIC) + 36
    if data.find(CODESTREAM_END, start) < 0:
        raise ValueError("the file is truncated")
    (count,) = struct.unpack_from(">H", data, start)
    depths = data[start + 2 : start + 2 + 3 * count : 3]
    return Samples(
        bits=max(depth & 0x7F for depth in depths) + 1,
        kind="signed " if any(depth & 0x80 for depth in depths) else "",
    )


def _av1_samples(data: bytes) -> Samples:
    """Of the AV1 codec configurations (AV1-ISOBMFF 1.2, 2.3.3) in a HEIF file: their flags
    high_bitdepth, twelve_bit and monochrome. Alpha has a configuration of its own."""
    flags = [data[found.end()] for found in _AV1_CONFIGURATION.finditer(data)]
    deepest = max((flag >> 5 & 3 for flag in flags), default=0)
    return Samples(
        bits={0: 8, 2: 10, 3: 12}.get(deepest, 8),
        gray=bool(flags) and all(flag >> 4 & 1 for flag in flags),
    )


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
        ycbcr=tags.get(_PHOTOMETRIC) == _YCBCR and tags.get(_COMPRESSION) not in _TIFF_JPEG,
        frames=_tiff_frames(data),
    )


def _tiff_frames(data: bytes) -> int:
    """How many image file directories follow each other (TIFF 6.0, section 2; BigTIFF), as far as
    they are counted: Pillow reads all of each."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    large = data[2:4] in (b"+\0", b"\0+")
    place, number, entry = (8, 8, 20) if large else (4, 2, 12)

    def read(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    seen: set[int] = set()
    directory = read(place, place)
    while directory and directory not in seen and len(seen) < MOST_FRAMES:
        seen.add(directory)
        directory = read(directory + number + read(directory, number) * entry, place)
    return len(seen)


def check_png(data: bytes) -> None:
    """Check that the chunks of a PNG file are complete, up to the last (PNG, clauses 5.3 and 5.4).
    Pillow checks neither the checksums of the image data nor the end of the file. Raises
    :class:`ValueError`.
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
