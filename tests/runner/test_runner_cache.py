"""What is taken from the cache and what is not: everything that a row depends on, one by one."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import rdbench
from rdbench.codecs.jpeg import Jpeg
from rdbench.codecs.request import parse_codec
from rdbench.experiment import plan
from rdbench.images import ImageRef
from rdbench.results import read_rows
from rdbench.runner import reuse
from rdbench.runner.cache import Cache
from rdbench.runner.identities import Identities
from rdbench.runner.reuse import APART, Reuse
from rdbench.runner.rows import Job, Measured
from rdbench.schema import OK, PINNED, TIMINGS

from . import cached_codecs

METRICS = ("psnr_db", "ssim")
COPIES = """
name = "copies"
parameter = "level"
ladder = [1, 2]
suffix = ".pnm"

[pixels]
input = "pnm"
output = "pnm"

[encode]
program = "./copy"
arguments = ["{input}", "{stream}"]

[decode]
program = "./copy"
arguments = ["{stream}", "{output}"]
"""


@dataclasses.dataclass
class Place:
    """A folder with an image, codecs, and a cache that a run has filled."""

    folder: Path

    @property
    def image(self):
        return self.folder / "images/a.png"

    @property
    def source(self):
        return self.folder / "mine.py"

    @property
    def weights(self):
        return self.folder / "weights"

    @property
    def packed(self):
        table, weights = self.folder / "table", self.weights
        return f"{self.source}:Packed:points=1,table={table},weights={weights}"

    @property
    def copies(self):
        return f"{self.folder / 'copies.toml'}:points=1"

    @property
    def codecs(self):
        return ["jpeg:points=50", self.packed, self.copies]

    def fill(self, run):
        """Fill the cache by a run."""
        outcome = rdbench.run(
            codecs=self.codecs,
            datasets=str(self.image.parent),
            metrics=METRICS,
            out=self.folder / run,
            jobs=1,
            cache=self.folder / "cache",
        )
        assert not outcome.failures
        assert not outcome.notes

    def hits(self, *codecs, metrics=METRICS, color="rgb", dataset="", images=None, **settings):
        """The rows that another run would take, None where it would measure, one for each curve."""
        images = images or self.folder / "images"
        requests = [parse_codec(text) for text in codecs or self.codecs]
        experiment = plan("", datasets=[str(images)], codecs=requests, metrics=metrics, color=color)
        settings = {"times": False, "timing": False, **settings}
        with Cache(self.folder / "cache") as cache:
            identities = Identities(experiment)
            own = Reuse(cache, experiment.metrics, identities, self.folder / "other", **settings)
            names = tuple(record.name for record in experiment.metrics)
            found = [own.taken(Job(task, names)) for task in experiment.tasks()]
            assert not cache.said
        return [one and one.row for one in found]


def write_image(path, pixels):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


PIXELS = np.random.default_rng(5).integers(0, 256, (24, 16, 3), np.uint8)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("place"))
    write_image(place.image, PIXELS)
    shutil.copy(cached_codecs.__file__, place.source)
    (place.folder / "neighbor.py").write_text("LEVEL = 1\n")
    place.source.write_text(place.source.read_text() + "\nimport neighbor\n")
    (place.folder / "copies.toml").write_text(COPIES)
    shutil.copy(shutil.which("cp"), place.folder / "copy")
    for name in ("table", "weights"):
        (place.folder / name).write_text(name)
    place.fill("run")
    return place


@pytest.fixture
def place(filled):
    """The filled place; files that a test changes are put back, with their times."""
    kept = filled.folder.parent / f"{filled.folder.name}-kept"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(filled.folder, kept)
    yield filled
    shutil.rmtree(filled.folder)
    shutil.move(kept, filled.folder)


def test_what_is_the_same_is_taken_without_times_and_says_from_where(place):
    rows = place.hits()
    assert [row.codec for row in rows] == ["jpeg", "packed", "copies"]
    before = {row.codec: row for row in read_rows(place.folder / "run")}
    for row in rows:
        assert row.reused.startswith(f"{place.folder / 'run'} at 2")
        assert not any(getattr(row, column) for column in TIMINGS)
        there = before[row.codec]
        assert there.encode_s > 0
        empty = dict.fromkeys(TIMINGS) | {"timing": ""}
        assert dataclasses.replace(row, reused="") == dataclasses.replace(there, **empty)


def test_times_are_taken_where_they_are_asked_for(place):
    before = {row.codec: row for row in read_rows(place.folder / "run")}
    for row in place.hits(times=True):
        assert dataclasses.replace(row, reused="") == before[row.codec]
    # Those are not times to publish.
    assert place.hits(times=True, timing=True) == [None] * 3


def test_times_to_publish_are_measured_unless_times_are_asked_for(place, tmp_path):
    request = {
        "codecs": "jpeg:points=50",
        "datasets": str(place.image.parent),
        "metrics": METRICS,
        "timing": True,
        "cache": place.folder / "cache",
    }
    for run in ("first", "second"):
        outcome = rdbench.run(out=tmp_path / run, **request)
        assert (outcome.reused, outcome.measured) == (0, 1)
        (row,) = outcome.rows
        assert (row.timing, row.encode_s is not None) == (PINNED, True)
    taken = rdbench.run(out=tmp_path / "third", cache_times=True, **request)
    assert taken.reused == 1
    assert dataclasses.replace(taken.rows[0], reused="") == row


def test_names_of_images_datasets_and_curves_are_those_of_the_run(place):
    shutil.copytree(place.image.parent, place.folder / "others")
    (place.folder / "others/a.png").rename(place.folder / "others/b.png")
    (row,) = place.hits("jpeg:points=50,label=mine", images=place.folder / "others")
    assert (row.dataset, row.image, row.label) == ("others", "b", "mine")


def test_fewer_metrics_are_enough_and_others_are_measured(place):
    (row,) = place.hits("jpeg:points=50", metrics=["psnr_db"])
    assert "ssim" not in row.scores
    assert place.hits("jpeg:points=50", metrics=["psnr_db", "ms_ssim_db"]) == [None]


# What a row depends on. Each change must have the codecs that are named measured.
ALL = {"jpeg", "packed", "copies"}


def another_sample(place, _):
    pixels = PIXELS.copy()
    pixels[3, 4, 1] ^= 1
    write_image(place.image, pixels)


def another_shape_of_the_same_samples(place, _):
    write_image(place.image, PIXELS.reshape(16, 24, 3))


def program_of_other_bytes(place, _):
    with (place.folder / "copy").open("ab") as file:
        file.write(b"\0")


def another_library(_, monkeypatch):
    monkeypatch.setattr(reuse, "libraries", lambda _: [("/lib/libother.so", "another")])


def definition(place, _):
    path = place.folder / "copies.toml"
    path.write_text(path.read_text() + "\n# edited\n")


def source(place, _):
    place.source.write_text(place.source.read_text() + "\n# edited\n")


def helper(place, _):
    (place.folder / "neighbor.py").write_text("LEVEL = 2\n")


def file_of_an_option(place, _):
    (place.folder / "table").write_text("edited")


def weights_that_were_opened(place, _):
    place.weights.write_text("edited")


def weights_that_are_gone(place, _):
    place.weights.unlink()


def version(_, monkeypatch):
    monkeypatch.setattr(Jpeg, "version", classmethod(lambda _: "another"))


def version_that_is_not_told(_, monkeypatch):
    monkeypatch.setattr(Jpeg, "version", classmethod(lambda _: 1 / 0))


def metric(**changes):
    def change(_, monkeypatch):
        told = rdbench.metrics.provenance
        monkeypatch.setattr(
            reuse.metrics,
            "provenance",
            lambda record: told(record) | (changes if record.name == "ssim" else {}),
        )

    return change


def source_of_rdbench(_, monkeypatch):
    monkeypatch.setattr(reuse, "source_digest", lambda: "another")


def package(_, monkeypatch):
    found = [SimpleNamespace(name="pillow", version="0.0.1")]
    monkeypatch.setattr(reuse.metadata, "distributions", lambda: found)


def python(_, monkeypatch):
    monkeypatch.setattr(reuse.sys, "version", "another")


def processor(_, monkeypatch):
    monkeypatch.setattr(reuse, "processor", lambda: "another")


def variable(_, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/another")


def working_directory(place, monkeypatch):
    monkeypatch.chdir(place.folder)


@pytest.mark.parametrize(
    ("change", "measured"),
    [
        (another_sample, ALL),
        (another_shape_of_the_same_samples, ALL),
        (program_of_other_bytes, {"copies"}),
        (another_library, {"copies"}),
        (definition, {"copies"}),
        (source, {"packed"}),
        (file_of_an_option, {"packed"}),
        (weights_that_were_opened, {"packed"}),
        (weights_that_are_gone, {"packed"}),
        (version, {"jpeg"}),
        (version_that_is_not_told, {"jpeg"}),
        (metric(revision=99), ALL),
        (metric(version="another"), ALL),
        (metric(source={"file.py": "another"}), ALL),
        (metric(programs={"x": {"path": "/bin/ls", "version": "", "sha256": "1"}}), ALL),
        (metric(missing="it"), ALL),
        (source_of_rdbench, ALL),
        (package, ALL),
        (python, ALL),
        (processor, ALL),
        (variable, ALL),
        (working_directory, {"packed", "copies"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_thing_that_decides_a_row_has_it_measured(place, monkeypatch, change, measured):
    change(place, monkeypatch)
    rows = zip(("jpeg", "packed", "copies"), place.hits(), strict=True)
    assert {name for name, row in rows if row is None} == measured


def test_a_file_that_a_source_imports_decides_it(place):
    """In processes that have imported nothing else: what is imported may add variables."""
    import subprocess
    import sys

    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]);"
        "from tests.runner.test_runner_cache import Place; place = Place(Path(sys.argv[1]));"
    )
    hits = "print([row is None for row in place.hits()])"

    def done(action):
        root = Path(__file__).parents[2]
        command = [sys.executable, "-c", script + action, place.folder, root]
        return subprocess.check_output(command, text=True, timeout=300).strip()

    done("place.fill('alone')")
    assert done(hits) == "[False, False, False]"
    helper(place, None)
    assert done(hits) == "[False, True, False]"


@pytest.mark.parametrize(
    "codec",
    [
        "jpeg:points=51",
        "jpeg:points=50,chroma=444",
        "jpeg:points=50,optimize=yes",
        "jpeg:points=bpp:50",
        "webp:points=50",
    ],
)
def test_another_codec_option_or_point_is_measured(place, codec):
    assert place.hits(codec) == [None]


def test_luma_is_another_image_than_rgb_and_than_gray(place):
    assert place.hits("jpeg:points=50", color="luma") == [None]
    ref = ImageRef("images", "a", place.image)
    gray = {"sha256": "1", "width": 1, "height": 1, "channels": 1, "sample_format": "gray8"}
    experiment = plan("", datasets=[str(place.image.parent)], codecs=[parse_codec("jpeg")])
    with Cache(place.folder / "cache") as cache:
        own = Reuse(
            cache, experiment.metrics, Identities(experiment), place.folder, times=0, timing=0
        )
        task = experiment.tasks()[0]
        keys = {own._key(task, {**gray, "color": color}) for color in ("rgb", "luma")}
    assert ref.color == "rgb"
    assert len(keys) == 2


def test_the_same_file_elsewhere_is_another_codec(place):
    shutil.copy(place.source, place.folder / "images.py")
    moved = place.packed.replace("mine.py", "images.py")
    assert place.hits(moved) == [None]


def test_variables_of_a_session_decide_nothing(place, monkeypatch):
    for name in ("TERM", "SSH_TTY", "PWD", "GITHUB_RUN_ID"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/another")
    assert all(place.hits())


def test_no_part_that_is_left_out_of_the_source_takes_part_in_measuring(place, tmp_path):
    names = tmp_path / "modules"
    rdbench.run(
        codecs=f"{place.source}:Packed:points=1,modules={names}",
        datasets=str(place.image.parent),
        metrics=METRICS,
        out=tmp_path / "run",
        jobs=1,
    )
    loaded = {name.split(".")[1] for name in names.read_text().split() if "rdbench." in name[:8]}
    assert {"runner", "metrics", "codecs"} <= loaded
    assert not loaded & {*APART}


def put(place, **changes):
    """What a run would keep of a row with other columns; whether it is kept."""
    experiment = plan(
        "",
        datasets=[str(place.image.parent)],
        codecs=[parse_codec("jpeg:points=50")],
        metrics=METRICS,
        repeat=2,
    )
    with Cache(place.folder / "empty") as cache:
        own = Reuse(
            cache, experiment.metrics, Identities(experiment), place.folder, times=0, timing=0
        )
        task = experiment.tasks()[changes.pop("repeat", 0)]
        row = next(row for row in read_rows(place.folder / "run") if row.codec == "jpeg")
        row = dataclasses.replace(row, repeat=task.repeat, **changes)
        own.keep(Job(task, METRICS), row, Measured({"status": row.status}))
        return cache.filled


def test_only_rows_that_say_nothing_else_are_kept(place):
    assert put(place)
    shutil.rmtree(place.folder / "empty")
    for changes in (
        {"status": "failed"},
        {"message": "over the tolerance"},
        {"unscored": "ms_ssim"},
        {"device": "a GPU"},
        {"host": "another"},
        {"repeat": 1},
        {"reused": "another run"},
        {"scores": {"psnr_db": 40.0}},
    ):
        assert not put(place, **changes), changes


class Local(rdbench.Codec):
    name, parameter, ladder = "local", "level", (1, 9)

    def encode(self, image):
        return bytes(image.shape) + image.tobytes()

    def decode(self, data):
        return np.frombuffer(data[3:], np.uint8).reshape(tuple(data[:3])).copy()


def test_classes_that_are_handed_over_and_scripts_are_never_cached(place, tmp_path):
    script = tmp_path / "copy"
    script.write_text('#!/bin/sh\nexec cp "$@"\n')
    script.chmod(0o755)
    (tmp_path / "scripted.toml").write_text(COPIES.replace('"copies"', '"scripted"'))
    for _ in range(2):
        outcome = rdbench.run(
            codecs=[Local, f"{tmp_path / 'scripted.toml'}:points=1"],
            datasets=str(place.image.parent),
            metrics="psnr_db",
            out=tmp_path / "run",
            fresh=True,
            jobs=1,
            cache=tmp_path / "cache",
        )
        assert (outcome.reused, outcome.measured) == (0, 3)
        assert [row.message for row in outcome.failures] == []
    assert any("local: not cached: it was given as a class" in note for note in outcome.notes)
    assert any("is a script" in note for note in outcome.notes)


def test_a_run_takes_rows_and_keeps_them_apart(place, tmp_path):
    settings = {
        "codecs": ["jpeg:points=50/60"],
        "datasets": str(place.image.parent),
        "metrics": METRICS,
        "jobs": 1,
        "cache": place.folder / "cache",
    }
    outcome = rdbench.run(out=tmp_path / "run", **settings)
    assert (outcome.reused, outcome.measured) == (1, 1)
    taken, measured = outcome.rows
    assert taken.reused
    assert not measured.reused
    assert taken.encode_s is None
    assert measured.encode_s > 0
    manifest = json.loads((tmp_path / "run/run.json").read_text())
    assert manifest["invocations"][0]["reused"] == 1
    assert manifest["invocations"][0]["cache"] == str(place.folder / "cache")
    assert taken.identity in manifest["identities"]
    # It goes on, and a row that was measured now is there for others.
    assert rdbench.run(out=tmp_path / "run", **settings).measured == 0
    assert rdbench.run(out=tmp_path / "third", **settings).reused == 2
    # Where files are to be kept they must be made.
    kept = rdbench.run(out=tmp_path / "fourth", keep_streams=True, **settings)
    assert (kept.reused, kept.measured) == (0, 2)
    assert all(row.status == OK and row.stream_file for row in kept.rows)
