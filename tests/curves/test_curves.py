"""Rows -> curves, against pandas and plain arithmetic."""

from __future__ import annotations

import csv
import dataclasses
import math
import statistics
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from rdbench.curves import curves_of, load_curves, summary_columns, write_summary
from rdbench.errors import UsageError
from rdbench.schema import COLUMNS
from tests.curves.encoded import PSNR, as_csv, encoded_rows, of, replaced


def test_means_are_those_of_pandas():
    frame = pd.DataFrame(
        [{c.name: getattr(row, c.name) for c in COLUMNS} | row.scores for row in encoded_rows()]
    )
    means = frame.groupby(["codec", "point"])[["bpp", "psnr_db", "mse", "encode_s"]].mean()
    curves = curves_of(encoded_rows())
    assert [curve.label for curve in curves] == ["jpeg", "webp", "jpeg2000", "png"]
    for curve in curves:
        assert curve.image_count == 4
        for column in means.columns:
            expected = [means.loc[(curve.codec, point), column] for point in curve.points]
            np.testing.assert_allclose(curve.mean(column), expected, rtol=1e-12)


def test_points_run_from_low_to_high_rate():
    curve = curves_of(of("jpeg2000"))[0]
    assert curve.points == (64, 32, 16, 8)
    assert (np.diff(curve.mean("bpp")) > 0).all()
    assert (np.diff(curve.mean("psnr_db")) > 0).all()


def test_pooled_psnr_is_that_of_the_mean_mse():
    curve = curves_of(of("webp"))[0]
    expected = 10 * np.log10(255**2 / curve.mean("mse"))
    np.testing.assert_allclose(curve.quality(PSNR, "pooled"), expected, rtol=1e-12)
    assert (curve.mean("psnr_db") > expected).all()  # Jensen
    linear = dataclasses.replace(PSNR, linear="")
    np.testing.assert_array_equal(curve.quality(linear, "pooled"), curve.mean("psnr_db"))


def test_an_image_that_failed_at_one_point_is_left_out_of_all():
    rows = [
        replaced(row, status="timeout", message="after 60 s", bpp=None, psnr_db=None)
        if (row.image, row.point) == ("chelsea", 50)
        else row
        for row in of("jpeg")
        if (row.image, row.point) != ("rocket", 10)
    ]
    curve = curves_of(rows)[0]
    assert curve.images == ("astronaut", "coffee")
    assert curve.left_out == {
        "chelsea": "timeout at quality 50: after 60 s",
        "rocket": "not measured at quality 10",
    }
    at_90 = [row.bpp for row in of("jpeg") if row.point == 90 and row.image in curve.images]
    assert curve.mean("bpp")[-1] == pytest.approx(statistics.mean(at_90))


def test_a_point_at_which_nothing_is_ok_is_left_out_alone():
    rows = of("jpeg") + of("jpeg", point=95.0, status="crashed", bpp=None)[:4]
    curve = curves_of(rows)[0]
    assert curve.points == (10, 25, 50, 75, 90)
    assert curve.lost_points == (95,)
    assert curve.image_count == 4


def test_a_curve_without_any_ok_row_is_empty_and_says_why():
    curve = curves_of(of("jpeg", status="failed", message="no", bpp=None))[0]
    assert (curve.image_count, curve.points) == (0, ())
    assert set(curve.left_out.values()) == {"failed at quality 10: no"}
    assert len(curve.mean("psnr_db")) == 0


def test_repeats_are_the_median_of_times_and_the_first_of_the_rest():
    repeats = [(0, 0.9, 41.0), (1, 0.1, 42.0), (2, 0.2, 43.0)]
    rows = [
        row
        for number, seconds, quality in reversed(repeats)
        for row in of(
            "jpeg", repeat=number, encode_s=seconds, decode_cpu_s=seconds / 2, psnr_db=quality
        )
    ]
    curve = curves_of(rows)[0]
    assert set(curve.mean("encode_s")) == {0.2}
    assert set(curve.mean("decode_cpu_s")) == {0.1}
    assert set(curve.mean("psnr_db")) == {41.0}


