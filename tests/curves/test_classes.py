"""Deltas over classes of images, and where their tags are kept."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import rdbench
from rdbench.bd import delta
from rdbench.cli import app
from rdbench.curves import bd_csv, bd_text
from rdbench.errors import UsageError
from tests.curves.encoded import as_csv, of

TAGS = """image,tags
astronaut,people
chelsea,animals;soft
coffee,objects soft
flag.png,objects
nowhere,objects
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Six images; of these two have no tags."""
    folder = tmp_path_factory.mktemp("classes")
    rows = [row for codec in ("jpeg", "webp", "jpeg2000") for row in of(codec, 6)]
    (folder / "rows.csv").write_text(as_csv(rows))
    (folder / "tags.csv").write_text(TAGS)
    return folder


def call(*arguments):
    result = CliRunner().invoke(app, ["bd", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def table(run, **how):
    with pytest.warns(UserWarning, match=r"tags .*: 1 image that is not there \(nowhere\)"):
        return rdbench.bd_table(run / "rows.csv", anchor="jpeg", tags=run / "tags.csv", **how)


def test_a_class_is_compared_over_its_images_alone(run):
    rows = table(run)
    rate = {row.image_class: row for row in rows if (row.test, row.kind) == ("webp", "rate")}
    assert {name: row.images for name, row in rate.items()} == {
        "": ("astronaut", "chelsea", "coffee", "flag", "rocket", "saucer"),
        "animals": ("chelsea",),
        "objects": ("coffee", "flag"),
        "people": ("astronaut",),
        "soft": ("chelsea", "coffee"),
        "untagged": ("rocket", "saucer"),
    }
    assert [*rate][-1] == "untagged"
    images = ("chelsea", "coffee")
    curves = []
    for codec in ("jpeg", "webp"):
        cells = [row for row in of(codec, 6) if row.image in images]
        points = sorted({row.point for row in cells})
        curves += [
            [np.mean([value(row) for row in cells if row.point == point]) for point in points]
            for value in (lambda row: row.bpp, lambda row: row.scores["psnr_db"])
        ]
    assert rate["soft"].value == pytest.approx(delta(*curves).value, rel=1e-9)
    # A class of one image has a delta, and no interval.
    assert math.isfinite(rate["people"].value)
    assert rate["people"].interval is None
    assert rate["people"].value == pytest.approx(rate["people"].per_image.mean)
    assert rate[""].interval is not None


def test_all_images_are_as_they_are_without_classes(run):
    plain = rdbench.bd_table(run / "rows.csv", anchor="jpeg")
    whole = [row for row in table(run) if not row.image_class]
    assert len(whole) == len(plain)
    for one, other in zip(plain, whole, strict=True):
        assert (one.value, one.interval, one.significance) == (
            other.value,
            other.interval,
            other.significance,
        )


def test_the_table_has_a_row_for_each_class(run):
    rows = table(run)
    lines = bd_text(rows).splitlines()
    assert lines[2].split()[:3] == ["curve", "delta", "class"]
    # The first lines of each curve and of each kind say so, the others the class alone.
    assert lines[3].split()[:4] == ["webp", "BD-rate", "[%]", "all"]
    assert [line.split()[0] for line in lines[4:9]] == [
        *("animals", "objects", "people", "soft", "untagged")
    ]
    assert lines[9].split()[:3] == ["BD-PSNR", "[dB]", "all"]
    assert "  no intervals over fewer than 5 images" in lines
    assert r"\begin{tabular}" in bd_text(rows, "latex")
    records = list(csv.DictReader(io.StringIO(bd_csv(rows), newline="")))
    assert [record["class"] for record in records[:4]] == ["", "", "", ""]
    assert {record["class"] for record in records[4:]} == {
        *("animals", "objects", "people", "soft", "untagged")
    }
    assert rows.to_frame()["class"].dtype == "str"
    # Images stand once, whatever their classes.
    assert bd_text(rows, layout="images").count("astronaut") == 2


def test_pairs_and_classes_are_tested_together(run, tmp_path):
    shutil.copy(run / "rows.csv", tmp_path)
    everyone = ("astronaut", "chelsea", "coffee", "flag", "rocket", "saucer")
    text = "".join(f"{image},all{' five' * (image != 'flag')}\n" for image in everyone)
    (tmp_path / "tags.csv").write_text("image,tags\n" + text)
    rows = rdbench.bd_table(tmp_path / "rows.csv", anchor="jpeg", tags=tmp_path / "tags.csv")
    pairs = {row.image_class: row.significance.pairs for row in rows if row.kind == "rate"}
    assert pairs == {"": 2, "all": 4, "five": 4}


def test_the_command(run):
    result = call(run / "rows.csv", "--anchor", "jpeg", "--tags", run / "tags.csv")
    assert "untagged" in result.stdout
    assert "warning: tags" in result.stderr
    assert "nowhere" in result.stderr
    for options, message in (
        (["--matrix"], "--classes needs --anchor"),
        (["--anchor", "jpeg", "--per-image"], "--classes needs --anchor"),
        (["--anchor", "jpeg"], "no image has a tag: put tags.csv"),
    ):
        with pytest.raises(UsageError, match=message):
            call(run / "rows.csv", *options, "--classes")
    with pytest.raises(UsageError, match="classes of images need an anchor"):
        rdbench.bd_table(run / "rows.csv", classes=True)


def test_published_curves_have_classes_by_the_names_of_their_images(tmp_path):
    """Of means over all images there are none, and that is said."""
    (tmp_path / "tags.csv").write_text("image,tags\nkodim01,buildings\nkodim24.png,buildings\n")
    names = ["lee2019-mse", "lee2019-msssim", "bpg_444_x265_ycbcr"]
    rows = rdbench.bd_table(published=names, anchor=names[0], tags=tmp_path / "tags.csv")
    of_class = [row for row in rows if row.image_class and row.kind == "rate"]
    assert {row.image_class for row in of_class} == {"buildings", "untagged"}
    by_image, of_means = (
        [row for row in of_class if row.test.startswith(name)] for name in names[1:]
    )
    assert by_image[0].images == ("kodim01", "kodim24")
    for row in of_means:
        assert math.isnan(row.value)
        assert row.reason == (
            "bpg_444_x265_ycbcr (published) is known only as means over all images"
        )


@pytest.fixture
def measured(tmp_path):
    """A folder of six small images, with tags, and how to run it."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in "abcdef":
        pixels = rng.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(pixels).resize((32, 32)).save(folder / f"{name}.png")
    (folder / "tags.csv").write_text("image,tags\na,x\nb,x\nc,y\n")

    def run(out="run", **how):
        how = {"datasets": str(folder), **how}
        return rdbench.run(
            codecs=["jpeg", "webp"],
            points=[10, 30, 60, 90],
            metrics="psnr_db",
            jobs=1,
            out=tmp_path / out,
            **how,
        )

    return folder, run


