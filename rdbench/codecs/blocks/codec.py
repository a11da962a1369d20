"""``dct-block`` and ``klt-block``: transform, uniform quantization, adaptive range coding.

Color is coded as the planes of JFIF (BT.601, full range, 4:4:4), in 16 bits, so that its rounding
does not show in 8 bits. Their errors weigh about the same in R, G and B, so all have one step. For
each plane, the mean is subtracted, 8×8 blocks are transformed, coefficients are divided by the step
and rounded, and the levels of the first function are coded as differences from the previous block,
as in JPEG. The two codecs differ only in the basis.

A basis is rounded to multiples of 2^-p, and the coefficients are those of the rounded functions, so
that rounding costs some energy compaction but no image quality. The decoder sums integers, exactly
in float64, and multiplies once by the step, so its image is the same on every machine.

======================  ===============================================================
bytes                   what
======================  ===============================================================
4                       ``DCT8`` or ``KLT8``
3 or more               channels (1 or 3), width and height (:mod:`rdbench.codecs.size_header`)
4                       step: IEEE 754 binary32, big-endian
1, ``KLT8`` alone       p, the binary digits of the basis after the point
1 for each plane        its mean, rounded
1 for each, ``KLT8``    how many functions of its basis follow: up to the last one in use
rest                    of each plane the functions (``KLT8``), 64 integers each, and the levels, as
                        :mod:`rdbench.codecs.blocks.levels` lays them out
4                       CRC-32 (as in PNG) of all before it, big-endian
======================  ===============================================================
"""

from __future__ import annotations

import abc
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

import rdbench
from rdbench.codecs import size_header
from rdbench.codecs.base import Codec, Option
from rdbench.codecs.blocks import levels as binarization
from rdbench.codecs.blocks.transform import (
    SIZE,
    Floats,
    block_count,
    dct_basis,
    from_blocks,
    klt_basis,
    to_blocks,
)
from rdbench.errors import BitstreamError
from rdbench.formats import Layout, from_planes, to_planes
from rdbench.models.coding.adaptive import AdaptiveCoder, Decoder, Encoder, Numbers

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_UNIT: Final = 257
"""Of a sample of 8 bits in one of 16."""
_CHECK_BYTES: Final = 4
_TIES: Final = 9
"""Decimal digits of a level that count when it is rounded."""


@dataclass(frozen=True)
class CodedPlane:
    """A coded plane: everything that a decoder needs."""

    mean: int
    """0 to 255."""
    basis: Floats
    """Integers, (functions, 64), in units of 2^-precision."""
    precision: int
    levels: Numbers
    """(blocks, 64)"""

    def blocks(self, step: float) -> Floats:
        """The decoded blocks, (blocks, 64): samples in steps of 8 bits, not rounded."""
        used = self.levels[:, : len(self.basis)].astype(np.float64)
        sums = used @ self.basis  # whole numbers below 2^53: exact in any order
        return sums * (step * 2.0**-self.precision) + self.mean


def code_levels(coder: AdaptiveCoder, levels: Numbers, kind: int) -> Numbers:
    """Code the levels of a plane and return those in the stream; a decoder is given zeros."""
    told = levels.copy()
    told[1:, 0] -= levels[:-1, 0]
    found = binarization.code(coder, told, kind)
    found[:, 0] = np.cumsum(found[:, 0])
    return found


class BlockCodec(Codec):
    """Transform coding of 8×8 blocks; a point is the step of the quantizer, in steps of 8 bits."""

    parameter: ClassVar[str] = "step"
    ladder: ClassVar[tuple[float, ...]] = (128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4)
    point_range: ClassVar[tuple[float, float]] = (0.5, 1000)
    magic: ClassVar[bytes]
    precision: int
    """Binary digits after the point of the basis."""

    def __init__(self, point: float, **options: Any) -> None:
        super().__init__(point, **options)
        self.step = float(np.float32(self.point))
        """What the stream can hold of the point."""

    @classmethod
    def version(cls) -> str:
        return f"rdbench {rdbench.__version__} (constriction {metadata.version('constriction')})"

    @abc.abstractmethod
    def basis(self, plane: Floats) -> Floats:
        """The basis for a plane, (64, 64), rounded to integers in units of 2^-precision."""

    def coefficients(self, plane: Floats) -> Floats:
        """Those of the rounded basis, of the blocks of a plane less its rounded mean: (blocks, 64).

        A plane is (height, width), in steps of 8 bits, here as in :meth:`coded`.
        """
        return self._coefficients(plane, self.basis(plane))

    def coded(self, plane: Floats) -> CodedPlane:
        """A plane transformed and quantized; functions after the last one in use are left out."""
        basis = self.basis(plane)
        # What lies half-way between two levels does so on each machine, whose sums differ a little.
        exact = np.round(self._coefficients(plane, basis) / self.step, _TIES)
        levels = np.rint(exact).astype(np.int64)
        used = int(np.flatnonzero(levels.any(axis=0)).max(initial=-1)) + 1
        return CodedPlane(_mean(plane), basis[:used], self.precision, levels)

    def _coefficients(self, plane: Floats, basis: Floats) -> Floats:
        # Coefficients times functions are the blocks, however the functions are rounded.
        analysis = np.linalg.inv(basis * 2.0**-self.precision)
        return (to_blocks(plane) - _mean(plane)) @ analysis

    @abc.abstractmethod
    def _write_bases(self, planes: list[CodedPlane]) -> bytes:
        """What the header says of the bases."""

    @abc.abstractmethod
    def _read_bases(self, header: _Reader, planes: int) -> tuple[int, list[int]]:
        """Their precision, and how many functions of each are in the stream."""

    @abc.abstractmethod
    def _code_basis(self, coder: AdaptiveCoder, basis: Floats, kind: int) -> Floats:
        """Code a basis and return that in the stream; a decoder is given zeros."""

    def encode(self, image: Image) -> bytes:
        height, width, channels = image.shape
        planes = [self.coded(plane / _UNIT) for plane in to_planes(image, _layout(channels))]
        coder = Encoder(2 * channels * binarization.CONTEXTS)
        for number, plane in enumerate(planes):
            self._code_basis(coder, plane.basis, channels + number)
            code_levels(coder, plane.levels, number)
        body = b"".join(
            [
                self.magic,
                size_header.written(width, height, channels),
                struct.pack(">f", self.step),
                self._write_bases(planes),
                bytes(plane.mean for plane in planes),
                coder.finish(),
            ]
        )
        return body + zlib.crc32(body).to_bytes(_CHECK_BYTES, "big")

    def decode(self, data: bytes) -> Image:
        header = _Reader(data, self.magic, self.max_pixels)
        channels, (height, width) = header.channels, header.shape
        precision, counts = self._read_bases(header, channels)
        means = header.take(channels)
        coder = Decoder(header.rest, 2 * channels * binarization.CONTEXTS)
        planes = []
        for number, (mean, count) in enumerate(zip(means, counts, strict=True)):
            basis = self._code_basis(coder, np.zeros((count, SIZE)), channels + number)
            unknown = np.zeros((block_count(height, width), SIZE), np.int64)
            levels = code_levels(coder, unknown, number)
            blocks = CodedPlane(mean, basis, precision, levels).blocks(header.step)
            samples = np.rint(from_blocks(blocks, height, width) * _UNIT)
            planes.append(np.clip(samples, 0, 255 * _UNIT).astype(np.uint16))
        return from_planes(planes, _layout(channels))

    def payload_bytes(self, data: bytes) -> int | None:
        header = _Reader(data, self.magic, self.max_pixels)
        self._read_bases(header, header.channels)
        header.take(header.channels)
        return len(header.rest)


