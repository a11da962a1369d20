"""Sizes that files declare are those that their encoders were given, and libraries decode."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from rdbench.errors import BitstreamError
from rdbench.formats import jpegxl_size, webp_size

SIZES = [(1, 1), (16, 16), (13, 8), (8, 256), (640, 480), (1000, 1200), (300, 9), (520, 513)]


def picture(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_size_of_a_jpeg_xl_codestream(width, height):
    """Sides of all four lengths, with ratios and multiples of eight; in boxes as well."""
    image = picture(width, height)
    for boxes in (False, True):
        data = imagecodecs.jpegxl_encode(image, effort=1, usecontainer=boxes)
        assert jpegxl_size(data) == (width, height)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("lossless", [False, True])
def test_the_size_of_a_webp_file(width, height, lossless):
    data = imagecodecs.webp_encode(picture(width, height), lossless=lossless)
    assert webp_size(data) == (width, height)


def test_the_size_of_a_webp_file_with_a_canvas():
    image = np.dstack([picture(33, 21), np.full((21, 33), 7, np.uint8)])
    data = imagecodecs.webp_encode(image, lossless=False)
    assert data[12:16] == b"VP8X"
    assert webp_size(data) == (33, 21)


@pytest.mark.parametrize("read", [jpegxl_size, webp_size])
@pytest.mark.parametrize(
    "data", [b"", b"RIFF", bytes(100), b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)]
)
def test_what_does_not_begin_as_one_is_refused(read, data):
    with pytest.raises(BitstreamError, match="does not begin like a"):
        read(data)
