"""Times to publish."""

from __future__ import annotations

import json
import os
import random
import sys

import numpy as np
import pytest
from PIL import Image

import rdbench
from rdbench.errors import UsageError
from rdbench.results import read_rows
from rdbench.runner.timing import FEWEST, MOST, NARROW, Timer, Times, cores_for, interval_of_median
from rdbench.stages import timing_transforms, transforming

from . import timed_codecs
from .timed_codecs import STEP_S

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are pinned on Linux")


@pytest.mark.parametrize(
    ("count", "ranks"),
    [(6, (1, 6)), (9, (2, 8)), (10, (2, 9)), (20, (6, 15)), (30, (10, 21)), (50, (18, 33))],
)
def test_the_interval_of_a_median_has_the_ranks_of_the_tables(count, ranks):
    """Le Boudec, Performance Evaluation of Computer and Communication Systems (2010), table A.1."""
    values = random.Random(count).sample(range(1, count + 1), count)
    assert interval_of_median(values) == ranks


def test_fewer_than_six_values_have_no_interval():
    assert interval_of_median([1.0] * (FEWEST - 1)) is None
    assert interval_of_median([1.0] * FEWEST) == (1.0, 1.0)


def test_it_holds_the_median_as_often_as_it_says():
    rng = np.random.default_rng(3)
    for count in (6, 13, 30):
        draws = rng.exponential(size=(2000, count)).tolist()
        ends = [interval_of_median(values) for values in draws]
        held = np.mean([low <= np.log(2) <= high for low, high in ends])
        assert 0.94 <= held <= 0.99, count


def test_times_are_medians_with_the_width_of_their_interval():
    walls = [5.0, 1.0, 2.0, 3.0, 4.0, 30.0]
    times = Times.of([(wall, wall / 2, wall / 4) for wall in walls])
    assert (times.wall_s, times.cpu_s, times.transform_s) == (3.5, 1.75, 0.875)
    assert (times.runs, times.spread) == (6, (30 - 1) / 3.5)
    assert Times.of([(1.0, 1.0, None), (2.0, 1.0, 0.5)]).transform_s is None


def test_a_call_that_is_not_repeated_is_timed_once():
    given = []
    result, times = Timer(repeating=False, more_time=given.clear).timed(lambda: 7, pytest.fail)
    assert (result, times.runs, times.spread) == (7, 1, None)


def test_repeats_end_at_the_cap_where_times_never_settle():
    spins = iter(range(10**6))

    def call():
        return sum(range(next(spins) % 7 * 20_000))

    _, times = Timer(repeating=True, more_time=lambda: None).timed(call, lambda *_: None)
    assert times.runs == MOST
    assert times.spread > NARROW


def test_one_long_run_is_enough(monkeypatch):
    monkeypatch.setattr("rdbench.runner.timing.LONGEST_S", 0.0)
    _, times = Timer(repeating=True, more_time=lambda: None).timed(lambda: 1, pytest.fail)
    assert (times.runs, times.spread) == (1, None)


def test_transforms_are_timed_where_somebody_asks():
    with transforming():
        pass
    with timing_transforms() as found, transforming():
        pass
    assert len(found) == 1
    with timing_transforms() as again:
        pass
    assert again == []


