"""Images made up for the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="session")
def rgb() -> Pixels:
    """A picture of 13×8 pixels in which no symmetry and no channel repeats."""
    return np.random.default_rng(20).integers(0, 256, (8, 13, 3), dtype=np.uint8)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Neither a data root nor a filled cache; the working directory is an empty folder."""
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    monkeypatch.delenv("RDBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(cwd)
    return cwd


@pytest.fixture
def make_images() -> Callable[..., None]:
    """Write a small image to each path below a folder."""

    def make(folder: Path, *names: str) -> None:
        for level, name in enumerate(names):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (3, 2), (level, 0, 0)).save(path)

    return make
