"""Where the images of a comparison disagree, and what a delta owes to its points."""

from __future__ import annotations

import csv
import dataclasses
import io
import math

import numpy as np
import pytest

from rdbench.bd import Interval, delta
from rdbench.curves import bd_csv, bd_text, comparisons, curves_of, published
from rdbench.curves.bd_tables import tables
from rdbench.curves.comparison import PointSpread, Settings
from rdbench.curves.image_tables import image_tables
from rdbench.curves.notes import mark, notes
from tests.curves.encoded import of, replaced

SAVINGS = (*np.linspace(0.80, 0.90, 12), 1.5, 1.7, 1.9)
"""What the test needs of the anchor's rate, image by image: three need far more."""


@pytest.fixture(scope="module")
def rows():
    """JPEG against itself with other rates, which makes each image's BD-rate known."""
    anchor = [row for row in of("jpeg") if row.image == "astronaut"]
    images = {f"image{place:02}": factor for place, factor in enumerate(SAVINGS)}
    table = [replaced(row, image=image, image_sha256="") for row in anchor for image in images]
    table += [
        replaced(
            row, image=image, image_sha256="", codec="other", label="other", bpp=row.bpp * factor
        )
        for row in anchor
        for image, factor in images.items()
    ]
    return comparisons(curves_of(table), "jpeg", Settings())


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_percentiles_and_extremes_are_those_of_known_deltas(rows):
    """Against NumPy's percentiles (type 7 by its documentation) and means by hand."""
    single = rows[0].per_image
    deltas = [100 * (factor - 1) for factor in SAVINGS]
    assert single.values == pytest.approx(deltas)
    ordered = sorted(deltas)  # 15 values: the places 1.4, 7 and 12.6
    p10 = ordered[1] + 0.4 * (ordered[2] - ordered[1])
    p90 = ordered[12] + 0.6 * (ordered[13] - ordered[12])
    assert single.percentiles == pytest.approx((p10, ordered[7], p90))
    assert single.extremes == (14, 13, 12)
    assert single.mean_without_extremes == pytest.approx(np.mean(deltas[:12]))
    assert single.extremes_decide == (single.mean_without_extremes < single.interval.low)


def test_the_table_names_the_images_that_decide_only_where_they_do(rows):
    rate = rows[0]
    narrow = dataclasses.replace(rate.per_image, interval=Interval(-1.0, 3.0))
    wide = dataclasses.replace(rate.per_image, interval=Interval(-50.0, 50.0))
    said = (
        "other, BD-rate: the mean of images +2.00 is -15.00 without the 3 farthest from the median "
        "(image14, image13, image12)"
    )
    mean = dataclasses.replace(narrow, mean=2.0)
    assert said in notes([dataclasses.replace(rate, per_image=mean)])
    assert not any(
        "farthest" in note for note in notes([dataclasses.replace(rate, per_image=wide)])
    )
    (table,) = image_tables([dataclasses.replace(rate, per_image=wide)])
    assert sum("farthest" in note for note in table.notes) == 1
    assert table.rows[0][1] == "image14"
    assert [row[1] for row in table.rows[15:]] == [
        *("p10", "median", "p90", "mean of images", "mean without 3", "mean curves")
    ]
    assert table.rows[19][2] == "-15.00"


def test_columns_for_spreadsheets(rows):
    record = read(bd_csv(rows))[0]
    single = rows[0].per_image
    found = [float(record[f"per_image_p{percent}"]) for percent in (10, 50, 90)]
    assert found == list(single.percentiles)
    assert record["per_image_extremes"] == "image14 | image13 | image12"
    assert float(record["per_image_mean_without_extremes"]) == single.mean_without_extremes
    assert float(record["points_low"]) == rows[0].points.low
    assert (record["points_reason"], record["points_decide"]) == ("", "")


def test_of_few_images_there_are_no_percentiles_and_no_extremes():
    few = comparisons(curves_of([*of("jpeg"), *of("webp")]), "jpeg", Settings())
    single = few[0].per_image
    assert all(map(math.isnan, single.percentiles))
    assert single.extremes == ()
    assert math.isnan(single.mean_without_extremes)
    (table,) = image_tables(few)
    assert not {"p10", "mean without 3"} & {row[1] for row in table.rows}


