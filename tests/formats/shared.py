"""Programs, layouts and images that the tests of the formats share."""

from __future__ import annotations

import itertools
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from rdbench.formats import Layout, write_yuv

LANCZOS = "f=lanczos:param_a=3"
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


def pix_fmt(layout: Layout) -> str:
    """FFmpeg's name of the pixel format, such as ``yuv420p`` or ``gbrp10le``.

    Raises :class:`ValueError` for depths that FFmpeg has no name for (11, 13, 15).
    """
    if layout.depth not in (8, 9, 10, 12, 14, 16):
        raise ValueError(f"FFmpeg has no pixel format of {layout.depth} bits: take 12, 14 or 16")
    words = "" if layout.depth == 8 else f"{layout.depth}le"
    if layout.chroma == "400":
        return f"gray{words}"
    return f"gbrp{words}" if layout.matrix == "gbr" else f"yuv{layout.chroma}p{words}"


def zimg_back(photo: np.ndarray, layout: Layout, matrix: str) -> np.ndarray:
    """The planes of ``photo`` as RGB by FFmpeg's zscale (zimg), with its Lanczos filter."""
    filters = f"zscale=min={matrix}:rin={layout.range}:cin={layout.siting}:m=gbr:r=full:d=none"
    size = f"{photo.shape[1]}x{photo.shape[0]}"
    out = run(
        *("ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", pix_fmt(layout)),
        *("-s", size, "-i", "-", "-vf", f"{filters}:{LANCZOS},format=gbrp,format=rgb24"),
        *("-f", "rawvideo", "-"),
        data=write_yuv(photo, layout),
    )
    return np.frombuffer(out, np.uint8).reshape(photo.shape).astype(int)


def convert(image: np.ndarray, given: str, filters: str, out: str) -> bytes:
    """``image`` after filters of FFmpeg, between two of its pixel formats."""
    size = f"{image.shape[1]}x{image.shape[0]}"
    return run(
        *("ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", given, "-s", size, "-i", "-"),
        *("-vf", filters, "-f", "rawvideo", "-pix_fmt", out, "-"),
        data=image.tobytes(),
    )
