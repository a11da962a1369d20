"""VIF, FSIM, IW-SSIM, NLPD and PSNR-HVS(-M) against the packages by which others report them."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest

from rdbench.metrics import BUILT_IN, Reference, find, luma

NAMES = ("vif", "fsim", "iw_ssim", "nlpd", "psnr_hvs_db", "psnr_hvs_m_db")
# piq 0.8.0 (single precision), IQA-pytorch 0.1 for NLPD and psnr_hvsm 0.3.0 for the last two, on
# luma of 8 bit: kodim05 and kodim23 as reconstructed by two networks of Lee et al. 2019.
ORACLE = {
    "lee2019-mse-q3-kodim05": (0.42741, 0.961149, 0.963257, 0.235647, 25.450, 28.643),
    "lee2019-msssim-q6-kodim23": (0.64543, 0.994621, 0.992218, 0.089208, 31.920, 34.228),
}
# VIF in single precision is 3e-5 from what piq gives in double, which is the tolerance's reason.
TOLERANCES = (5e-5, 1e-5, 1e-5, 1e-5, 2e-3, 2e-3)


def scored(name: str, original: np.ndarray, decoded: np.ndarray) -> float:
    record = find(name)
    scores = Reference(original, [record]).score(decoded)
    assert scores.reasons == {}
    return scores.values[record.name]


@pytest.fixture(scope="module")
def pair(photo, jpeg) -> tuple[np.ndarray, np.ndarray]:
    """Sides of other sizes than powers of two, one of them odd."""
    original = np.ascontiguousarray(photo[:201, :234])
    return original, jpeg(original, 20)


@pytest.mark.parametrize("image", ORACLE)
@pytest.mark.parametrize("name", NAMES)
def test_a_value_is_that_of_the_package_by_which_it_is_reported(oracle, image, name) -> None:
    place = NAMES.index(name)
    expected = pytest.approx(ORACLE[image][place], abs=TOLERANCES[place])
    assert scored(name, *oracle(image)) == expected


@pytest.mark.parametrize(
    ("size", "channels", "matrix"),
    [((161, 161), 1, "709"), ((234, 201), 3, "601"), ((390, 400), 3, "709")],
)
def test_piq_gives_the_same_in_double_precision(photo, jpeg, size, channels, matrix) -> None:
    piq, torch = pytest.importorskip("piq"), pytest.importorskip("torch")
    torch.set_num_threads(1)  # two get in the way of each other where tests run side by side
    original = np.ascontiguousarray(photo[: size[0], : size[1], :channels])
    decoded = jpeg(original, 30)
    planes = [luma.plane(image, matrix) for image in (decoded, original)]
    given = [torch.from_numpy(plane).double()[None, None] for plane in planes]
    # Ours are in single precision.
    for name, function, tolerance in (
        ("vif", piq.vif_p, 1e-5),
        ("iw_ssim", piq.information_weighted_ssim, 2e-6),
    ):
        value = scored(f"{name}:matrix={matrix}", original, decoded)
        expected = float(function(*given, data_range=255))
        assert value == pytest.approx(expected, abs=tolerance)
    colors = (image.transpose(2, 0, 1)[None].astype(float) for image in (decoded, original))
    given = [torch.from_numpy(image) for image in colors]
    expected = float(piq.fsim(*given, data_range=255, chromatic=channels == 3))
    assert scored("fsim", original, decoded) == pytest.approx(expected, abs=1e-6)


def test_nlpd_is_what_its_definition_gives_in_double_precision(pair) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    row = torch.tensor([0.05, 0.25, 0.4, 0.25, 0.05], dtype=torch.float64)
    around = torch.tensor(
        [
            [[0, 0.1011, 0], [0.1493, 0, 0.1460], [0, 0.1015, 0]],
            [[0, 0.0757, 0], [0.1986, 0, 0.1846], [0, 0.0837, 0]],
            [[0, 0.0477, 0], [0.2138, 0, 0.2243], [0, 0.0467, 0]],
            [[0, 0, 0], [0.2503, 0, 0.2616], [0, 0, 0]],
            [[0, 0, 0], [0.2598, 0, 0.2552], [0, 0, 0]],
            [[0, 0, 0], [0.2215, 0, 0.0717], [0, 0, 0]],
        ],
        dtype=torch.float64,
    )

    def convolved(samples: Any, kernel: Any) -> Any:
        padded = functional.pad(samples, [len(kernel) // 2] * 4, mode="reflect")
        return functional.conv2d(padded, kernel[None, None])

    def bands(image: np.ndarray) -> Any:
        samples = torch.from_numpy(luma.plane(image, "709")).double()[None, None] / 255
        constants = (0.0248, 0.0185, 0.0179, 0.0191, 0.022, 0.2782)
        for kernel, constant in zip(around, constants, strict=True):
            low = convolved(samples, torch.outer(row, row))[:, :, ::2, ::2]
            twice = functional.interpolate(low, scale_factor=2, mode="bilinear", align_corners=True)
            fine = convolved(twice, torch.outer(row, row))
            band = samples - fine[:, :, : samples.shape[2], : samples.shape[3]]
            yield band / (constant + convolved(band.abs(), kernel))
            samples = low

    errors = [((a - b) ** 2).mean().sqrt() for a, b in zip(*map(bands, pair), strict=True)]
    assert scored("nlpd", *pair) == pytest.approx(float(sum(errors) / len(errors)), abs=1e-6)


def test_psnr_hvs_m_is_what_its_definition_gives_block_by_block(pair) -> None:
    """The masking of Ponomarenko et al. 2007 on whole blocks, with a DCT of SciPy."""
    from scipy.fft import dctn

    from rdbench.metrics.psnr_hvs import _MASKING, _SENSITIVITY

    def variance(part: np.ndarray) -> float:
        return float(np.var(part, ddof=1)) * part.size

    def masking(block: np.ndarray, coefficients: np.ndarray) -> float:
        energy = float((coefficients.ravel()[1:] ** 2 * _MASKING[1:]).sum())
        quarters = sum(variance(block[y : y + 4, x : x + 4]) for y in (0, 4) for x in (0, 4))
        whole = variance(block)
        return math.sqrt(energy * (quarters / whole if whole else 0) / 16 / 64)

    planes = [luma.plane(image[:192, :232], "709").astype(float) for image in pair]
    total = total_masked = 0.0
    for top in range(0, 192, 8):
        for left in range(0, 232, 8):
            blocks = [plane[top : top + 8, left : left + 8] for plane in planes]
            spectra = [dctn(block, norm="ortho") for block in blocks]
            difference = np.abs(spectra[0] - spectra[1]).ravel()
            strongest = max(map(masking, blocks, spectra))
            seen = np.maximum(difference - strongest / _MASKING, 0)
            seen[0] = difference[0]
            total += float(((difference * _SENSITIVITY) ** 2).sum())
            total_masked += float(((seen * _SENSITIVITY) ** 2).sum())
    cut = [np.ascontiguousarray(image[:192, :232]) for image in pair]
    for name, error in (("psnr_hvs_db", total), ("psnr_hvs_m_db", total_masked)):
        expected = 10 * math.log10(255**2 * 192 * 232 / error)
        assert scored(name, *cut) == pytest.approx(expected, abs=1e-4)


def test_blocks_that_reach_over_the_border_repeat_the_last_samples(pair) -> None:
    padded = [cv2.copyMakeBorder(i, 0, 7, 0, 6, cv2.BORDER_REPLICATE) for i in pair]
    assert scored("psnr_hvs_m_db", *pair) == scored("psnr_hvs_m_db", *padded)


@pytest.mark.parametrize("name", NAMES)
def test_what_identical_images_give(pair, name) -> None:
    best = {"nlpd": 0.0, "psnr_hvs_db": math.inf, "psnr_hvs_m_db": math.inf}.get(name, 1.0)
    assert scored(name, pair[0], pair[0].copy()) == pytest.approx(best, abs=1e-9)


def test_the_original_comes_first(oracle) -> None:
    """Exchanged, VIF is what piq gives for the images in the other order."""
    original, decoded = oracle("lee2019-msssim-q6-kodim23")
    assert scored("vif", decoded, original) == pytest.approx(0.68674, abs=5e-5)
    assert scored("iw_ssim", decoded, original) == pytest.approx(0.992189, abs=1e-5)


@pytest.mark.parametrize("name", [name for name in NAMES if BUILT_IN[name].least_side > 1])
def test_images_that_are_too_small_have_no_value(photo, name) -> None:
    side = BUILT_IN[name].least_side - 1
    small = np.ascontiguousarray(photo[:side, :300])
    scores = Reference(small, [find(name)]).score(small)
    assert scores.notes == (
        f"{name}: sides must be at least {side + 1} px, but the image is 300x{side}",
    )


@pytest.mark.parametrize("name", NAMES)
def test_of_gray_images_it_is_that_of_the_channel(pair, name) -> None:
    gray = [np.ascontiguousarray(image[:, :, :1]) for image in pair]
    color = [np.repeat(image, 3, axis=2) for image in gray]
    # FSIM's coefficients of luma add up to 1 but for rounding, and those of I and Q nearly to 0.
    assert scored(name, *gray) == pytest.approx(scored(name, *color), abs=1e-6)


def test_luma_of_8_bit_is_exact_with_halves_up() -> None:
    levels = np.array([(r, g, b) for r in range(256) for g in range(0, 256, 5) for b in (0, 77)])
    image = levels.astype(np.uint8).reshape(256, -1, 3)
    for matrix, weights in (("601", (299, 587, 114)), ("709", (2126, 7152, 722))):
        total = sum(weights)
        sums = (levels * weights).sum(axis=1).reshape(256, -1)
        full = (2 * sums + total) // (2 * total)
        np.testing.assert_array_equal(luma.plane(image, matrix), full)
        limited = 16 + (2 * 219 * sums + 255 * total) // (2 * 255 * total)
        np.testing.assert_array_equal(luma.plane(image, matrix, full=False), limited)
