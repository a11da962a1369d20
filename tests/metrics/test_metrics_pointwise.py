import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from skimage.metrics import peak_signal_noise_ratio

from rdbench.metrics import psnr

from .conftest import reference

LUMA = np.array([0.299, 0.587, 0.114])


def test_psnr_is_that_of_scikit_image(photo, jpeg) -> None:
    decoded = jpeg(photo, 30)
    expected = peak_signal_noise_ratio(photo, decoded, data_range=255)
    assert psnr(photo, decoded) == pytest.approx(expected, abs=1e-10)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_mse_is_the_exact_quotient_of_integers(data) -> None:
    channels = data.draw(st.sampled_from([1, 3]))
    shape = (data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40)), channels)
    a = data.draw(npst.arrays(np.uint8, shape))
    b = data.draw(npst.arrays(np.uint8, shape))
    total = sum((int(x) - int(y)) ** 2 for x, y in zip(a.flat, b.flat, strict=True))
    assert reference(a, ["mse"]).score(b).values == {"mse": total / a.size}


def test_sums_do_not_overflow() -> None:
    black = np.zeros((3000, 4000, 3), np.uint8)
    white = np.full_like(black, 255)
    white[5, 6, 1] = 254
    values = reference(black, ["psnr_y_db"]).score(white).values
    assert values["mse"] == (255**2 * (black.size - 1) + 254**2) / black.size
    assert values["psnr_y_db"] == pytest.approx(0, abs=1e-6)


def test_luma_psnr_is_that_of_unrounded_double_precision_luma(photo, jpeg) -> None:
    decoded = jpeg(photo, 40)
    difference = (photo.astype(float) - decoded.astype(float)) @ LUMA
    expected = 10 * math.log10(255**2 / np.mean(difference**2))
    values = reference(photo, ["psnr_db", "psnr_y_db"]).score(decoded).values
    assert values["psnr_y_db"] == pytest.approx(expected, abs=1e-6)
    assert abs(values["psnr_db"] - values["psnr_y_db"]) > 0.1


def test_luma_psnr_weighs_red_green_and_blue_in_this_order() -> None:
    black = np.zeros((7, 5, 3), np.uint8)
    for channel, weight in enumerate(LUMA):
        decoded = black.copy()
        decoded[:, :, channel] = 100
        values = reference(black, ["psnr_y_db"]).score(decoded).values
        assert values["psnr_y_db"] == pytest.approx(20 * math.log10(255 / (100 * weight)), abs=1e-6)


def test_luma_psnr_of_one_channel_is_its_psnr(photo, jpeg) -> None:
    grey = np.ascontiguousarray(photo[:, :, :1])
    values = reference(grey, ["psnr_db", "psnr_y_db"]).score(jpeg(grey, 40)).values
    assert values["psnr_y_db"] == values["psnr_db"]


def test_identical_images_are_infinitely_good(photo) -> None:
    names = ["psnr_db", "psnr_y_db", "ssim", "ms_ssim_db"]
    assert reference(photo, names).score(photo.copy()).values == {
        "mse": 0,
        "psnr_db": math.inf,
        "psnr_y_db": math.inf,
        "ssim": 1,
        "ms_ssim": 1,
        "ms_ssim_db": math.inf,
    }
