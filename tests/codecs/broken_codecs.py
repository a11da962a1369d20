"""Codecs that are broken, each in one way, and the sound one that they are made from.

The stream is a magic number, the shape, the samples (or their halves), and a checksum.
"""

from __future__ import annotations

import ctypes
import os
import struct
import time
import zlib
from pathlib import Path

import numpy as np

from rdbench import programs
from rdbench.codecs.base import Codec
from rdbench.errors import BitstreamError

HEADER = ">4sHHBB"
HEADER_SIZE = struct.calcsize(HEADER)


class Sound(Codec):
    """Keeps the upper ``point`` bits of each sample, and rounds."""

    name = "sound"
    parameter = "bits"
    ladder = (3, 4, 6)
    point_range = (1, 8)
    integer_points = True

    @classmethod
    def version(cls) -> str:
        return "1"

    def quantize(self, image: np.ndarray) -> np.ndarray:
        levels = 2 ** int(self.point) - 1
        return np.rint(image * (levels / 255)).astype(np.uint8)

    def encode(self, image: np.ndarray) -> bytes:
        head = struct.pack(HEADER, b"SND!", *image.shape, int(self.point))
        body = head + zlib.compress(self.quantize(image).tobytes())
        return body + struct.pack(">I", zlib.crc32(body))

    def decode(self, data: bytes) -> np.ndarray:
        if len(data) < HEADER_SIZE + 4 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:]):
            raise BitstreamError("damaged")
        return self.samples(data[:-4])

    def samples(self, body: bytes) -> np.ndarray:
        magic, height, width, channels, bits = struct.unpack_from(HEADER, body)
        if magic != b"SND!":
            raise BitstreamError("not of this codec")
        raw = np.frombuffer(zlib.decompress(body[HEADER_SIZE:]), np.uint8)
        levels = 2**bits - 1
        return np.rint(raw.reshape(height, width, channels) * (255 / levels)).astype(np.uint8)


class ChangesInput(Sound):
    def encode(self, image: np.ndarray) -> bytes:
        # What a library written in C can do to an array that is read-only in Python.
        address = image.__array_interface__["data"][0]
        ctypes.memset(address, (int(image.flat[0]) + 1) % 256, 1)
        return super().encode(image)


class WritesInput(Sound):
    def encode(self, image: np.ndarray) -> bytes:
        image += 1
        return super().encode(image)


class NotRepeatable(Sound):
    def encode(self, image: np.ndarray) -> bytes:
        head = struct.pack(HEADER, b"SND!", *image.shape, int(self.point))
        self.count = getattr(self, "count", 0) + 1
        body = head + zlib.compress(self.quantize(image).tobytes(), self.count % 2)
        return body + struct.pack(">I", zlib.crc32(body))


class NeedsTheEncoder(Sound):
    shapes: dict[bytes, tuple[int, ...]] = {}

    def encode(self, image: np.ndarray) -> bytes:
        data = super().encode(image)
        self.shapes[data] = image.shape
        return data

    def decode(self, data: bytes) -> np.ndarray:
        image = super().decode(data)
        return image.reshape(self.shapes[data])


class SwapsChannels(Sound):
    def decode(self, data: bytes) -> np.ndarray:
        return np.ascontiguousarray(super().decode(data)[:, :, ::-1])


class Coarse(Sound):
    """Noise of up to ±25 on it: 22 dB, as far as its training brought it."""

    learned = True

    def decode(self, data: bytes) -> np.ndarray:
        image = super().decode(data).astype(int)
        reach = np.minimum(25, np.minimum(image, 255 - image))  # so that nothing is clipped
        signs = np.random.default_rng(3).choice([-1, 1], image.shape)
        return (image + signs * reach).astype(np.uint8)


class CoarseSwapsChannels(Coarse):
    def decode(self, data: bytes) -> np.ndarray:
        return np.ascontiguousarray(super().decode(data)[:, :, ::-1])


class CoarseMixesRanges(Coarse):
    def decode(self, data: bytes) -> np.ndarray:
        return np.rint(super().decode(data) * (219 / 255) + 16).astype(np.uint8)


class NotLearnedCoarse(Coarse):
    learned = False


class Truncates(Sound):
    def quantize(self, image: np.ndarray) -> np.ndarray:
        return (image >> (8 - int(self.point))) if self.point < 8 else image

    def samples(self, body: bytes) -> np.ndarray:
        image = super().samples(body)
        return np.maximum(image, 2) - 2


class Strided(Sound):
    def decode(self, data: bytes) -> np.ndarray:
        return np.asfortranarray(super().decode(data))


class Floats(Sound):
    def decode(self, data: bytes) -> np.ndarray:
        return super().decode(data).astype(np.float32)


class RateFalls(Sound):
    ladder = (6, 4, 3)


