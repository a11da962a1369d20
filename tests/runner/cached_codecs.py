"""Codecs of a user, in a file that tests copy and edit."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import ClassVar

import numpy as np

import rdbench
from rdbench import Codec, Option


class Packed(Codec):
    """Deflates the samples, and says which modules of rdbench its process has imported."""

    name: ClassVar[str] = "packed"
    parameter: ClassVar[str] = "level"
    ladder: ClassVar[tuple[float, ...]] = (1, 9)
    option_table: ClassVar = {
        "table": Option("", "a file that it reads", path=True),
        "weights": Option("", "the path of weights that it opens by itself"),
        "modules": Option("", "a file for the names of modules"),
    }

    def encode(self, image: np.ndarray) -> bytes:
        if self.options["weights"]:
            with rdbench.open_weights(self.options["weights"]) as file:
                file.read()
        if self.options["modules"]:
            Path(self.options["modules"]).write_text("\n".join(sys.modules))
        return bytes(image.shape) + zlib.compress(image.tobytes(), int(self.point))

    def decode(self, data: bytes) -> np.ndarray:
        shape = tuple(data[:3])
        return np.frombuffer(zlib.decompress(data[3:]), np.uint8).reshape(shape).copy()


class Remarkable(Packed):
    """Computes on a GPU, as it says."""

    name: ClassVar[str] = "remarkable"

    def device(self) -> str:
        return "a GPU"


class Failing(Packed):
    name: ClassVar[str] = "failing"

    def encode(self, image: np.ndarray) -> bytes:
        raise ValueError("never")
