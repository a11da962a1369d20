"""Points by target in a run: what is reached, what is kept, and what may go wrong on the way."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import rdbench
from rdbench.errors import UsageError
from rdbench.images import pixel_sha256
from rdbench.manifest import MANIFEST
from rdbench.results import read_rows
from rdbench.runner import Limits, LocalPool
from rdbench.runner.pictures import pictures
from rdbench.schema import OK
from tests.cli.command import rdbench as command

CODECS = Path(__file__).parent / "target_codecs.py"
ERROR = """
import numpy as np
import rdbench
from rdbench.metrics import MetricOption

class Error(rdbench.Metric):
    record = rdbench.MetricRecord(
        "error", "Mean error", higher_is_better=False, options=(MetricOption("unit", "1"),)
    )

    def score(self, decoded):
        error = np.abs(decoded.astype(float) - self.original).mean()
        return float(error) / float(self.options["unit"])
"""
SAME = ("image", "label", "point", "setting", "tries", "tolerance", "status", "message")


@pytest.fixture(scope="session")
def crops(tmp_path_factory):
    """Two crops of photographs, 192x128."""
    folder = tmp_path_factory.mktemp("targets") / "crops"
    folder.mkdir()
    for name, pixels in (
        ("astronaut", skimage.data.astronaut()),
        ("coffee", skimage.data.coffee()),
    ):
        Image.fromarray(pixels[100:228, 150:342]).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def measure(crops, tmp_path):
    """A run over the crops, and its rows by image, label and point."""

    def go(*codecs, out="run", datasets=crops, jobs=1, **settings):
        settings = {"metrics": ["psnr_db"], "timeout_s": 60.0, **settings}
        return rdbench.run(
            codecs=codecs, datasets=str(datasets), out=tmp_path / out, jobs=jobs, **settings
        )

    return go


def told(outcome):
    return [[getattr(row, name) for name in SAME] + [row.stream_sha256] for row in outcome.rows]


def rates(outcome):
    return {(row.image, row.point): row.bpp for row in outcome.rows if row.status == OK}


def test_the_rate_is_that_of_the_bytes_on_disk(measure, tmp_path):
    """And the setting makes the same stream again."""
    outcome = measure("jpeg2000:points=bpp:0.25/0.5/1", "webp:points=bpp:0.5/1", keep_streams=True)
    assert not outcome.failures
    for row in outcome.rows:
        stream = (outcome.path / row.stream_file).read_bytes()
        assert row.bpp == 8 * len(stream) / (192 * 128)
        assert abs(row.bpp / row.point - 1) <= 0.02
        assert row.tolerance == pytest.approx(0.02 * row.point)
        assert row.parameter == "bpp"
        assert 1 < row.tries < 12
        assert not row.message
        assert row.encode_s > 0
        plain = f"{row.codec}:points={row.setting!r}"
        again = measure(plain, out=f"{row.codec}-{row.setting}")
        same = [one for one in again.rows if one.image == row.image]
        assert [one.stream_sha256 for one in same] == [row.stream_sha256]
        assert hashlib.sha256(stream).hexdigest() == row.stream_sha256


def test_the_score_is_reached(measure, tmp_path):
    """Of more and of less error, with a metric that was not asked for otherwise."""
    (tmp_path / "error.py").write_text(ERROR)
    metric = f"{tmp_path / 'error.py'}:Error"
    outcome = measure(f"{CODECS}:Steps:points={metric}:2/4/8", "avif:points=psnr_db:32/36")
    assert not outcome.failures
    rows = {(row.label, row.point): row for row in outcome.rows if row.image == "coffee"}
    points = [row.point for row in outcome.rows if row.codec == "steps" and row.image == "coffee"]
    assert points == [8, 4, 2]  # in increasing rate
    for (label, point), row in rows.items():
        column = "psnr_db" if label.startswith("avif") else "error"
        assert row.parameter == column
        assert label.endswith(f"at {column}")
        if not row.message:
            assert abs(row.scores[column] - point) <= row.tolerance
    assert all(rows["steps at error", point].message == "" for point in (2, 4, 8))


def test_a_metric_with_options_is_a_target(measure, tmp_path):
    (tmp_path / "error.py").write_text(ERROR)
    metric = f"{tmp_path / 'error.py'}:Error"
    outcome = measure(f"{CODECS}:Steps:points={metric}:unit=2:2/4", f"{CODECS}:Steps:points=50/80")
    assert not outcome.failures
    rows = [row for row in outcome.rows if row.setting]
    assert {row.label for row in rows} == {"steps at error:unit=2"}
    assert {row.parameter for row in rows} == {"error:unit=2"}
    off = [abs(row.scores["error:unit=2"] - row.point) > row.tolerance for row in rows]
    assert off == ["misses the tolerance" in row.message for row in rows]
    again = measure(f"{CODECS}:Steps:points={metric}:unit=2:2/4")
    assert again.measured == 0


def test_a_setting_is_tried_once_for_all_targets_of_an_image(measure, crops, tmp_path):
    log = tmp_path / "log"
    log.write_text("")
    outcome = measure(f"{CODECS}:Steps:log={log},points=bpp:3/4/5", datasets=crops / "coffee.png")
    assert not outcome.failures
    settings = Counter(map(float, log.read_text().split()))
    settings[64.0] -= 1  # the warm-up with a whole image
    for row in outcome.rows:
        settings[row.setting] -= 1  # the row itself
    assert set(settings.values()) == {1}
    assert len(settings) < sum(row.tries for row in outcome.rows)


def test_the_way_is_the_same_whatever_was_measured_before(measure):
    together = measure("jpeg2000:points=bpp:0.25/0.5/1", out="together")
    apart = [measure(f"jpeg2000:points=bpp:{point}", out="apart") for point in ("1", "0.25", "0.5")]
    assert sorted(told(together)) == sorted(told(apart[-1]))
    assert apart[-1].measured == 2


def test_what_is_there_stays_until_the_tolerance_is_another(measure, tmp_path):
    first = measure("webp:points=bpp:0.5/1")
    again = measure("webp:points=bpp:0.5/1")
    assert again.measured == 0
    assert told(again) == told(first)
    with_ladder = measure("webp:points=50")  # another curve beside it
    assert {row.label for row in with_ladder.rows} == {"webp", "webp at bpp"}
    finer = measure("webp:points=bpp:0.5/1", tolerance="0.1%")
    assert finer.measured == 4
    assert finer.replaced == [
        'webp at bpp: 4 rows measured again: search.tolerance: "" there, "0.1%" now'
    ]
    rows = [row for row in finer.rows if row.label == "webp at bpp"]
    assert all(abs(row.bpp / row.point - 1) <= 0.001 or row.message for row in rows)
    plan = json.loads((tmp_path / "run" / MANIFEST).read_text())["experiment"]["codecs"]
    assert [codec.get("goal") for codec in plan] == [{"column": "bpp", "tolerance": "0.1%"}, None]


@pytest.mark.parametrize("kept", [{}, {"keep_streams": True}, {"keep_decoded": True}])
def test_a_metric_that_comes_later_searches_nothing(measure, kept, tmp_path):
    first = measure("jpeg2000:points=bpp:0.5", **kept)
    more = measure("jpeg2000:points=bpp:0.5", metrics=["psnr_db", "ssim"], **kept)
    assert (more.measured, more.rescored) == (0, 2)
    assert [(row.setting, row.tries) for row in more.rows] == [
        (row.setting, row.tries) for row in first.rows
    ]
    whole = measure("jpeg2000:points=bpp:0.5", metrics=["psnr_db", "ssim"], out="whole")
    assert [row.scores for row in more.rows] == [row.scores for row in whole.rows]
    if kept:
        scored = rdbench.rescore(tmp_path / "run", "psnr_y_db", jobs=1)
        assert scored.rescored == 2
        assert told(scored) == told(first)


def test_runs_of_one_plan_are_merged(measure, tmp_path):
    one = measure("webp:points=bpp:0.5", out="one")
    two = measure("webp:points=bpp:1", out="two")
    merged = read_rows(rdbench.merge([one.path, two.path], tmp_path / "merged"))
    assert len(merged) == 4
    assert all(row.setting for row in merged)
    other = measure("webp:points=bpp:1", out="other", tolerance=0.001)
    with pytest.raises(UsageError, match=r"another stream_sha256|tolerance"):
        rdbench.merge([two.path, other.path], tmp_path / "both")


def test_what_cannot_be_reached_fails_and_says_so(measure):
    outcome = measure("jpeg:points=bpp:0.01/0.5/50")
    assert [row.point for row in outcome.rows if row.status == OK] == [0.5, 0.5]
    low, high = (row for row in outcome.failures if row.image == "coffee")
    assert low.message.startswith("bpp 0.01 is less than quality can give for this image: 0.")
    assert "at quality 1, the nearest of" in low.message
    assert high.message.startswith("bpp 50 is more than quality can give for this image: ")
    assert "at quality 100" in high.message
    assert (low.setting, low.bpp, low.tries > 0) == (None, None, True)


def test_a_deviation_over_the_tolerance_is_said_in_tables_and_figures(measure, tmp_path):
    """Whole numbers do not come so near."""
    outcome = measure("jpeg:points=bpp:0.5/1/2", "webp:points=bpp:0.5/1/2", tolerance=1e-9)
    assert all("misses the tolerance: the nearest of" in row.message for row in outcome.rows)
    said = "jpeg 4:2:0 at bpp: 6 of 6 rows miss their bpp by more than the tolerance, by up to "
    table = repr(rdbench.bd_table(outcome.path, anchor="webp"))
    assert said in table
    shown = command(
        "run",
        "--codecs",
        "jpeg,webp",
        "--points",
        "bpp:0.5/1/2",
        "--tolerance",
        "1e-9",
        "--dataset",
        tmp_path.parent / "none",
        "--out",
        outcome.path,
        cwd=tmp_path,
    )
    assert shown.returncode == 2  # there is no such dataset, and the options are known


def test_a_codec_that_fails_at_some_settings_loses_these_tries(measure):
    outcome = measure(f"{CODECS}:Breaks:points=bpp:3/4/5")
    assert not outcome.failures
    said = [row.message for row in outcome.rows]
    assert any("the try at step 16 failed: it cannot" in text for text in said)


def test_a_codec_that_dies_within_a_search_costs_the_row(measure):
    outcome = measure(f"{CODECS}:Dies:points=bpp:0.5/4", "webp:points=50")
    status = {(row.image, row.codec, row.point): row.status for row in outcome.rows}
    assert status["coffee", "dies", 4] == "crashed"
    assert status["coffee", "webp", 50] == OK


def test_each_try_has_the_time_of_a_measurement(measure, crops):
    """Tries of 0.5 s under a limit of 2 s."""
    outcome = measure(f"{CODECS}:Slow:points=bpp:3", timeout_s=2.0, datasets=crops / "coffee.png")
    assert not outcome.failures
    assert all(row.tries > 5 for row in outcome.rows)


def test_a_rate_that_rises_and_falls_ends(measure):
    outcome = measure(f"{CODECS}:Wavy:points=bpp:1.3")
    assert len(outcome.rows) == 2
    assert all("bpp is not monotone in level" in row.message for row in outcome.rows)


def test_a_metric_that_has_no_value_for_an_image(measure, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    pixels = skimage.data.astronaut()[:128, :128]
    Image.fromarray(pixels[..., 0]).save(folder / "gray.png")
    Image.fromarray(pixels).save(folder / "small.png")
    outcome = measure("jpeg:points=psnr_u_db:36", "webp:points=ms_ssim:0.9", datasets=folder)
    rows = {(row.image, row.codec): row for row in outcome.rows}
    assert rows["small", "jpeg"].status == OK
    assert rows["gray", "jpeg"].status == "failed"
    assert (
        "its target has no value here: psnr_u_db: takes rgb8, but the image is gray8"
        in rows["gray", "jpeg"].message
    )
    assert rows["small", "webp"].status == "failed"
    assert (
        "its target has no value here: ms_ssim: sides must be at least"
        in rows["small", "webp"].message
    )


@pytest.mark.parametrize(
    ("codec", "message"),
    [
        ("png:points=bpp:2", "codec 'png' is lossless and has no rate parameter"),
        ("jpeg:points=psnr:36", "unknown target 'psnr'; did you mean"),
        ("jpeg:points=quality:36", "write values of its quality as points=36"),
        ("jpeg:points=bpp:0.5,tolerance=-1", "the tolerance '-1' is not a number of at least 0"),
        ("jpeg:points=bpp:0.5,tolerance=nan", "the tolerance 'nan' is not a number of at least 0"),
        ("jpeg:points=bpp:0.5,tolerance=2", "2 is 200% of the rate; write 2% or 0.02"),
        ("jpeg:points=50,tolerance=1%", "a tolerance needs points by target"),
        ("jpeg:points=bpp:0", "a rate of 0 bit/px is impossible"),
        ("jpeg:points=bpp:nan", "'nan' cannot be reached; give a finite value"),
        ("jpeg:points=bpp:", "'' is not a number"),
        ("jpeg:points=bpp:0.5/0.5", "a point is given twice in 0.5/0.5"),
        ("jpeg:points=bpp:0.5,0.7", "write points as points=bpp:0.5/0.7"),
        (
            "dumas2018-case1:checkpoints=baselines:weights/dumas2018,points=bpp:1",
            "so there is nothing to search; write sweep=beta",
        ),
    ],
)
def test_requests_that_are_refused_in_one_line(measure, codec, message):
    with pytest.raises(UsageError) as raised:
        measure(codec)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_experiments_and_options_of_the_command_line(crops, tmp_path):
    (tmp_path / "e.toml").write_text(
        f'datasets = ["{crops}"]\nmetrics = ["psnr_db"]\n'
        '[[codecs]]\ncodec = "webp"\npoints = "bpp:0.5..1:0.25"\ntolerance = 0.05\n'
        '[[codecs]]\ncodec = "webp"\npoints = [30, 60]\n'
    )
    made = command("run", "e.toml", "--out", "a", "--jobs", 1, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    rows = read_rows(tmp_path / "a")
    assert sorted({row.point for row in rows if row.setting}) == [0.5, 0.75, 1]
    assert {row.tolerance and round(row.tolerance, 9) for row in rows} == {
        None,
        0.025,
        0.0375,
        0.05,
    }
    asked = ("--codecs", "webp", "--dataset", crops, "--metrics", "psnr_db", "--jobs", 1)
    made = command(
        "run",
        *asked,
        "--points",
        "bpp:0.5..1:0.25",
        "--tolerance",
        "5%",
        "--out",
        "b",
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    streams = {row.stream_sha256 for row in rows if row.setting}
    assert {row.stream_sha256 for row in read_rows(tmp_path / "b")} == streams
    plain = command(
        "run", *asked, "--points", "50", "--tolerance", "5%", "--out", "c", cwd=tmp_path
    )
    assert plain.returncode == 2
    assert "--tolerance needs points by target" in plain.stderr


def test_a_run_is_held_against_itself(measure, tmp_path):
    outcome = measure("webp:points=bpp:0.5/1/2", "jpeg:points=psnr_db:30/33/36")
    asked = ("check", outcome.path, "--baseline", tmp_path / "baseline.csv")
    assert command(*asked, "--update", cwd=tmp_path).returncode == 0
    held = command(*asked, cwd=tmp_path)
    assert held.returncode == 0, held.stdout
    assert "2 same" in held.stdout
    with (tmp_path / "baseline.csv").open() as file:
        assert all(float(row["setting"]) for row in csv.DictReader(file))


@pytest.mark.parametrize("kept", [{}, {"keep_streams": True}])
def test_pictures_are_of_the_setting_that_was_found(measure, kept, tmp_path):
    outcome = measure("jpeg2000:points=bpp:0.25/1", **kept)
    with LocalPool(Limits(1, timeout_s=60)) as pool:
        found = pictures(
            outcome.path,
            outcome.rows,
            lambda row: tmp_path / f"{row.image}-{row.point}.png",
            executor=pool,
        )
    assert [picture.reason for picture in found] == [""] * 4
    for picture in found:
        pixels = np.asarray(Image.open(picture.path))
        assert pixel_sha256(pixels) == picture.row.decoded_sha256
