"""Codecs for workers that differ."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from rdbench.files import sha256
from rdbench.schema import point_text
from tests.runner.faulty_codecs import Faulty, Step


class Deadly(Faulty):
    """Ends the worker of Dask whose pool measures it."""

    name = "deadly"

    def fault(self, image):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)


class Versioned(Step):
    """Of the version that the machine has."""

    name = "versioned"

    @classmethod
    def version(cls):
        return os.environ.get("DASK_CODEC_VERSION", "1")


class Weighted(Step):
    """Of the weights that the machine has."""

    name = "weighted"

    @classmethod
    def provenance(cls, options, points):
        path = Path(os.environ["DASK_CODEC_WEIGHTS"])
        told = {"path": str(path), "sha256": sha256(path)}
        return {"weights": {point_text(point): told for point in points}}


class Surrounded(Step):
    """Its streams depend on a variable."""

    name = "surrounded"

    def encode(self, image):
        stream = super().encode(image)
        return stream + bytes(int(os.environ.get("DASK_CODEC_PADDING", "0")))

    def decode(self, data):
        padding = int(os.environ.get("DASK_CODEC_PADDING", "0"))
        return super().decode(data[: len(data) - padding])
