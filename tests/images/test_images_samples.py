"""Luma, geometry and the pixel hash, against computations of other kinds."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdbench.images import luma, pixel_sha256
from rdbench.images.samples import dumas2018_geometry

levels = st.integers(0, 255)


def exact_luma(red: int, green: int, blue: int) -> Fraction:
    total = Fraction("65.481") * red + Fraction("128.553") * green + Fraction("24.966") * blue
    return 16 + total / 255


@pytest.mark.parametrize("red", [0, 1, 127, 254, 255])
@pytest.mark.parametrize("green", [0, 1, 128, 255])
@pytest.mark.parametrize("blue", [0, 1, 2, 255])
def test_luma_is_the_rounded_rational_value(red, green, blue):
    value = luma(np.array([[[red, green, blue]]], dtype=np.uint8))
    # round() of a Fraction is exact, and half to even
    assert value.tolist() == [[[round(exact_luma(red, green, blue))]]]


@given(levels, levels, levels)
def test_luma_of_any_color_is_nearest(red, green, blue):
    value = int(luma(np.array([[[red, green, blue]]], dtype=np.uint8))[0, 0, 0])
    assert abs(value - exact_luma(red, green, blue)) <= Fraction(1, 2)


def test_luma_of_all_colors_in_integers():
    """In units of 1/255000 the formula is an integer; only at an exact tie, of which there are
    194 among the 2^24 colors, may float64 decide for either neighbor."""
    green, blue = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    ties = 0
    for red in range(256):
        colors = np.stack([np.full_like(green, red), green, blue], axis=2).astype(np.uint8)
        whole, rest = np.divmod(65481 * red + 128553 * green + 24966 * blue, 255000)
        tie = rest == 127500
        nearest = 16 + whole + (rest > 127500)
        found = luma(colors)[:, :, 0]
        assert np.array_equal(found[~tie], nearest[~tie])
        assert np.isin(found[tie] - nearest[tie], (0, 1)).all()
        ties += int(tie.sum())
    assert ties == 194


def test_luma_of_black_and_white_spans_the_limited_range():
    both = np.array([[[0, 0, 0], [255, 255, 255]]], dtype=np.uint8)
    assert luma(both).tolist() == [[[16], [235]]]


def test_gray_is_luma_already():
    gray = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    assert luma(gray) is gray


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 2), (4, 4, 4)])
def test_luma_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="is not \\(height, width"):
        luma(np.zeros(shape, np.uint8))


def test_luma_refuses_other_types():
    with pytest.raises(TypeError, match="uint16"):
        luma(np.zeros((1, 1, 3), np.uint16))


def test_hash_is_of_the_interleaved_rows(rgb):
    in_order = bytes(int(sample) for row in rgb for pixel in row for sample in pixel)
    assert pixel_sha256(rgb) == hashlib.sha256(in_order).hexdigest()


def test_hash_of_a_view_is_of_its_own_order(rgb):
    turned = rgb[::-1, :, ::-1].swapaxes(0, 1)
    assert pixel_sha256(turned) == hashlib.sha256(bytes(turned.flatten().tolist())).hexdigest()
    assert pixel_sha256(turned) != pixel_sha256(rgb)


def test_hash_refuses_other_types():
    with pytest.raises(TypeError, match="float32"):
        pixel_sha256(np.zeros((2, 2, 3), np.float32))


def test_landscape_geometry_turns_portraits_counter_clockwise():
    #  1 2        2 4 6
    #  3 4   ->   1 3 5
    #  5 6
    portrait = np.array([[1, 2], [3, 4], [5, 6]], np.uint8)[:, :, np.newaxis]
    turned = dumas2018_geometry(portrait, trim=False)
    assert turned[:, :, 0].tolist() == [[2, 4, 6], [1, 3, 5]]


@pytest.mark.parametrize("shape", [(2, 3, 1), (3, 3, 3)])
def test_landscape_geometry_leaves_wide_and_square_images(shape):
    image = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    assert np.array_equal(dumas2018_geometry(image, trim=False), image)


def test_trimming_drops_the_first_row_and_column_before_turning():
    portrait = np.arange(12, dtype=np.uint8).reshape(4, 3, 1)
    #  4 5  of rows 1.., columns 1..      5  8 11
    #  7 8                           ->   4  7 10
    # 10 11
    assert dumas2018_geometry(portrait, trim=True)[:, :, 0].tolist() == [[5, 8, 11], [4, 7, 10]]
