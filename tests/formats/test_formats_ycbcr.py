from __future__ import annotations

import dataclasses
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rdbench.formats import Layout, from_planes, round_trip, to_planes
from rdbench.metrics import psnr
from tests.formats.shared import LAYOUTS, convert, images, pix_fmt, zimg_back

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)
GREEN, BLUE = (0, 255, 0), (0, 0, 255)
# KR and KB of BT.601-7, 2.5.1, and BT.709-6, item 3.2
WEIGHTS = {
    "bt601": (Fraction(299, 1000), Fraction(114, 1000)),
    "bt709": (Fraction(2126, 10000), Fraction(722, 10000)),
}


def one(color: tuple, layout: Layout) -> tuple:
    planes = to_planes(np.array([[color]], np.uint8), layout)
    return tuple(int(plane[0, 0]) for plane in planes)


@pytest.mark.parametrize(
    ("matrix", "range_", "depth", "color", "expected"),
    [
        # by hand: 16 + 219 KR = 81.481, 128 - 112 KR / (1 - KB) = 90.203, 128 + 112
        ("bt601", "limited", 8, RED, (81, 90, 240)),
        # 16 + 219 × 0.587 = 144.553, 128 - 224 × 0.587 / 1.772 = 53.797, 34.214
        ("bt601", "limited", 8, GREEN, (145, 54, 34)),
        # 16 + 219 × 0.114 = 40.966, 240, 128 - 224 × 0.114 / 1.402 = 109.786
        ("bt601", "limited", 8, BLUE, (41, 240, 110)),
        ("bt709", "limited", 8, WHITE, (235, 128, 128)),
        ("bt709", "limited", 8, BLACK, (16, 128, 128)),
        ("bt709", "limited", 10, WHITE, (940, 512, 512)),
        ("bt709", "limited", 10, BLACK, (64, 512, 512)),
        # BT.709-6: 4 (16 + 219 × 0.2126) = 250.24, 4 (128 - 224 × 0.2126 / 1.8556) = 409.34, 960
        ("bt709", "limited", 10, RED, (250, 409, 960)),
        ("bt709", "limited", 8, RED, (63, 102, 240)),
        ("bt709", "limited", 8, GREEN, (173, 42, 26)),
        ("bt709", "limited", 8, BLUE, (32, 240, 118)),
        # JFIF (T.871): 76.245, 84.97, and 255.5, which is over the peak and clipped
        ("bt601", "full", 8, RED, (76, 85, 255)),
        ("bt601", "full", 8, GREEN, (150, 44, 21)),
        ("bt601", "full", 8, BLUE, (29, 255, 107)),
        ("bt601", "full", 8, WHITE, (255, 128, 128)),
        ("bt709", "full", 10, WHITE, (1023, 512, 512)),
        ("bt709", "full", 10, BLACK, (0, 512, 512)),
        # 1023 × 0.2126 = 217.49, 512 - 1023 × 0.2126 / 1.8556 = 394.79, 512 + 511.5 → 1023
        ("bt709", "full", 10, RED, (217, 395, 1023)),
        ("gbr", "full", 8, RED, (0, 0, 255)),
        ("gbr", "full", 10, (1, 2, 255), (8, 1023, 4)),
        ("gbr", "limited", 8, (255, 0, 1), (16, 17, 235)),
        ("gbr", "limited", 10, WHITE, (940, 940, 940)),
    ],
)
def test_planes_of_primaries(matrix, range_, depth, color, expected) -> None:
    assert one(color, Layout("444", depth, matrix, range_)) == expected


def exact(pixel: tuple, layout: Layout) -> list[Fraction]:
    """Y', Cb and Cr of H.273, clause 8.3, before rounding and clipping."""
    kr, kb = WEIGHTS[layout.matrix]
    red, green, blue = (Fraction(int(sample), 255) for sample in pixel)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    n = layout.depth
    if layout.range == "full":
        peak = 2**n - 1
        return [peak * luma, *(peak * c + 2 ** (n - 1) for c in chroma)]
    return [2 ** (n - 8) * (219 * luma + 16), *(2 ** (n - 8) * (224 * c + 128) for c in chroma)]