class OffRange(Sound):
    ladder = (3, 4, 9)


class NoVersion(Sound):
    @classmethod
    def version(cls) -> str:
        return ""


class VersionRaises(Sound):
    @classmethod
    def version(cls) -> str:
        raise OSError("no such library")


class VersionIsNoText(Sound):
    @classmethod
    def version(cls) -> str:
        return 1.5


class NotLossless(Sound):
    lossless = True


class ToleratesTruncation(Sound):
    def decode(self, data: bytes) -> np.ndarray:
        try:
            return super().decode(data)
        except BitstreamError:
            if data[:4] != b"SND!" or len(data) < HEADER_SIZE + 4:
                raise
            _, height, width, channels, _ = struct.unpack_from(HEADER, data)
            return np.zeros((height, width, channels), np.uint8)


class UnclearError(Sound):
    def decode(self, data: bytes) -> np.ndarray:
        if not data:
            raise IndexError("index out of range")
        return super().decode(data)


class TakesAnything(Sound):
    def decode(self, data: bytes) -> np.ndarray:
        try:
            return super().decode(data)
        except BitstreamError:
            if len(data) > 200 and data[:4] != b"SND!":
                return np.zeros((8, 8, 3), np.uint8)
            raise


class CrashesOnDamage(Sound):
    def decode(self, data: bytes) -> np.ndarray:
        if data[:4] == b"\x89PNG":
            os.abort()
        return super().decode(data)


class HangsOnDamage(Sound):
    def decode(self, data: bytes) -> np.ndarray:
        if data[:4] == b"\x89PNG":
            time.sleep(600)
        return super().decode(data)


class ProgramHangsOnDamage(Sound):
    def decode(self, data: bytes) -> np.ndarray:
        if data[:4] == b"\x89PNG":
            programs.run(programs.Call(["/bin/sleep", "600"], Path("/")))
        return super().decode(data)


class LeavesOnDamage(Sound):
    def decode(self, data: bytes) -> np.ndarray:
        if data[:4] == b"\x89PNG":
            raise SystemExit(3)
        return super().decode(data)


class CrashesOnOnePixel(Sound):
    def encode(self, image: np.ndarray) -> bytes:
        if image.size == 1:
            os.abort()
        return super().encode(image)


class CannotBeBuilt(Sound):
    def __init__(self, point: float, **options: object) -> None:
        raise RuntimeError("no weights")


class LongPayload(Sound):
    def payload_bytes(self, data: bytes) -> int:
        return len(data) + 1


class EndlessEstimate(Sound):
    def estimated_bits(self, image: np.ndarray) -> float:
        return float("inf")


class TextStream(Sound):
    def encode(self, image: np.ndarray) -> str:
        return super().encode(image).hex()


class ListedImage(Sound):
    def decode(self, data: bytes) -> list:
        return super().decode(data).tolist()


class FlatImage(Sound):
    def decode(self, data: bytes) -> np.ndarray:
        return super().decode(data).reshape(-1)


class FloatPayload(Sound):
    def payload_bytes(self, data: bytes) -> float:
        return 0.5


class RaisingPayload(Sound):
    def payload_bytes(self, data: bytes) -> int:
        raise KeyError("payload")


class TensorEstimate(Sound):
    def estimated_bits(self, image: np.ndarray) -> np.ndarray:
        return np.ones((2, 3))


class TextEstimate(Sound):
    def estimated_bits(self, image: np.ndarray) -> str:
        return "12.5"


class NaNEstimate(Sound):
    def estimated_bits(self, image: np.ndarray) -> float:
        return float("nan")


class NegativeEstimate(Sound):
    def estimated_bits(self, image: np.ndarray) -> float:
        return -1.0


class ScalarEstimate(Sound):
    """Right: scalars of NumPy are numbers."""

    def payload_bytes(self, data: bytes) -> np.int64:
        return np.int64(len(data))

    def estimated_bits(self, image: np.ndarray) -> np.float32:
        return np.float32(12.5)


class FloatConversion(Sound):
    def converted(self, image: np.ndarray) -> np.ndarray:
        return image / 255


class FourChannels(Sound):
    channels = frozenset({4})


class DiesOfDamage(Sound):
    """As range decoders without guards do; notes each process that decodes."""

    def decode(self, data: bytes) -> np.ndarray:
        note_process()
        try:
            return super().decode(data)
        except BitstreamError:
            os.abort()


class DiesWhenItIsBuilt(Sound):
    def __init__(self, point: float, **options: object) -> None:
        super().__init__(point, **options)
        note_process()
        os.abort()


def note_process() -> None:
    """Have the test know of this process."""
    (Path(os.environ["RDBENCH_TEST_NOTES"]) / str(os.getpid())).touch()
