"""SSIM against scikit-image, MS-SSIM against pytorch-msssim in double precision."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from rdbench.metrics import luma, ms_ssim, scale, ssim, structural

from .conftest import reference

torch = pytest.importorskip("torch", reason="the oracles of MS-SSIM need torch")
pytorch_msssim = pytest.importorskip("pytorch_msssim")

QUALITIES = (10, 50, 90)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    # Two threads of torch's grouped convolutions in double precision take four times as long.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def oracle_ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    planes = [torch.from_numpy(x.transpose(2, 0, 1)[None].astype(np.float64)) for x in (a, b)]
    return float(pytorch_msssim.ms_ssim(*planes, data_range=255, win_size=11, win_sigma=1.5))


def oracle_ssim(a: np.ndarray, b: np.ndarray) -> float:
    return float(
        structural_similarity(
            a,
            b,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=2,
        )
    )


def scores(image: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    return reference(image, ["ssim", "ms_ssim_db"]).score(decoded).values


def agrees(image: np.ndarray, decoded: np.ndarray) -> None:
    values = scores(image, decoded)
    assert values["ms_ssim"] == pytest.approx(oracle_ms_ssim(image, decoded), abs=1e-6)
    assert values["ssim"] == pytest.approx(oracle_ssim(image, decoded), abs=1e-6)
    assert values["ms_ssim_db"] == -10 * math.log10(1 - values["ms_ssim"])


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 11))
def test_kodak_at_three_qualities(kodak_image, jpeg, number: int) -> None:
    image = kodak_image(number)
    side = reference(image, ["ssim", "ms_ssim"])
    for quality in QUALITIES:
        decoded = jpeg(image, quality)
        values = side.score(decoded).values
        assert values["ms_ssim"] == pytest.approx(oracle_ms_ssim(image, decoded), abs=1e-6)
        assert values["ssim"] == pytest.approx(oracle_ssim(image, decoded), abs=1e-6)


@pytest.mark.parametrize(
    ("height", "width"), [(161, 161), (161, 300), (203, 177), (176, 205), (333, 501)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_sizes_that_do_not_halve_evenly(photo, jpeg, height, width, channels) -> None:
    image = np.ascontiguousarray(photo[:height, :width, :channels])
    for quality in (10, 90):
        agrees(image, jpeg(image, quality))


LUMA = np.array([0.299, 0.587, 0.114])
OF_LUMA = ["ssim_y", "ms_ssim_y_db"]


@pytest.mark.parametrize(("height", "width"), [(161, 161), (203, 177), (333, 501)])
def test_luma_is_that_of_unrounded_double_precision_luma(photo, jpeg, height, width) -> None:
    """By scikit-image and pytorch-msssim, of 0.299 R + 0.587 G + 0.114 B (T.871, clause 7)."""
    image = np.ascontiguousarray(photo[:height, :width])
    for quality in (10, 90):
        decoded = jpeg(image, quality)
        a, b = (of @ LUMA.reshape(3, 1) for of in (image, decoded))
        values = reference(image, OF_LUMA).score(decoded).values
        assert values["ms_ssim_y"] == pytest.approx(oracle_ms_ssim(a, b), abs=1e-6)
        assert values["ssim_y"] == pytest.approx(oracle_ssim(a, b), abs=1e-6)
        assert values["ms_ssim_y_db"] == -10 * math.log10(1 - values["ms_ssim_y"])


def test_luma_of_bt709_is_that_of_unrounded_double_precision_luma(photo, jpeg) -> None:
    """By scikit-image and pytorch-msssim, of 0.2126 R + 0.7152 G + 0.0722 B (BT.709-6, 3.2)."""
    image = np.ascontiguousarray(photo[:203, :177])
    decoded = jpeg(image, 20)
    a, b = (of @ np.array([[0.2126], [0.7152], [0.0722]]) for of in (image, decoded))
    wanted = ["ssim_y:matrix=709", "ms_ssim_y_db:matrix=709", "ms_ssim_y"]
    values = reference(image, wanted).score(decoded).values
    assert values["ms_ssim_y:matrix=709"] == pytest.approx(oracle_ms_ssim(a, b), abs=1e-6)
    assert values["ssim_y:matrix=709"] == pytest.approx(oracle_ssim(a, b), abs=1e-6)
    assert abs(values["ms_ssim_y"] - values["ms_ssim_y:matrix=709"]) > 1e-5


def test_luma_is_better_than_its_colors_where_chroma_alone_has_lost(photo) -> None:
    """Red up or down by 20, and green the other way as far as keeps luma, to the next step."""
    image = (photo[:200, :200] // 4 + 96).astype(np.int16)
    change = np.random.default_rng(6).choice([-20, 20], image.shape[:2])
    decoded = image.copy()
    decoded[:, :, 0] += change
    decoded[:, :, 1] -= np.rint(change * 0.299 / 0.587).astype(np.int16)
    image, decoded = image.astype(np.uint8), decoded.astype(np.uint8)
    values = (
        reference(image, ["ssim", "ssim_y", "ms_ssim_db", "ms_ssim_y_db"]).score(decoded).values
    )
    assert values["ssim_y"] > 0.999 > 0.9 > values["ssim"]
    assert values["ms_ssim_y_db"] > values["ms_ssim_db"] + 10


def test_luma_of_one_channel_is_the_channel(photo, jpeg) -> None:
    gray = np.ascontiguousarray(photo[:200, :201, :1])
    values = reference(gray, ["ssim", "ms_ssim_db", *OF_LUMA]).score(jpeg(gray, 40)).values
    for name in ("ssim", "ms_ssim", "ms_ssim_db"):
        assert values[name.replace("ssim", "ssim_y")] == values[name]


def test_identical_images_have_perfect_luma() -> None:
    noise = np.random.default_rng(7).integers(0, 256, (170, 170, 3), np.uint8)
    values = reference(noise, OF_LUMA).score(noise.copy()).values
    assert values == {"mse": 0, "ssim_y": 1, "ms_ssim_y": 1, "ms_ssim_y_db": math.inf}


def test_strips_of_luma_do_not_show(photo, jpeg, monkeypatch) -> None:
    image, decoded = photo[:, :301], jpeg(photo, 20)[:, :301]
    whole = reference(image, OF_LUMA).score(decoded).values
    monkeypatch.setattr(luma, "_STRIP_SAMPLES", 3 * 301 * 7)
    assert reference(image, OF_LUMA).score(decoded).values == pytest.approx(whole, abs=1e-8)


@pytest.mark.parametrize("level", [0, 5, 250, 255])
def test_flat_images(level: int) -> None:
    image = np.full((170, 190, 3), level, np.uint8)
    decoded = image.copy()
    decoded[40:60, 30:90] ^= 3
    agrees(image, decoded)


def test_a_constant_offset_costs_luminance_alone() -> None:
    noise = np.random.default_rng(1).integers(20, 200, (180, 180, 1), np.uint8)
    agrees(noise, noise + np.uint8(30))


def test_negative_structure_counts_as_zero() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (180, 180, 3), np.uint8)
    negative = 255 - noise
    assert oracle_ms_ssim(noise, negative) == 0
    assert ms_ssim(noise, negative) == 0
    assert ssim(noise, negative) == pytest.approx(oracle_ssim(noise, negative), abs=1e-6)
    assert ssim(noise, negative) < 0


def test_unrelated_noise() -> None:
    generator = np.random.default_rng(3)
    a, b = (generator.integers(0, 256, (200, 240, 3), np.uint8) for _ in range(2))
    agrees(a, b)


def test_strips_do_not_show(photo, jpeg, monkeypatch) -> None:
    image, decoded = photo[:, :301], jpeg(photo, 20)[:, :301]
    whole = scores(image, decoded)
    monkeypatch.setattr(scale, "_STRIP_SAMPLES", 301 * 7)
    assert scores(image, decoded) == pytest.approx(whole, abs=1e-8)


def test_an_image_wider_than_a_strip_holds(monkeypatch) -> None:
    generator = np.random.default_rng(4)
    image = generator.integers(0, 256, (11, 3000, 3), np.uint8)
    decoded = image // 2
    monkeypatch.setattr(scale, "_STRIP_SAMPLES", 1000)
    assert ssim(image, decoded) == pytest.approx(oracle_ssim(image, decoded), abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(height=st.integers(11, 60), width=st.integers(11, 60), channels=st.sampled_from([1, 3]))
def test_ssim_of_small_images(height: int, width: int, channels: int) -> None:
    generator = np.random.default_rng([height, width, channels])
    image = generator.integers(0, 256, (height, width, channels), np.uint8)
    change = generator.integers(-20, 21, image.shape)
    decoded = np.clip(image + change, 0, 255).astype(np.uint8)
    assert ssim(image, decoded) == pytest.approx(oracle_ssim(image, decoded), abs=1e-6)


def test_the_window_is_that_of_pytorch_msssim() -> None:
    import sys

    window = sys.modules["pytorch_msssim.ssim"]._fspecial_gauss_1d(11, 1.5).numpy().ravel()
    np.testing.assert_array_equal(scale._ROW.ravel(), window)


@given(size=st.tuples(st.integers(2, 20), st.integers(2, 20)))
@settings(deadline=None)
def test_halving_is_average_pooling_with_its_padding(size: tuple[int, int]) -> None:
    planes = np.random.default_rng(5).integers(-255, 256, (3, *size)).astype(np.float32)
    expected = torch.nn.functional.avg_pool2d(
        torch.from_numpy(planes)[None], kernel_size=2, padding=[side % 2 for side in size]
    )[0].numpy()
    np.testing.assert_array_equal(structural.halved(planes), expected)


@given(
    side=st.integers(161, 200), values=st.tuples(*[st.integers(0, 255)] * 2), seed=st.integers(0, 9)
)
@settings(deadline=None, max_examples=20)
def test_only_identical_images_are_perfect(side, values, seed) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (side, 170, 3), np.uint8)
    image[7, 9, 1] = values[0]
    decoded = image.copy()
    decoded[7, 9, 1] = values[1]
    result = scores(image, decoded)
    assert math.isinf(result["ms_ssim_db"]) == (values[0] == values[1])
    assert result["ms_ssim"] <= 1