def exact_back(samples: tuple, layout: Layout) -> list[Fraction]:
    """255 E'R, E'G, E'B of samples, before rounding and clipping."""
    kr, kb = WEIGHTS[layout.matrix]
    n = layout.depth
    y, cb, cr = (Fraction(sample) for sample in samples)
    if layout.range == "full":
        luma, *chroma = y / (2**n - 1), *((c - 2 ** (n - 1)) / (2**n - 1) for c in (cb, cr))
    else:
        scale = 2 ** (n - 8)
        luma, *chroma = (y / scale - 16) / 219, *((c / scale - 128) / 224 for c in (cb, cr))
    blue = luma + 2 * (1 - kb) * chroma[0]
    red = luma + 2 * (1 - kr) * chroma[1]
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return [255 * red, 255 * green, 255 * blue]


def assert_rounded(got: int, value: Fraction, peak: int) -> None:
    """``got`` is ``value`` rounded, a tie either way, and clipped."""
    if value < 0 or value > peak:
        assert got == (0 if value < 0 else peak)
    else:
        assert abs(got - value) <= Fraction(1, 2)


COLOR = [layout for layout in LAYOUTS if layout.chroma != "400" and layout.matrix != "gbr"]
COLOR += [
    dataclasses.replace(layout, siting=siting)
    for layout in COLOR
    for siting in ("center", "topleft")
    if layout.subsampled and (layout.depth, layout.matrix) == (10, "bt709")
]


def kernel(distance: float) -> float:
    """Lanczos of three lobes: 3 sin(pi x) sin(pi x / 3) / (pi x)^2."""
    if distance == 0:
        return 1.0
    angle = math.pi * distance
    return 3 * math.sin(angle) * math.sin(angle / 3) / angle**2 if abs(distance) < 3 else 0.0


def sources(place: Fraction, step: int, count: int) -> list[tuple[int, Fraction]]:
    """The samples of a row of ``count`` and their weights for ``place``, in samples of the row, by
    the kernel stretched by ``step``: multiples of 2^-16 whose sum is 1."""
    near = [i for i in range(-12, count + 12) if abs(i - place) < 3 * step]
    weights = [kernel(float(i - place) / step) for i in near]
    units = [round(65536 * weight / sum(weights)) for weight in weights]
    largest = [i for i, unit in enumerate(units) if unit == max(units)]
    missing = 65536 - sum(units)
    for i in largest:
        units[i] += missing // len(largest)
    assert sum(units) == 65536
    return [
        (min(max(i, 0), count - 1), Fraction(unit, 65536))
        for i, unit in zip(near, units, strict=True)
    ]


def sides(layout: Layout) -> list[tuple[int, Fraction]]:
    """Luma samples for each of chroma, and where the first one of chroma lies, down and across."""
    down = 2 if layout.chroma == "420" else 1
    across = 1 if layout.chroma == "444" else 2
    half = Fraction(1, 2)
    lie = {"left": (half, 0), "center": (half, half), "topleft": (0, 0)}[layout.siting]
    return [(down, lie[0] * (down - 1)), (across, lie[1] * (across - 1))]


