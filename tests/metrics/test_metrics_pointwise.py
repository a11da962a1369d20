import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from rdbench import bd_rate
from rdbench.formats import Layout, to_planes
from rdbench.metrics import find, luma, psnr
from rdbench.metrics.pointwise import weighted

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
    gray = np.ascontiguousarray(photo[:, :, :1])
    values = reference(gray, ["psnr_db", "psnr_y_db"]).score(jpeg(gray, 40)).values
    assert values["psnr_y_db"] == values["psnr_db"]


YUV = ["psnr_y_db", "psnr_u_db", "psnr_v_db", "psnr_yuv_db:matrix=601", "psnr_yuv_aom_db"]


def test_psnr_of_chroma_is_that_of_unrounded_double_precision_jfif(photo, jpeg) -> None:
    """T.871, clause 7, with its matrix worked out: Cb = -0.168736 R - 0.331264 G + 0.5 B."""
    decoded = jpeg(photo, 40)
    difference = photo.astype(float) - decoded
    rows = [-0.299 / 1.772, -0.587 / 1.772, 0.5], [0.5, -0.587 / 1.402, -0.114 / 1.402]
    values = reference(photo, YUV).score(decoded).values
    for name, row in zip(("psnr_u_db", "psnr_v_db"), rows, strict=True):
        expected = 10 * math.log10(255**2 / np.mean((difference @ row) ** 2))
        assert values[name] == pytest.approx(expected, abs=1e-6)


def test_psnr_of_chroma_is_that_of_scikit_image(photo, jpeg) -> None:
    """Whose Cb and Cr have 224 steps where full range has 255, and coefficients of six digits."""
    decoded = jpeg(photo, 40)
    a, b = (255 / 224 * rgb2ycbcr(image) for image in (photo, decoded))
    values = reference(photo, YUV).score(decoded).values
    for name, plane in (("psnr_u_db", 1), ("psnr_v_db", 2)):
        expected = peak_signal_noise_ratio(a[..., plane], b[..., plane], data_range=255)
        assert values[name] == pytest.approx(expected, abs=1e-4)


def test_psnr_of_a_color_that_changes_alone() -> None:
    """Blue by 100: Y by 11.4, Cb by 50, Cr by -11.4 / 1.402."""
    black = np.zeros((7, 5, 3), np.uint8)
    decoded = black.copy()
    decoded[:, :, 2] = 100
    values = reference(black, YUV).score(decoded).values
    planes = [20 * math.log10(255 / error) for error in (11.4, 50, 11.4 / 1.402)]
    assert [values[name] for name in YUV[:3]] == pytest.approx(planes, abs=1e-6)
    assert values["psnr_yuv_db:matrix=601"] == pytest.approx(
        (6 * planes[0] + planes[1] + planes[2]) / 8
    )
    aom = (14 * planes[0] + planes[1] + planes[2]) / 16
    assert values["psnr_yuv_aom_db"] == pytest.approx(aom)


def test_psnr_of_bt709_is_that_of_unrounded_double_precision(photo, jpeg) -> None:
    """BT.709-6, items 3.2 and 3.3, by an independent conversion; PSNR-YUV is of BT.709 unless it is
    asked for with another matrix."""
    decoded = jpeg(photo, 40)
    layout = Layout("444", 16, "bt709", "full")
    planes = [
        peak_signal_noise_ratio(*(of.astype(float) / 257 for of in pair), data_range=255)
        for pair in zip(to_planes(photo, layout), to_planes(decoded, layout), strict=True)
    ]
    names = [f"psnr_{plane}_db:matrix=709" for plane in "yuv"]
    values = reference(photo, [*names, "psnr_yuv_db"]).score(decoded).values
    assert [values[name] for name in names] == pytest.approx(planes, abs=1e-3)
    assert values["psnr_yuv_db"] == pytest.approx(
        (6 * planes[0] + planes[1] + planes[2]) / 8, abs=1e-3
    )
    assert find("psnr_yuv_db").revision == 2


def test_the_weights_of_aom_are_those_of_its_published_deltas() -> None:
    """Rates and PSNR of Y, U and V of animals_00 as AOM publishes them for its AV2 still images
    (alt-anchor-r4.0, and v13.0.0): its own BD-rate of the overall PSNR is -9.4364 %."""
    anchor = [
        (5830685, 48.632388, 49.614085, 50.774826),
        (3787144, 42.460305, 45.512308, 47.924833),
        (1989772, 36.244805, 41.920632, 44.963937),
        (904149, 31.785522, 38.980605, 42.206755),
        (413445, 28.239353, 36.133698, 38.874727),
        (175276, 24.687136, 33.483144, 36.219353),
    ]
    test = [
        (5592289, 48.604173, 49.506899, 50.887781),
        (3690944, 42.672491, 45.911317, 48.346026),
        (1978478, 36.657198, 42.768623, 45.939912),
        (862605, 32.040693, 40.1246, 43.626286),
        (394683, 28.656497, 37.548459, 41.405923),
        (173280, 25.303466, 35.061896, 39.337263),
    ]

    def delta(weight: int) -> float:
        curves = (
            ([point[0] for point in curve], [weighted(weight, point[1:]) for point in curve])
            for curve in (anchor, test)
        )
        (rates, qualities), (other_rates, other_qualities) = curves
        return bd_rate(rates, qualities, other_rates, other_qualities)

    assert delta(14) == pytest.approx(-9.4364, abs=0.002)
    assert abs(delta(6) + 9.4364) > 1


def test_what_else_is_asked_for_moves_no_digit(photo, jpeg) -> None:
    decoded = jpeg(photo, 40)
    together = reference(photo, ["psnr_db", *YUV]).score(decoded).values
    for name in YUV:
        assert reference(photo, [name]).score(decoded).values[name] == together[name]


def test_one_channel_has_no_chroma(photo, jpeg) -> None:
    gray = np.ascontiguousarray(photo[:, :, :1])
    scores = reference(gray, YUV).score(jpeg(gray, 40))
    assert {*scores.values} == {"mse", "psnr_y_db"}
    assert scores.notes == (f"{', '.join(YUV[1:])}: takes rgb8, but the image is gray8",)


def test_chroma_without_an_error_is_infinitely_good(photo) -> None:
    """An image whose channels are equal and stay equal, of which luma has lost something."""
    gray = np.repeat(photo[:, :, 1:2], 3, axis=2)
    values = reference(gray, YUV).score(gray ^ np.uint8(1)).values
    assert values["psnr_y_db"] == pytest.approx(20 * math.log10(255), abs=1e-6)
    assert [values[name] for name in YUV[1:]] == [math.inf] * 4


def test_strips_do_not_show_in_chroma(photo, jpeg, monkeypatch) -> None:
    decoded = jpeg(photo, 40)
    whole = reference(photo, YUV).score(decoded).values
    monkeypatch.setattr(luma, "_STRIP_SAMPLES", 3 * photo.shape[1] * 7)
    assert reference(photo, YUV).score(decoded).values == pytest.approx(whole, abs=1e-6)


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
