"""The stream of a learned codec: what the decoder must know, and the entropy-coded payloads.

======================  ===============================================================
bytes                   content
======================  ===============================================================
3                       ``rdb``
1                       version of this format, 1
1                       length of the model's name
1 to 32                 the model's name, printable ASCII
8                       the first bytes of the SHA-256 of the weights
1                       16 * length of beta + channels
0 to 8                  beta: IEEE 754 binary64, big-endian, without trailing zero bytes
1 to 3                  height, base 128
1 to 3                  width, base 128
1                       number of payloads
1 or more for each      length of each payload except the last, base 128
rest                    the payloads
4                       CRC-32 (ISO/IEC 3309, as in PNG) of all bytes before it, big-endian
======================  ===============================================================

Base 128 is that of :mod:`rdbench.leb128`. The last payload ends at the checksum, which detects
missing and appended bytes.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Final

from rdbench import leb128
from rdbench.errors import BitstreamError, CodecError
from rdbench.models.names import current
from rdbench.pixel_limit import MOST_PIXELS, check_size
from rdbench.schema import point_text

MAX_SIDE: Final = 1 << 20
MAX_PIXELS: Final = 1 << 28
MAX_PAYLOADS: Final = 64
MAX_NAME: Final = 32
WEIGHTS_BYTES: Final = 8

_MAGIC: Final = b"rdb"
_VERSION: Final = 1
_CHECK_BYTES: Final = 4


@dataclass(frozen=True)
class Stream:
    """The parts of a stream; ``height``, ``width`` and ``channels`` are those of the image."""

    model: str
    """Name of the model, 1 to 32 printable ASCII characters without spaces."""
    weights: bytes
    """The first 8 bytes of the SHA-256 of the weights."""
    beta: float
    """The factor on the trained quantization steps, above 0."""
    height: int
    width: int
    channels: int
    payloads: tuple[bytes, ...]


def pack(stream: Stream) -> bytes:
    """The bytes of ``stream``. Raises :class:`CodecError` if it exceeds the limits of the format:
    sides of 1 to 2^20, at most 2^28 pixels, 1 or 3 channels, 1 to 64 payloads, each of less than
    32 GiB, and a finite beta above 0."""
    if problem := _problem(stream):
        raise CodecError(f"a stream of model {stream.model!r} cannot be written: {problem}")
    beta = struct.pack(">d", stream.beta).rstrip(b"\0")
    parts = [
        _MAGIC,
        bytes([_VERSION, len(stream.model)]),
        stream.model.encode("ascii"),
        stream.weights,
        bytes([len(beta) << 4 | stream.channels]),
        beta,
        leb128.written(stream.height),
        leb128.written(stream.width),
        bytes([len(stream.payloads)]),
        *(leb128.written(len(payload)) for payload in stream.payloads[:-1]),
        *stream.payloads,
    ]
    body = b"".join(parts)
    return body + zlib.crc32(body).to_bytes(_CHECK_BYTES, "big")


def unpack(data: bytes, *, model: str, weights: bytes, max_pixels: int = MOST_PIXELS) -> Stream:
    """The stream in ``data``, which must be of ``model``, under its current or a former name, and
    of ``weights``.

    Raises :class:`BitstreamError` as :func:`read` does, and for another model, other weights, or a
    picture of more than ``max_pixels``.
    """
    stream = read(data)
    check_size(stream.width, stream.height, max_pixels)
    if current(stream.model) != current(model):
        raise BitstreamError(
            f"the stream is of model {stream.model!r}, not {model!r}; decode it with "
            f"{stream.model!r}"
        )
    if stream.weights != weights:
        raise BitstreamError(
            f"the stream was made with the weights {stream.weights.hex()} of model {model!r}, not "
            f"{weights.hex()}; decode it with the former"
        )
    return stream


def read(data: bytes) -> Stream:
    """The stream in ``data``, of any model; its payloads are not decoded.

    Raises :class:`BitstreamError` for other formats and versions, for streams that are truncated,
    extended or changed, and for values beyond the limits of :func:`pack`.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise BitstreamError(
            f"not a stream of a learned codec: it starts with {data[:3]!r}, not {_MAGIC!r}"
            if data
            else "the stream is empty (0 bytes)"
        )
    version = data[len(_MAGIC) : len(_MAGIC) + 1]
    if version and version[0] != _VERSION:
        raise BitstreamError(
            f"the stream has version {version[0]} of the format, but this decoder reads version "
            f"{_VERSION}; decode it with the version of rdbench that wrote it"
        )
    body = data[:-_CHECK_BYTES]
    if len(body) <= len(_MAGIC) or zlib.crc32(body) != int.from_bytes(data[-_CHECK_BYTES:], "big"):
        raise BitstreamError(
            f"the stream of {len(data)} bytes is truncated or damaged: its checksum is wrong"
        )
    stream = _parse(_Reader(body, len(_MAGIC) + 1))
    if problem := _problem(stream):
        raise BitstreamError(f"the stream's header is wrong: {problem}")
    return stream


