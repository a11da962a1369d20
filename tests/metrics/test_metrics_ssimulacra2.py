"""SSIMULACRA 2 against the C++ of its author: cloudinary/ssimulacra2 at 81feacf, built by GCC 12
with Debian 12's Highway 1.0.3, its program run as ``ssimulacra2 original.png decoded.png``.

Where matrix products use fused multiply-add, as the C++ does on processors since 2013, every value
is the same to the digits that it prints (over 510 pairs of Kodak images and crops from 8 px, by
JPEG, WebP, AVIF, blur, noise and others: within 4e-7 above -100 points). Without it, the C++ itself
has other rounding noise: built for SSE4 it gives 0.37 less for the last Kodak pair here, and 0.06
less for the second.
"""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from rdbench.metrics import fused, xyb
from rdbench.metrics.recursive_gaussian import Blur

from .conftest import reference

TOLERANCE = 2e-6 if fused.FUSED else 0.5


def value(image: np.ndarray, decoded: np.ndarray) -> float:
    return reference(image, ["ssimulacra2"]).score(decoded).values["ssimulacra2"]


@pytest.mark.parametrize(
    ("height", "width", "channels", "step", "expected"),
    [
        (512, 412, 3, 4, 89.51904767),
        (512, 412, 3, 24, 28.50874334),
        (301, 203, 3, 12, 66.74068406),
        (113, 150, 3, 12, 75.8373765),
        (57, 64, 3, 12, 72.84647281),
        (8, 9, 3, 12, 96.45268639),
        (64, 33, 1, 12, 93.99418894),
        (128, 128, 3, 255, -132.0972729),
    ],
)
def test_posterized_crops(photo, height, width, channels, step, expected) -> None:
    """Odd sides, too small for six scales (below 113 px), gray, and below zero."""
    image = np.ascontiguousarray(photo[:height, 100 : 100 + width, :channels])
    decoded = (image // step * step + step // 2).astype(np.uint8)
    assert value(image, decoded) == pytest.approx(expected, abs=max(TOLERANCE, 1e-7))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("lee2019-mse-q3-kodim05", 25.80568285), ("lee2019-msssim-q6-kodim23", 72.07267259)],
)
def test_reconstructions_of_a_learned_codec(oracle, name: str, expected: float) -> None:
    assert value(*oracle(name)) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("number", "quality", "subsampling", "expected"),
    [(5, 75, 2, 75.46160666), (23, 95, 2, 88.03547559), (23, 95, 0, 90.01611366)],
)
def test_jpeg_of_kodak(kodak_image, number, quality, subsampling, expected) -> None:
    """By Pillow 12 with libjpeg-turbo."""
    image = kodak_image(number)
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality, subsampling=subsampling)
    decoded = np.asarray(Image.open(stream))
    assert value(image, decoded) == pytest.approx(expected, abs=TOLERANCE)


def test_identical_images_have_100_points(photo) -> None:
    assert value(photo, photo.copy()) == 100


ELSEWHERE = """
import numpy as np
from rdbench.metrics import fused
from rdbench.metrics.ssimulacra2 import Ssimulacra2
y, x = np.mgrid[:150, :203]
image = np.stack([3 * x + y, x * y // 90, x * x // 300 + 5 * y], axis=2).astype(np.uint8)
side = Ssimulacra2(image, ["ssimulacra2"])
print(fused.FUSED, side.score(image // 4 * 4 + 2), side.score(image.copy()))
"""


@pytest.mark.parametrize(
    ("kernels", "threads"), [("Haswell", "1"), ("Haswell", "2"), ("Sandybridge", "2")]
)
def test_kernels_for_other_processors(kernels: str, threads: str) -> None:
    """Those of Haswell fuse, those of Sandybridge do not. C++: 94.82103492; built for SSE4, which
    does not fuse: 94.76978175. Two of them differ as two pieces of noise do."""
    environment = os.environ | {"OPENBLAS_CORETYPE": kernels, "OPENBLAS_NUM_THREADS": threads}
    command = [sys.executable, "-c", ELSEWHERE]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    fuses, points, of_itself = ran.stdout.split()
    assert float(points) == pytest.approx(94.82103492, abs=2e-6 if fuses == "True" else 0.2)
    assert float(of_itself) == 100


def test_gray_is_the_color_image_of_three_equal_channels(photo, jpeg) -> None:
    gray = np.ascontiguousarray(photo[:130, :140, 1:2])
    decoded = jpeg(gray, 40)
    assert value(gray, decoded) == value(gray.repeat(3, axis=2), decoded.repeat(3, axis=2))


def test_an_image_below_8_px_has_no_value(photo) -> None:
    small = np.ascontiguousarray(photo[:7, :20])
    scores = reference(small, ["ssimulacra2"]).score(small)
    assert "ssimulacra2" not in scores.values
    assert scores.reasons["ssimulacra2"] == "sides must be at least 8 px, but the image is 20x7"


def test_the_original_is_kept_from_one_decoded_image_to_the_next(photo, jpeg) -> None:
    image = np.ascontiguousarray(photo[:200, :300])
    side = reference(image, ["ssimulacra2"])
    decoded = [jpeg(image, quality) for quality in (10, 90, 50)]
    values = [side.score(one).values["ssimulacra2"] for one in decoded]
    assert values == [value(image, one) for one in decoded]
    assert values[0] < values[2] < values[1]


@pytest.mark.parametrize("shape", [(2, 8, 9), (3, 40, 61), (1, 4, 5)])
def test_the_blur_is_the_sum_of_cosines_of_its_paper(shape) -> None:
    """Charalampidis 2016: three cosines over eleven samples, whose weights make the sum 1, the
    variance 2.25 and the shape next to a Gaussian; zeros outside."""
    planes, height, width = shape
    samples = np.random.default_rng(3).random(shape, np.float32)

    def fill(rows: slice, out: np.ndarray) -> None:
        out[:] = samples[:, rows].transpose(2, 0, 1)

    found = np.empty(shape)
    for rows, columns, made in Blur()(planes, height, width, fill):
        found[:, rows, columns] = made.transpose(1, 0, 2)
    place = np.arange(-5, 6)
    cosines = np.cos(np.outer(np.pi / 10 * np.array([1, 3, 5]), place))
    gaussian = np.exp(-0.5 * 2.25 * (np.pi / 10 * np.array([1, 3, 5])) ** 2) / 5
    conditions = [cosines.sum(axis=1), cosines @ place**2]
    # The nearest weights to those of the Gaussian's spectrum that keep sum and variance.
    excess = np.array([1, 2.25]) - conditions @ gaussian
    window = (gaussian + np.linalg.pinv(conditions) @ excess) @ cosines
    padded = np.pad(samples.astype(np.float64), ((0, 0), (5, 5), (5, 5)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (11, 11), axis=(1, 2))
    expected = np.einsum("phwij,i,j->phw", windows, window, window)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_linear_light_is_that_of_the_standard() -> None:
    """IEC 61966-2-1; libjxl says that its polynomials are within 5e-7."""
    samples = np.arange(256) / 255
    expected = np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(xyb.LINEAR_LIGHT, expected, atol=5e-7)