def kept(path):
    return json.loads((path / "run.json").read_text())["tags"]["pictures"]


def test_tags_are_kept_in_the_run_and_a_change_measures_nothing(measured, tmp_path):
    folder, run = measured
    outcome = run()
    assert not outcome.notes
    assert kept(outcome.path) == {"a": ["x"], "b": ["x"], "c": ["y"]}
    (folder / "tags.csv").write_text("image,tags\na,x\nb,y\nc,y z\n")
    outcome = run()
    assert (outcome.measured, outcome.replaced) == (0, [])
    assert outcome.notes == [
        "dataset 'pictures': tags have changed, which needs no new measurements "
        "(b: x, now y and 1 more)"
    ]
    assert kept(outcome.path) == {"a": ["x"], "b": ["y"], "c": ["y", "z"]}
    # Where nothing tells any they stay, as the run is reported elsewhere.
    (folder / "tags.csv").unlink()
    outcome = run()
    assert not outcome.notes
    assert kept(outcome.path) == {"a": ["x"], "b": ["y"], "c": ["y", "z"]}
    shutil.rmtree(folder)
    rows = rdbench.bd_table(outcome.path, anchor="jpeg", classes=True)
    found = {row.image_class: row.image_count for row in rows if row.kind == "rate"}
    assert found == {"": 6, "x": 1, "y": 2, "z": 1, "untagged": 3}


def test_merged_runs_have_the_tags_of_both(measured, tmp_path):
    folder, run = measured
    one = run("one", datasets=str(folder / "[abc].png")).path
    (folder / "tags.csv").write_text("image,tags\nd,x\ne,y\n")
    other = run("other", datasets=str(folder / "[def].png")).path
    datasets = {
        json.loads((path / "run.json").read_text())["sources"] != {} for path in (one, other)
    }
    assert datasets == {True}
    # The globs are one dataset by its folder.
    merged = rdbench.merge([one, other], tmp_path / "merged")
    assert kept(merged) == {"a": ["x"], "b": ["x"], "c": ["y"], "d": ["x"], "e": ["y"]}
    rows = rdbench.bd_table(merged, anchor="jpeg", classes=True)
    found = {row.image_class: row.image_count for row in rows if row.kind == "rate"}
    assert found == {"": 6, "x": 3, "y": 2, "untagged": 1}
    # So have curves of two runs that are one curve.
    assert [dataclasses.astuple(row)[:4] for row in rows] == [
        dataclasses.astuple(row)[:4]
        for row in rdbench.bd_table([one, other], anchor="jpeg", classes=True)
    ]


def test_an_image_that_is_tagged_and_not_there_is_said_by_the_command(measured, tmp_path):
    folder, _ = measured
    (folder / "tags.csv").write_text("image,tags\na,x\nzebra,y\n")
    arguments = ["--codecs", "jpeg", "--points", "50", "--metrics", "psnr_db", "--jobs", "1"]
    result = CliRunner().invoke(
        app, ["run", "--dataset", str(folder), "--out", str(tmp_path / "run"), *arguments]
    )
    assert result.exit_code == 0
    assert "1 image that is not there (zebra)" in result.stderr


def test_scored_images_have_tags_too(measured, tmp_path):
    folder, _ = measured
    decoded = tmp_path / "q50"
    decoded.mkdir()
    for path in folder.glob("*.png"):
        shutil.copy(path, decoded)
    outcome = rdbench.score(
        str(folder), decoded, metrics="psnr_db", point=50, jobs=1, out=tmp_path / "run"
    )
    assert kept(outcome.path) == {"a": ["x"], "b": ["x"], "c": ["y"]}
