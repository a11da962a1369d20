"""CIEDE2000 against scikit-image, in double precision, and the pairs of Sharma et al."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from rdbench.metrics import ciede2000

from .conftest import reference


def value(image: np.ndarray, decoded: np.ndarray) -> float:
    return reference(image, ["ciede2000"]).score(decoded).values["ciede2000"]


def oracle(image: np.ndarray, decoded: np.ndarray) -> float:
    return float(deltaE_ciede2000(rgb2lab(image), rgb2lab(decoded)).mean())


@pytest.mark.parametrize("quality", [5, 50, 95])
def test_photographs(photo, jpeg, quality) -> None:
    """float32 keeps six digits."""
    decoded = jpeg(photo, quality)
    assert value(photo, decoded) == pytest.approx(oracle(photo, decoded), rel=2e-6, abs=1e-7)


def test_any_colors() -> None:
    """Of random pairs some are of opposite hues, where the mean hue jumps and float32 may fall on
    the other side: by 0.1 in a few of 20000."""
    image, decoded = np.random.default_rng(1).integers(0, 256, (2, 100, 200, 3), np.uint8)
    assert value(image, decoded) == pytest.approx(oracle(image, decoded), abs=1e-4)


def test_one_sample_of_a_flat_image() -> None:
    """Neither small differences nor grays lose precision, or divide by zero."""
    image = np.full((40, 40, 3), 128, np.uint8)
    decoded = image.copy()
    decoded[3, 4, 1] += 1
    decoded[8, 9] = 0
    assert value(image, decoded) == pytest.approx(oracle(image, decoded), abs=1e-7)
    assert value(image, image.copy()) == 0


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_pairs_of_sharma_wu_and_dalal(first, second, expected) -> None:
    """doi:10.1002/col.20070, table 1, pairs 1, 7, 9, 11, 17, 26, 30 and 34, of four digits. Of
    pairs 9 and 11 hues are opposite to 0.02 degrees: float32 has their mean to three digits."""
    a, b = (np.array(color, np.float32)[:, np.newaxis] for color in (first, second))
    assert ciede2000.difference(a, b)[0] == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("lee2019-mse-q3-kodim05", 4.5163), ("lee2019-msssim-q6-kodim23", 1.2468)],
)
def test_reconstructions_of_a_learned_codec(oracle, name: str, expected: float) -> None:
    """Values of scikit-image 0.26."""
    assert value(*oracle(name)) == pytest.approx(expected, abs=6e-5)


def test_gray_is_the_color_image_of_three_equal_channels(photo, jpeg) -> None:
    gray = np.ascontiguousarray(photo[:130, :140, 1:2])
    decoded = jpeg(gray, 40)
    assert value(gray, decoded) == value(gray.repeat(3, axis=2), decoded.repeat(3, axis=2))
