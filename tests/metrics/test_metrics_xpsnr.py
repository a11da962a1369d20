"""XPSNR against the filter of FFmpeg, and FFmpeg as a program that compares raw planes."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from rdbench.errors import CodecError, MissingBackendError
from rdbench.formats import Layout, write_yuv
from rdbench.metrics.extra import ffmpeg
from rdbench.programs import Program, find

from .conftest import reference

LIMITED = Layout("444", 8, "bt709", "limited")
GRAY = Layout("400", 8, "bt709", "full")


@pytest.fixture(scope="module")
def program() -> Program:
    try:
        return find(ffmpeg.having("xpsnr"))
    except MissingBackendError as error:
        pytest.skip(str(error))


def by_ffmpeg(
    program: Program, image: np.ndarray, decoded: np.ndarray, layout: Layout
) -> list[float]:
    """What the filter prints of each plane, and their least where there are several."""
    planes = [write_yuv(of, layout) for of in (image, decoded)]
    printed = ffmpeg.compare(program, "xpsnr", *planes, image.shape[1], image.shape[0], layout)
    (line,) = re.findall(r"XPSNR  (y: .*)", printed)
    return [float(number) for number in re.findall(r": (inf|[\d.]+)", line)]


def values(image: np.ndarray, decoded: np.ndarray, matrix: str = "709") -> tuple[float, float]:
    names = [f"{name}:matrix={matrix}" for name in ("xpsnr_db", "xpsnr_y_db")]
    scores = reference(image, names).score(decoded).values
    whole, luma = (value for name, value in scores.items() if name.startswith("xpsnr"))
    return whole, luma


@pytest.mark.parametrize(
    ("height", "width"),
    [(512, 512), (480, 640), (300, 401), (151, 200), (45, 46), (44, 46), (40, 40), (7, 300)],
)
@pytest.mark.parametrize("quality", [20, 95])
def test_values_are_those_of_the_filter(program, photo, jpeg, height, width, quality) -> None:
    """To the digits that it prints: with weights bounded by their neighbors up to 640x480, blocks
    that are cut off, and images too small for blocks (below 2025 px), which have plain PSNR."""
    image = np.ascontiguousarray(np.tile(photo, (1, 2, 1))[:height, :width])
    decoded = jpeg(image, quality)
    luma, *_, least = by_ffmpeg(program, image, decoded, LIMITED)
    assert values(image, decoded) == pytest.approx((least, luma), abs=6e-5)


@pytest.mark.parametrize(("height", "width"), [(1300, 2050), (1536, 2304)])
def test_large_images_have_the_activity_of_pairs(program, photo, jpeg, height, width) -> None:
    """Above 2048x1152 px; sides are even, as the filter reads behind the end of odd ones."""
    image = np.ascontiguousarray(np.tile(photo, (3, 5, 1))[:height, :width])
    decoded = jpeg(image, 30)
    luma, *_, least = by_ffmpeg(program, image, decoded, LIMITED)
    assert values(image, decoded) == pytest.approx((least, luma), abs=6e-5)


def test_gray_is_compared_as_it_is(program, photo, jpeg) -> None:
    image = np.ascontiguousarray(photo[:200, :300, :1])
    decoded = jpeg(image, 40)
    (luma,) = by_ffmpeg(program, image, decoded, GRAY)
    assert values(image, decoded) == pytest.approx((luma, luma), abs=6e-5)
    assert values(image, decoded) == values(image, decoded, "601")


def test_another_matrix(program, photo, jpeg) -> None:
    decoded = jpeg(photo, 40)
    luma, *_, least = by_ffmpeg(program, photo, decoded, Layout("444", 8, "bt601", "limited"))
    assert values(photo, decoded, "601") == pytest.approx((least, luma), abs=6e-5)


def test_weights_are_those_of_the_original(oracle) -> None:
    """FFmpeg 9.0.2: 33.6906 with the original as its first input, 33.1589 with the decoded."""
    image, decoded = oracle("lee2019-mse-q3-kodim05")
    assert values(image, decoded)[1] == pytest.approx(33.6906, abs=6e-5)
    assert values(decoded, image)[1] == pytest.approx(33.1589, abs=6e-5)


def test_identical_images(photo) -> None:
    assert values(photo, photo.copy()) == (math.inf, math.inf)


def test_an_ffmpeg_without_the_filter_is_refused() -> None:
    with pytest.raises(MissingBackendError, match=r"filter=nosuch.*rdbench\[metrics\]"):
        find(ffmpeg.having("nosuch"))


def test_the_variable_comes_before_the_one_of_the_package(monkeypatch) -> None:
    monkeypatch.setenv("RDBENCH_FFMPEG", "/nowhere/ffmpeg")
    with pytest.raises(MissingBackendError, match=r"RDBENCH_FFMPEG names '/nowhere/ffmpeg'"):
        find(ffmpeg.having("xpsnr"))


def test_what_ffmpeg_writes_is_given_back(program, photo) -> None:
    planes = write_yuv(photo, LIMITED)
    graph = "psnr=stats_file=psnr.txt"
    told = ffmpeg.compare(program, graph, planes, planes, 512, 512, LIMITED, written="psnr.txt")
    assert told.startswith("n:1 mse_avg:0.00")


def test_a_graph_that_cannot_be_is_told(program, photo) -> None:
    planes = write_yuv(photo, LIMITED)
    with pytest.raises(CodecError, match=r"left with exit code.*nosuch"):
        ffmpeg.compare(program, "nosuch", planes, planes, 512, 512, LIMITED)
