"""Programs, layouts and images that the tests of the formats share."""

from __future__ import annotations

import itertools
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from rdbench.formats import Layout

LAYOUTS = [
    Layout(chroma, depth, matrix, range_)
    for chroma, depth, matrix, range_ in itertools.product(
        ("400", "420", "422", "444"), range(8, 17), ("bt601", "bt709", "gbr"), ("full", "limited")
    )
    if matrix != "gbr" or chroma in ("400", "444")
]


def run(program: str, *arguments: str, data: bytes = b"") -> bytes:
    """What a program of the system prints; the test is skipped where it is missing."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([path, *arguments], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


@st.composite
def images(draw: st.DrawFn, channels: int | None = None) -> np.ndarray:
    """Images of 1×1 to 40×40, each sample drawn by a seeded generator or by hypothesis."""
    shape = (
        draw(st.integers(1, 40)),
        draw(st.integers(1, 40)),
        draw(st.sampled_from([1, 3])) if channels is None else channels,
    )
    if draw(st.booleans()):
        return draw(npst.arrays(np.uint8, shape))
    seed = draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
