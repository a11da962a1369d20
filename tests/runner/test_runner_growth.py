"""A run directory takes more codecs, points, images, repeats and metrics, and keeps what it has."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import rdbench
from rdbench.codecs.request import parse_codec
from rdbench.errors import UsageError
from rdbench.experiment import Experiment, plan
from rdbench.manifest import MANIFEST, read_metrics
from rdbench.results import MEASUREMENTS, read_rows, read_table
from rdbench.runner import Limits, LocalPool, Outcome, run
from rdbench.schema import CORE, OK, TIMINGS

EDGES = """
import numpy as np
import rdbench

class Edges(rdbench.Metric):
    record = rdbench.MetricRecord("edges", "Edge error", higher_is_better=False)

    def score(self, decoded):
        given, original = (np.diff(i.astype(int), axis=0) for i in (decoded, self.original))
        return np.abs(given - original).mean()
"""


@pytest.fixture
def edges(tmp_path: Path) -> str:
    """A metric of somebody else's, which falls with quality."""
    file = tmp_path / "edges.py"
    file.write_text(EDGES)
    return f"{file}:Edges"


def asked(photos: Path, *codecs: str, metrics: tuple[str, ...] = (), repeat: int = 1) -> Experiment:
    requests = [parse_codec(codec) for codec in codecs]
    return plan("t", datasets=[str(photos)], codecs=requests, metrics=metrics, repeat=repeat)


def into(out: Path, experiment: Experiment, **settings: bool) -> Outcome:
    with LocalPool(Limits(2, timeout_s=60)) as pool:
        return run(experiment, out, executor=pool, **settings)


def table(path: Path) -> list[dict[str, str]]:
    with (path / MEASUREMENTS).open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return [{name: row[name] for name in sorted(row) if name not in TIMINGS} for row in rows]


@pytest.mark.parametrize("kept", ["nothing", "streams", "decoded"])
def test_a_metric_a_point_and_a_codec_more(photos, tmp_path, edges, kept):
    """Exactly what is missing is made, and the whole is what one run would have been."""
    keep = {} if kept == "nothing" else {f"keep_{kept}": True}
    first = asked(photos, "jpeg:points=30/60", "webp:points=50", metrics=("psnr_db",))
    grown, whole = tmp_path / "grown", tmp_path / "whole"
    assert into(grown, first, **keep).measured == 3 * 3
    before = read_rows(grown)
    more = asked(
        photos,
        *("jpeg:points=30/60/90", "webp:points=50", "png"),
        metrics=("psnr_db", "ssim", edges),
    )
    second = into(grown, more, **keep)
    assert (second.measured, second.rescored, len(second.rows)) == (3 * 2, 3 * 3, 3 * 5)
    into(whole, more, **keep)
    assert table(grown) == table(whole)
    after = {row.key: row for row in read_rows(grown)}
    for row in before:  # what was there has its own times still
        assert after[row.key].encode_s == row.encode_s
    again = into(grown, more, **keep)
    assert (again.measured, again.rescored, len(again.rows)) == (0, 0, 15)


def test_less_may_be_asked_for_and_all_stays(photos, tmp_path):
    out = tmp_path / "run"
    into(out, asked(photos, "jpeg:points=30/60", "png"))
    rows = table(out)
    outcome = into(out, asked(photos, "png", metrics=("psnr_db",)))
    assert (outcome.measured, len(outcome.rows)) == (0, 9)
    assert sorted(map(str, table(out))) == sorted(map(str, rows))


def test_more_images_and_repeats(tmp_path, photos):
    folder, out = tmp_path / "small", tmp_path / "run"
    folder.mkdir()
    shutil.copy(photos / "a.png", folder)
    assert into(out, asked(folder, "jpeg:points=50")).measured == 1
    shutil.copy(photos / "b.png", folder)
    assert into(out, asked(folder, "jpeg:points=50", repeat=2)).measured == 3
    assert [(row.image, row.repeat) for row in read_rows(out)] == [
        *(("a", 0), ("a", 1), ("b", 0), ("b", 1))
    ]
    experiment = json.loads((out / MANIFEST).read_text())["experiment"]
    assert [image["image"] for image in experiment["datasets"]["small"]] == ["a", "b"]
    assert experiment["repeat"] == 2