def test_a_metric_that_some_images_lack_is_averaged_over_the_others():
    rows = [
        replaced(row, ms_ssim_db=None if row.image == "coffee" else row.scores["psnr_db"] / 2)
        for row in of("jpeg")
    ]
    curve = curves_of(rows)[0]
    assert curve.images_with("ms_ssim_db") == ("astronaut", "chelsea", "rocket")
    others = curve.mean("psnr_db", images=("astronaut", "chelsea", "rocket"))
    np.testing.assert_allclose(curve.mean("ms_ssim_db"), others / 2)
    assert np.isnan(curve.mean("ssim")).all()


def test_options_make_curves_and_mixed_timings_are_said():
    rows = of("jpeg", options="chroma=444", label="jpeg 444") + of("jpeg")
    rows[0] = dataclasses.replace(rows[0], timing="shared")
    first, second = curves_of(rows)
    assert (first.label, first.timing) == ("jpeg 444", "mixed")
    assert (second.label, second.timing) == ("jpeg", "isolated")


def test_labels_tell_runs_and_options_apart(tmp_path):
    for folder in ("old/run", "new/run", "other"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("old/run", "new/run"):
        (tmp_path / folder / "measurements.csv").write_text(as_csv(of("jpeg")))
    (tmp_path / "other" / "measurements.csv").write_text(
        as_csv(of("webp", options="preset=1") + of("webp", options="preset=2"))
    )
    curves = load_curves([tmp_path / "old/run", tmp_path / "new/run", tmp_path / "other"])
    assert [curve.label for curve in curves] == [
        "jpeg (old/run)",
        "jpeg (new/run)",
        "webp [preset=1]",
        "webp [preset=2]",
    ]
    with pytest.raises(UsageError, match="no measurements"):
        load_curves([tmp_path / "none"])


def test_summary_has_a_row_per_point_with_the_means(tmp_path):
    rows = [row for row in encoded_rows() if (row.codec, row.image) != ("webp", "coffee")]
    rows += of("webp", status="failed", message="out of luck", bpp=None)[10:11]
    path = write_summary(tmp_path, rows)
    assert path == tmp_path / "summary.csv"
    with path.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == summary_columns(curves_of(rows))
    assert [row["label"] for row in table] == (
        ["jpeg"] * 5 + ["webp"] * 5 + ["jpeg2000"] * 4 + ["png"]
    )
    webp = table[5]
    assert (webp["images"], webp["images_left_out"], webp["point"]) == ("3", "1", "5")
    assert webp["message"].startswith("without coffee (")
    expected = [row for row in of("webp") if row.point == 5 and row.image != "coffee"]
    assert float(webp["psnr_db"]) == pytest.approx(
        statistics.mean(r.scores["psnr_db"] for r in expected)
    )
    mse = statistics.mean(row.scores["mse"] for row in expected)
    assert float(webp["psnr_db_of_mean_mse"]) == pytest.approx(10 * math.log10(255**2 / mse))
    assert webp["estimated_bpp"] == ""
    assert "ms_ssim" not in webp
    assert table[-1]["psnr_db"] == "inf"
    assert list(tmp_path.iterdir()) == [path]


def test_summary_says_when_a_codec_never_worked(tmp_path):
    rows = of("jpeg", status="failed", message="cannot", bpp=None, psnr_db=None)
    text = write_summary(tmp_path, rows).read_text()
    assert len(text.splitlines()) == 2
    assert "without astronaut (failed at quality 10: cannot)" in text


def test_curves_need_neither_pandas_nor_scipy_nor_matplotlib():
    code = (
        "import sys, rdbench.curves, rdbench.results\n"
        "print([name for name in ('pandas', 'scipy', 'matplotlib', 'torch', 'cv2')\n"
        "       if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
