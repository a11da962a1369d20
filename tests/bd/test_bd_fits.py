"""Batches interpolated once and held against each other, against one delta at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rdbench.bd import METHODS, delta, differences, fit, in_unit
from rdbench.errors import UsageError


def _curves(seed, curves=40, points=7):
    """Noisy curves: some points are beaten by others, some are not finite, some rates are 0."""
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.uniform(-2, 2, (curves, points)))
    quality = 30 + 5 * np.log(rate) + rng.normal(0, 1.5, rate.shape)
    quality[rng.random(rate.shape) < 0.05] = math.nan
    quality[rng.random(rate.shape) < 0.05] = math.inf
    rate[rng.random(rate.shape) < 0.02] = math.nan
    rate[::13, 0] = 0
    return rate, quality


@pytest.mark.parametrize("kind", ["rate", "quality"])
@pytest.mark.parametrize("method", METHODS)
def test_each_row_is_its_delta_with_points_left_out_and_dropped(method, kind):
    anchor, test = _curves(1), _curves(2, points=9)
    fits = [fit(*curves, kind=kind, method=method) for curves in (anchor, test)]
    found = differences(*fits)
    single = [
        delta(*(column[row] for column in (*anchor, *test)), kind=kind, method=method)
        for row in range(len(anchor[0]))
    ]
    values = in_unit(found.means(), kind)
    np.testing.assert_allclose(values, [one.value for one in single], rtol=1e-9, atol=1e-12)
    overlaps = np.where(found.usable & (found.overlap > 0), found.overlap, 0)
    np.testing.assert_allclose(overlaps, [one.overlap for one in single], rtol=1e-9, atol=1e-9)
    assert any(one.dropped_anchor for one in single)
    assert 5 < np.isfinite(values).sum() < len(values)


@pytest.mark.parametrize("kind", ["rate", "quality"])
@pytest.mark.parametrize("method", METHODS)
def test_the_other_direction_is_the_same_to_the_last_bit(method, kind):
    fits = [fit(*_curves(seed), kind=kind, method=method) for seed in (3, 4)]
    there, back = differences(*fits), differences(*fits[::-1])
    np.testing.assert_array_equal(there.swapped().means(), back.means())
    np.testing.assert_array_equal(there.swapped().values(), back.values())
    np.testing.assert_array_equal(there.swapped().overlap, back.overlap)
    assert np.isfinite(back.means()).any()


def test_under_a_least_overlap_there_is_no_value():
    fits = [fit(*_curves(seed)) for seed in (5, 6)]
    found = differences(*fits)
    np.testing.assert_array_equal(
        np.isfinite(found.means(60.0)), np.isfinite(found.means()) & (found.overlap >= 60)
    )


def test_batches_without_any_usable_curve_have_no_values():
    rate, quality = np.ones((3, 1)), np.full((3, 1), 30.0)
    good = fit(np.array([[0.1, 1.0]] * 3), np.array([[30.0, 40.0]] * 3))
    assert np.isnan(differences(good, fit(rate, quality)).means()).all()
    assert np.isnan(differences(fit(rate[:, :0], quality[:, :0]), good).means()).all()


def test_unknown_names_are_usage_errors():
    with pytest.raises(UsageError, match="did you mean 'pchip'"):
        fit(np.ones((1, 2)), np.ones((1, 2)), method="pchpi")
    with pytest.raises(UsageError, match="known: quality, rate"):
        fit(np.ones((1, 2)), np.ones((1, 2)), kind="psnr")
