"""Codecs of one parameter for points by target, each with something that a search may meet.

They are named as FILE.py:Class, as a user's own codec is, and run in real worker processes.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from pathlib import Path

import numpy as np

import rdbench


class Steps(rdbench.Codec):
    """Uniform quantization with a step, then DEFLATE; ``log`` names a file that gets a line for
    each encode of a whole image."""

    name = "steps"
    parameter = "step"
    ladder = (64, 32, 16, 8)
    point_range = (1, 128)
    option_table = {"log": rdbench.Option("", "a file", path=True, silent=True)}

    def encode(self, image):
        if self.options["log"] and image.shape[0] > 64:
            with Path(self.options["log"]).open("a") as file:
                file.write(f"{self.point!r}\n")
        levels = np.round(image / self.point).astype(np.uint8)
        return struct.pack("<HHBd", *image.shape, self.point) + zlib.compress(levels.tobytes(), 1)

    def decode(self, data):
        *shape, step = struct.unpack_from("<HHBd", data)
        levels = np.frombuffer(zlib.decompress(data[struct.calcsize("<HHBd") :]), np.uint8)
        return np.clip(np.round(levels.reshape(shape) * step), 0, 255).astype(np.uint8)


class Breaks(Steps):
    """Fails at steps from 12 to 20."""

    name = "breaks"

    def encode(self, image):
        if 12 <= self.point <= 20:
            raise rdbench.CodecError("it cannot")
        return super().encode(image)


class Dies(Steps):
    """Ends its process at steps below 20."""

    name = "dies"

    def encode(self, image):
        if self.point < 20:
            os._exit(3)
        return super().encode(image)


class Slow(Steps):
    """Takes its time, which five tries do not have together."""

    name = "slow"

    def encode(self, image):
        if image.shape[0] > 64:
            time.sleep(0.5)
        return super().encode(image)


class Wavy(Steps):
    """Whole points whose rate rises and falls."""

    name = "wavy"
    parameter = "level"
    ladder = (1, 10, 20, 30, 40)
    point_range = (1, 50)
    integer_points = True

    def encode(self, image):
        padding = bytes(int(3000 + 2900 * np.sin(self.point)))
        return super().encode(image) + padding

    def decode(self, data):
        *shape, step = struct.unpack_from("<HHBd", data)
        levels = zlib.decompressobj().decompress(data[struct.calcsize("<HHBd") :])
        levels = np.frombuffer(levels, np.uint8).reshape(shape)
        return np.clip(np.round(levels * step), 0, 255).astype(np.uint8)