class _Reader:
    """The bytes of a stream's body, one part after another."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def take(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count]
        if len(part) != count:
            raise BitstreamError(
                f"the stream's header is wrong: byte {self._at} should begin a part of {count} "
                f"bytes, but only {len(part)} are left"
            )
        self._at += count
        return part

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def number(self) -> int:
        value, self._at = leb128.read(self._data, self._at)
        return value


def _parse(reader: _Reader) -> Stream:
    name = reader.take(reader.take(1)[0])
    weights = reader.take(WEIGHTS_BYTES)
    lengths = reader.take(1)[0]
    beta = reader.take(min(lengths >> 4, 8))
    if beta.endswith(b"\0") or lengths >> 4 > 8:
        raise BitstreamError("the stream's header is wrong: its beta is longer than necessary")
    height, width = reader.number(), reader.number()
    count = reader.take(1)[0]
    if not 1 <= count <= MAX_PAYLOADS:
        raise BitstreamError(f"the stream's header is wrong: it has {count} payloads")
    sizes = [reader.number() for _ in range(count - 1)]
    return Stream(
        name.decode("latin-1"),
        weights,
        struct.unpack(">d", beta.ljust(8, b"\0"))[0],
        height,
        width,
        lengths & 15,
        (*(reader.take(size) for size in sizes), reader.rest()),
    )


def _problem(stream: Stream) -> str:
    """What exceeds the limits of the format; "" if nothing does."""
    name, sides = stream.model, (stream.height, stream.width)
    if not (1 <= len(name) <= MAX_NAME and all("!" <= character <= "~" for character in name)):
        return f"the name {name!r} is not 1 to {MAX_NAME} printable ASCII characters"
    if len(stream.weights) != WEIGHTS_BYTES:
        return f"the hash of the weights has {len(stream.weights)} bytes, not {WEIGHTS_BYTES}"
    if not (math.isfinite(stream.beta) and stream.beta > 0):
        return f"beta {point_text(stream.beta)} is not a finite number above 0"
    if not all(1 <= side <= MAX_SIDE for side in sides) or math.prod(sides) > MAX_PIXELS:
        return (
            f"{stream.width}x{stream.height} is not within sides of 1 to {MAX_SIDE:,} and "
            f"{MAX_PIXELS:,} pixels"
        )
    if stream.channels not in (1, 3):
        return f"it has {stream.channels} channels, not 1 or 3"
    if not 1 <= len(stream.payloads) <= MAX_PAYLOADS:
        return f"it has {len(stream.payloads)} payloads, not 1 to {MAX_PAYLOADS}"
    if any(len(payload) >= 1 << 35 for payload in stream.payloads):
        return "a payload has 32 GiB or more"
    return ""