def test_a_superset_that_contradicts_is_refused(photos, tmp_path):
    out = tmp_path / "run"
    into(out, asked(photos, "jpeg:points=50,label=mine"))
    rows = table(out)
    for codec, message in (
        ("jpeg:points=50,label=other", "is called 'mine' there, 'other' now"),
        ("jpeg:points=50,chroma=444,label=mine", "the label 'mine' is jpeg:chroma=420"),
    ):
        with pytest.raises(UsageError, match=message):
            into(out, asked(photos, codec))
    assert table(out) == rows


def test_a_request_that_is_refused_changes_nothing(photos, tmp_path, edges):
    """Other images: it is found out after the directory was opened."""
    folder, out = tmp_path / "small", tmp_path / "run"
    shutil.copytree(photos, folder)
    into(out, asked(folder, "jpeg:points=50", metrics=("psnr_db",)))
    before = [(out / name).read_bytes() for name in (MEASUREMENTS, MANIFEST)]
    pixels = np.array(Image.open(folder / "a.png"))
    Image.fromarray(255 - pixels).save(folder / "a.png")
    with pytest.raises(UsageError, match="not the one that was measured"):
        into(out, asked(folder, "jpeg:points=50/60", metrics=("ssim", edges)))
    assert [(out / name).read_bytes() for name in (MEASUREMENTS, MANIFEST)] == before


def test_a_metric_whose_source_is_edited_is_computed_again(photos, tmp_path, edges):
    out = tmp_path / "run"
    experiment = asked(photos, "jpeg:points=50", metrics=("psnr_db", edges))
    into(out, experiment, keep_decoded=True)
    before = read_rows(out)
    file = Path(edges.partition(":")[0])
    file.write_text(EDGES.replace("mean()", "mean() + 1"))
    outcome = into(out, asked(photos, "jpeg:points=50", metrics=("psnr_db", edges)))
    assert (outcome.measured, outcome.rescored) == (0, 3)
    assert any("edges: scored again" in line for line in outcome.replaced)
    for old, new in zip(before, read_rows(out), strict=True):
        assert new.scores["edges"] == pytest.approx(old.scores["edges"] + 1)
        assert new.scores["psnr_db"] == old.scores["psnr_db"]


