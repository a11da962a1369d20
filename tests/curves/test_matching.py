"""Matched pairs, held against curves whose answer is known and against SciPy's interpolation."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import PchipInterpolator

import rdbench
from rdbench.curves import match_text
from rdbench.errors import UsageError
from rdbench.schema import FAILED, Measurement
from tests.cli.command import rdbench as command
from tests.curves.encoded import as_csv, encoded_rows, of, replaced

IMAGES = ("a", "b", "c", "d", "e", "f")
NOISE = dict(zip(IMAGES, (1.0, 1.2, 0.9, 1.1, 0.8, 1.3), strict=True))


def row(codec, image, point, bpp, **changes):
    """A row of a codec without noise: its PSNR is linear in the logarithm of the rate."""
    core = {
        "dataset": "made",
        "image": image,
        "image_sha256": image,
        "channels": 3,
        "codec": codec,
        "label": codec,
        "parameter": "quality",
        "point": float(point),
        "bpp": bpp,
        "encode_s": 0.1 * point,
        "decode_s": 0.01 * point,
        "encode_cpu_s": 0.1 * point,
        "decode_cpu_s": 0.01 * point,
        "timing": "isolated",
        "load": 1.0,
        "host": "here",
        "scores": {"psnr_db": 30 + 5 * math.log2(bpp * NOISE[image]), "mse": 100 / bpp},
    }
    return replaced(Measurement(**core), **changes)


def ladder(codec, factor=1.0, slower=1.0, images=IMAGES):
    """Rates of 1/4, 1/2, 1 and 2 bit/px, times the factor at the same quality."""
    made = []
    for image in images:
        for point, bpp in enumerate((0.25, 0.5, 1.0, 2.0), 1):
            one = row(codec, image, point, bpp)
            times = {"encode_s": 0.1 * slower * 2**point, "decode_s": 0.01 * slower * 2**point}
            made.append(replaced(one, bpp=factor * bpp, **times))
    return made


@pytest.fixture
def table(tmp_path):
    """match_table over rows."""

    def of_rows(*rows, **asked):
        path = tmp_path / "rows.csv"
        path.write_text(as_csv([one for group in rows for one in group]))
        return rdbench.match_table(path, **{"anchor": "old", **asked})

    return of_rows


def test_ratios_of_curves_that_differ_by_a_factor(table):
    """A fifth less rate and three times the time at each quality, on each image."""
    found = table(ladder("old"), ladder("new", 0.8, 3), at="psnr_db=27/30/33")
    assert [one.value for one in found] == [27, 30, 33]
    for one in found:
        assert one.how == "interpolated"
        assert one.ratios["bpp"].value == pytest.approx(0.8)
        assert one.ratios["bpp"].interval.low == pytest.approx(0.8)
        assert one.ratios["bpp"].interval.high == pytest.approx(0.8)
        assert one.ratios["encode_s"].value == pytest.approx(3)
        assert one.ratios["decode_s"].value == pytest.approx(3)
        assert not one.differences


def test_differences_at_equal_rate(table):
    """0.8 of the rate for the same quality is 5 log2(1 / 0.8) dB more at the same rate."""
    (one,) = table(ladder("old"), ladder("new", 0.8, 3), at="bpp=0.5")
    assert "bpp" not in one.ratios
    assert one.images == IMAGES
    assert one.differences["psnr_db"].value == pytest.approx(5 * math.log2(1 / 0.8))
    assert one.differences["mse"].value < 0
    # At the same rate it is later on its ladder, by log2(1 / 0.8) of a point, which doubles times.
    assert one.ratios["encode_s"].value == pytest.approx(3 / 0.8)


def test_it_is_the_geometric_mean_of_interpolated_images(tmp_path):
    """Photographs coded by Pillow, interpolated by SciPy."""
    rows = encoded_rows(6)

    def rate(codec, image, quality):
        points = [
            (r.scores["psnr_db"], math.log10(r.bpp))
            for r in rows
            if (r.codec, r.image) == (codec, image)
        ]
        x, y = zip(*sorted(points), strict=True)
        return PchipInterpolator(x, y, extrapolate=False)(quality)

    names = sorted({r.image for r in rows})
    logs = np.array([rate("webp", n, 33) - rate("jpeg", n, 33) for n in names])
    reached = np.isfinite(logs)
    expected = 10 ** logs[reached].mean()
    path = tmp_path / "rows.csv"
    path.write_text(as_csv(rows))
    frame = rdbench.match_table(path, anchor="jpeg", at="psnr_db=33").to_frame()
    got = frame[(frame.test == "webp") & (frame.quantity == "rate ratio")].iloc[0]
    assert got["value"] == pytest.approx(expected, rel=1e-9)
    assert got["images"] == reached.sum()
    assert got["low"] < got["value"] < got["high"]


def test_a_metric_of_which_less_is_better(table):
    """mse = 100 / bpp of the old, at 0.8 of whose rate the new has it."""
    for one in table(ladder("old"), ladder("new", 0.8), at="mse=100/200"):
        assert one.ratios["bpp"].value == pytest.approx(0.8)
        assert len(one.images) == 6


def test_images_that_do_not_reach_it_are_counted(table):
    """The least PSNR is 20 dB + 5 log2(noise), and one curve lacks the first point of an image."""
    new = [r for r in ladder("new", 0.8) if (r.image, r.point) != ("b", 1)]
    found = table(ladder("old"), new, at="psnr_db=21.5")
    assert found[0].images == ("a", "c", "d", "e")
    assert found[0].only_anchor == ("b",)
    assert found[0].neither == ("f",)
    said = "new at psnr_db 21.5: not compared on b, f: only old on 1, only new on 0, neither on 1"
    assert said in repr(found)


def test_where_no_image_reaches_it(table):
    found = table(ladder("old"), ladder("new", 0.8), at="psnr_db=90")
    assert found[0].images == ()
    assert math.isnan(found[0].ratios["bpp"].value)
    assert found[0].ratios["bpp"].count == 0
    assert "no image on which both curves reach psnr_db 90" in repr(found)
    frame = found.to_frame()
    assert frame["reason"].str.startswith("no image").all()
    assert frame["value"].isna().all()


def test_curves_with_points_in_any_order_and_points_that_are_beaten(table):
    """A point that costs more and gives less is not interpolated through."""
    worse = [row("new", image, 9, 1.5, psnr_db=20.0) for image in IMAGES]
    shuffled = (ladder("new", 0.8) + worse)[::-1]
    (one,) = table(ladder("old"), shuffled, at="psnr_db=30")
    assert one.ratios["bpp"].value == pytest.approx(0.8)


def test_values_in_any_order_are_rows_in_order(table):
    found = table(ladder("old"), ladder("new", 0.8), at=["psnr_db=33/27/33", "bpp=1/0.5"])
    assert [(one.column, one.value) for one in found] == [
        *(("psnr_db", 27), ("psnr_db", 33), ("bpp", 0.5), ("bpp", 1))
    ]


def test_infinite_values_are_out_of_reach(table):
    """The best point is lossless: nothing is interpolated towards it."""
    new = [replaced(r, psnr_db=math.inf) if r.point == 4 else r for r in ladder("new", 0.8)]
    (reached, beyond) = table(ladder("old"), new, at="psnr_db=28/34")
    assert len(reached.images) == 6
    assert reached.ratios["bpp"].value == pytest.approx(0.8)
    assert not beyond.images
    (at_rate,) = table(ladder("old"), new, at="bpp=1.4")
    assert math.isnan(at_rate.differences["psnr_db"].value)
    assert at_rate.differences["mse"].count == 6
    assert "PSNR is over 0 images; on others it is infinite, empty or out of reach" in match_text(
        [at_rate]
    )


def by_target(codec, column, reached, slower=1.0):
    """Rows whose point was to be reached: by image and target what was."""
    made = []
    for image in IMAGES:
        for target, value in reached.items():
            given = value if column == "bpp" else 0.5 * slower
            one = row(codec, image, target, given)
            scores = {} if column == "bpp" else {column: value}
            core = {"setting": 50.0, "tries": 4, "tolerance": 0.01, "parameter": column}
            made.append(replaced(one, point=float(target), **core, **scores))
    return made


def test_points_by_target_are_compared_as_they_are(table):
    old = by_target("old", "psnr_db", {30: 30.05, 35: 35.0})
    new = by_target("new", "psnr_db", {30: 29.93, 35: 35.0}, slower=0.9)
    first, second = table(old, new, at="psnr_db=30/35")
    assert first.how == second.how == "measured at target"
    assert first.ratios["bpp"].value == pytest.approx(0.9)
    assert first.deviation == "-0.07 dB (new, a)"
    assert second.deviation == "+0 dB (old, a)"
    assert "largest deviation from the target -0.07 dB (new, a)" in repr(
        table(old, new, at="psnr_db=30")
    )
    # Beside a curve of settings they are one of its points, and a value that is no target is none.
    (between,) = table(old, new, at="psnr_db=32")
    assert between.how == "interpolated"
    (mixed,) = table(old, ladder("new", 0.8), at="psnr_db=30.05")
    assert mixed.how == "interpolated"


def test_an_image_that_missed_one_target_is_compared_at_the_others(table):
    """The curve leaves it out; here each target is for itself."""
    old = by_target("old", "bpp", {0.12: 0.121, 0.5: 0.5})
    new = by_target("new", "bpp", {0.12: 0.119, 0.5: 0.51})
    new = [
        replaced(r, status=FAILED, bpp=None, scores={}) if (r.image, r.point) == ("b", 0.12) else r
        for r in new
    ]
    low, high = table(old, new, at="bpp=0.12/0.5")
    assert low.images == ("a", "c", "d", "e", "f")
    assert low.only_anchor == ("b",)
    assert high.images == IMAGES
    assert high.deviation == "+2.00 % (new, a)"
    assert high.differences["psnr_db"].value == pytest.approx(5 * math.log2(1.02))


def test_times_that_are_not_there_give_no_ratio(table):
    new = [replaced(r, encode_s=None) for r in ladder("new", 0.8)]
    (one,) = table(ladder("old"), new, at="psnr_db=30")
    assert one.ratios["encode_s"].count == 0
    assert one.ratios["decode_s"].count == 6


def test_how_times_were_taken_is_said(table):
    new = [replaced(r, host="there", timing="shared") for r in ladder("new", 0.8)]
    told = repr(table(ladder("old"), new, at="psnr_db=30"))
    assert "times are of different machines and cannot be compared" in told
    assert "shared (other work ran at the same time): new" in told


def test_other_samples_are_other_images(table):
    new = [replaced(r, image_sha256="other") for r in ladder("new")]
    (one,) = table(ladder("old"), new, at="psnr_db=30")
    assert one.problem == "the curves have no images in common, by their samples"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"at": "psnr=30"}, "unknown metric 'psnr'; did you mean"),
        ({"at": "psnr_db=30", "anchor": "other"}, "unknown anchor 'other'"),
        ({"at": "psnr_db"}, "is not of the form METRIC=A/B"),
        ({"at": "psnr_db=30,33"}, "'30,33' is not a number; separate several values by '/'"),
        ({"at": "psnr_db=inf"}, "inf cannot be matched"),
        ({"at": "bpp=0"}, "0 cannot be matched"),
        ({"at": []}, "give the values at which to match curves"),
    ],
)
def test_requests_that_are_refused(table, asked, message):
    with pytest.raises(UsageError) as raised:
        table(ladder("old"), ladder("new"), **asked)
    assert message in str(raised.value)


def test_an_anchor_alone(table):
    with pytest.raises(UsageError, match="the anchor 'old' is the only curve"):
        table(ladder("old"), at="psnr_db=30")


def test_a_dataset_without_the_anchor_says_so(table):
    other = [replaced(r, dataset="elsewhere") for r in ladder("new")]
    rows = table(ladder("old"), ladder("new"), other, at="psnr_db=30")
    assert [one.problem for one in rows] == ["", "this dataset has no such anchor"]


def test_the_command_prints_what_the_table_shows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(as_csv([*of("jpeg", 6), *of("webp", 6)]))
    asked = ("match", path, "--anchor", "jpeg", "--at", "psnr_db=32/35", "--at", "bpp=1")
    found = rdbench.match_table(path, anchor="jpeg", at=["psnr_db=32/35", "bpp=1"])
    plain = command(*asked, cwd=tmp_path)
    assert plain.stdout == match_text(found)
    assert repr(found) == plain.stdout.rstrip()
    assert command(*asked, "--markdown", cwd=tmp_path).stdout == found._repr_markdown_()
    cells = list(csv.DictReader(io.StringIO(command(*asked, "--csv", cwd=tmp_path).stdout)))
    frame = found.to_frame()
    assert list(frame.columns) == list(cells[0])
    assert len(frame) == len(cells) == 2 * 3 + 4
    assert frame["value"].tolist() == [float(cell["value"] or "nan") for cell in cells]
    assert frame["images"].dtype == pd.Int64Dtype()
    wrong = command(*asked, "--csv", "--markdown", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
