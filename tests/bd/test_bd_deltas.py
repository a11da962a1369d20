"""Deltas against other people's numbers, against SciPy, and on data that have none."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import Polynomial
from packaging.version import Version
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

import rdbench
from rdbench.bd import METHODS, batch, bd_quality, bd_rate, delta, pareto_optimal
from rdbench.errors import UsageError

# JCTVC-E137, two rows, with the values that python/test/bd_rate_calculator_test.py of Netflix's
# vmaf expects.
JCTVC_E137_1 = (
    ([108048.8736, 61279.976, 33905.6656, 18883.6928], [43.6471, 40.3953, 37.247, 34.2911]),
    ([108061.2784, 61299.9936, 33928.7472, 18910.912], [43.6768, 40.4232, 37.2761, 34.3147]),
)
JCTVC_E137_2 = (
    ([40433.8848, 7622.7456, 2394.488, 1017.6184], [37.5761, 35.3756, 33.8977, 32.0603]),
    ([40370.12, 7587.0024, 2390.0944, 1017.0984], [37.5982, 35.4025, 33.9194, 32.0822]),
)
# The example of FAU-LMS bjontegaard 1.3 (example_usage.py), printed with six decimals.
FAU = (
    ([9487.76, 4593.6, 2486.44, 1358.24], [40.037, 38.615, 36.845, 34.851]),
    ([9787.8, 4469.0, 2451.52, 1356.24], [40.121, 38.651, 36.97, 34.987]),
)


@pytest.mark.parametrize(
    ("curves", "method", "expected", "tolerance"),
    [
        (JCTVC_E137_1, "pchip", -0.465215420752807, 1e-10),
        (JCTVC_E137_2, "pchip", -1.87798234505676, 1e-10),
        (FAU, "cubic", -4.420463, 1e-6),
        (FAU, "pchip", -4.417485, 1e-6),
        (FAU, "akima", -4.425245, 1e-6),
    ],
)
def test_bd_rate_is_that_of_published_tools(curves, method, expected, tolerance):
    (rate_a, quality_a), (rate_t, quality_t) = curves
    value = bd_rate(rate_a, quality_a, rate_t, quality_t, method=method)
    assert value == pytest.approx(expected, abs=tolerance, rel=0)


@pytest.mark.parametrize(
    ("method", "expected"), [("cubic", 0.120409), ("pchip", 0.119693), ("akima", 0.119409)]
)
def test_bd_quality_is_that_of_a_published_tool(method, expected):
    (rate_a, quality_a), (rate_t, quality_t) = FAU
    value = bd_quality(rate_a, quality_a, rate_t, quality_t, method=method)
    assert value == pytest.approx(expected, abs=1e-6, rel=0)


def _increasing(rng, points):
    return np.cumsum(rng.uniform(0.05, 3.0, points))


@pytest.mark.parametrize("points", [2, 3, 4, 7, 19])
@pytest.mark.parametrize(
    ("method", "oracle"), [("pchip", PchipInterpolator), ("akima", Akima1DInterpolator)]
)
def test_interpolants_and_integrals_equal_scipys(method, oracle, points):
    if (method, points) == ("akima", 2) and Version(scipy.__version__) < Version("1.16"):
        pytest.skip("before SciPy 1.16 Akima's interpolant of two points is no straight line")
    rng = np.random.default_rng(points)
    for _ in range(20):
        x, y = _increasing(rng, points), _increasing(rng, points)
        low, high = np.sort(rng.uniform(x[0], x[-1], 2))
        at = np.linspace(x[0], x[-1], 101)
        ours, scipys = METHODS[method].interpolate(x, y), oracle(x, y)
        np.testing.assert_allclose(ours(at), scipys(at), rtol=1e-10)
        integral = ours.integral(low, high)
        assert integral == pytest.approx(float(scipys.integrate(low, high)), rel=1e-9)


def test_akima_meets_scipy_where_its_slope_is_undefined():
    x, y = np.arange(6.0), np.array([0.0, 1, 2, 4, 6, 8])
    at = np.linspace(0, 5, 51)
    ours = METHODS["akima"].interpolate(x, y)
    np.testing.assert_allclose(ours(at), Akima1DInterpolator(x, y)(at), rtol=1e-12)


@pytest.mark.parametrize("points", [4, 5, 9])
def test_cubic_equals_numpys_fit(points):
    rng = np.random.default_rng(points)
    x, y = 30 + _increasing(rng, points), _increasing(rng, points)
    fit = Polynomial.fit(x, y, 3)
    ours = METHODS["cubic"].interpolate(x, y)
    at = np.linspace(x[0], x[-1], 101)
    np.testing.assert_allclose(ours(at), fit(at), rtol=1e-9)
    area = fit.integ()
    assert ours.integral(x[0], x[-1]) == pytest.approx(area(x[-1]) - area(x[0]), rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_curve_at_80_percent_of_the_rate_saves_20_percent(method):
    rate = np.array([0.1, 0.2, 0.4, 0.9, 1.7])
    quality = np.array([28.0, 30.5, 33.0, 36.0, 38.5])
    assert bd_rate(rate, quality, 0.8 * rate, quality, method=method) == pytest.approx(-20)
    assert bd_quality(rate, quality, rate, quality + 0.7, method=method) == pytest.approx(0.7)


GOOD = ([1.0, 2.0, 4.0, 8.0], [30.0, 33.0, 36.0, 39.0])


def test_overlap_is_the_share_of_the_test_curve():
    """A curve within a wide anchor is compared over all of itself."""
    rate = np.array([1.0, 10.0, 100.0])
    result = delta(rate, [30, 35, 40], rate * 10, [32, 36, 44])
    assert result.overlap == pytest.approx(100 * (40 - 32) / (44 - 32))
    wide = delta(rate, [20, 35, 60], rate * 10, [32, 36, 44])
    assert wide.overlap == pytest.approx(100)
    assert result.interval == (32, 40)
    result = delta(rate, [30, 35, 40], rate * 10, [32, 36, 44], kind="quality")
    assert result.overlap == pytest.approx(100 / 2)
    assert result.interval == pytest.approx((1, 2))


def test_a_cubic_that_falls_has_the_value_of_other_tools_and_is_marked():
    test = np.array([1.0, 1.001, 1.002, 8]), np.array([30, 34, 38, 38.1])
    result = delta(*GOOD, *test, method="cubic")
    # VCEG-M33 as every script has it: polyfit, polyint, over the common range.
    area = [np.polyint(np.polyfit(q, np.log10(r), 3)) for r, q in (GOOD, test)]
    low, high = 30.0, 38.1
    anchor, other = (np.polyval(a, high) - np.polyval(a, low) for a in area)
    assert result.value == pytest.approx(100 * (10 ** ((other - anchor) / (high - low)) - 1))
    assert not result.monotonic
    assert delta(*GOOD, *test).monotonic


def test_points_come_in_any_order_and_beaten_ones_are_dropped_and_named():
    (rate_a, quality_a), (rate_t, quality_t) = FAU
    clean = delta(rate_a, quality_a, rate_t, quality_t)
    order = [2, 0, 3, 1]
    spoilt = delta(
        [rate_a[i] for i in order] + [5000.0, 4593.6, 99999.0],
        [quality_a[i] for i in order] + [38.0, 38.615, math.inf],
        rate_t,
        quality_t,
    )
    assert spoilt.value == clean.value
    assert spoilt.dropped_anchor == (4, 5, 6)
    assert spoilt.dropped_test == ()
    assert clean.dropped_anchor == ()


@pytest.mark.parametrize(
    ("rate", "quality", "options", "reason"),
    [
        ([0.0, 2, 4, 8], [30, 33, 36, 39], {}, "the test curve has a rate that is not positive"),
        ([-1.0, 2, 4, 8], [30, 33, 36, 39], {}, "the test curve has a rate that is not positive"),
        ([1.0, 2], [50, 60], {}, "the curves do not overlap in quality"),
        ([1.0, 2], [39, 60], {}, "the curves do not overlap in quality"),
        ([10.0, 20], [30, 39], {"kind": "quality"}, "the curves do not overlap in rate"),
        ([], [], {}, "the test curve has 0 usable points of 0, pchip needs 2"),
        ([1.0, 2, 3], [39, 33, 30], {}, "the test curve has 1 usable points of 3, pchip needs 2"),
        ([1.0, 2], [35, math.inf], {}, "the test curve has 1 usable points of 2, pchip needs 2"),
        ([1.0, 2, 3], [30, 33, 35], {"method": "cubic"}, "the test curve has 3 usable points of 3"),
        ([1.0, 2], [38, 50], {"min_overlap": 50}, "the curves overlap by 8.3 % in quality"),
    ],
)
def test_data_without_a_delta_give_nan_and_say_why(rate, quality, options, reason):
    result = delta(*GOOD, rate, quality, **options)
    assert math.isnan(result.value)
    assert result.reason.startswith(reason)


FALLING = ([1.0, 2.0, 4.0, 8.0], [65.0, 33.0, 16.0, 8.0])


@pytest.mark.parametrize(("one", "other"), [(FALLING, FALLING), (GOOD, FALLING), (FALLING, GOOD)])
def test_the_delta_of_a_metric_that_falls_says_so(one, other):
    """MSE as it is gives NaN, which is not silent; its negative gives the delta."""
    role = "anchor" if one is FALLING else "test"
    message = (
        f"the {role} curve has 1 usable points of 4, pchip needs 2; its quality falls as the rate "
        "grows; if lower is better, as for MSE, negate it"
    )
    for function, kind in ((bd_rate, "rate"), (bd_quality, "quality")):
        with pytest.warns(RuntimeWarning, match=re.escape(f"no BD-{kind}: {message}")) as warned:
            assert math.isnan(function(*one, *other))
        assert warned[0].filename == __file__
        assert delta(*one, *other, kind=kind).reason == message
    rate, mse = map(np.array, FALLING)
    assert bd_rate(rate, -mse, 0.8 * rate, -mse) == pytest.approx(-20)
    one_point = delta(*GOOD, [1.0], [30.0]).reason
    assert "falls" not in one_point


@pytest.mark.parametrize("kind", ["rate", "quality"])
def test_rates_in_two_units_are_found_out(kind):
    """bit/px against kbit/s: without this, BD-rate is +268000 %."""
    bpp, kbps = np.array([0.1, 0.5, 1, 2]), np.array([300.0, 1000, 2500, 5000])
    quality = np.array([30.0, 33, 36, 39])
    result = delta(bpp, quality, kbps, quality, kind=kind)
    assert math.isnan(result.value)
    reason = "the rates do not overlap: 0.1 to 2 against 300 to 5000; are both in bit/px?"
    assert result.reason == reason
    swapped = delta(kbps, quality, bpp, quality, kind=kind)
    assert swapped.reason.startswith("the rates do not overlap: 300 to 5000 against 0.1 to 2")
    assert np.isnan(batch(bpp[None], quality[None], kbps[None], quality[None], kind=kind)).all()
    with pytest.warns(RuntimeWarning, match="the rates do not overlap"):
        assert math.isnan(bd_rate(bpp, quality, kbps, quality))
    assert delta(bpp, quality, 15 * bpp, quality).value == pytest.approx(1400)  # a poor codec


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((*GOOD, *GOOD), {"method": "pchpi"}, "did you mean 'pchip'"),
        ((*GOOD, *GOOD), {"kind": "psnr"}, "known: quality, rate"),
        ((*GOOD, [1.0, 2], [30.0]), {}, "test: rates of shape"),
        ((*GOOD, [[1.0, 2]], [[30.0, 31]]), {}, "test: rates of shape"),
    ],
)
def test_wrong_arguments_are_usage_errors(arguments, options, message):
    with pytest.raises(UsageError, match=message):
        delta(*arguments, **options)


numbers = st.floats(allow_nan=True, allow_infinity=True)
curves = st.lists(st.tuples(numbers, numbers), max_size=6)
tame = st.lists(st.tuples(st.floats(0.01, 10), st.floats(20, 50)), min_size=2, max_size=7)


@given(curves, curves, st.sampled_from(sorted(METHODS)), st.sampled_from(["rate", "quality"]))
def test_any_numbers_give_a_finite_value_or_a_reason(anchor, test, method, kind):
    a, t = np.reshape(anchor, (-1, 2)), np.reshape(test, (-1, 2))
    result = delta(a[:, 0], a[:, 1], t[:, 0], t[:, 1], method=method, kind=kind)
    assert math.isfinite(result.value) == (result.reason == "")
    assert 0 <= result.overlap <= 100 + 1e-9


@given(tame, tame)
def test_pchip_lies_within_the_extreme_rate_ratios_and_swaps_to_its_inverse(anchor, test):
    a, t = np.array(anchor), np.array(test)
    arrays = (a[:, 0], a[:, 1], t[:, 0], t[:, 1])
    if delta(*arrays).reason:
        return
    value = bd_rate(*arrays)
    ratio = 1 + value / 100
    assert t[:, 0].min() / a[:, 0].max() <= ratio * (1 + 1e-6)
    assert ratio <= t[:, 0].max() / a[:, 0].min() * (1 + 1e-6)
    back = 1 + bd_rate(t[:, 0], t[:, 1], a[:, 0], a[:, 1]) / 100
    assert ratio * back == pytest.approx(1, rel=1e-6)


@given(tame)
def test_pareto_optimal_is_its_definition(points):
    p = np.array(points)
    kept = set(pareto_optimal(p[:, 0], p[:, 1]).tolist())
    for i, (rate, quality) in enumerate(p):
        beaten = [
            (r <= rate and q >= quality and (r, q) != (rate, quality))
            or ((r, q) == (rate, quality) and j < i)
            for j, (r, q) in enumerate(p)
        ]
        assert (i in kept) == (not any(beaten))


@pytest.mark.parametrize("kind", ["rate", "quality"])
@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_its_deltas_one_by_one(method, kind):
    rng = np.random.default_rng(7)
    rate_a, rate_t = (np.exp(rng.uniform(-2, 2, (60, n))) for n in (6, 8))
    quality_a, quality_t = (
        30 + 5 * np.log(r) + rng.normal(0, 2, r.shape) for r in (rate_a, rate_t)
    )
    rate_t[3, 2] = 0
    values = batch(rate_a, quality_a, rate_t, quality_t, kind=kind, method=method, min_overlap=20)
    single = [
        delta(*curves, kind=kind, method=method, min_overlap=20).value
        for curves in zip(rate_a, quality_a, rate_t, quality_t, strict=True)
    ]
    np.testing.assert_allclose(values, single, rtol=1e-9, atol=1e-12)
    assert np.isnan(single).any()
    assert np.isfinite(single).sum() > 10


def test_the_package_offers_the_deltas_and_needs_no_scipy():
    assert rdbench.bd_rate is bd_rate
    assert rdbench.bd_quality is bd_quality
    code = "import sys, rdbench.bd; print('scipy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
