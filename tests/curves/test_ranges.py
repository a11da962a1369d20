"""Ranges of rates and qualities, and curves of one point, from rows to tables."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator
from typer.testing import CliRunner

import rdbench
from rdbench.bd import bd_rate
from rdbench.cli import app
from rdbench.curves import bd_text
from rdbench.errors import UsageError
from tests.curves.encoded import as_csv, encoded_rows, of, replaced


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "measurements.csv"
    path.write_text(as_csv(encoded_rows(6)))
    return path


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """WebP at one quality, as a model of which there is one checkpoint."""
    rows = of("webp", 6, label="single")
    path = tmp_path_factory.mktemp("single") / "measurements.csv"
    path.write_text(as_csv(row for row in rows if row.point == 60))
    return path


def row_of(table, test, kind="rate"):
    (row,) = (row for row in table if (row.test, row.kind) == (test, kind))
    return row


def arrays(row, column):
    curves = row.anchor_curve, row.test_curve
    return [curve.of_images(column, row.images) for curve in curves]


def within(rate, quality, low, high):
    kept = (low <= rate) & (rate <= high)
    return rate[kept], quality[kept]


def test_rates_are_those_of_the_mean_curves_and_of_each_images_own(run):
    table = rdbench.bd_table(run, anchor="jpeg", rates=(0.3, 2.5))
    row = row_of(table, "webp")
    rates, qualities = arrays(row, "bpp"), arrays(row, "psnr_db")
    sides = [
        within(rate.mean(axis=0), quality.mean(axis=0), 0.3, 2.5)
        for rate, quality in zip(rates, qualities, strict=True)
    ]
    assert row.value == pytest.approx(bd_rate(*sides[0], *sides[1]), rel=1e-9)
    for image, value in enumerate(row.per_image.values):
        own = [within(r[image], q[image], 0.3, 2.5) for r, q in zip(rates, qualities, strict=True)]
        assert value == pytest.approx(bd_rate(*own[0], *own[1]), rel=1e-9)
    without = row_of(rdbench.bd_table(run, anchor="jpeg"), "webp")
    assert without.value != row.value
    assert math.isfinite(row.interval.low)
    text = bd_text(table)
    assert "points of 0.3 to 2.5 bit/px" in text.splitlines()[0]
    assert "(not finite, or beaten by another, or not of 0.3 to 2.5 bit/px)" in text


def test_rates_that_leave_fewer_than_two_points_leave_no_delta(run):
    row = row_of(rdbench.bd_table(run, anchor="jpeg", rates=(5.0, 9.0)), "webp")
    assert math.isnan(row.value)
    assert "usable points of 5 at 5 to 9 bit/px, pchip needs 2" in row.reason


def test_qualities_are_what_is_integrated_over(run):
    table = rdbench.bd_table(run, anchor="jpeg", qualities=(29, 33))
    row = row_of(table, "webp")
    means = [
        (rate.mean(axis=0), quality.mean(axis=0))
        for rate, quality in zip(arrays(row, "bpp"), arrays(row, "psnr_db"), strict=True)
    ]
    logs = [PchipInterpolator(q, np.log10(r)).integrate(29, 33) / 4 for r, q in means]
    assert row.value == pytest.approx(100 * (10 ** (logs[1] - logs[0]) - 1), rel=1e-9)
    quality = row_of(table, "webp", "quality")
    assert math.isnan(quality.value)
    assert "use a range of rates for a BD-quality" in quality.reason
    assert "over 29 to 33 dB" in bd_text(table).splitlines()[0]
    assert "has 0 usable points of 1" in row_of(table, "png").reason


def test_qualities_of_a_metric_of_which_less_is_better(run):
    """An MSE of 32.6 to 82 is a PSNR of 33 to 29 dB, of one image the same points."""
    ends = [255**2 / 10 ** (psnr / 10) for psnr in (33, 29)]
    row = row_of(rdbench.bd_table(run, anchor="jpeg", metrics="mse", qualities=ends), "webp")
    assert row.settings.qualities == ends
    rates, errors = arrays(row, "bpp"), arrays(row, "mse")
    logs = []
    for rate, error in zip(rates, errors, strict=True):
        curve = PchipInterpolator(-error.mean(axis=0), np.log10(rate.mean(axis=0)))
        logs.append(curve.integrate(-ends[1], -ends[0]) / (ends[1] - ends[0]))
    assert row.value == pytest.approx(100 * (10 ** (logs[1] - logs[0]) - 1), rel=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rates": (2, 1)}, "`rates` 2,1: 2 is not below 1"),
        ({"rates": (1, 1)}, "`rates` 1,1: 1 is not below 1"),
        ({"qualities": (33, 29)}, "`qualities` 33,29: 33 is not below 29"),
        ({"qualities": (29, 33), "metrics": ["psnr_db", "mse"]}, "belongs to one metric; name it"),
    ],
)
def test_ranges_that_are_none_are_refused(run, options, message):
    with pytest.raises(UsageError, match=message):
        rdbench.bd_table(run, anchor="jpeg", **options)


def test_ranges_on_the_command_line(run, tmp_path):
    (tmp_path / "measurements.csv").write_text(run.read_text())
    runner = CliRunner()
    done = runner.invoke(app, ["bd", str(tmp_path), "--anchor", "jpeg", "--rates", "0.3,2.5"])
    assert done.exit_code == 0
    with (tmp_path / "bd.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["rate_low"], row["rate_high"]) for row in rows} == {("0.3", "2.5")}
    assert {(row["quality_low"], row["convention"]) for row in rows} == {("", "")}
    for wrong, message in (("1", "--rates '1' is not LOW,HIGH"), ("2,1", "2 is not below 1")):
        done = runner.invoke(app, ["bd", str(tmp_path), "--anchor", "jpeg", "--rates", wrong])
        assert isinstance(done.exception, UsageError)
        assert message in str(done.exception)


def test_one_point_is_held_against_the_anchor_and_said_to_be_that(run, single):
    table = rdbench.bd_table([run, single], anchor="jpeg")
    row, quality = (row_of(table, "single", kind) for kind in ("rate", "quality"))
    (rates, rate), (qualities, psnr) = arrays(row, "bpp"), arrays(row, "psnr_db")
    anchor = PchipInterpolator(qualities.mean(axis=0), np.log10(rates.mean(axis=0)))
    expected = 100 * (rate.mean() / 10 ** anchor(psnr.mean()) - 1)
    assert row.value == pytest.approx(expected, rel=1e-9)
    for image, value in enumerate(row.per_image.values):
        own = PchipInterpolator(qualities[image], np.log10(rates[image]))
        at_point = 100 * (rate[image, 0] / 10 ** own(psnr[image, 0]) - 1)
        assert value == pytest.approx(at_point, rel=1e-9)
    of_rate = PchipInterpolator(np.log10(rates.mean(axis=0)), qualities.mean(axis=0))
    assert quality.value == pytest.approx(psnr.mean() - of_rate(math.log10(rate.mean())), rel=1e-9)
    assert row.interval.low < row.value < row.interval.high
    assert row.at_point
    assert not row_of(table, "webp").at_point
    text = bd_text(table)
    line = next(line for line in text.splitlines() if line.startswith("single"))
    assert "rate [%] at its point" in line
    assert f"{row.value:+.2f}@ (" in line
    assert (
        "@: single: the difference at the only point of the curve, not a Bjøntegaard delta" in text
    )
    assert "BD-" not in line
    written = list(csv.DictReader(io.StringIO(bd_text(table, "csv"), newline="")))
    assert {r["test"] for r in written if r["at_one_point"] == "yes"} == {"single"}
    frame = table.to_frame()
    assert frame["at_one_point"].dtype == bool
    assert "not a Bjøntegaard delta" in bd_text(table, "latex")
    assert "@" in bd_text(table, layout="images")


def test_one_point_in_a_matrix_is_none_that_others_are_held_against(run, single):
    table = rdbench.bd_table([run, single])
    by_pair = {(row.anchor, row.test): row for row in table if row.kind == "rate"}
    assert math.isfinite(by_pair["webp", "single"].value)
    assert by_pair["webp", "single"].value == pytest.approx(0, abs=1e-9)  # a point of it
    back = by_pair["single", "webp"]
    assert "the anchor curve has 1 usable points of 1" in back.reason
    assert not back.at_point
    assert "@" in bd_text(table, layout="matrix")


def test_one_point_outside_the_anchor_or_lossless_has_none(run):
    table = rdbench.bd_table(run, anchor="jpeg")
    png = row_of(table, "png")
    assert math.isnan(png.value)
    assert "has 0 usable points of 1" in png.reason


def test_of_several_points_one_in_the_range_is_none(run):
    """A delta at a point stands for a codec of one point alone, not for what a range leaves."""
    rows = [row for row in of("webp", 6) if row.point in (30, 92)]
    path = run.parent / "two.csv"
    path.write_text(as_csv([*of("jpeg", 6), *(replaced(row, label="two") for row in rows)]))
    row = row_of(rdbench.bd_table(path, anchor="jpeg", rates=(0.1, 1.0)), "two")
    assert math.isnan(row.value)
    assert "1 usable points of 2 at 0.1 to 1 bit/px" in row.reason
    assert not row.at_point
