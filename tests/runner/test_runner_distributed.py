"""Workers of Dask give the rows that local ones give, and lose none."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from rdbench.codecs.request import CodecRequest
from rdbench.errors import RdbenchError, UsageError
from rdbench.experiment import plan
from rdbench.results import read_rows
from rdbench.runner import run
from rdbench.runner.cluster import distributed, remote, station
from rdbench.runner.cluster.distributed import DaskExecutor
from rdbench.runner.cluster.sending import Brief, file_name, sent
from rdbench.runner.rows import Job, Settings
from rdbench.schema import CRASHED, FAILED, OK, TIMEOUT, TIMINGS
from tests.cli.command import rdbench
from tests.processes import wait_for

from .conftest import CODECS, experiment, run_into
from .dask_cluster import Cluster

dask = pytest.importorskip("dask", reason="there is no Dask: pip install 'rdbench[distributed]'")
pytestmark = [
    pytest.mark.filterwarnings("default"),  # of Dask's threads and sockets at its end
    pytest.mark.timeout(600),  # processes of Dask take long to start on a busy machine
]


def untimed(rows):
    """Rows without what differs from one run to another."""
    return [dataclasses.replace(row, **dict.fromkeys(TIMINGS)) for row in rows]


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path / "cluster") as found:
        found.scheduler()
        yield found


def measured(address: str, out: Path, *arguments, say=lambda _: None, **settings):
    limits = {key: settings.pop(key) for key in ("timeout_s", "memory_mb") if key in settings}
    with DaskExecutor(address, say=say, **limits) as executor:
        return run(*arguments, out, executor=executor, **settings)


def test_rows_and_kept_files_are_those_of_the_pool(photos, tmp_path, cluster, monkeypatch):
    cluster.worker("one", threads=2)
    monkeypatch.chdir(CODECS.parent)  # the worker is elsewhere
    plan_ = plan(
        "test",
        datasets=[os.path.relpath(photos)],
        codecs=[CodecRequest("faulty_codecs.py:Step", {}), CodecRequest("jpeg", points=(30, 60))],
    )
    here = run_into(tmp_path / "here", plan_)
    there = measured(
        cluster.address, tmp_path / "there", plan_, keep_streams=True, keep_decoded=True
    )
    assert not there.failures
    named = [
        dataclasses.replace(row, stream_file="", decoded_file="") for row in untimed(there.rows)
    ]
    assert named == untimed(here.rows)
    for row in there.rows:
        assert len((there.path / row.stream_file).read_bytes()) == row.size_bytes
        assert (there.path / row.decoded_file).is_file()
    assert read_rows(there.path) == there.rows


def test_a_cluster_of_this_machine(photos, tmp_path):
    codecs = experiment(photos, "Step", repeat=2)
    for jobs, timing in ((2, "shared"), (1, "isolated")):
        with DaskExecutor("local", jobs=jobs) as executor:
            outcome = run(codecs, tmp_path / timing, executor=executor)
        assert not outcome.failures
        assert len(outcome.rows) == 24
        assert {row.timing for row in outcome.rows} == {timing}


def test_faults_cost_their_rows(photos, tmp_path, cluster):
    cluster.worker("one")
    codecs = experiment(photos, "Killed", "Hangs", "Raises", "Hog")
    outcome = measured(cluster.address, tmp_path, codecs, timeout_s=5.0, memory_mb=600)
    found = {row.codec: (row.status, row.image, row.point) for row in outcome.failures}
    assert len(outcome.rows) == 4 * 12
    assert found == {
        "killed": (CRASHED, "b", 16),
        "hangs": (TIMEOUT, "b", 16),
        "raises": (FAILED, "b", 16),
        "hog": (FAILED, "b", 16),
    }
    # Another worker may come at any time, or share the machine of this one.
    assert {row.timing for row in outcome.rows if row.status == OK} == {"shared"}


def test_without_a_scheduler_it_ends_soon():
    pytest.importorskip("distributed")  # beforehand: it is large
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for address in ("tcp://127.0.0.1:1", f"tcp://127.0.0.1:{silent.getsockname()[1]}"):
            started = time.monotonic()
            with pytest.raises(UsageError, match=f"no Dask scheduler at '{address}'"):
                DaskExecutor(address)
            assert time.monotonic() - started < 10


def test_it_is_one_line_on_the_command_line(photos, tmp_path):
    options = ("--codecs", "jpeg", "--dataset", photos, "--scheduler", "what")
    done = rdbench("run", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("rdbench: error: there is no Dask scheduler at 'what' (")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_a_worker_with_another_rdbench_is_refused_and_named(photos, tmp_path, cluster):
    other = tmp_path / "other" / "rdbench"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("__version__ = '0.0.9'\n")
    cluster.worker("old", PYTHONPATH=str(other.parent))
    with pytest.raises(UsageError, match=r"can be used: old .*a different rdbench: 0\.0\.9 "):
        measured(cluster.address, tmp_path / "run", experiment(photos, "Step"))
    said: list[str] = []
    cluster.worker("new")
    cluster.wait_for(2)
    outcome = measured(
        cluster.address, tmp_path / "run", experiment(photos, "Step"), say=said.append
    )
    assert not outcome.failures
    assert sum("worker old" in line and "a different rdbench" in line for line in said) == 1


def test_a_worker_with_another_version_of_a_codec_does_nothing_of_it(photos, tmp_path, cluster):
    codecs = plan(
        "test",
        datasets=[str(photos)],
        codecs=[
            CodecRequest(f"{CODECS.parent / 'dask_codecs.py'}:Versioned", {}),
            CodecRequest("jpeg", points=(30, 60)),
        ],
    )
    root = str(Path(__file__).parents[2])
    said: list[str] = []
    cluster.worker("other", DASK_CODEC_VERSION="2", PYTHONPATH=root)
    outcome = measured(cluster.address, tmp_path / "run", codecs, say=said.append)
    assert {row.status for row in outcome.rows if row.codec == "jpeg"} == {OK}
    assert {row.status for row in outcome.failures} == {FAILED}
    assert 'no worker has it: version: "1" there, "2" now' in outcome.failures[0].message
    assert sum("leaves out versioned" in line for line in said) == 1
    cluster.worker("same", PYTHONPATH=root)
    cluster.wait_for(2)
    again = measured(cluster.address, tmp_path / "run", codecs, say=said.append)
    assert not again.failures
    assert again.measured == 12


def in_background(work):
    """The result of ``work`` in a thread, to be called for."""
    found = {}

    def do():
        try:
            found["result"] = work()
        except BaseException as error:
            found["error"] = error

    thread = threading.Thread(target=do)
    thread.start()

    def result():
        thread.join(240)
        if "error" in found:
            raise found["error"]
        return found["result"]

    return result


def rows_there(path: Path, count: int) -> None:
    """Wait until a run has so many rows."""
    file = path / "measurements.csv"
    until = time.monotonic() + 120
    while not (file.exists() and file.read_bytes().count(b"\n") > count):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_worker_that_is_lost_loses_no_row(photos, tmp_path, cluster):
    workers = [cluster.worker(name) for name in ("one", "two")]
    codecs = experiment(photos, "Step", repeat=2, slow=0.5)
    result = in_background(lambda: measured(cluster.address, tmp_path / "run", codecs))
    rows_there(tmp_path / "run", 3)
    workers[0].kill()
    outcome = result()
    assert not outcome.failures
    assert len(outcome.rows) == 24


def test_answers_that_are_lost_with_their_worker_are_measured_again(
    photos, tmp_path, cluster, monkeypatch
):
    """They had come, and had not been fetched yet."""
    workers = {"one": cluster.worker("one")}
    fetched, lost = DaskExecutor._answers, []

    def answers(self, there, future, waiting):
        if not lost:
            lost.append(future.status)
            workers["one"].kill()
            workers["two"] = cluster.worker("two")
            wait_for(lambda: there.address not in self._workers(), "the worker is still known")
        return fetched(self, there, future, waiting)

    monkeypatch.setattr(DaskExecutor, "_answers", answers)
    outcome = in_background(
        lambda: measured(cluster.address, tmp_path / "run", experiment(photos, "Step"))
    )()
    assert lost == ["finished"]
    assert not outcome.failures
    assert len(outcome.rows) == 12


@pytest.mark.parametrize("which", [0, 1], ids=["probe", "report"])
def test_a_worker_whose_word_is_lost_is_asked_again(photos, tmp_path, cluster, monkeypatch, which):
    cluster.worker("one")
    fetched, asked = remote.result, []

    def result(future):
        asked.append(future)
        return fetched(future) if len(asked) != which + 1 else None

    monkeypatch.setattr(remote, "result", result)
    outcome = measured(cluster.address, tmp_path / "run", experiment(photos, "Step"))
    assert len(asked) == which + 3
    assert not outcome.failures
    assert len(outcome.rows) == 12


def test_what_ends_every_worker_that_measures_it_is_given_up(photos, tmp_path):
    """The workers of a local cluster are started again."""
    codecs = plan(
        "test",
        datasets=[str(photos)],
        codecs=[CodecRequest(f"{CODECS.with_name('dask_codecs.py')}:Deadly", {})],
    )
    outcome = measured("local", tmp_path / "run", codecs)
    (row,) = outcome.failures
    assert (row.point, row.status) == (16, CRASHED)
    assert row.message.startswith("5 workers were lost while they measured it: ")
    assert len(outcome.rows) == 12


def test_a_scheduler_that_is_gone_ends_the_run_and_keeps_its_rows(photos, tmp_path):
    codecs = experiment(photos, "Step", repeat=2, slow=0.5)
    with Cluster(tmp_path / "cluster") as cluster:
        scheduler = cluster.scheduler()
        cluster.worker("one")
        result = in_background(lambda: measured(cluster.address, tmp_path / "run", codecs))
        rows_there(tmp_path / "run", 3)
        scheduler.kill()
        scheduler.wait()
        with pytest.raises(RdbenchError, match="is gone; measured rows are kept, and the same"):
            result()
    there = len(read_rows(tmp_path / "run"))
    assert there >= 3
    outcome = run_into(tmp_path / "run", codecs)
    assert outcome.measured == 24 - there
    assert not outcome.failures


def test_a_scheduler_that_comes_back_is_gone_on_with(photos, tmp_path, monkeypatch):
    # A scheduler takes long to start on a busy machine.
    monkeypatch.setattr(distributed, "PATIENCE_S", 120.0)
    codecs = experiment(photos, "Step", repeat=2, slow=0.5)
    with Cluster(tmp_path / "other") as other:
        scheduler = other.scheduler()
        other.worker("one")
        result = in_background(lambda: measured(other.address, tmp_path / "run", codecs))
        rows_there(tmp_path / "run", 3)
        scheduler.kill()
        scheduler.wait()
        other.scheduler()
        other.worker("two")
        outcome = result()
    assert not outcome.failures
    assert len(outcome.rows) == 24


def test_images_that_were_sent_are_enough(photos, tmp_path):
    """As on a machine that has not their paths."""
    codecs = experiment(photos, "Step")
    (task, *_) = codecs.tasks()
    settings = Settings(codecs.metrics, shared=False, timeout_s=60.0)
    job = Job(task, ("psnr_db",))
    gone = dataclasses.replace(task.image, path=tmp_path / "not-here.png")
    job = dataclasses.replace(job, task=dataclasses.replace(task, image=gone))
    brief = Brief.of("token", [job], settings, shared=False)
    assert station.prepare(brief) == station.Report()
    try:
        there = sent(job, next(iter(brief.plans.values())))
        data = {file_name(gone.path): task.image.path.read_bytes()}
        ((found,), _) = station.answer("token", [there], data, {})
        assert found.value.core["status"] == OK, found
        assert found.value.core["image_sha256"]
    finally:
        station.release("token")
    shared = Brief.of("token", [job], settings, shared=True)
    assert "it has no" in station.prepare(shared).reason


def test_a_cluster_behind_tls(photos, tmp_path, monkeypatch):
    """The client finds its certificate in Dask's configuration, and none gets in without."""
    file = tmp_path / "both.pem"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=here"]
    try:
        command = ["openssl", *request, "-keyout", file, "-out", tmp_path / "cert.pem"]
        subprocess.run(command, check=True, capture_output=True)
    except OSError:
        pytest.skip("there is no openssl")
    with file.open("a") as stream:
        stream.write((tmp_path / "cert.pem").read_text())
    with Cluster(tmp_path / "cluster", file) as cluster:
        cluster.scheduler()
        cluster.worker("one")
        with pytest.raises(UsageError, match=r"no Dask scheduler .*name certificates it accepts"):
            DaskExecutor(cluster.address)
        keys = ("ca-file", "client.cert", "client.key")
        with dask.config.set({f"distributed.comm.tls.{key}": str(file) for key in keys}):
            outcome = measured(cluster.address, tmp_path / "run", experiment(photos, "Step"))
    assert not outcome.failures


@pytest.mark.slow
def test_the_example_for_queues_runs_on_this_machine(photos, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        f"datasets = [{str(photos)!r}]\nmetrics = ['psnr_db']\n"
        "[[codecs]]\ncodec = 'jpeg'\npoints = [30, 60]\n"
    )
    example = Path(__file__).parents[2] / "examples" / "slurm.py"
    command = [sys.executable, example, file, "--out", "run", "--here", "--most", "2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "6 measured into " in done.stdout
    assert done.stdout.endswith(", 0 failed\n")


SCRIPT = """
    import rdbench
    rdbench.run(codecs="jpeg", datasets={photos!r}, points="30", metrics="psnr_db", out="run",
                scheduler="local", jobs=1)
    print(len(rdbench.load("run")))
"""


def test_nothing_of_a_local_cluster_is_left(photos, tmp_path):
    script = textwrap.dedent(SCRIPT).format(photos=str(photos))
    (tmp_path / "go.py").write_text(
        "if __name__ == '__main__':\n" + textwrap.indent(script, "    ")
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "RDBENCH_TEST": "left over"}
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "go.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == "3\n", done.stderr
    assert not list((tmp_path / "tmp").glob("rdbench-*"))
