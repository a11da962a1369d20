"""A metric of somebody else, of which less is better, from the table of a run to every report."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image
from typer.testing import CliRunner

from rdbench import plugins
from rdbench.bd import bd_quality, bd_rate
from rdbench.cli import app
from rdbench.curves import bd_table, bd_text, curves_of, load_curves, published, write_summary
from rdbench.errors import UsageError
from rdbench.gate import Limits, Verdict, check, update
from rdbench.metrics import BUILT_IN, MetricRecord
from rdbench.plots import forest, rate_distortion, rate_saving, scene, tradeoff
from rdbench.results import read_rows
from rdbench.schema import SCHEMA_VERSION
from tests.curves.encoded import as_csv, encoded_rows, replaced

EDGES = """\
import numpy as np
import rdbench


class Edges(rdbench.Metric):
    record = rdbench.MetricRecord("edges", "Edge loss", higher_is_better=False, revision=3)

    def score(self, decoded):
        steps = [np.diff(image.astype(int), axis=1) for image in (self.original, decoded)]
        return np.abs(steps[0] - steps[1]).mean()
"""
RECORD = MetricRecord("edges", "Edge loss", higher_is_better=False, revision=3)
RISING = MetricRecord("rising")
ONLY_EDGES = Limits(metrics=("edges",))


def rows(factor: float = 1.0, images: int = 4):
    """Rows of photographs really coded, with a score that falls and the same one that rises."""
    lossy = [row for row in encoded_rows(images) if row.codec != "png"]
    scores = [factor * row.scores["mse"] ** 0.5 for row in lossy]
    return [
        replaced(row, image_sha256=row.image, edges=score, rising=-score)
        for row, score in zip(lossy, scores, strict=True)
    ]


def run_of(folder: Path, measured, *records: MetricRecord) -> Path:
    """A run directory that tells the records of its metrics."""
    folder.mkdir()
    (folder / "measurements.csv").write_text(as_csv(measured))
    told = {record.name: record.plain() for record in (*BUILT_IN.values(), *records)}
    manifest = {"schema_version": SCHEMA_VERSION, "experiment": {}, "metrics": told}
    (folder / "run.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_of(tmp_path / "run", rows(), RECORD, RISING)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The table alone: nothing says what its metrics are."""
    path = tmp_path / "bare.csv"
    path.write_text(as_csv(rows()))
    return path


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "edges.py"
    path.write_text(EDGES)
    assert len(EDGES.splitlines()) <= 15
    return f"{path}:Edges"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same metric in an installed package."""
    site = tmp_path / "site"
    folder = site / "offered_edges-1.0.dist-info"
    folder.mkdir(parents=True)
    (site / "offered_edges.py").write_text(EDGES)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: offered-edges\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[rdbench.metrics]\nedges = offered_edges:Edges\n")
    monkeypatch.syspath_prepend(str(site))
    plugins.offers.cache_clear()
    yield
    plugins.offers.cache_clear()
    sys.modules.pop("offered_edges", None)


def call(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status, f"{result.output}{result.exception}"
    return result.stdout


def means(path: Path, codec: str) -> list[np.ndarray]:
    """Rates and scores of a codec, means over images."""
    mine = [row for row in read_rows(path) if row.codec == codec]
    points = sorted({row.point for row in mine})
    return [
        np.array([np.mean([row.value(name) for row in mine if row.point == at]) for at in points])
        for name in ("bpp", "edges")
    ]


def expected(delta: Callable[..., float], path: Path, sign: int = -1) -> float:
    (anchor_rate, anchor), (test_rate, test) = (means(path, codec) for codec in ("jpeg", "webp"))
    return delta(anchor_rate, sign * anchor, test_rate, sign * test)


def test_a_metric_in_a_file_goes_from_the_run_through_all_reports(tmp_path, file):
    images = tmp_path / "crops"
    images.mkdir()
    for name in ("chelsea", "coffee", "rocket"):
        crop = getattr(skimage.data, name)()[200:280, 220:300]
        Image.fromarray(crop).save(images / f"{name}.png")
    out, baseline = tmp_path / "out", tmp_path / "baseline.csv"
    call(
        *("run", "--codec", "jpeg:points=20/50/80", "--codec", "webp:points=20/50/80"),
        *("--dataset", images, "--metrics", f"psnr_db,{file}", "--jobs", 2, "--out", out),
    )
    found = read_rows(out)
    assert len(found) == 18
    assert all(row.scores["edges"] > 0 for row in found)
    with (out / "summary.csv").open(encoding="utf-8") as summary:
        assert [float(row["edges"]) for row in csv.DictReader(summary)] == pytest.approx(
            [*means(out, "jpeg")[1], *means(out, "webp")[1]]
        )
    (tmp_path / "edges.py").unlink()  # the run tells what it is
    call("bd", out, "--anchor", "jpeg", "--metrics", "edges")
    with (out / "bd.csv").open(encoding="utf-8") as table:
        assert float(next(csv.DictReader(table))["value"]) == pytest.approx(expected(bd_rate, out))
    call("plot", out, "--metrics", "edges", "--anchor", "jpeg")
    assert (out / "plots" / "crops_edges_saving.png").is_file()
    call("check", out, "--baseline", baseline, "--update")
    assert "BD-rate [%] Edge loss" in call("check", out, "--baseline", baseline)


def test_deltas_of_what_falls_are_those_of_what_rises_with_qualities_in_their_own_sign(
    tmp_path,
):
    run = run_of(tmp_path / "six", rows(images=6), RECORD, RISING)
    falling, rising = (bd_table(run, anchor="jpeg", metrics=name) for name in ("edges", "rising"))
    rate, quality = falling[:2]
    assert (rate.test, rate.value) == ("webp", pytest.approx(expected(bd_rate, run)))
    assert quality.value == pytest.approx(-expected(bd_quality, run))
    assert quality.value < 0
    assert quality.per_image.mean < 0
    for one, other in zip(falling, rising, strict=True):
        sign = 1 if one.kind == "rate" else -1
        ends = sorted((sign * other.interval.low, sign * other.interval.high))
        assert one.value == sign * other.value
        assert (one.interval.low, one.interval.high) == pytest.approx(ends)
        assert one.by_method == {name: sign * value for name, value in other.by_method.items()}
        assert one.per_image.values == tuple(sign * value for value in other.per_image.values)


def test_tables_say_which_direction_is_better(run):
    text = bd_text(bd_table(run, anchor="jpeg", metrics="edges", interval="none"))
    assert text.startswith("photos, Edge loss, less is better, against jpeg (mean of the images'")
    assert "BD-Edge loss" in text
    matrix = bd_text(bd_table(run, metrics="edges", interval="none"), layout="matrix")
    assert "BD-Edge loss of each row's curve against each column's, negative if" in matrix
    images = bd_text(
        bd_table(run, anchor="jpeg", metrics="edges", interval="none"), layout="images"
    )
    assert "Edge loss, less is better, image by image" in images


def test_figures_of_what_falls(run):
    curves = load_curves([run])
    view, mirrored = (scene(curves, "photos", record) for record in (RECORD, RISING))
    plot = rate_distortion(view)
    assert plot.y_label == "Edge loss, less is better"
    assert plot.free_corner == "upper right"
    small = scene(curves_of(rows(0.01), {"edges": RECORD}), "photos", RECORD)
    assert rate_distortion(small).y_limits[0] == 0  # and not -1
    saving, other = rate_saving(view, curves[0]), rate_saving(mirrored, curves[0])
    assert saving.x_label == "Edge loss, less is better"
    for line, twin in zip(saving.lines, other.lines, strict=True):
        assert line.x == tuple(-x for x in twin.x)
        assert line.y == twin.y
    found = bd_table(run, anchor="jpeg", metrics="edges")
    assert [row.mean_curves.value for row in forest(found).rows] == sorted(
        row.value for row in found if row.kind == "rate"
    )
    assert tradeoff(found).title == "photos, 4 images, Edge loss, against jpeg"


def test_the_gate_knows_what_is_worse_from_the_baseline_alone(run, tmp_path):
    path = update(run, tmp_path / "baseline.csv", Limits(metrics=("edges", "rising"))).path
    with path.open(encoding="utf-8") as table:
        first = next(csv.DictReader(table))
    assert first["revisions"] == "edges=3:falls;mse=1;psnr_db=1;rising=1"
    assert not {"host", "device", "identity", "stream_file", "encode_s"} & first.keys()
    now = tmp_path / "now.csv"  # nothing but the baseline tells what its metrics are
    for factor, verdict in ((1.05, Verdict.WORSE), (0.95, Verdict.BETTER), (1.0, Verdict.SAME)):
        now.write_text(as_csv(rows(factor)))
        report = check(now, path, ONLY_EDGES)
        assert {curve.verdict for curve in report.curves} == {verdict}
    now.write_text(as_csv(rows(1.05)))
    limits = Limits(max_bd_rate=100, max_bd_psnr=0.1, metrics=("edges",))
    assert check(now, path, limits).fine  # no decibels
    point = [replaced(row, point=0.0) for row in rows() if row.point == 50]
    one = run_of(tmp_path / "one", point, RECORD, RISING)
    duller = [replaced(row, edges=2 * row.scores["edges"]) for row in point]
    (curve,) = check(run_of(tmp_path / "duller", duller, RECORD), one, ONLY_EDGES).curves
    assert curve.verdict is Verdict.WORSE
    assert "Edge loss +" in curve.findings[0].text


def test_another_revision_or_direction_is_not_comparable_and_other_prose_is(run, tmp_path):
    path = update(run, tmp_path / "baseline.csv").path
    for number, (change, verdict) in enumerate(
        (
            ({"definition": "The same in other words.", "label": "Loss"}, Verdict.SAME),
            ({"revision": 4}, Verdict.NOT_COMPARABLE),
            ({"higher_is_better": True}, Verdict.NOT_COMPARABLE),
        )
    ):
        record = dataclasses.replace(RECORD, **change)
        other = run_of(tmp_path / f"other{number}", rows(), record, RISING)
        assert {curve.verdict for curve in check(other, path, ONLY_EDGES).curves} == {verdict}
        if not number:
            continue
        with pytest.raises(UsageError, match=r"'edges' is not one metric in 'jpeg \(run\)' and"):
            bd_table([run, other], anchor="jpeg (run)", metrics="edges")


def test_a_column_that_nothing_explains_is_refused_and_its_file_explains_it(bare, file, tmp_path):
    message = "there is a column 'edges', but its definition is unknown: name its metric as FIL"
    with pytest.raises(UsageError, match=message):
        bd_table(bare, anchor="jpeg", metrics="edges")
    with pytest.raises(UsageError, match="unknown metric 'edgse'; did you mean 'edges'"):
        bd_table(bare, anchor="jpeg", metrics="edgse")
    rate = bd_table(bare, anchor="jpeg", metrics=file, interval="none")[0]
    assert rate.value == pytest.approx(expected(bd_rate, bare))
    call("plot", bare, "--metrics", file, "--out", tmp_path)
    assert (tmp_path / "photos_edges.png").is_file()
    copy = tmp_path / "copy.csv"
    copy.write_text(bare.read_text())
    assert "column 'edges' is not judged: its definition is unknown" in "".join(
        check(bare, copy).notes
    )
    with pytest.raises(UsageError, match="has a column 'edges', but its definition"):
        check(bare, copy, ONLY_EDGES)
    assert check(bare, copy, Limits(metrics=(file,))).metrics == (
        dataclasses.replace(RECORD, target=file),
    )


@pytest.mark.usefixtures("installed")
def test_a_metric_of_an_installed_package_is_known_by_its_name(bare, tmp_path):
    rate = bd_table(bare, anchor="jpeg", metrics="edges", interval="none")[0]
    assert rate.value == pytest.approx(expected(bd_rate, bare))
    (tmp_path / "out").mkdir()
    with write_summary(tmp_path / "out", read_rows(bare)).open(encoding="utf-8") as table:
        assert "edges" in next(csv.DictReader(table))
    assert curves_of(read_rows(bare))[0].records["edges"].revision == 3
    call("plot", bare, "--metrics", "edges", "--out", tmp_path)
    call("check", bare, "--baseline", tmp_path / "b.csv", "--update", "--metrics", "edges")
    call("check", bare, "--baseline", tmp_path / "b.csv", "--metrics", "edges")
    table = "bpp,point,edges\n0.5,1,4\n1,2,2\n2,3,1\n"
    (tmp_path / "theirs.csv").write_text(table)
    options = ("--label", "theirs", "--dataset", "photos", "--images", 4)
    call("import", tmp_path / "theirs.csv", *options, "--out", tmp_path / "published.csv")
    theirs = published(tmp_path / "published.csv")
    assert theirs.quality(theirs.records["edges"]).tolist() == [4, 2, 1]


def test_a_metric_in_a_file_is_imported_by_its_name_there(file, tmp_path):
    (tmp_path / "theirs.csv").write_text("rate,loss\n0.5,4\n1,2\n2,1\n")
    (tmp_path / "ours.csv").write_text("rate,loss\n0.4,4\n0.8,2\n1.6,1\n")
    both = [tmp_path / f"{name}_published.csv" for name in ("theirs", "ours")]
    for name, path in zip(("theirs", "ours"), both, strict=True):
        call(
            *("import", tmp_path / f"{name}.csv", "--map", f"bpp=rate,{file}=loss"),
            *("--label", name, "--dataset", "d", "--images", 4, "--out", path),
        )
    rate = bd_table(published=list(map(str, both)), anchor="theirs", metrics=file)[0]
    assert rate.value == pytest.approx(-20)  # 0.8 times the rate at each loss
    with pytest.raises(UsageError, match="there is a column 'edges', but its definition"):
        bd_table(published=list(map(str, both)), anchor="theirs", metrics="edges")
