"""The image sizes that WebP and JPEG XL files declare, read before a library decodes them: the
libraries' bindings do not report them."""

from __future__ import annotations

import struct
from typing import Final

from rdbench.errors import BitstreamError

_BITS_14: Final = (1 << 14) - 1

_CODESTREAM: Final = b"\xff\x0a"
_CONTAINER: Final = b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS: Final = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of a WebP file: of its canvas or, in the simple formats, of its
    only frame (RFC 9649, sections 2.7 and 3.4; RFC 6386, section 9.1). Raises
    :class:`BitstreamError` if ``data`` does not begin like a WebP file."""
    kind, frame = data[12:16], data[20:30]
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(frame) == 10:
        if kind == b"VP8X":
            width, height = (int.from_bytes(frame[at : at + 3], "little") + 1 for at in (4, 7))
            return width, height
        if kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", frame, 1)
            return (bits & _BITS_14) + 1, (bits >> 14 & _BITS_14) + 1
        if kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", frame, 6)
            return width & _BITS_14, height & _BITS_14
    raise BitstreamError("WebP decoder: the stream does not begin like a WebP file")


def jpegxl_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of a JPEG XL file, either a bare codestream or a container
    (ISO/IEC 18181-1, SizeHeader; 18181-2). Raises :class:`BitstreamError` if ``data`` does not
    begin like a JPEG XL file."""
    start = _codestream(data) if data.startswith(_CONTAINER) else 0
    head = data[start : start + 16]
    if not head.startswith(_CODESTREAM) or len(head) < 6:
        raise BitstreamError("JPEG XL decoder: the stream does not begin like a JPEG XL file")
    bits = int.from_bytes(head[2:], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (1 + take(5)) if small else 1 + take((9, 13, 18, 30)[take(2)])

    height = side()
    if ratio := take(3):
        over, under = _RATIOS[ratio - 1]
        return height * over // under, height
    return side(), height


def _codestream(data: bytes) -> int:
    """The offset of the codestream in a file of boxes (ISO/IEC 14496-12, 4.2); 0 if it has
    none."""
    at = 0
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        header = 8
        if length == 1:
            length, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if kind == b"jxlc":
            return at + header
        if kind == b"jxlp":  # its first four bytes are the index of the part
            return at + header + 4
        if length < header:
            break
        at += length
    return 0
