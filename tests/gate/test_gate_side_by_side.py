"""Times of two builds: held against each other within one run, and inconclusive where they cannot
be."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from typer.testing import CliRunner

from rdbench.cli import app
from rdbench.codecs.request import CodecRequest
from rdbench.errors import UsageError
from rdbench.experiment import plan
from rdbench.gate import Limits, Verdict, check_labels
from tests.gate.rows import PSNR, as_csv, changed, held, of, resized

SLOWDOWN = dataclasses.replace(PSNR, max_slowdown=10)


def timed(rows, seed: int, factor: float = 1.0, **columns):
    """Times with a few percent of noise."""
    noise = np.random.default_rng(seed).normal(1, 0.03, len(rows))
    return [
        dataclasses.replace(
            row, encode_cpu_s=0.1 * factor * a, decode_cpu_s=0.05 * factor * a, **columns
        )
        for row, a in zip(rows, noise, strict=True)
    ]


@pytest.mark.parametrize(
    ("before", "now", "word"),
    [
        ({"load": 1.1}, {"load": 15.0}, "the load of the machine was 1.1 in the baseline and 15.0"),
        ({"load": 9.0}, {"load": 1.0}, "the load of the machine was 9.0 in the baseline and 1.0"),
        ({"host": "a"}, {"host": "b"}, "times are of several machines: a in the baseline, b in"),
    ],
)
def test_times_of_another_load_or_machine_are_inconclusive(before, now, word):
    """An identical program was "worse by 42 %"."""
    webp = of("webp")
    baseline = timed(webp, 1, **before)
    (curve,) = held(timed(webp, 2, 1.42, **now), baseline, SLOWDOWN).curves
    assert curve.verdict is Verdict.INCONCLUSIVE
    assert not curve.fine
    assert word in curve.findings[0].text
    assert "compare them by their labels" in curve.findings[0].text
    (curve,) = held(timed(webp, 2, 1.02, **now), baseline, SLOWDOWN).curves
    assert curve.verdict is Verdict.SAME
    assert any(word in note for note in curve.notes), "it is said all the same"


@pytest.mark.parametrize(
    "load", [(0.9, 1.3), (8.0, 9.0), (None, 15.0)], ids=["quiet", "alike", "not told"]
)
def test_times_of_one_load_are_judged(load):
    webp = of("webp")
    before, now = ({"load": one, "host": "a"} for one in load)
    slow = held(timed(webp, 2, 1.42, **now), timed(webp, 1, **before), SLOWDOWN)
    assert slow.curves[0].verdict is Verdict.WORSE


def run_of_two(folder, factor: float = 1.0, size: float = 1.0, codec: str = "webp"):
    old = timed(
        [dataclasses.replace(row, options="program=a", label="old") for row in of("webp")], 1
    )
    rows = [dataclasses.replace(row, options="program=b", label="new") for row in of(codec)]
    new = timed(changed(rows, resized(size)), 2, factor)
    (folder / "run").mkdir(exist_ok=True)
    (folder / "run" / "measurements.csv").write_text(as_csv([*old, *new]))
    return folder / "run"


def test_labels_of_one_run_are_held_against_each_other(tmp_path):
    report = check_labels(run_of_two(tmp_path), "old", "new", SLOWDOWN)
    (curve,) = report.curves
    assert (curve.verdict, curve.title) == (Verdict.SAME, "new")
    assert curve.compared == curve.identical == len(of("webp"))
    slow = check_labels(run_of_two(tmp_path, 1.42), "old", "new", SLOWDOWN)
    assert slow.curves[0].findings[0].text.startswith("processor time of encoding +4")
    back = check_labels(run_of_two(tmp_path, 1.42), "new", "old", SLOWDOWN)
    assert back.fine
    larger = check_labels(run_of_two(tmp_path, size=1.02), "old", "new", PSNR)
    assert larger.curves[0].findings[0].text.startswith("BD-rate in PSNR +1.99 %")
    assert check_labels(run_of_two(tmp_path), "old").run.startswith("'new' of the run")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("older", "new"), "did you mean 'old'"),
        (("old", "old"), "label 'old' cannot be compared with itself"),
    ],
)
def test_labels_that_cannot_be_held_against_each_other(tmp_path, labels, message):
    with pytest.raises(UsageError, match=message):
        check_labels(run_of_two(tmp_path), *labels)


def test_labels_of_different_codecs_are_no_builds_of_one(tmp_path):
    with pytest.raises(UsageError, match=r"to the codec webp and 'new' to jpeg; `rdbench bd`"):
        check_labels(run_of_two(tmp_path, codec="jpeg"), "old", "new", Limits())


def test_the_command_holds_labels_against_each_other(tmp_path):
    run = str(run_of_two(tmp_path, 1.42))
    labels = ("--baseline-label", "old", "--label", "new")
    fine = CliRunner().invoke(app, ["check", run, *labels])
    assert fine.exit_code == 0
    assert fine.stdout.splitlines()[-1].startswith("1 same: 'new' of the run ")
    assert CliRunner().invoke(app, ["check", run, *labels, "--max-slowdown", "10"]).exit_code == 1
    for wrong in ([], [*labels, "--baseline", "b.csv"], [*labels, "--update"], ["--label", "new"]):
        result = CliRunner().invoke(app, ["check", run, *wrong])
        assert isinstance(result.exception, UsageError)


@pytest.mark.parametrize("repeat", [1, 2])
def test_codecs_take_turns_on_each_image(photos, repeat):
    """One after the other, what the machine does meanwhile is done to one of them alone."""
    codecs = [
        CodecRequest("jpeg", points=(20, 40, 60)),
        CodecRequest("webp", points=(20, 40)),
    ]
    tasks = plan("", datasets=[str(photos)], codecs=codecs, repeat=repeat).tasks()
    assert len(tasks) == 4 * 5 * repeat
    seen = [(task.codec.name, task.point) for task in tasks]
    there = [("jpeg", 20), ("webp", 20), ("jpeg", 40), ("webp", 40), ("jpeg", 60)]
    back = [("webp", 20), ("jpeg", 20), ("webp", 40), ("jpeg", 40), ("jpeg", 60)]
    assert seen[:5] == there
    assert seen[5:10] == back, "the next image, or the next repeat, begins with the other"
    images = [task.image.name for task in tasks]
    assert images == sorted(images)
    rows = sorted(tasks, key=lambda task: task.index)
    assert [task.codec.name for task in rows[: 5 * repeat]] == ["jpeg"] * 3 * repeat + [
        "webp"
    ] * 2 * repeat, "rows stay in the order of the experiment"
