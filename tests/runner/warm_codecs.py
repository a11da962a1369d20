"""Codecs with first calls that are slow, and with memory of their own."""

from __future__ import annotations

import time
import zlib
from pathlib import Path

import numpy as np

import rdbench
from rdbench import programs

HELD_MIB = 64
FIRST_S = 0.3


class Plain(rdbench.Codec):
    name = "plain"
    parameter = "level"
    ladder = (1, 2)
    channels = frozenset({3})

    @classmethod
    def version(cls):
        return "1"

    def encode(self, image):
        return np.array(image.shape, "<u4").tobytes() + zlib.compress(image.tobytes(), 1)

    def decode(self, stream):
        shape = np.frombuffer(stream[:12], "<u4")
        return np.frombuffer(zlib.decompress(stream[12:]), np.uint8).reshape(shape).copy()


class Planning(Plain):
    """Slow at the first image of each size, as a library that plans for it."""

    name = "planning"
    planned = set()

    def encode(self, image):
        if image.shape not in self.planned:
            self.planned.add(image.shape)
            time.sleep(FIRST_S)
        return super().encode(image)


class Holding(Plain):
    """Has memory of its own while it works."""

    name = "holding"

    def encode(self, image):
        held = [np.ones(2**20, np.uint8) for _ in range(HELD_MIB)]
        return super().encode(image) if len(held) == HELD_MIB else b""


class Calling(Plain):
    """Runs a program, which is started anew each time."""

    name = "calling"

    def encode(self, image):
        with programs.scratch(0) as folder:
            programs.run(programs.Call(["/bin/true"], Path(folder)))
        return super().encode(image)