class DctBlock(BlockCodec):
    """The discrete cosine transform, in JPEG's zigzag order."""

    name: ClassVar[str] = "dct-block"
    magic: ClassVar[bytes] = b"DCT8"
    stream_suffix: ClassVar[str] = ".dct"
    precision = 24

    def basis(self, plane: Floats) -> Floats:  # noqa: ARG002
        return self._known()

    def _known(self) -> Floats:
        return np.rint(dct_basis() * 2.0**self.precision)

    def _write_bases(self, planes: list[CodedPlane]) -> bytes:  # noqa: ARG002
        return b""

    def _read_bases(self, header: _Reader, planes: int) -> tuple[int, list[int]]:  # noqa: ARG002
        return self.precision, [SIZE] * planes

    def _code_basis(self, coder: AdaptiveCoder, basis: Floats, kind: int) -> Floats:  # noqa: ARG002
        return self._known()


class KltBlock(BlockCodec):
    """The Karhunen-Loève transform of the image's own blocks, from the largest variance down."""

    name: ClassVar[str] = "klt-block"
    magic: ClassVar[bytes] = b"KLT8"
    stream_suffix: ClassVar[str] = ".klt"
    option_table: ClassVar[Mapping[str, Option]] = {
        "precision": Option(
            8, "binary digits after the point of the basis functions in the stream", low=6, high=14
        )
    }

    def __init__(self, point: float, **options: Any) -> None:
        super().__init__(point, **options)
        self.precision = self.options["precision"]

    def basis(self, plane: Floats) -> Floats:
        return np.rint(klt_basis(to_blocks(plane)) * 2.0**self.precision)

    def _write_bases(self, planes: list[CodedPlane]) -> bytes:
        return bytes([self.precision, *(len(plane.basis) for plane in planes)])

    def _read_bases(self, header: _Reader, planes: int) -> tuple[int, list[int]]:
        precision, *counts = header.take(1 + planes)
        return precision, counts

    def _code_basis(self, coder: AdaptiveCoder, basis: Floats, kind: int) -> Floats:
        found = binarization.code(coder, basis.astype(np.int64), kind, alike=True)
        return found.astype(np.float64)


class _Reader:
    """The header of a stream, part by part, once the whole is known to be undamaged."""

    def __init__(self, data: bytes, magic: bytes, max_pixels: int) -> None:
        if not data.startswith(magic):
            begin = f"it begins with {data[:4]!r}" if data else "it is empty"
            raise BitstreamError(f"not a stream of this codec: {begin} instead of {magic!r}")
        body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
        if zlib.crc32(body) != int.from_bytes(check, "big"):
            raise BitstreamError(
                f"the stream of {len(data)} bytes is truncated or damaged: its checksum is wrong"
            )
        geometry, self.rest = size_header.split(body[len(magic) :], max_pixels)
        self.channels = geometry.channels
        self.shape = geometry.height, geometry.width
        (self.step,) = struct.unpack(">f", self.take(4))

    def take(self, count: int) -> bytes:
        """The next bytes."""
        part, self.rest = self.rest[:count], self.rest[count:]
        if len(part) < count:
            raise BitstreamError("the stream's header is wrong: it ends too early")
        return part


def _mean(plane: Floats) -> int:
    return round(float(plane.mean()))


def _layout(channels: int) -> Layout:
    return Layout("400" if channels == 1 else "444", 16, "bt601", "full")
