"""Error maps of metrics: their means are the metrics, where that is how these are defined."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from scipy.ndimage import convolve1d

from rdbench.errors import RdbenchError, UsageError
from rdbench.metrics import Reference, find
from rdbench.metrics.maps import DIFFERENCE, error_maps, map_record
from rdbench.metrics.ssimulacra2 import _points
from rdbench.metrics.table import BUILT_IN

OWN_MAP = """
import numpy as np
import rdbench


class Bad(rdbench.Metric):
    record = rdbench.MetricRecord("bad", definition="d", map="m")

    def score(self, decoded):
        return 1.0

    def error_map(self, name, decoded):
        return {returned}
"""


@pytest.fixture(scope="module")
def pair():
    """A photograph of 192x256 px, and what noise makes of its left half."""
    original = np.ascontiguousarray(skimage.data.coffee()[:192, :256])
    noise = np.random.default_rng(5).integers(-20, 21, original.shape)
    noise[:, 128:] = 0
    return original, np.clip(original + noise, 0, 255).astype(np.uint8)


def map_and_score(name, pair):
    original, decoded = pair
    (found,) = error_maps(map_record(name), original, [decoded])
    assert found.shape == original.shape[:2]
    assert found.dtype == np.float32
    assert np.nanmin(found) >= 0
    scores = Reference(original, [find(name)]).score(decoded)
    return found.astype(float), scores.values[name]


@pytest.mark.parametrize(
    ("name", "of_mean"),
    [
        ("mse", lambda mean: mean),
        ("psnr_db", lambda mean: 10 * np.log10(255**2 / mean)),
        ("ssim", lambda mean: 1 - mean),
        ("ssim_y", lambda mean: 1 - mean),
        ("ssim_y:matrix=709", lambda mean: 1 - mean),
        ("ciede2000", lambda mean: mean),
        ("ssimulacra2", _points),
    ],
)
def test_the_mean_of_a_map_is_the_metric(pair, name, of_mean):
    found, score = map_and_score(name, pair)
    assert of_mean(np.nanmean(found)) == pytest.approx(score, rel=2e-5)


def test_the_mean_of_the_map_of_flip_is_flip(pair):
    pytest.importorskip("flip_evaluator")
    found, score = map_and_score("flip", pair)
    assert found.mean() == pytest.approx(score, rel=1e-5)


@pytest.mark.parametrize("name", ["ssim", "ms_ssim"])
def test_maps_of_ssim_are_window_means_of_the_definition(pair, name):
    """SciPy's convolution in float64; that of MS-SSIM is without luminance. Windows that would
    leave the image have no value."""
    (found,) = error_maps(map_record(name), pair[0], [pair[1]])
    x, y = (image.astype(float) for image in pair)
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(values):
        for axis in (0, 1):
            values = convolve1d(values, window, axis)
        return values

    mx, my = mean(x), mean(y)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    whole = (2 * (mean(x * y) - mx * my) + c2) / (mean(x * x) - mx**2 + mean(y * y) - my**2 + c2)
    if name == "ssim":
        whole *= (2 * mx * my + c1) / (mx**2 + my**2 + c1)
    expected = 1 - whole.mean(axis=2)
    inside = (slice(5, -5), slice(5, -5))
    assert np.isnan(found).sum() == found.size - found[inside].size
    np.testing.assert_allclose(found[inside], expected[inside], atol=5e-5)


@pytest.mark.parametrize("name", [name for name, own in BUILT_IN.items() if own.map])
def test_a_map_is_empty_where_nothing_is_wrong(pair, name):
    if name == "flip":
        pytest.importorskip("flip_evaluator")
    original, decoded = pair
    same, other = error_maps(map_record(name), original, [original, decoded])
    assert np.nanmax(same) < 1e-4
    # The right half was left alone; coarse scales and filters look a little beyond.
    assert np.nanmean(other[:, :128]) > 20 * np.nanmean(other[:, 192:])


def test_the_absolute_difference_needs_no_metric(pair):
    original, decoded = pair
    (found,) = error_maps(DIFFERENCE, original, [decoded])
    expected = np.abs(original.astype(int) - decoded.astype(int)).mean(axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_maps_of_gray_images(pair):
    original, decoded = (image[:, :, :1].copy() for image in pair)
    for name in ("difference", "mse", "ssim_y", "ciede2000", "ssimulacra2"):
        (found,) = error_maps(map_record(name), original, [decoded])
        assert found.shape == original.shape[:2]


def test_what_has_no_map_is_said(pair):
    with pytest.raises(
        UsageError, match="the metric 'vif' has no error map; these have one: difference, "
    ):
        map_record("vif")
    with pytest.raises(UsageError, match="unknown metric 'sim'"):
        map_record("sim")
    small = pair[0][:100, :100]
    with pytest.raises(UsageError, match="no error map: ms_ssim: sides must be at least 161 px"):
        error_maps(map_record("ms_ssim"), small, [small])


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("None", "error_map returned NoneType, not float32"),
        ("np.zeros((3, 4), np.float32)", r"error_map returned float32 \(3, 4\), not float32"),
        ("np.zeros(decoded.shape[:2])", "error_map returned float64"),
        ("np.full(decoded.shape[:2], -1, np.float32)", "infinite or negative values"),
        ("np.full(decoded.shape[:2], np.inf, np.float32)", "infinite or negative values"),
    ],
)
def test_maps_of_others_are_checked(pair, tmp_path, returned, said):
    path = tmp_path / "bad.py"
    path.write_text(OWN_MAP.format(returned=returned))
    with pytest.raises(RdbenchError, match=said):
        error_maps(map_record(f"{path}:Bad"), pair[0], [pair[1]])


def test_a_record_with_a_map_whose_class_has_none_is_said(pair, tmp_path):
    path = tmp_path / "bad.py"
    path.write_text(OWN_MAP.partition("    def error_map")[0])
    with pytest.raises(
        RdbenchError, match="'bad': its record has a map, but its class has no `error_map`"
    ):
        error_maps(map_record(f"{path}:Bad"), pair[0], [pair[1]])
