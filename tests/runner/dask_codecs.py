"""Codecs for workers that differ."""

from __future__ import annotations

import os

from tests.runner.faulty_codecs import Step


class Versioned(Step):
    """Of the version that the machine has."""

    name = "versioned"

    @classmethod
    def version(cls):
        return os.environ.get("DASK_CODEC_VERSION", "1")