def test_cuda_is_waited_for_at_both_ends(monkeypatch):
    """Torch as it is where CUDA is in use, which this machine has not."""
    waited = []

    class Cuda:
        is_available = is_initialized = staticmethod(lambda: True)
        synchronize = staticmethod(lambda: waited.append("synchronize"))

    class Torch:
        cuda = Cuda

    monkeypatch.setitem(sys.modules, "torch", Torch)
    timer = Timer(repeating=False, more_time=lambda: None)
    timer.timed(lambda: waited.append("call"), pytest.fail)
    assert waited == ["synchronize", "call", "synchronize"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    pixels = np.random.default_rng(1).integers(0, 256, (24, 16, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    return folder


def measured(images, out, name, options="", **settings):
    codec = f"{timed_codecs.__file__}:{name}{options}"
    settings = {"timing": True, "metrics": "psnr_db", **settings}
    return rdbench.run(codecs=codec, datasets=str(images), out=out, **settings)


@on_linux
def test_a_row_is_of_many_runs_on_one_core(images, tmp_path):
    log = tmp_path / "log"
    outcome = measured(images, tmp_path / "run", "Steady", f":log={log}")
    (row,) = outcome.rows
    assert (row.status, row.timing) == ("ok", "pinned")
    assert FEWEST <= row.encode_runs <= MOST
    assert FEWEST <= row.decode_runs <= MOST
    assert row.encode_s >= STEP_S > row.encode_cpu_s
    assert row.encode_spread >= 0
    assert row.encode_transform_s is None
    core = max(os.sched_getaffinity(0))
    lines = log.read_text().splitlines()
    # It is warmed up once, as the image is smaller than a corner.
    assert lines.count(f"encode {core}") == row.encode_runs + 1
    assert set(lines) == {f"encode {core}", f"decode {core}"}
    (invocation,) = json.loads((tmp_path / "run/run.json").read_text())["invocations"]
    assert invocation["jobs"] == 1
    assert invocation["timing"]["cores"] == [core]
    settled = max(row.encode_spread, row.decode_spread) <= NARROW
    assert bool([note for note in outcome.notes if "95 % interval" in note]) != settled


@on_linux
def test_a_codec_of_threads_has_as_many_cores(images, tmp_path):
    assert cores_for(2) == tuple(sorted(os.sched_getaffinity(0)))[-2:]
    measured(images, tmp_path / "run", "Plain", ":threads=2")
    (invocation,) = json.loads((tmp_path / "run/run.json").read_text())["invocations"]
    assert invocation["timing"]["cores"] == list(cores_for(2))


def test_marked_transforms_are_told_apart_from_entropy_coding(images, tmp_path):
    for name, timing in (("once", False), ("often", True)):
        (row,) = measured(images, tmp_path / name, "Split", timing=timing, jobs=1).rows
        assert row.encode_transform_s >= 2 * STEP_S
        assert row.encode_s - row.encode_transform_s >= STEP_S
        assert row.decode_transform_s is None


def test_rows_with_other_times_are_measured_again_and_others_stay(images, tmp_path):
    run = tmp_path / "run"
    measured(images, run, "Plain", timing=False, jobs=1)
    outcome = measured(images, run, "Plain")
    assert outcome.replaced == ["plain: 1 row measured again: its times are isolated, not pinned"]
    (pinned,) = outcome.rows
    for timing in (True, False):
        outcome = measured(images, run, "Plain", timing=timing)
        assert (outcome.measured, outcome.rows) == (0, [pinned])
    assert read_rows(run) == [pinned]


def test_streams_that_change_from_run_to_run_are_a_failure(images, tmp_path):
    outcome = measured(images, tmp_path / "run", "Changing")
    assert outcome.rows[0].status == "failed"
    assert "another stream the second time" in outcome.rows[0].message
    outcome = measured(images, tmp_path / "other", "Varying")
    assert outcome.rows[0].status == "ok"
    assert outcome.rows[0].encode_runs >= FEWEST


def test_several_jobs_are_refused(images, tmp_path):
    with pytest.raises(UsageError, match="`timing` measures one task at a time, but `jobs` is 2"):
        measured(images, tmp_path / "run", "Plain", jobs=2)


def test_networks_of_rdbench_tell_their_transforms(images, tmp_path):
    outcome = rdbench.run(
        codecs="dumas2018-case2:points=4",
        datasets=str(images),
        color="luma",
        metrics="psnr_db",
        out=tmp_path / "run",
        jobs=1,
    )
    (row,) = outcome.rows
    assert row.status == "ok"
    assert 0 < row.encode_transform_s < row.encode_s
    assert 0 < row.decode_transform_s < row.decode_s
    table = (tmp_path / "run/summary.csv").read_text()
    assert "encode_transform_s" in table.splitlines()[0]
