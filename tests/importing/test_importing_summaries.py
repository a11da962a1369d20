"""Averages, totals and the like in tables of images are no images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rdbench.errors import UsageError
from rdbench.importing import Imported, Request, import_curves

HEADER = "image,point,bpp,psnr_db\n"
IMAGES = "a,1,0.25,30\nb,1,0.75,34\n"
KEPT = "to keep an image of such a name, give it its suffix, as in all.png"


def imported(path: Path, text: str, **request: object) -> Imported:
    path.write_text(text)
    return import_curves([path], Request(**{"label": "mine", "dataset": "d", **request}))


@pytest.mark.parametrize(
    "name",
    [
        *("average", "mean", "avg", "total", "all", "overall", "sum", "median", "std"),
        *("Average:", "AVG", "mean (24 images)", "Mean [dB]", "avg.", "--- MEAN ---", "(mean)"),
        *("Total average", "std. dev.", "StdDev", "Average of 24 images", "all images", "MAX"),
    ],
)
def test_a_row_over_images_is_not_taken_for_an_image(tmp_path, name):
    result = imported(tmp_path / "t.csv", HEADER + IMAGES + f"{name},1,0.5,32.5\n", rate_is="file")
    (curve,) = result.curves
    assert curve.images == ("a", "b")
    assert name not in result.text
    assert curve.mean("psnr_db").tolist() == [32]
    assert f"left out as summaries: {name!r} ('t.csv', line 4); {KEPT}" in result.notes


@pytest.mark.parametrize(
    "name", ["kodim01", "all_01", "mean-3", "average_joe", "meanwhile", "sumo", "total2", "allée"]
)
def test_a_name_that_merely_begins_so_is_an_images(tmp_path, name):
    result = imported(tmp_path / "t.csv", HEADER + IMAGES + f"{name},1,0.5,33\n", rate_is="file")
    assert name in result.curves[0].images
    assert len(result.notes) == 1  # that it has one point


def test_an_image_called_all_is_kept_by_its_suffix(tmp_path):
    result = imported(tmp_path / "t.csv", HEADER + IMAGES + "all.png,1,0.5,33\n")
    assert result.curves[0].images == ("a", "all", "b")


def test_a_mean_row_without_a_point_is_no_fault(tmp_path):
    """It is left out before rows are asked for their points and labels."""
    text = "label," + HEADER + "x,a,1,0.25,30\nx,a,2,0.5,32\n,Average,,0.375,31\n"
    (curve,) = imported(tmp_path / "t.csv", text, label="").curves
    assert (curve.label, curve.points, curve.images) == ("x", (1, 2), ("a",))


def test_a_table_of_summaries_alone_is_taken_and_that_is_said(tmp_path):
    text = HEADER + "Average,1,0.25,30\nAverage,2,0.5,32\n"
    result = imported(tmp_path / "t.csv", text, rate_is="file")
    assert result.curves[0].images == ("Average",)
    assert result.notes == (
        "all rows have names of summaries, and are taken for images: 'Average' ('t.csv', line 2 "
        "and 1 more); if they are means, leave out the column of images, and give their number "
        "with `images`",
    )


def test_several_means_of_one_table_are_noted_by_name(tmp_path):
    text = HEADER + IMAGES + "mean,1,0.5,32\nstd,1,0.25,2\nmean,2,0.7,33\n"
    (note, *_) = imported(tmp_path / "t.csv", text).notes
    assert "'mean' ('t.csv', line 4 and 1 more), 'std' ('t.csv', line 5);" in note


def test_means_and_an_average_are_two_kinds(tmp_path):
    with pytest.raises(UsageError, match=r"rows of images .* and means"):
        imported(tmp_path / "t.csv", HEADER + ",1,0.25,30\nAverage,2,0.5,32\n")


@pytest.mark.parametrize("source", ["average", "all.png"])
def test_a_summary_in_json_is_left_out(tmp_path, source):
    """A file of the mean lies beside those of the images; ``all.png`` is an image in JSON, too."""
    paths = []
    for image, stem, bpp in (("a", "a", 0.2), ("b", "b", 0.6), (source, source[:7], 0.4)):
        document = {"source": image, "name": "net", "results": {"bpp": bpp, "psnr-rgb": 30.0}}
        path = tmp_path / f"{stem.removesuffix('.png')}-net-mse-3-ans.json"
        path.write_text(json.dumps(document))
        paths.append(path)
    result = import_curves(paths, Request(dataset="d"))
    (curve,) = result.curves
    assert (curve.label, curve.parameter, curve.points) == ("net-mse", "quality", (3,))
    left_out = any("'average' ('average-net-mse-3-ans.json')" in note for note in result.notes)
    assert curve.images == (("a", "b") if left_out else ("a", "all", "b"))
    assert left_out == (source == "average")


LEE = "lambda,0.01,0.02\na,0.25,0.5\nb,0.75,1.5\n"
NAMES = {"bpp": "bpp.csv", "psnr_db": "psnr.csv"}


def lee(folder: Path, below: str) -> Imported:
    for name in NAMES.values():
        (folder / name).write_text(LEE + below)
    request = Request(label="mine", dataset="d", mapping=NAMES)
    return import_curves([folder / name for name in NAMES.values()], request)


@pytest.mark.parametrize("name", ["Average", "AVG", "mean (2 images)", "Total", "std"])
def test_a_table_of_lee_has_no_image_called_average(tmp_path, name):
    result = lee(tmp_path, f"{name},0.5,1\n")
    assert result.curves[0].images == ("a", "b")
    note = f"left out as summaries: {name!r} ('bpp.csv', line 4 and 1 more); {KEPT}"
    assert result.notes == (note,)


def test_means_of_a_table_of_lee_are_checked_by_any_name(tmp_path):
    with pytest.raises(
        UsageError, match=r"the row Mean: has 0\.6 at lambda 0\.01, but the mean of"
    ):
        lee(tmp_path, "Mean:,0.6,1\n")


def test_a_long_table_of_lee_has_no_image_called_average(tmp_path):
    text = "curve,quality,lambda,image,bpp,psnr_db,ms_ssim\n"
    text += "c,1,0.01,a,0.25,30,0.9\nc,1,0.01,b,0.75,34,0.95\nc,1,0.01,Average,0.5,32,0.925\n"
    result = imported(tmp_path / "t.csv", text, label="")
    assert result.curves[0].images == ("a", "b")
    assert "'Average' ('t.csv', line 4)" in result.notes[0]
