"""One frame of raw planes, without a header or as YUV4MPEG2.

YUV4MPEG2 is the format of mjpegtools (yuv4mpeg(5)) with FFmpeg's extensions: depths above 8 bits
(``C420p10``, ``Cmono10``) and ``XCOLORRANGE``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from rdbench.errors import BitstreamError
from rdbench.formats.layout import Layout
from rdbench.formats.ycbcr import from_planes, to_planes
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_MAGIC: Final = b"YUV4MPEG2"
_MAX_HEADER: Final = 1024
_TAG: Final = re.compile(r"(?:(420|422|444)(?:p(\d+))?|mono(\d+)?)")
_SITED: Final = {"left": "420mpeg2", "center": "420jpeg", "topleft": "420paldv"}
_COLOR_DEPTHS: Final = (8, 9, 10, 12, 14, 16)
_GRAY_DEPTHS: Final = (8, 9, 10, 12, 16)


def write_yuv(image: Image, layout: Layout) -> bytes:
    """The planes of ``image`` one after another, top row first, without a header.

    ``image`` and errors as in :func:`rdbench.formats.to_planes`.
    """
    words = layout.dtype.newbyteorder("<")
    return b"".join(plane.astype(words, copy=False).tobytes() for plane in to_planes(image, layout))


def read_yuv(data: bytes, width: int, height: int, layout: Layout) -> Image:
    """The image in one frame of raw planes: uint8, (height, width, 1) for chroma "400", else
    (height, width, 3).

    Raises :class:`BitstreamError` if ``data`` is not exactly one frame long or has a sample above
    2^depth - 1.
    """
    return _frame(data, width, height, layout, "raw planes")


def write_y4m(image: Image, layout: Layout) -> bytes:
    """``image`` as a YUV4MPEG2 file of one frame: 25 Hz, progressive, square pixels.

    ``image`` as in :func:`rdbench.formats.to_planes`. The header names the siting of 8-bit 4:2:0;
    above 8 bits the format has no tag for it. A gray image is marked as full range because it is
    not scaled to a limited one. Raises :class:`ValueError` as ``to_planes`` does, and for what the
    format cannot express: GBR, and depths other than 8, 9, 10, 12, 14 (not for gray) and 16.
    """
    tag = _tag(layout)
    range_ = "full" if layout.chroma == "400" else layout.range
    height, width = image.shape[:2]
    header = f"W{width} H{height} F25:1 Ip A1:1 C{tag} XCOLORRANGE={range_.upper()}"
    return _MAGIC + f" {header}\nFRAME\n".encode("ascii") + write_yuv(image, layout)


def read_y4m(data: bytes, layout: Layout) -> Image:
    """The image in a YUV4MPEG2 file of one frame: uint8, (height, width, 1 or 3).

    Chroma format and depth come from the header; matrix, range and siting come from ``layout``. A
    decoder does not move chroma, but its header names whatever siting its Y4M writer knows.
    XCOLORRANGE is ignored for gray. Raises :class:`BitstreamError` for bytes that are not such a
    file, an unsupported chroma format, a truncated frame, more than one frame, a sample above
    2^depth - 1, and a range that contradicts ``layout``. Raises :class:`ValueError` for a color
    file with the matrix "gbr", which the format cannot express.
    """
    line, newline, rest = data[:_MAX_HEADER].partition(b"\n")
    words = line.decode("ascii", "replace").split(" ")
    if words[0] != _MAGIC.decode("ascii") or not newline:
        raise BitstreamError("Y4M: the file does not begin with a YUV4MPEG2 header")
    fields = {word[0]: word[1:] for word in words[1:] if word and word[0] != "X"}
    width, height = _side(fields, "W"), _side(fields, "H")
    chroma, depth = _format(fields.get("C", "420"))
    if chroma != "400":
        if layout.matrix == "gbr":
            raise ValueError("Y4M holds Y'CbCr or gray, not gbr; name the matrix of the file")
        _check_range(words, layout.range)
        found = Layout(chroma, depth, layout.matrix, layout.range, layout.siting)
    else:
        found = Layout(chroma, depth, "bt709", "full")
    frame, newline, _ = rest.partition(b"\n")
    if frame.split(b" ")[0] != b"FRAME" or not newline:
        raise BitstreamError("Y4M: the header is not followed by a frame")
    start = len(line) + len(frame) + 2
    return _frame(memoryview(data)[start:], width, height, found, "Y4M")


def _frame(data: bytes | memoryview, width: int, height: int, layout: Layout, what: str) -> Image:
    expected = layout.frame_bytes(width, height)
    if len(data) != expected:
        raise BitstreamError(
            f"{what}: one frame of {width}x{height} {layout.chroma} of {layout.depth} bits has "
            f"{expected} bytes, not {len(data)}"
        )
    samples = np.frombuffer(data, layout.dtype.newbyteorder("<")).astype(layout.dtype, copy=False)
    if 8 < layout.depth < 16 and (largest := int(samples.max())) > layout.peak:
        raise BitstreamError(
            f"{what}: a sample is {largest}, above {layout.peak}, the maximum of {layout.depth} "
            "bits"
        )
    planes, start = [], 0
    for rows, columns in layout.plane_shapes(height, width):
        planes.append(samples[start : start + rows * columns].reshape(rows, columns))
        start += rows * columns
    return from_planes(planes, layout)


def _tag(layout: Layout) -> str:
    gray = layout.chroma == "400"
    if not gray and layout.matrix == "gbr":
        raise ValueError("Y4M cannot express gbr; write raw planes")
    depths = _GRAY_DEPTHS if gray else _COLOR_DEPTHS
    if layout.depth not in depths:
        kind = "gray" if gray else "color"
        allowed = ", ".join(map(str, depths))
        raise ValueError(
            f"Y4M: {kind} samples of {layout.depth} bits are not supported; {allowed} are"
        )
    if gray:
        return "mono" if layout.depth == 8 else f"mono{layout.depth}"
    if layout.depth > 8:
        return f"{layout.chroma}p{layout.depth}"
    return _SITED[layout.siting] if layout.chroma == "420" else layout.chroma


def _format(tag: str) -> tuple[str, int]:
    """The chroma format and the depth that a C tag names."""
    if tag in _SITED.values():
        return "420", 8
    if match := _TAG.fullmatch(tag):
        chroma = match[1] or "400"
        depth = int(match[2] or match[3] or 8)
        if depth in (_GRAY_DEPTHS if chroma == "400" else _COLOR_DEPTHS):
            return chroma, depth
    raise BitstreamError(
        f"Y4M: chroma format {one_line(tag, 40)!r} is not supported; 420, 422, 444 and mono are"
    )


def _check_range(words: list[str], expected: str) -> None:
    for word in words:
        name, _, value = word.partition("=")
        if name == "XCOLORRANGE" and value.lower() != expected:
            raise BitstreamError(
                f"Y4M: XCOLORRANGE is {one_line(value, 40)!r}, but {expected} range is expected"
            )


def _side(fields: dict[str, str], name: str) -> int:
    value = fields.get(name, "")
    if not re.fullmatch(r"0*[1-9]\d{0,5}", value, re.ASCII):
        raise BitstreamError(f"Y4M: the header has no valid {name} (1 to 999999 pixels)")
    return int(value)
