"""What the machine may do to a run: clocks that jump, disks that are full, caches that are of no
use. It costs time, or rows that say so."""

from __future__ import annotations

import contextlib
import csv
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import rdbench
from rdbench.codecs.request import CodecRequest
from rdbench.errors import RdbenchError
from rdbench.experiment import plan
from rdbench.results import MEASUREMENTS, read_rows
from rdbench.runner.cache import FILE
from rdbench.runner.cluster.distributed import DaskExecutor
from rdbench.runner.run import run
from rdbench.schema import FAILED, TIMINGS
from tests.processes import started

from .conftest import CODECS

JUMPS = """
import os, time
real, calls = time.time, []
def jumping():
    calls.append(1)
    return real() + (1e7 if len(calls) % 2 else -1e7)
time.time = jumping
time.time_ns = lambda: int(1e9 * jumping())
with open(os.environ["JUMPS_IN"], "a") as file:
    print(os.getpid(), file=file)
"""


def table(out):
    with (out / MEASUREMENTS).open(newline="", encoding="utf-8") as file:
        return [
            {name: cell for name, cell in row.items() if name not in {*TIMINGS, "reused"}}
            for row in csv.DictReader(file)
        ]


def command(photos, out, *options):
    return [
        *(sys.executable, "-m", "rdbench", "run", "--dataset", str(photos), "--out", str(out)),
        *("--codec", f"{CODECS}:Step", "--codec", "jpeg:points=30/60", "--metrics", "psnr_db"),
        *options,
    ]


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "out"
    subprocess.run(command(photos, out), check=True, capture_output=True)
    return table(out)


def test_a_clock_that_jumps_to_and_fro_changes_nothing(photos, tmp_path, whole):
    """By months, in all processes: no limit of time is over, and no time is made up."""
    (tmp_path / "sitecustomize.py").write_text(JUMPS)
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    environment["JUMPS_IN"] = str(tmp_path / "pids")
    done = subprocess.run(
        command(photos, tmp_path / "out", "--timeout", "60"),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len({*(tmp_path / "pids").read_text().split()}) >= 2, "a worker and this one"
    assert table(tmp_path / "out") == whole
    for row in read_rows(tmp_path / "out"):
        assert 0 < row.encode_s < 60
        assert 0 < row.task_s < 60


def measured(photos, out, cache):
    return rdbench.run(
        codecs=["jpeg:points=30/60"],
        datasets=str(photos),
        metrics="psnr_db",
        out=out,
        jobs=1,
        cache=cache,
    )


def test_a_cache_that_is_damaged_costs_the_time_of_measuring(photos, tmp_path):
    cache = tmp_path / "cache"
    measured(photos, tmp_path / "first", cache)
    (cache / FILE).write_bytes(b"\xff" * 9999)
    outcome = measured(photos, tmp_path / "second", cache)
    assert (outcome.reused, outcome.measured, outcome.failures) == (0, 6, [])
    assert any("is damaged" in note for note in outcome.notes)
    assert measured(photos, tmp_path / "third", cache).reused == 6


def test_a_cache_that_cannot_be_written_to_costs_the_time_of_measuring(photos, tmp_path, read_only):
    outcome = measured(photos, tmp_path / "run", read_only)
    assert (outcome.measured, outcome.failures) == (6, [])
    assert any("is read-only" in note for note in outcome.notes)


def test_a_cache_on_a_full_disk_costs_the_time_of_measuring(photos, tmp_path, full_disk):
    with pytest.raises(OSError, match="No space left"):
        (full_disk / "large").write_bytes(bytes(1 << 20))
    outcome = measured(photos, tmp_path / "run", full_disk)
    assert (outcome.measured, outcome.failures) == (6, [])
    assert any("disk" in note for note in outcome.notes), outcome.notes


def test_runs_at_once_share_a_cache(photos, tmp_path, whole):
    cache = ("--cache", str(tmp_path / "cache"))
    outs = [tmp_path / name for name in ("one", "two")]
    with contextlib.ExitStack() as open_:
        runs = [
            open_.enter_context(started(command(photos, out, *cache), stderr=subprocess.PIPE))
            for out in outs
        ]
        told = [one.communicate(timeout=250)[1].decode() for one in runs]
        assert [one.returncode for one in runs] == [0, 0], told
    assert not any("cache" in text for text in told)
    assert [table(out) for out in outs] == [whole, whole]
    third = subprocess.run(
        command(photos, tmp_path / "three", *cache), capture_output=True, text=True, check=True
    )
    assert f"{len(whole)} taken from the cache" in third.stdout


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An image whose samples are more than the small disk has."""
    folder = tmp_path_factory.mktemp("large") / "large"
    folder.mkdir()
    pixels = np.random.default_rng(3).integers(0, 256, (256, 256, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    return folder


def test_without_room_for_kept_files_rows_say_so(large, full_disk):
    outcome = rdbench.run(
        codecs="jpeg:points=95",
        datasets=str(large),
        out=full_disk / "run",
        jobs=1,
        keep_decoded=True,
    )
    (row,) = outcome.rows
    assert row.status == FAILED
    assert "No space left on device" in row.message


def test_without_room_for_what_workers_send_the_run_says_so(large, full_disk):
    pytest.importorskip(
        "distributed", reason="there is no Dask: pip install 'rdbench[distributed]'"
    )
    codecs = plan("large", datasets=[str(large)], codecs=[CodecRequest("jpeg", points=(95,))])
    with (
        DaskExecutor("local", jobs=1) as executor,
        pytest.raises(RdbenchError, match=r"cannot write .*: No space left on device; everything"),
    ):
        run(codecs, full_disk / "run", executor=executor, keep_decoded=True)


def test_no_room_for_temporary_files_is_needed(photos, tmp_path, full_disk, whole):
    with pytest.raises(OSError, match="No space left"):
        (full_disk / "large").write_bytes(bytes(1 << 20))
    environment = {**os.environ, "TMPDIR": str(full_disk)}
    done = subprocess.run(
        command(photos, tmp_path / "out"), env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert table(tmp_path / "out") == whole
