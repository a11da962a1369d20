"""Still images exchanged with other programs: PPM, PGM, PAM and PNG.

Samples are taken as stored, as in all images that rdbench reads: gamma and color profiles are not
applied. Samples of more than 8 bits are rounded to 8, never truncated.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, Final

import imagecodecs
import numpy as np

from rdbench.errors import BitstreamError
from rdbench.formats.samples import to_8_bit
from rdbench.pixel_limit import MOST_PIXELS, check_size
from rdbench.sample_format import checked
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
_MAX_HEADER: Final = 4096

_GAP: Final = rb"(?:[ \t\n\v\f\r]|#[^\r\n]*[\r\n])+"
_NUMBER: Final = rb"0*([1-9]\d{0,8})"
_PNM_HEADER: Final = re.compile(rb"(P[56])" + 3 * (_GAP + _NUMBER) + rb"[ \t\n\v\f\r]", re.ASCII)
_PAM_HEADER: Final = re.compile(rb"P7\n((?:[^\n]*\n)*?)ENDHDR\n")
_PAM_NUMBERS: Final = (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
_PAM_TYPES: Final = {(1, b"GRAYSCALE"), (1, b""), (3, b"RGB"), (3, b"")}


def write_pnm(image: Image) -> bytes:
    """``image`` as binary PPM (P6) for three channels, PGM (P5) for one; maxval 255.

    ``image``: uint8, (height, width, 1 or 3). Raises :class:`ValueError` for another array.
    """
    return b"".join(pnm_parts(image))


def pnm_parts(image: Image) -> tuple[bytes, memoryview]:
    """The file of :func:`write_pnm` in two parts: the header, and a view of the image's samples."""
    image = checked(image)
    height, width, channels = image.shape
    magic = "P5" if channels == 1 else "P6"
    return f"{magic}\n{width} {height}\n255\n".encode("ascii"), image.reshape(-1).data


def read_pnm(data: bytes | bytearray) -> Image:
    """The image in a binary PGM (P5), PPM (P6) or PAM (P7) file: uint8, (height, width, 1 or 3).

    Any maxval up to 65535 is read; samples are scaled to 255 and rounded to nearest. With a maxval
    above 255, samples are 16-bit words, most significant byte first (netpbm: pgm(5), ppm(5),
    pam(5)). A PAM file has DEPTH 1 with TUPLTYPE GRAYSCALE or none, or DEPTH 3 with RGB or none.
    Raises :class:`BitstreamError` for bytes that are not such a file, for fewer or more samples
    than the header declares, and for a sample above maxval. Samples of maxval 255 in a bytearray
    are not copied.
    """
    width, height, channels, peak, start = _pam(data) if data[:2] == b"P7" else _pnm(data)
    what = f"{data[:2].decode('ascii')} file"
    if peak > 65535:
        raise BitstreamError(f"{what}: maxval {peak} is above 65535")
    dtype = np.dtype(np.uint8 if peak < 256 else ">u2")
    expected = width * height * channels * dtype.itemsize
    if len(data) - start != expected:
        raise BitstreamError(
            f"{what}: the header declares {expected} bytes of samples, but {len(data) - start} "
            "follow it"
        )
    samples = np.frombuffer(data, dtype, offset=start).reshape(height, width, channels)
    if peak not in (255, 65535) and (largest := int(samples.max())) > peak:
        raise BitstreamError(f"{what}: a sample is {largest}, above the maxval {peak}")
    if peak == 255 and isinstance(data, bytearray):
        return np.asarray(samples, np.uint8)
    return to_8_bit(samples, peak)


def _pnm(data: bytes | bytearray) -> tuple[int, int, int, int, int]:
    header = _PNM_HEADER.match(data[:_MAX_HEADER])
    if header is None:
        raise BitstreamError("PNM: the file does not begin with a valid P5, P6 or P7 header")
    width, height, peak = (int(header[group]) for group in (2, 3, 4))
    return width, height, 1 if header[1] == b"P5" else 3, peak, header.end()


