"""Program codecs, for the tests that run the real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rdbench.codecs import registry
from rdbench.codecs.base import Codec
from rdbench.codecs.program import ProgramCodec
from rdbench.errors import MissingBackendError
from rdbench.programs import variable

NAMES = sorted(path.stem for path in registry.PROGRAMS.glob("*.toml"))


def load(name: str) -> type[ProgramCodec]:
    """The codec of a definition that rdbench ships, whether its programs are there or not."""
    found = registry.load(name)
    assert issubclass(found, ProgramCodec)
    return found


def codec(name: str, point: float, **options: Any) -> Codec:
    """A codec at a point; the test is skipped where a program is missing."""
    found = registry.load(name)
    try:
        found.require(found.resolve_options(options))
    except MissingBackendError as error:
        pytest.skip(str(error))
    return found(point, **options)


def run(program: str, *arguments: str | Path) -> str:
    """What a program prints, found as rdbench does; the test is skipped where it is missing."""
    named = os.environ.get(variable(program))
    candidates = [named] if named else [program, f"{program}Static"]
    path = next(filter(None, map(shutil.which, candidates)), None)
    if path is None:
        pytest.skip(f"program {program!r} is missing: it is not on PATH")
    done = subprocess.run(
        [path, *map(str, arguments)], capture_output=True, text=True, errors="replace", timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
