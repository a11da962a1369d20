"""Workers of Dask that are not what the run needs, and networks that break: no row of another
codec, and none that was measured is lost."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from rdbench.codecs.request import CodecRequest
from rdbench.errors import UsageError
from rdbench.experiment import plan
from rdbench.results import read_rows
from rdbench.runner import run
from rdbench.runner.cluster import distributed
from rdbench.runner.cluster.distributed import DaskExecutor
from rdbench.schema import FAILED, OK
from tests.processes import below, running, said, started, wait_for

from .conftest import CODECS, experiment
from .dask_cluster import Cluster, Wire
from .test_runner_distributed import in_background, measured, rows_there

pytest.importorskip("dask", reason="there is no Dask: pip install 'rdbench[distributed]'")
pytestmark = [
    pytest.mark.filterwarnings("default"),  # of Dask's threads and sockets at its end
    pytest.mark.timeout(600),  # processes of Dask take long to start on a busy machine
]
ROOT = str(Path(__file__).parents[2])
PROGRAM = """#!/bin/sh
# {comment}
case "$1" in --version) echo "copies 1.0" ;; *) cat "$1" > "$2" ;; esac
"""
DEFINITION = """
name = "copies"
parameter = "quality"
ladder = [1]
[pixels]
input = "pnm"
output = "pnm"
[encode]
program = "rdbench-test-copies"
version = ["--version"]
pattern = '^copies (.*)'
arguments = ["{input}", "{stream}"]
[decode]
program = "rdbench-test-copies"
version = ["--version"]
pattern = '^copies (.*)'
arguments = ["{stream}", "{output}"]
"""


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path / "cluster") as found:
        found.scheduler()
        yield found


def beside_jpeg(photos: Path, target: str):
    requests = [CodecRequest(target, {}), CodecRequest("jpeg", points=(30, 60))]
    return plan("test", datasets=[str(photos)], codecs=requests)


def refused_until_the_same(cluster, codecs, out: Path, name: str, why: str, other, same) -> None:
    """Nothing of the codec is measured by a worker that has it otherwise, which is said once and
    with its name; all of it by one that has it as it is here."""
    said: list[str] = []
    cluster.worker("other", **other)
    outcome = measured(cluster.address, out, codecs, say=said.append)
    assert {row.status for row in outcome.rows if row.codec == "jpeg"} == {OK}
    assert {(row.codec, row.status) for row in outcome.failures} == {(name, FAILED)}
    assert f"no worker has it: {why}" in outcome.failures[0].message
    (line,) = [line for line in said if f"leaves out {name}" in line]
    assert line.startswith("worker other (")
    assert why in line
    cluster.worker("same", **same)
    cluster.wait_for(2)
    again = measured(cluster.address, out, codecs)
    assert not again.failures
    assert {row.codec for row in again.rows if row.status == OK} == {name, "jpeg"}


def test_a_worker_with_other_weights_does_nothing_of_the_codec(
    photos, tmp_path, cluster, monkeypatch
):
    for name in ("here", "there"):
        (tmp_path / name).write_text(name)
    monkeypatch.setenv("DASK_CODEC_WEIGHTS", str(tmp_path / "here"))
    refused_until_the_same(
        cluster,
        beside_jpeg(photos, f"{CODECS.parent / 'dask_codecs.py'}:Weighted"),
        tmp_path / "run",
        "weighted",
        "files.weights[0]: ",
        {"DASK_CODEC_WEIGHTS": str(tmp_path / "there"), "PYTHONPATH": ROOT},
        {"DASK_CODEC_WEIGHTS": str(tmp_path / "here"), "PYTHONPATH": ROOT},
    )


def test_a_worker_with_another_program_does_nothing_of_the_codec(
    photos, tmp_path, cluster, monkeypatch
):
    """Of the same version, by what it says."""
    (tmp_path / "copies.toml").write_text(DEFINITION)
    paths = {}
    for name in ("here", "there"):
        program = tmp_path / name / "rdbench-test-copies"
        program.parent.mkdir()
        program.write_text(PROGRAM.format(comment=name))
        program.chmod(0o755)
        paths[name] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", paths["here"])
    refused_until_the_same(
        cluster,
        beside_jpeg(photos, str(tmp_path / "copies.toml")),
        tmp_path / "run",
        "copies",
        "programs.rdbench-test-copies.sha256: ",
        {"PATH": paths["there"]},
        {"PATH": paths["here"]},
    )


def test_a_worker_without_the_codec_does_nothing_of_it(photos, tmp_path, cluster):
    """Whose backend is not installed there."""
    refused_until_the_same(
        cluster,
        plan(
            "test",
            datasets=[str(photos)],
            codecs=[CodecRequest("hevc", points=(30,)), CodecRequest("jpeg", points=(30, 60))],
        ),
        tmp_path / "run",
        "hevc",
        "codec 'hevc' cannot be loaded (there is none)",
        {"PYTHONPATH": without("pillow_heif", tmp_path)},
        {"PYTHONPATH": ROOT},
    )


def without(module: str, folder: Path) -> str:
    """What to import from, for a module not to be there."""
    (folder / "missing").mkdir()
    (folder / "missing" / f"{module}.py").write_text("raise ImportError('there is none')\n")
    return os.pathsep.join([str(folder / "missing"), ROOT])


def test_a_worker_whose_rdbench_lacks_a_package_is_refused_and_named(photos, tmp_path, cluster):
    cluster.worker("poor", PYTHONPATH=without("imagecodecs", tmp_path))
    told = r"can be used: poor .*: its rdbench cannot be used \(ImportError: there is none\)"
    with pytest.raises(UsageError, match=told):
        measured(cluster.address, tmp_path / "run", experiment(photos, "Step"))


def test_a_scheduler_that_is_gone_is_told_of_in_one_line(photos, tmp_path):
    """Dask's own log of it, which is of many, is not shown."""
    out = tmp_path / "run"
    with Cluster(tmp_path / "cluster") as cluster:
        scheduler = cluster.scheduler()
        cluster.worker("one")
        command = [
            *(sys.executable, "-m", "rdbench", "run", "--codec", f"{CODECS}:Step:slow=0.5"),
            *("--dataset", str(photos), "--out", str(out), "--scheduler", cluster.address),
        ]
        with started(command) as process:
            rows_there(out, 3)
            scheduler.kill()
            text = said(process)
    assert process.returncode in (1, 2)
    assert "Traceback" not in text
    (line,) = [line for line in text.splitlines() if "measured (" not in line][1:]
    assert line.startswith("rdbench: error: the Dask scheduler at ")
    assert line.endswith(
        "is gone; measured rows are kept, and the same command continues from there"
    )


