"""Images, places for temporary files, and the faulty program with its definition."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .kit import Places, own_places, write_definition, write_program


@pytest.fixture(scope="session", autouse=True)
def linux() -> None:
    """What is left of programs is looked for in /proc."""
    if sys.platform != "linux":
        pytest.skip("only Linux shows what programs leave behind")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two small images."""
    folder = tmp_path_factory.mktemp("images") / "small"
    folder.mkdir()
    generator = np.random.default_rng(11)
    for name in ("a", "b"):
        pixels = generator.integers(0, 256, (40, 56, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="session")
def photo(photos: Path) -> Path:
    """One of them."""
    return photos / "a.png"


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    """Places for temporary files, of which nothing may be left after the test."""
    with own_places(tmp_path) as found:
        yield found


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    """The faulty program and its definition."""
    write_program(tmp_path / "codec")
    return write_definition(tmp_path / "codec")