def _pam(data: bytes | bytearray) -> tuple[int, int, int, int, int]:
    header = _PAM_HEADER.match(data[:_MAX_HEADER])
    if header is None:
        raise BitstreamError("P7 file: the header does not end with ENDHDR")
    fields: dict[bytes, bytes] = {}
    for line in header[1].splitlines():
        name, _, value = line.strip().partition(b" ")
        fields[name] = value.strip()
    for name in _PAM_NUMBERS:
        if not re.fullmatch(_NUMBER, fields.get(name, b"")):
            raise BitstreamError(f"P7 file: the header has no {name.decode()} above 0")
    width, height, channels, peak = (int(fields[name]) for name in _PAM_NUMBERS)
    kind = fields.get(b"TUPLTYPE", b"")
    if (channels, kind) not in _PAM_TYPES:
        shown = one_line(kind.decode("latin-1"), 40)
        raise BitstreamError(
            f"P7 file: DEPTH {channels} with TUPLTYPE {shown!r} is neither 1 with GRAYSCALE nor 3 "
            "with RGB"
        )
    return width, height, channels, peak, header.end()


def write_png(image: Image) -> bytes:
    """``image`` as PNG without compression, filters or metadata: fast, and about the raw size.

    ``image``: uint8, (height, width, 1 or 3). Raises :class:`ValueError` for another array.
    """
    image = checked(image)
    samples = image[:, :, 0] if image.shape[2] == 1 else image
    unfiltered = imagecodecs.PNG.FILTER.NO
    return bytes(imagecodecs.png_encode(samples, level=0, filter=unfiltered))


def read_png(data: bytes, max_pixels: int = MOST_PIXELS) -> Image:
    """The image in a PNG file: uint8, (height, width, 1 or 3).

    Gray samples of fewer than 8 bits are scaled to 0..255, palettes are expanded, and 16 bits are
    rounded to 8. An alpha channel that is opaque throughout is dropped. Raises
    :class:`BitstreamError` for bytes that are not a PNG file, are truncated or damaged, or are
    followed by others, for an image with transparent pixels, and for one of more than
    ``max_pixels``.
    """
    _check_png(data)
    width, height = struct.unpack_from(">II", data, 16)
    check_size(width, height, max_pixels)
    try:
        samples = imagecodecs.png_decode(data)
    except imagecodecs.PngError as error:
        raise BitstreamError(f"PNG: {one_line(str(error), 200)}") from None
    if samples.ndim == 2:
        samples = samples[:, :, np.newaxis]
    peak = int(np.iinfo(samples.dtype).max)
    if samples.shape[2] in (2, 4):
        if samples[:, :, -1].min() < peak:
            raise BitstreamError("PNG: the image has transparent pixels, which are not supported")
        samples = samples[:, :, :-1]
    return to_8_bit(samples, peak)


def _check_png(data: bytes) -> None:
    """Check that the chunks are whole and end with the file (PNG, clauses 5.3 and 5.4).

    libpng accepts a file whose end is missing, and ignores bytes that follow the end.
    """
    if not data.startswith(_PNG_MAGIC):
        raise BitstreamError("PNG: the bytes do not begin with the signature of a PNG file")
    view = memoryview(data)
    position, name = len(_PNG_MAGIC), b""
    while name != b"IEND":
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + length
        if len(data) < max(end, position + 12):
            raise BitstreamError(f"PNG: the file of {len(data)} bytes is truncated")
        name = data[position + 4 : position + 8]
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(view[position + 4 : end - 4]) != checksum:
            shown = one_line(name.decode("latin-1"), 10)
            raise BitstreamError(f"PNG: checksum error in the {shown} chunk at byte {position}")
        position = end
    if position != len(data):
        raise BitstreamError(f"PNG: {len(data) - position} bytes follow the end of the image")