def test_a_run_of_the_version_before_goes_on(photos, tmp_path, edges):
    """Version 2: six metrics in fixed columns, and nothing of identities, hosts and kept files."""
    out = tmp_path / "run"
    experiment = asked(photos, "jpeg:points=30/60")
    into(out, experiment)
    manifest = json.loads((out / MANIFEST).read_text())
    for key in ("metrics", "identities", "targets"):
        manifest.pop(key, None)
    manifest["schema_version"] = 2
    (out / MANIFEST).write_text(json.dumps(manifest))
    with (out / MEASUREMENTS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    new = {"color", "sample_format", "identity", "unscored", "host", "device"}
    new |= {"stream_file", "decoded_file"}
    columns = [name for name in rows[0] if name not in new]
    with (out / MEASUREMENTS).open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    before = read_rows(out)
    assert read_table(out).texts["color"].unique(np.arange(len(rows)))[0] == ["rgb"]
    assert into(out, experiment).measured == 0
    assert [row.scores for row in read_rows(out)] == [row.scores for row in before]
    outcome = into(out, asked(photos, "jpeg:points=30/60/90", metrics=("psnr_db", edges)))
    assert (outcome.measured, outcome.rescored) == (3, 6)
    assert all("edges" in row.scores for row in read_rows(out))


@pytest.fixture
def kept(photos: Path, tmp_path: Path) -> Path:
    """A run that kept streams and decoded images."""
    out = tmp_path / "kept"
    experiment = asked(photos, "jpeg:points=30/60", metrics=("psnr_db",))
    into(out, experiment, keep_streams=True, keep_decoded=True)
    return out


@pytest.mark.parametrize("only", ["streams", "decoded"])
def test_rescore_computes_what_a_run_would_have(kept, tmp_path, photos, edges, only):
    other = {"streams": "decoded", "decoded": "streams"}[only]
    shutil.rmtree(kept / other)
    outcome = rdbench.rescore(kept, ["ssim", edges])
    assert (outcome.measured, outcome.rescored) == (0, 6)
    experiment = asked(photos, "jpeg:points=30/60", metrics=("psnr_db", "ssim", edges))
    into(tmp_path / "whole", experiment)
    wanted = {row.key: row.scores for row in read_rows(tmp_path / "whole")}
    assert {row.key: row.scores for row in read_rows(kept)} == wanted
    assert not read_metrics(kept)["edges"].higher_is_better
    assert rdbench.rescore(kept, ["ssim"]).rescored == 0


@pytest.mark.parametrize("fault", ["gone", "truncated", "exchanged"])
@pytest.mark.parametrize("only", ["streams", "decoded"])
def test_a_kept_file_at_fault_costs_its_own_cell(kept, fault, only):
    other = {"streams": "decoded", "decoded": "streams"}[only]
    shutil.rmtree(kept / other)
    before = read_rows(kept)
    files = [kept / (row.stream_file if only == "streams" else row.decoded_file) for row in before]
    if fault == "gone":
        files[0].unlink()
    elif fault == "truncated":
        files[0].write_bytes(files[0].read_bytes()[:-30])
    else:
        files[0].write_bytes(files[2].read_bytes())
    outcome = rdbench.rescore(kept, "ssim")
    first, *others = read_rows(kept)
    assert first.status == OK
    assert first.scores == before[0].scores
    assert first.unscored == "ssim"
    assert "kept" in first.message
    assert len(outcome.unscored) == 1
    assert all("ssim" in row.scores for row in others)


def test_nothing_was_kept(photos, tmp_path):
    out = tmp_path / "run"
    into(out, asked(photos, "jpeg:points=30"))
    with pytest.raises(UsageError, match="kept neither streams nor decoded images"):
        rdbench.rescore(out, "ssim")


def test_other_originals_are_refused(kept, photos, tmp_path):
    folder = tmp_path / "moved"
    shutil.copytree(photos, folder)
    pixels = np.array(Image.open(folder / "a.png"))
    Image.fromarray(255 - pixels).save(folder / "a.png")
    manifest = json.loads((kept / MANIFEST).read_text())
    manifest["files"] = {"small": {name: str(folder / f"{name}.png") for name in "abc"}}
    (kept / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="image 'a' of 'small' is not the one"):
        rdbench.rescore(kept, "ssim")


@pytest.mark.parametrize("names", [False, True], ids=["tables", "names"])
def test_what_an_older_run_does_not_say_of_codecs_and_images_is_the_usual(kept, names):
    manifest = json.loads((kept / MANIFEST).read_text())
    experiment = manifest["experiment"]
    experiment["datasets"] = {
        dataset: [image["image"] if names else {"image": image["image"]} for image in images]
        for dataset, images in experiment["datasets"].items()
    }
    for codec in experiment["codecs"]:
        del codec["options"]
    (kept / MANIFEST).write_text(json.dumps(manifest))
    assert not rdbench.rescore(kept, "ssim").failures


def test_what_a_run_has_kept_can_be_scored(kept, photos, tmp_path):
    """The layout of decoded images is that of `rdbench score`."""
    (folder,) = (kept / "decoded").iterdir()
    streams = kept / "streams" / folder.name
    out = tmp_path / "scored"
    outcome = rdbench.score(str(photos), folder, streams=streams, out=out, metrics=("psnr_db",))
    assert not outcome.failures
    measured = {(row.image, row.point): row for row in read_rows(kept)}
    for row in read_rows(out):
        there = measured[row.image, row.point]
        assert (row.scores, row.bpp) == (there.scores, there.bpp)


@pytest.mark.parametrize(
    ("section", "edited", "message"),
    [
        ("targets", {"jpeg": "jpge"}, "unknown codec 'jpge'; did you mean 'jpeg'"),
        ("files", {}, "does not say where the image"),
    ],
)
def test_what_run_json_says_of_codecs_and_images_is_refused_with_the_file(
    photos, tmp_path, section, edited, message
):
    out = tmp_path / "kept"
    into(out, asked(photos, "jpeg:points=30", metrics=("psnr_db",)), keep_streams=True)
    manifest = out / "run.json"
    told = json.loads(manifest.read_text(encoding="utf-8"))
    assert section in told
    manifest.write_text(json.dumps({**told, section: edited}), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        rdbench.rescore(out, "ssim")
    assert re.match(rf"'{re.escape(str(manifest))}':? {re.escape(message)}", str(caught.value))


@pytest.fixture
def halves(photos: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two runs of one plan: one has the lower points and the other the higher."""
    paths = tmp_path / "one", tmp_path / "two"
    for path, points in zip(paths, ("20/40", "60/80"), strict=True):
        into(path, asked(photos, f"jpeg:points={points}", "png"), keep_streams=True)
    return paths


def test_runs_of_one_plan_merge(halves, photos, tmp_path):
    merged, whole = tmp_path / "merged", tmp_path / "whole"
    rdbench.merge(halves, merged)
    experiment = asked(photos, "jpeg:points=20/40/60/80", "png")
    into(whole, experiment, keep_streams=True)
    assert table(merged) == table(whole)
    assert (merged / "summary.csv").is_file()
    for row in read_rows(merged):
        assert (merged / row.stream_file).stat().st_size == row.size_bytes
    assert into(merged, experiment).measured == 0
    assert rdbench.rescore(merged, "ssim").rescored == 0


def tampered(path: Path, **values: str) -> None:
    """Exchange values of the first row of a table."""
    with (path / MEASUREMENTS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0].update(values)
    with (path / MEASUREMENTS).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image_sha256": "0" * 64}, "differs between"),
        ({"codec_version": "libjpeg 6b"}, "has version 'libjpeg 6b'|and 'libjpeg 6b'"),
    ],
)
def test_runs_that_disagree_do_not_merge(halves, tmp_path, values, message):
    tampered(halves[1], **values)
    with pytest.raises(UsageError, match=message):
        rdbench.merge(halves, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_rows_of_one_measurement_that_disagree_do_not_merge(photos, tmp_path):
    paths = tmp_path / "one", tmp_path / "two"
    for path in paths:
        into(path, asked(photos, "jpeg:points=20"))
    tampered(paths[1], stream_sha256="0" * 64)
    with pytest.raises(UsageError, match="another stream_sha256"):
        rdbench.merge(paths, tmp_path / "merged")
    with pytest.raises(UsageError, match="at least two"):
        rdbench.merge(paths[:1], tmp_path / "merged")
    with pytest.raises(UsageError, match="exists already"):
        rdbench.merge(paths, paths[0])


MINE = """
from pathlib import Path
import numpy as np
import rdbench

class Mine(rdbench.Codec):
    name = "mine"
    parameter = "step"
    ladder = (1, 2)

    def __init__(self, setting):
        super().__init__(setting)
        with rdbench.open_weights(Path(__file__).with_name("mine.bin")) as file:
            self.flip = np.uint8(file.read()[0])

    def encode(self, image):
        return bytes(image.shape) + (image ^ self.flip).tobytes()

    def decode(self, data):
        return np.frombuffer(data[3:], np.uint8).reshape(tuple(data[:3])) ^ self.flip
"""


@pytest.mark.parametrize(
    ("name", "content", "parts", "said"),
    [
        ("mine.py", MINE + "# edited\n", ("a.png points=1", "b.png points=1"), r"source\.mine\.py"),
        ("mine.py", MINE + "# edited\n", ("a.png points=1", "a.png points=2"), r"source\.mine\.py"),
        ("mine.bin", "\x02", ("a.png points=1", "b.png points=1"), r"mine\.bin"),
    ],
)
def test_a_curve_of_two_sources_or_weights_does_not_merge(
    photos, tmp_path, name, content, parts, said
):
    """Also where no row is in both runs: each has some of the images, or of the points."""
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    (tmp_path / "mine.bin").write_text("\x01")
    paths = tmp_path / "one", tmp_path / "two"
    for path, part in zip(paths, parts, strict=True):
        image, points = part.split()
        command = f"run --codec {file}:Mine:{points} --dataset {photos / image} --metrics psnr_db"
        program = [sys.executable, "-m", "rdbench", *command.split(), "--out", str(path)]
        subprocess.run(program, check=True)
        (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=said):
        rdbench.merge(paths, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_metrics_of_two_revisions_do_not_merge(photos, tmp_path, edges):
    paths = tmp_path / "one", tmp_path / "two"
    file = Path(edges.partition(":")[0])
    for path, revision in zip(paths, "12", strict=True):
        file.write_text(EDGES.replace("=False)", f"=False, revision={revision})"))
        into(path, asked(photos, "jpeg:points=20", metrics=(edges,)))
    with pytest.raises(UsageError, match=r"metric edges\.revision: 1 there, 2 now"):
        rdbench.merge(paths, tmp_path / "merged")


UNRULY = """
import os, time
import rdbench

class Hang(rdbench.Metric):
    record = rdbench.MetricRecord("hang")
    def score(self, decoded):
        time.sleep(3600)

class Die(rdbench.Metric):
    record = rdbench.MetricRecord("die")
    def score(self, decoded):
        os.kill(os.getpid(), 9)

class Raise(rdbench.Metric):
    record = rdbench.MetricRecord("raising")
    def score(self, decoded):
        raise RuntimeError("not today")

class Loud(rdbench.Metric):
    record = rdbench.MetricRecord("loud")
    def score(self, decoded):
        print("x" * 20_000_000)
        return 1

class Vandal(rdbench.Metric):
    record = rdbench.MetricRecord("vandal")
    def score(self, decoded):
        decoded.flags.writeable = True
        decoded[:] = 0
        return 1
"""


def test_a_metric_at_fault_costs_its_own_cells_and_nothing_else(photos, tmp_path, edges):
    file = tmp_path / "unruly.py"
    file.write_text(UNRULY)
    unruly = [f"{file}:{name}" for name in ("Hang", "Die", "Raise", "Loud", "Vandal")]
    experiment = asked(photos, "png", metrics=(*unruly, edges, "psnr_db"))
    with LocalPool(Limits(2, timeout_s=5)) as pool:
        outcome = run(experiment, tmp_path / "run", executor=pool)
    assert not outcome.failures
    for row in outcome.rows:
        assert row.scores.keys() == {"mse", "psnr_db", "edges", "loud"}
        assert set(row.unscored.split()) == {"raising", "vandal", "hang", "die"}
        for name, reason in (
            ("hang", "not done after 5 s"),
            ("die", "SIGKILL"),
            ("raising", "RuntimeError: not today"),
            ("vandal", "changed its input images"),
        ):
            assert name in row.message
            assert reason in row.message


def test_rows_are_of_core_columns_and_scores(kept):
    row = read_rows(kept)[0]
    assert {field.name for field in dataclasses.fields(row)} == {*CORE, "scores"}
    assert (row.sample_format, row.device) == ("rgb8", "cpu")
    assert row.host
    pixels = cv2.imread(str(kept / row.decoded_file))
    assert pixels.shape == (row.height, row.width, 3)
