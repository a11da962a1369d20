"""Means over datasets, against plain arithmetic and resampling written out."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats

from rdbench.curves import Settings, across_datasets, compare, comparisons, curves_of
from tests.curves.encoded import encoded_rows, of

QUICK = Settings()


@pytest.fixture(scope="module")
def rows():
    """Two datasets of the same codecs: six images, and five of them with other rates."""
    other = [
        dataclasses.replace(row, dataset="other", bpp=row.bpp * (0.8 if row.codec == "webp" else 1))
        for row in encoded_rows(6)
        if row.image != "rocket"
    ]
    return comparisons(curves_of([*encoded_rows(6), *other]), "jpeg", QUICK)


def test_each_dataset_weighs_the_same_and_ratios_are_averaged_geometrically(rows):
    rate, quality = (row for row in across_datasets(rows) if row.test == "webp")
    first, second = (row for row in rows if (row.test, row.kind) == ("webp", "rate"))
    ratio = math.sqrt((1 + first.value / 100) * (1 + second.value / 100))
    assert rate.value == pytest.approx(100 * (ratio - 1))
    first, second = (row for row in rows if (row.test, row.kind) == ("webp", "quality"))
    assert quality.value == pytest.approx((first.value + second.value) / 2)
    assert rate.dataset == "mean of 2 datasets"
    assert rate.datasets == ("photos", "other")
    assert rate.image_count == 11


def test_the_interval_is_that_of_datasets_that_do_not_depend_on_each_other(rows):
    rate = next(row for row in across_datasets(rows) if row.test == "webp")
    both = [row.estimate for row in rows if (row.test, row.kind) == ("webp", "rate")]
    error = math.sqrt(sum(estimate.variance for estimate in both)) / 2
    assert rate.estimate.variance == pytest.approx(error**2)
    # Welch and Satterthwaite, between the degrees of freedom of one and of both.
    assert 4 < rate.estimate.df < 9
    half = scipy.stats.t.ppf(0.975, rate.estimate.df_variance) * error
    low, high = np.log10(1 + np.array([rate.interval.low, rate.interval.high]) / 100)
    assert low <= rate.estimate.value - half + 1e-12
    assert high >= rate.estimate.value + half - 1e-12
    single = rate.per_image
    ratios = [row.per_image.geometric for row in rows if (row.test, row.kind) == ("webp", "rate")]
    assert single.geometric == pytest.approx(
        100 * (math.sqrt(math.prod(1 + r / 100 for r in ratios)) - 1)
    )
    assert math.isnan(single.mean)


def test_a_bootstrap_resamples_within_each_dataset(rows):
    settings = Settings(interval="bootstrap", resamples=400)
    drawn = [
        compare(row.anchor_curve, row.test_curve, settings)[0]
        for row in rows
        if (row.test, row.kind) == ("webp", "rate")
    ]
    logs = [np.log(1 + row.resampled / 100) for row in drawn]
    every = (logs[0][:, None] + logs[1][None, :]) / 2  # all pairs of resamples
    low, high = 100 * np.expm1(np.percentile(every, [2.5, 97.5]))
    rate = across_datasets(drawn)[0]
    assert rate.interval.low == pytest.approx(low, abs=1.0)
    assert rate.interval.high == pytest.approx(high, abs=1.0)


def test_pairs_without_a_value_on_some_dataset_have_no_mean(rows):
    assert {row.test for row in across_datasets(rows)} == {"webp", "jpeg2000"}  # png is lossless
    assert across_datasets([row for row in rows if row.dataset == "photos"]) == []
    other = [dataclasses.replace(row, codec="x", label="x") for row in of("webp", dataset="b")]
    lonely = curves_of([*encoded_rows(), *of("jpeg", dataset="b"), *other])
    assert across_datasets(comparisons(lonely, "jpeg", QUICK)) == []


def test_where_none_is_wanted_there_is_no_interval():
    other = [dataclasses.replace(row, dataset="other") for row in encoded_rows()]
    found = comparisons(
        curves_of([*encoded_rows(), *other]), "jpeg", dataclasses.replace(QUICK, interval="none")
    )
    assert all(row.interval is None for row in across_datasets(found))