@pytest.mark.parametrize("layout", COLOR, ids=str)
def test_conversion_is_the_exact_rational_value_rounded_once(layout: Layout) -> None:
    rng = np.random.default_rng(7)
    image = rng.integers(0, 256, (5, 7, 3), np.uint8)
    image[0, :3] = RED, WHITE, BLUE
    planes = to_planes(image, layout)
    (down, top), (across, left) = sides(layout)
    wanted = np.array([[exact(pixel, layout) for pixel in row] for row in image])
    for y, x in np.ndindex(5, 7):
        assert_rounded(int(planes[0][y, x]), wanted[y, x, 0], layout.peak)
    for plane, component in zip(planes[1:], (1, 2), strict=True):
        assert plane.shape == (-(-5 // down), -(-7 // across))
        for y, x in np.ndindex(*plane.shape):
            value = sum(
                wy * wx * wanted[i, j, component]
                for i, wy in (sources(down * y + top, 2, 5) if down == 2 else [(y, 1)])
                for j, wx in (sources(across * x + left, 2, 7) if across == 2 else [(x, 1)])
            )
            assert_rounded(int(plane[y, x]), value, layout.peak)


@pytest.mark.parametrize("layout", COLOR, ids=str)
def test_inverse_is_the_exact_rational_value_rounded_once(layout: Layout) -> None:
    rng = np.random.default_rng(8)
    shapes = layout.plane_shapes(5, 7)
    planes = [rng.integers(0, layout.peak + 1, s).astype(layout.dtype) for s in shapes]
    image = from_planes(planes, layout)
    (down, top), (across, left) = sides(layout)
    rows, columns = shapes[1]
    for y, x in np.ndindex(5, 7):
        cb, cr = (
            sum(
                wy * wx * int(plane[i, j])
                for i, wy in (sources((y - top) / 2, 1, rows) if down == 2 else [(y, 1)])
                for j, wx in (sources((x - left) / 2, 1, columns) if across == 2 else [(x, 1)])
            )
            for plane in planes[1:]
        )
        values = exact_back((int(planes[0][y, x]), cb, cr), layout)
        for got, value in zip(image[y, x], values, strict=True):
            assert_rounded(int(got), value, 255)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@settings(max_examples=8)
@given(st.data())
def test_shapes_come_back_at_every_size(layout: Layout, data) -> None:
    image = data.draw(images(layout.channels))
    before = image.copy()
    planes = to_planes(image, layout)
    assert [plane.shape for plane in planes] == layout.plane_shapes(*image.shape[:2])
    assert all(plane.dtype == layout.dtype and plane.max() <= layout.peak for plane in planes)
    decoded = from_planes(planes, layout)
    assert decoded.dtype == np.uint8
    assert decoded.shape == image.shape
    assert np.array_equal(image, before)
    if layout.chroma == "400" or (layout.matrix, layout.range) == ("gbr", "full"):
        assert np.array_equal(decoded, image)
    if layout.chroma == "444":
        worst = np.abs(decoded.astype(int) - image).max()
        # From 10 bits on, half a step of each plane adds up to less than half a step of the image.
        bounds = {8: 1} if layout.matrix == "gbr" else {8: 2, 9: 1}
        assert worst <= bounds.get(layout.depth, 0)


@pytest.mark.parametrize("layout", COLOR, ids=str)
def test_gray_has_no_chroma_and_comes_back_within_a_step(layout: Layout) -> None:
    levels = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(256, 1, 3)
    planes = to_planes(levels, layout)
    assert all((plane == 1 << (layout.depth - 1)).all() for plane in planes[1:])
    worst = np.abs(round_trip(levels, layout).astype(int) - levels)
    assert worst.max() == (1 if (layout.depth, layout.range) == (8, "limited") else 0)


@pytest.mark.parametrize("depth", range(8, 17))
def test_gray_levels_are_scaled_by_depth_alone(depth: int) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    for matrix, range_ in itertools.product(("bt601", "bt709", "gbr"), ("full", "limited")):
        (plane,) = to_planes(levels, Layout("400", depth, matrix, range_))
        for level, sample in zip(levels.flat, plane.flat, strict=True):
            assert abs(int(sample) - Fraction(int(level) * (2**depth - 1), 255)) <= Fraction(1, 2)


@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("range_", ["full", "limited"])
@pytest.mark.parametrize(("matrix", "name"), [("bt601", "170m"), ("bt709", "709")])
class TestZimg:
    """FFmpeg's zscale (zimg), which computes in float32: a few samples near ties differ by 1."""

    def test_planes(self, photo, depth, range_, matrix, name) -> None:
        layout = Layout("444", depth, matrix, range_)
        filters = f"format=gbrp,zscale=min=gbr:rin=full:m={name}:r={range_}:d=none"
        out = convert(photo, "rgb24", f"{filters},format={pix_fmt(layout)}", pix_fmt(layout))
        theirs = np.frombuffer(out, layout.dtype).reshape(3, *photo.shape[:2])
        differences = np.abs(theirs.astype(int) - np.stack(to_planes(photo, layout)))
        assert differences.max() <= 1
        assert (differences > 0).mean() < 0.01

    def test_back(self, photo, depth, range_, matrix, name) -> None:
        layout = Layout("444", depth, matrix, range_)
        differences = np.abs(zimg_back(photo, layout, name) - round_trip(photo, layout))
        assert differences.max() <= 1
        assert (differences > 0).mean() < 0.001


def test_planes_are_near_those_of_swscale(photo) -> None:
    flags = "accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
    for range_ in ("full", "limited"):
        layout = Layout("444", 8, "bt601", range_)
        filters = f"scale=out_color_matrix=bt601:out_range={range_}:flags={flags}"
        out = convert(photo, "rgb24", filters, pix_fmt(layout))
        theirs = np.frombuffer(out, np.uint8).reshape(3, *photo.shape[:2])
        assert np.abs(theirs.astype(int) - np.stack(to_planes(photo, layout))).max() <= 1


def test_full_range_bt601_is_the_ycbcr_of_pillow(photo) -> None:
    # Pillow's tables (JFIF) have 6 bits of fraction and are rounded once more.
    theirs = np.asarray(Image.fromarray(photo).convert("YCbCr")).astype(int)
    ours = np.dstack(to_planes(photo, Layout("444", 8, "bt601", "full")))
    assert np.abs(theirs - ours).max() <= 1


def float_round_trip(image: np.ndarray, quantize, offset: float) -> np.ndarray:
    """8-bit full-range BT.709 there and back, Cb = quantize(255 E'PB + offset)."""
    kr, kb = 0.2126, 0.0722
    red, green, blue = (image[:, :, channel] / 255 for channel in range(3))
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    y = quantize(255 * luma) / 255
    cb, cr = ((quantize(255 * c + offset).clip(0, 255) - offset) / 255 for c in (cb, cr))
    red, blue = y + (2 - 2 * kr) * cr, y + (2 - 2 * kb) * cb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return quantize(255 * np.dstack((red, green, blue)).clip(0, 1)).astype(np.uint8)


def test_ceiling_of_8_bit_bt709_on_kodak(kodak) -> None:
    """Published harnesses are capped at 53.0 dB by rounding and 43.69 dB by truncation.

    Both are of full range with gray at 127.5, halfway between two samples. H.273 has it at
    128, where gray is exact: 53.20 dB.
    """
    photos = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(kodak.glob("*.png"))]

    def mean_psnr(conversion) -> float:
        return float(np.mean([psnr(photo, conversion(photo)) for photo in photos]))

    layout = Layout("444", 8, "bt709", "full")
    assert mean_psnr(lambda a: float_round_trip(a, np.rint, 127.5)) == pytest.approx(53.0, abs=0.01)
    truncated = mean_psnr(lambda a: float_round_trip(a, np.floor, 127.5))
    assert truncated == pytest.approx(43.69, abs=0.005)
    ours = mean_psnr(lambda a: round_trip(a, layout))
    assert ours == pytest.approx(mean_psnr(lambda a: float_round_trip(a, np.rint, 128)), abs=0.001)
    assert ours == pytest.approx(53.0, abs=0.25)


@pytest.mark.parametrize(
    ("planes", "message"),
    [
        ([], "planes of shapes"),
        ([np.zeros((4, 4), np.uint8)], "planes of shapes"),
        ([np.zeros((4, 4), np.uint8)] * 3, "do not fit chroma 420"),
        ([np.zeros((4, 4, 1), np.uint8)] * 3, "planes of shapes"),
        ([np.zeros((0, 0), np.uint8)] * 3, "planes of shapes"),
        (
            [np.zeros((4, 4), np.uint16), *[np.zeros((2, 2), np.uint16)] * 2],
            "planes of depth 8 must be uint8, one is uint16",
        ),
    ],
)
def test_other_planes_are_refused(planes, message) -> None:
    with pytest.raises(ValueError, match=message):
        from_planes(planes, Layout("420", 8, "bt709", "full"))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
    ],
)
def test_other_images_are_refused(image) -> None:
    with pytest.raises(ValueError, match="image"):
        to_planes(image, Layout("444", 8, "bt709", "full"))


def test_planes_and_images_share_no_memory() -> None:
    for layout in (Layout("400", 8, "gbr", "full"), Layout("444", 8, "gbr", "full")):
        image = np.zeros((4, 4, layout.channels), np.uint8)
        planes = to_planes(image, layout)
        back = from_planes(planes, layout)
        for plane in planes:
            assert not np.shares_memory(plane, image)
            assert not np.shares_memory(plane, back)
