"""Codecs whose times are known."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from rdbench import Codec, Option, transforming

STEP_S = 0.02
"""Of each of the two transforms, and of the entropy coding between them."""


class Plain(Codec):
    """Stores the samples."""

    name: ClassVar[str] = "plain"
    parameter: ClassVar[str] = "step"
    ladder: ClassVar[tuple[float, ...]] = (1,)
    option_table: ClassVar = {
        "log": Option("", "file that is written to in each call", path=True),
        "threads": Option(1, "threads", low=1, high=64),
    }

    def encode(self, image: np.ndarray) -> bytes:
        self._said("encode")
        return bytes(image.shape) + image.tobytes()

    def decode(self, data: bytes) -> np.ndarray:
        self._said("decode")
        shape = tuple(data[:3])
        return np.frombuffer(data[3:], np.uint8).reshape(shape).copy()

    def _said(self, what: str) -> None:
        if self.options["log"]:
            cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
            with Path(self.options["log"]).open("a") as file:
                file.write(f"{what} {cores}\n")


class Steady(Plain):
    """Takes the same time again and again."""

    name: ClassVar[str] = "steady"

    def encode(self, image: np.ndarray) -> bytes:
        time.sleep(STEP_S)
        return super().encode(image)


class Split(Plain):
    """Marks its transforms."""

    name: ClassVar[str] = "split"

    def encode(self, image: np.ndarray) -> bytes:
        with transforming():
            time.sleep(STEP_S)
        time.sleep(STEP_S)
        with transforming():
            time.sleep(STEP_S)
        return super().encode(image)


class Changing(Plain):
    """Gives another stream each time, and says that it does not."""

    name: ClassVar[str] = "changing"
    calls = 0

    def encode(self, image: np.ndarray) -> bytes:
        type(self).calls += 1
        return super().encode(image) + bytes([self.calls % 256])

    def decode(self, data: bytes) -> np.ndarray:
        return super().decode(data[:-1])


class Varying(Changing):
    """The same, and says so."""

    name: ClassVar[str] = "varying"
    deterministic: ClassVar[bool] = False
