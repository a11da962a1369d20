"""Many pairs at once, against each pair on its own, and their intervals written out."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from rdbench.bd import METHODS, bd_quality, bd_rate, delta, image_weights
from rdbench.curves import Settings, compare, compare_pairs, curves_of, published
from tests.curves.encoded import encoded_rows, of, replaced

QUICK = Settings()


def pairs_of(curves):
    return list(itertools.permutations(curves, 2))


@pytest.fixture(scope="module")
def curves():
    """Four codecs; one lacks an image, one has a point that is not finite on one image."""
    rows = [row for row in encoded_rows(6) if (row.codec, row.image) != ("webp", "coffee")]
    rows = [
        replaced(row, psnr_db=math.inf)
        if (row.codec, row.image, row.point) == ("jpeg2000", "rocket", 8)
        else row
        for row in rows
    ]
    return curves_of(rows)


@pytest.mark.parametrize("averaging", ["mean", "pooled"])
def test_all_pairs_at_once_are_the_pairs_one_by_one(curves, averaging):
    settings = dataclasses.replace(QUICK, averaging=averaging)
    together = compare_pairs(pairs_of(curves), settings)
    apart = [row for pair in pairs_of(curves) for row in compare(*pair, settings)]
    assert len(together) == len(apart) == 24
    for one, other in zip(together, apart, strict=True):
        assert (one.anchor, one.test, one.kind, one.images, one.left_out) == (
            other.anchor,
            other.test,
            other.kind,
            other.images,
            other.left_out,
        )
        assert one.value == pytest.approx(other.value, nan_ok=True, rel=1e-12)
        assert repr(one.interval) == repr(other.interval)
        assert repr(one.per_image.interval) == repr(other.per_image.interval)
        np.testing.assert_array_equal(one.per_image.values, other.per_image.values)


def arrays_of(row):
    return [
        curve.of_images(column, row.images)
        for curve in (row.anchor_curve, row.test_curve)
        for column in ("bpp", "psnr_db")
    ]


def value_of(row, tables):
    means = [table.mean(axis=0) for table in tables]
    return bd_quality(*means) if row.kind == "quality" else math.log10(1 + bd_rate(*means) / 100)


def test_the_estimate_is_the_jackknife_of_the_two_curves_alone(curves):
    for row in compare(curves[0], curves[1], QUICK):
        tables = arrays_of(row)
        n = len(row.images)
        left_out = np.array(
            [value_of(row, [np.delete(table, i, axis=0) for table in tables]) for i in range(n)]
        )
        # Efron and Tibshirani 1993, equation 11.5.
        variance = (n - 1) / n * np.sum((left_out - left_out.mean()) ** 2)
        assert row.estimate.variance == pytest.approx(variance, rel=1e-6)
        assert row.estimate.value == pytest.approx(value_of(row, tables), rel=1e-9)
        low, high = row.estimate.interval()
        if row.kind == "rate":
            low, high = 100 * (10**low - 1), 100 * (10**high - 1)
        assert (row.interval.low, row.interval.high) == pytest.approx((low, high))
        for place, value in enumerate(row.per_image.values):
            single = delta(*(table[place] for table in tables), kind=row.kind)
            assert value == pytest.approx(single.value, rel=1e-9)
            assert row.per_image.overlaps[place] == pytest.approx(single.overlap)
            assert row.image_reason(row.images[place]) == ""


def test_the_bootstrap_is_that_of_resampling_one_by_one(curves):
    settings = Settings(interval="bootstrap", resamples=100, seed=4)
    row = compare(curves[0], curves[1], settings)[0]
    tables = arrays_of(row)
    n = len(row.images)
    values = []
    for weights in image_weights(n, 100, seed=4):
        drawn = np.repeat(np.arange(n), np.rint(weights * n).astype(int))
        values.append(bd_rate(*(table[drawn].mean(axis=0) for table in tables)))
    low, high = np.percentile(values, [2.5, 97.5])
    assert (row.interval.low, row.interval.high) == pytest.approx((low, high), rel=1e-9)
    assert (row.interval.resamples, row.interval.undefined) == (100, 0)
    assert row.interval.error > 0
    again = compare(curves[0], curves[1], dataclasses.replace(settings, seed=5))[0]
    assert again.interval != row.interval
    assert again.significance == row.significance


def test_swapped_pairs_are_inverse_in_rate_and_opposite_in_quality(curves):
    rows = {
        (row.anchor, row.test, row.kind): row for row in compare_pairs(pairs_of(curves[:3]), QUICK)
    }
    for (anchor, test, kind), row in rows.items():
        back = rows[test, anchor, kind]
        if kind == "quality":
            assert back.value == pytest.approx(-row.value)
        else:
            assert (1 + back.value / 100) * (1 + row.value / 100) == pytest.approx(1)
            # The mean of the images' percentages has no such inverse, the geometric one has.
            product = (1 + back.per_image.mean / 100) * (1 + row.per_image.mean / 100)
            assert product > 1
            ratios = [1 + single.geometric / 100 for single in (back.per_image, row.per_image)]
            assert math.prod(ratios) == pytest.approx(1)
        assert back.estimate.p_value() == pytest.approx(row.estimate.p_value())


def test_every_method_has_its_own_row_and_interval(curves):
    rows = compare_pairs([(curves[0], curves[1])], QUICK, tuple(METHODS))
    assert [(row.kind, row.settings.method) for row in rows] == [
        (kind, method) for kind in ("rate", "quality") for method in METHODS
    ]
    for row in rows:
        alone = dataclasses.replace(QUICK, method=row.settings.method)
        (other,) = (r for r in compare(curves[0], curves[1], alone) if r.kind == row.kind)
        assert (row.value, row.interval) == (other.value, other.interval)
        assert row.value == row.by_method[row.settings.method]
    assert len({row.value for row in rows}) == 6


def test_one_image_has_a_delta_and_no_interval():
    rows = [row for row in of("jpeg") + of("webp") if row.image == "coffee"]
    row, _ = compare(*curves_of(rows), QUICK)
    assert math.isfinite(row.value)
    assert row.value == pytest.approx(row.per_image.mean)
    assert row.interval is row.per_image.interval is None


@pytest.mark.parametrize(
    ("changed", "reason", "dropped"),
    [
        ([(0.5, 60.0)], "the only point of the test curve is outside the anchor's range", 0),
        ([(0.2, 60.0), (0.9, 70.0)], "the curves do not overlap in quality", 0),
        ([(0.2, math.nan), (0.9, math.nan)], "no images with psnr_db in common", 0),
        ([(0.2, 36.0), (0.5, 33.0), (0.9, 30.0)], "the test curve has 1 usable points of 3", 2),
        ([(0.2, 30.0), (0.5, 29.0), (0.9, 36.0)], "", 1),
    ],
)
def test_curves_that_are_none_say_so_and_leave_the_others_alone(changed, reason, dropped):
    """One point, disjoint, NaN, falling, and not monotonic."""
    strange = [
        replaced(row, codec="x", label="x", point=float(place), bpp=rate, psnr_db=psnr)
        for row in of("jpeg")
        if row.point == 10
        for place, (rate, psnr) in enumerate(changed)
    ]
    jpeg, webp, x = curves_of([*of("jpeg"), *of("webp"), *strange])
    rows = compare_pairs(pairs_of([jpeg, webp, x]), QUICK)
    by_pair = {(row.anchor, row.test): row for row in rows if row.kind == "rate"}
    assert by_pair["jpeg", "webp"].value == compare(jpeg, webp, QUICK)[0].value
    row = by_pair["jpeg", "x"]
    assert reason in row.reason
    assert bool(row.reason) == bool(reason) == math.isnan(row.value)
    assert len(row.dropped_test) == dropped
    back = by_pair["x", "jpeg"]
    assert math.isnan(back.value) == math.isnan(row.value)


def test_published_means_are_among_the_pairs_without_images():
    lee, bpg = published("lee2019-mse"), published("bpg_444_x265_ycbcr")
    rows = compare_pairs(pairs_of([lee, bpg]), QUICK, tuple(METHODS))
    assert len(rows) == 12
    assert all(row.interval is row.per_image is None for row in rows)
    assert {row.image_count for row in rows} == {24}
