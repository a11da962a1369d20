"""Intervals against resampling written out, one resample at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rdbench.bd import averages, bd_rate, bootstrap_mean, bootstrap_mean_curves, image_weights
from rdbench.errors import UsageError


@pytest.fixture(scope="module")
def images():
    """Two codecs on 12 images whose rates and qualities differ as those of photographs do."""
    rng = np.random.default_rng(3)
    rate = np.exp(np.linspace(-2, 1, 6)) * np.exp(rng.normal(0, 0.4, (12, 1)))
    quality = 32 + 6 * np.log10(rate) * 2 + rng.normal(0, 2, (12, 1))
    other = 0.8 * rate * np.exp(rng.normal(0, 0.08, (12, 1)))
    return rate, quality, other, quality + rng.normal(0, 0.1, (12, 1))


@pytest.mark.parametrize("averaging", ["mean", "pooled"])
def test_interval_is_that_of_resampling_one_by_one(images, averaging):
    found = bootstrap_mean_curves(*images, resamples=300, seed=5, averaging=averaging)
    values = []
    for weights in image_weights(12, 300, seed=5):
        drawn = np.repeat(np.arange(12), np.rint(weights * 12).astype(int))
        assert len(drawn) == 12
        resampled = [curve[drawn] for curve in images]
        for i in (1, 3):
            if averaging == "pooled":
                mse = 255**2 / 10 ** (resampled[i] / 10)
                resampled[i] = 10 * np.log10(255**2 / mse.mean(axis=0))[None]
        means = [curve.mean(axis=0) for curve in resampled]
        values.append(bd_rate(*means))
    low, high = np.percentile(values, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)
    assert (found.resamples, found.undefined) == (300, 0)


def test_same_seed_same_interval_other_seed_other_interval(images):
    first = bootstrap_mean_curves(*images, resamples=200, seed=1)
    assert bootstrap_mean_curves(*images, resamples=200, seed=1) == first
    assert bootstrap_mean_curves(*images, resamples=200, seed=2) != first


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(400):
        interval = bootstrap_mean(rng.normal(-10, 3, 40), resamples=400, seed=seed)
        covered += interval.low <= -10 <= interval.high
    # Percentile intervals of 40 values cover 93.5 % (normal values, variance short by 39/40);
    # three binomial standard deviations on either side.
    assert 0.895 <= covered / 400 <= 0.975


def test_infinite_points_leave_the_rest_of_the_interval_as_it_is(images):
    rate, quality, other, other_quality = images
    clean = bootstrap_mean_curves(*images, resamples=100)
    lossless = np.full((12, 1), 20.0)
    perfect = np.where(np.arange(12)[:, None] < 3, math.inf, 60.0)
    with_lossless = bootstrap_mean_curves(
        np.hstack([rate, lossless]),
        np.hstack([quality, perfect]),
        other,
        other_quality,
        resamples=100,
    )
    assert with_lossless == clean


def test_resamples_without_a_delta_are_counted_and_void_the_interval(images):
    rate, quality, other, _ = images
    far = bootstrap_mean_curves(rate, quality, other, quality + 100, resamples=50)
    assert math.isnan(far.low)
    assert far.undefined == 50
    nothing = bootstrap_mean(np.array([]), resamples=50)
    assert math.isnan(nothing.high)


def test_averages_pool_psnr_to_that_of_the_mean_mse():
    mse = np.array([[10.0, 2.0], [90.0, 6.0]])
    psnr = 10 * np.log10(255**2 / mse)
    expected = 10 * np.log10(255**2 / np.array([50.0, 4.0]))
    np.testing.assert_allclose(averages(psnr, "pooled"), expected)
    np.testing.assert_allclose(averages(psnr), psnr.mean(axis=0))
    ms_ssim = np.array([[0.9], [0.98]])
    db = -10 * np.log10(1 - ms_ssim)
    np.testing.assert_allclose(averages(db, "pooled"), -10 * np.log10([1 - 0.94]))
    assert averages(np.array([[math.inf], [math.inf]]), "pooled") == math.inf
    assert averages(np.array([[math.inf], [40.0]]))[0] == math.inf
    with pytest.raises(UsageError, match="averaging"):
        averages(psnr, "median")
