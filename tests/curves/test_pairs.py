"""Many pairs at once, against each pair on its own and the bootstrap written out."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from rdbench.bd import METHODS, bootstrap_mean_curves, delta
from rdbench.curves import Settings, compare, compare_pairs, curves_of, published
from tests.curves.encoded import encoded_rows, of, replaced

QUICK = Settings(resamples=200, seed=4)


def pairs_of(curves):
    return list(itertools.permutations(curves, 2))


@pytest.fixture(scope="module")
def curves():
    """Four codecs; one lacks an image, one has a point that is not finite on one image."""
    rows = [row for row in encoded_rows() if (row.codec, row.image) != ("webp", "coffee")]
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


def test_the_interval_is_that_of_the_two_curves_alone(curves):
    webp, jpeg2000 = curves[1], curves[2]
    for row in compare(webp, jpeg2000, QUICK):
        tables = [
            curve.of_images(column, row.images)
            for curve in (webp, jpeg2000)
            for column in ("bpp", "psnr_db")
        ]
        expected = bootstrap_mean_curves(*tables, kind=row.kind, resamples=200, seed=4)
        assert row.interval == expected
        for place, value in enumerate(row.per_image.values):
            single = delta(*(table[place] for table in tables), kind=row.kind)
            assert value == pytest.approx(single.value, rel=1e-9)
            assert row.per_image.overlaps[place] == pytest.approx(single.overlap)
            assert row.image_reason(row.images[place]) == ""


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
            # The mean of the images' percentages has no such inverse.
            product = (1 + back.per_image.mean / 100) * (1 + row.per_image.mean / 100)
            assert product > 1


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
        ([(0.5, 33.0)], "the test curve has 1 usable points of 1, pchip needs 2", 0),
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
