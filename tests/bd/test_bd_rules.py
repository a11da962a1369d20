"""Which points count: against the same with these points alone, and against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from rdbench.bd import PointRule, bd_rate, delta, differences, fit

ANCHOR = np.array([0.1, 0.2, 0.4, 0.8, 1.6]), np.array([28.0, 30.5, 33.0, 35.0, 38.5])
TEST = np.array([0.09, 0.18, 0.37, 0.7, 1.5]), np.array([28.5, 31.0, 33.2, 35.6, 39.0])


def result(anchor=ANCHOR, test=TEST, kind="rate", method="pchip", **rule):
    return delta(*anchor, *test, kind=kind, method=method, rule=PointRule(**rule))


@pytest.mark.parametrize("kind", ["rate", "quality"])
def test_points_of_other_rates_do_not_count(kind):
    found = result(kind=kind, rates=(0.1, 1.0))
    alone = delta(*(a[:4] for a in ANCHOR), *(t[1:4] for t in TEST), kind=kind)
    assert found.value == alone.value
    assert found.dropped_anchor == (4,)
    assert found.dropped_test == (0, 4)


def test_a_range_of_rates_with_fewer_than_two_points_has_no_delta():
    found = result(rates=(0.5, 1.0))
    assert math.isnan(found.value)
    assert found.reason == (
        "the anchor curve has 1 usable points of 5 at 0.5 to 1 bit/px, pchip needs 2"
    )


def test_a_range_of_qualities_is_what_is_integrated_over():
    found = result(qualities=(31.0, 35.0))
    curves = [PchipInterpolator(quality, np.log10(rate)) for rate, quality in (ANCHOR, TEST)]
    anchor, test = (curve.integrate(31.0, 35.0) / 4 for curve in curves)
    assert found.value == pytest.approx(100 * (10 ** (test - anchor) - 1), rel=1e-12)
    assert found.interval == (31.0, 35.0)


@pytest.mark.parametrize(
    ("kind", "qualities", "reason"),
    [
        ("rate", (20.0, 30.0), "the anchor curve has no points on both sides of that range"),
        ("rate", (28.2, 30.0), "the test curve has no points on both sides of that range"),
        ("quality", (30.0, 32.0), "a range of qualities applies only to a BD-rate"),
    ],
)
def test_a_range_of_qualities_that_is_not_reached_says_so(kind, qualities, reason):
    found = result(kind=kind, qualities=qualities)
    assert math.isnan(found.value)
    assert reason in found.reason


FALLING = np.array([0.1, 0.2, 0.4, 0.8]), np.array([28.0, 31.0, 30.5, 36.0])


def test_a_curve_that_falls_has_a_delta_unless_it_must_be_monotonic():
    assert math.isfinite(result(test=FALLING).value)
    found = result(test=FALLING, monotonic=True)
    assert found.reason == "the test curve has a quality that falls as the rate grows"
    assert math.isnan(found.value)
    assert result(anchor=FALLING, monotonic=True).reason.startswith("the anchor curve has a qual")
    level = np.array([0.1, 0.2, 0.4, 0.8]), np.array([28.0, 31.0, 31.0, 36.0])
    assert result(test=level, monotonic=True).value == result(test=level).value  # the lower rate
    assert result(monotonic=True) == delta(*ANCHOR, *TEST, rule=PointRule(monotonic=True))


def test_a_fall_from_saturation_ends_the_curve_before_it():
    """As AOM's testing framework says of VMAF: "the non-monotonic value and the values
    corresponding to bitrates higher than the non-monotonic value are excluded"."""
    rate = np.array([0.1, 0.2, 0.4, 0.8, 1.6])
    anchor = rate, np.array([80.0, 90.0, 95.0, 99.0, 99.9])
    quality = np.array([82.0, 91.0, 99.6, 99.5, 99.9])
    found = result(anchor, (rate, quality), monotonic=True, saturation=99.5)
    assert found.value == bd_rate(*anchor, rate[:3], quality[:3])
    assert found.dropped_test == (3, 4)
    lower = np.array([82.0, 91.0, 99.4, 99.3, 99.9])  # which is no saturation
    found = result(anchor, (rate, lower), monotonic=True, saturation=99.5)
    assert "falls as the rate grows" in found.reason
    # In any order of the points.
    order = [3, 0, 4, 2, 1]
    again = result(anchor, (rate[order], quality[order]), monotonic=True, saturation=99.5)
    assert again.value == bd_rate(*anchor, rate[:3], quality[:3])
    assert again.dropped_test == (0, 2)


@pytest.mark.parametrize("method", ["pchip", "akima", "cubic"])
def test_a_single_point_is_held_against_the_interpolated_anchor(method):
    point = np.array([0.5]), np.array([34.0])
    found = result(test=point, method=method, one_point=True)
    assert found.at_point
    assert found.reason == ""
    assert math.isnan(found.overlap)
    # Between itself and a point at the same place there is no difference.
    near = np.array([0.5, 0.5 * (1 + 1e-9)]), np.array([34.0, 34.0 + 1e-9])
    assert found.value == pytest.approx(100 * (0.5 / 10 ** _at(ANCHOR, 34.0, method) - 1), rel=1e-9)
    if method == "pchip":
        assert found.value == pytest.approx(bd_rate(*ANCHOR, *near), rel=1e-5)
        rates = np.log10(ANCHOR[0])
        quality = result(test=point, kind="quality", one_point=True)
        expected = 34.0 - PchipInterpolator(rates, ANCHOR[1])(math.log10(0.5))
        assert quality.value == pytest.approx(float(expected), rel=1e-9)


def _at(curve, quality, method):
    fitted = fit(curve[0][None], curve[1][None], method=method)
    return float(fitted.pieces(np.array([[quality]]))[0, 0])


@pytest.mark.parametrize("quality", [28.0, 30.5, 38.5])
def test_a_single_point_at_a_point_of_the_anchor(quality):
    """At its ends, too, beside curves of other lengths in one batch."""
    rate, own = ANCHOR
    anchors = np.array([rate, [*rate[:3], math.nan, math.nan]]), np.array([own, [*own[:3], 0, 0]])
    point = np.full((2, 1), 2 * rate[own == quality][0]), np.full((2, 1), quality)
    fits = fit(*anchors), fit(*point, single=np.array([True, True]))
    means = differences(*fits).means()
    assert means[0] == pytest.approx(math.log10(2), rel=1e-12)
    reached = quality <= 33
    assert means[1] == pytest.approx(math.log10(2) if reached else math.nan, nan_ok=True)
    assert np.isnan(differences(*fits[::-1]).means()).all()
    np.testing.assert_array_equal(differences(*fits[::-1]).swapped().means(), means)


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        (
            ([0.5], [50.0]),
            "the only point of the test curve is outside the anchor's range of quality",
        ),
        (([0.5], [math.nan]), "has 0 usable points of 1"),
        (([-0.5], [34.0]), "has a rate that is not positive"),
    ],
)
def test_a_single_point_without_a_delta_says_so(test, reason):
    found = result(test=test, one_point=True)
    assert math.isnan(found.value)
    assert reason in found.reason


def test_a_single_point_is_none_unasked_and_of_no_anchor():
    point = np.array([0.5]), np.array([34.0])
    with pytest.warns(RuntimeWarning, match="1 usable points of 1, pchip needs 2"):
        assert math.isnan(bd_rate(*ANCHOR, *point))
    assert "the anchor curve has 1 usable" in result(anchor=point, one_point=True).reason
    assert "the anchor curve has 1 usable" in result(point, point, one_point=True).reason