def test_a_worker_that_is_cut_off_loses_no_row(photos, tmp_path, cluster):
    """The network between it and the scheduler breaks while it measures."""
    codecs = experiment(photos, "Step", repeat=2, slow=0.5)
    with Wire(cluster.port) as wire:
        cluster.worker("far", address=wire.address)
        cluster.wait_for(1)
        result = in_background(lambda: measured(cluster.address, tmp_path / "run", codecs))
        rows_there(tmp_path / "run", 3)
        assert wire.cut()
        there = read_rows(tmp_path / "run")
        cluster.worker("near")
        outcome = result()
    assert not outcome.failures
    assert len(outcome.rows) == 24
    assert [row for row in there if row not in outcome.rows] == []


def test_a_run_that_is_cut_off_from_the_scheduler_finds_it_again(
    photos, tmp_path, cluster, monkeypatch
):
    # What is to happen within this takes long on a busy machine.
    monkeypatch.setattr(distributed, "PATIENCE_S", 120.0)
    cluster.worker("one")
    codecs = experiment(photos, "Step", repeat=2, slow=0.5)
    with Wire(cluster.port) as wire:
        result = in_background(lambda: measured(wire.address, tmp_path / "run", codecs))
        for rows in (3, 9):
            rows_there(tmp_path / "run", rows)
            there = read_rows(tmp_path / "run")
            assert wire.cut()
        outcome = result()
    assert not outcome.failures
    assert len(outcome.rows) == 24
    assert [row for row in there if row not in outcome.rows] == []


def test_a_worker_that_answers_no_more_is_not_waited_for_at_the_end(photos, tmp_path, cluster):
    """Dask gives it minutes."""
    worker = cluster.worker("one")
    try:
        with DaskExecutor(cluster.address) as executor:
            outcome = run(experiment(photos, "Step"), tmp_path / "run", executor=executor)
            worker.send_signal(signal.SIGSTOP)
            started_s = time.monotonic()
        assert time.monotonic() - started_s < 120
    finally:
        worker.send_signal(signal.SIGCONT)
    assert not outcome.failures


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupts_end_a_cluster_of_this_machine(photos, tmp_path, number):
    """As many as the system delivers, until the process has ended."""
    out = tmp_path / "run"
    command = [
        *(sys.executable, "-m", "rdbench", "run", "--scheduler", "local", "--jobs", "2"),
        *("--codec", f"{CODECS}:Step,slow=1.0", "--dataset", str(photos), "--repeat", "9"),
        *("--out", str(out)),
    ]
    with started(command) as process:
        rows_there(out, 3)
        pids = below(process.pid)
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.05)
        text = said(process)
        wait_for(lambda: not any(map(running, pids)), "something outlived the run")
    assert process.returncode == 130
    assert text.count("rows are kept in") == 1
    assert "Traceback" not in text
    assert len(read_rows(out)) >= 3