def test_an_image_without_a_delta_is_last_and_counts_in_nothing(rows):
    single = dataclasses.replace(
        rows[0].per_image, values=(*rows[0].per_image.values[:-1], math.nan)
    )
    row = dataclasses.replace(rows[0], per_image=single)
    assert 14 not in single.extremes
    assert single.percentiles[2] == pytest.approx(np.percentile(single.values[:-1], 90))
    (table,) = image_tables([row])
    assert table.rows[14][1:3] == ("image14", "-")


def test_the_worst_gain_in_quality_is_first_where_rates_are_not_shown(rows):
    (table,) = image_tables([rows[1]])
    assert "the worst BD-quality first" in table.title or "the worst BD-PSNR first" in table.title
    assert table.rows[0][1] == "image14"


def test_what_points_say_is_in_the_unit_of_the_delta():
    curves = curves_of([*of("jpeg"), *of("webp")])
    for row in comparisons(curves, "jpeg", Settings()):
        anchor, test = (
            [curve.mean("bpp", row.images), curve.mean("psnr_db", row.images)] for curve in curves
        )
        assert row.points.low < row.value < row.points.high
        title, _, point = row.points.without.rpartition("'s quality ")
        curve = curves[[curve.title for curve in curves].index(title)]
        place = curve.points.index(float(point))
        side = anchor if title == row.anchor else test
        side[:] = [np.delete(values, place) for values in side]
        assert row.points.value_without == pytest.approx(delta(*anchor, *test, kind=row.kind).value)
        (table,) = tables([row])
        assert table.rows[0][3] == f"±{row.points.half:.{row.digits}f}"


@pytest.mark.parametrize(
    ("half", "interval", "decide"),
    [
        (0.9, None, False),
        (1.1, None, True),
        (1.1, Interval(-10.0, -7.0), False),
        (2.1, Interval(-10.0, -6.0), True),
        (0.9, Interval(-8.2, -7.8), False),
        (1.1, Interval(math.nan, math.nan), True),
    ],
)
def test_points_are_marked_where_they_say_less_than_images(rows, half, interval, decide):
    points = PointSpread(-8 - half, -8 + half, "other's quality 50", -7.0)
    settled = dict.fromkeys(("pchip", "akima", "cubic"), -8.0)
    curve = dataclasses.replace(rows[0].curve, value=-8.0)
    row = dataclasses.replace(
        rows[0], points=points, interval=interval, by_method=settled, curve=curve
    )
    assert row.points_decide == decide
    assert ("!" in mark(row)) == decide
    said = (
        f"!: other [%] moves with its points: -8.00 ± {half:.2f}, -7.00 without other's quality 50"
    )
    assert (said in notes([row])) == decide
    assert read(bd_csv([row]))[0]["points_decide"] == ("yes" if decide else "")


def test_a_value_is_marked_once(rows):
    points = PointSpread(-10.0, -6.0, "other's quality 50", -7.0)
    torn = {"pchip": -8.0, "akima": -9.5, "cubic": -8.0}
    row = dataclasses.replace(rows[0], points=points, interval=None, by_method=torn)
    assert row.methods_disagree
    assert row.points_decide
    assert mark(row).count("!") == 1


def test_three_points_are_too_few_and_that_is_said():
    few = [row for row in of("webp") if row.point in (5, 30, 60)]
    rows = comparisons(curves_of([*of("jpeg"), *few]), "jpeg", Settings())
    reason = "webp has 3 usable points, pchip needs 4 to leave one out"
    assert repr(rows[0].points) == repr(PointSpread(reason=reason))  # NaN is not NaN
    assert not rows[0].points_decide
    assert f"no ± over points: {reason}" in notes(rows)
    (table,) = tables(rows)
    assert table.rows[0][3] == "-"
    assert read(bd_csv(rows))[0]["points_reason"] == reason


def test_published_means_have_it_too():
    curves = [published("lee2019-mse"), published("bpg_444_x265_ycbcr")]
    row = comparisons(curves, "bpg_444_x265_ycbcr", Settings())[0]
    assert 0 < row.points.half < 5
    assert row.per_image is None
    assert "±" in bd_text([row])
