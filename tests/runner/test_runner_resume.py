"""A run that was stopped goes on where it was, and ends as if it had not been stopped."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdbench.codecs.request import CodecRequest
from rdbench.errors import RdbenchError, UsageError
from rdbench.experiment import plan
from rdbench.manifest import MANIFEST
from rdbench.results import MEASUREMENTS, RunDirectory, read_rows
from rdbench.schema import OK, TIMINGS
from tests.processes import children, hears, running, said, started, wait_for

from .conftest import CODECS, experiment, run_into

INTERRUPTS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def table(path: Path) -> list[dict[str, str]]:
    with (path / MEASUREMENTS).open(newline="", encoding="utf-8") as file:
        return [
            {name: cell for name, cell in row.items() if name not in TIMINGS}
            for row in csv.DictReader(file)
        ]


def command(photos: Path, out: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "rdbench", "run"),
        *("--codec", f"{CODECS}:Gated", "--dataset", str(photos)),
        *("--out", str(out), "--jobs", "2", "--repeat", "5"),
    ]


@contextmanager
def stuck(photos: Path, out: Path, rows: int, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run of 60 rows that has at least so many, and has no more when its workers wait."""
    gate = out.with_name(f"{out.name}.gate")
    gate.touch()
    # Warming up is an encoding for each of the workers, and each has one under way.
    with started([*command(photos, out), *more], {"FAULTY_GATE": f"{gate}:{rows + 4}"}) as process:
        file = out / MEASUREMENTS
        wait_for(
            lambda: file.exists() and file.read_bytes().count(b"\n") > rows,
            f"{rows} rows never came",
        )
        yield process


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory) -> list[dict[str, str]]:
    """The table of a run that nothing stops."""
    out = tmp_path_factory.mktemp("whole") / "out"
    subprocess.run(command(photos, out), check=True, capture_output=True)
    return table(out)


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_a_random_row_and_resumed(photos, tmp_path, whole, seed):
    """SIGKILL to the whole run; the finished table equals an uninterrupted run's."""
    rows = random.Random(seed).randrange(1, 40)
    out = tmp_path / "out"
    with stuck(photos, out, rows) as process:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        before = len(read_rows(out))
        assert rows <= before <= rows + 4
    done = subprocess.run(command(photos, out), check=True, capture_output=True, text=True)
    assert f"{60 - before} measured, {before} already there" in done.stdout
    assert table(out) == whole


def test_workers_do_not_outlive_a_killed_run(photos, tmp_path):
    with stuck(photos, tmp_path / "out", 1) as process:
        there = children(process.pid)
        assert len(there) == 3, "two workers and the janitor"
        process.kill()
        process.wait()
        wait_for(lambda: not any(map(running, there)), "workers outlived the run")


@pytest.mark.parametrize("number", INTERRUPTS)
def test_an_interrupt_keeps_what_was_measured(photos, tmp_path, number):
    out = tmp_path / "out"
    with stuck(photos, out, 7) as process:
        process.send_signal(number)
        text = said(process)
    assert process.returncode == 130
    rows = len(read_rows(out))
    assert rows >= 7
    assert f"interrupted; {rows} rows are kept in {out}; the same command continues" in text
    assert "Traceback" not in text
    assert json.loads((out / MANIFEST).read_text())["invocations"][-1]["interrupted"] is True


@pytest.mark.parametrize("number", INTERRUPTS)
def test_further_interrupts_are_the_first_one_once_more(photos, tmp_path, number):
    """As many as the system delivers, until the process has ended."""
    out = tmp_path / "out"
    with stuck(photos, out, 7) as process:
        there = children(process.pid)
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.003)
        text = said(process)
        assert process.returncode == 130
        assert not any(map(running, there))
    assert text.count("rows are kept in") == 1
    assert "Traceback" not in text
    assert json.loads((out / MANIFEST).read_text())["invocations"][-1]["interrupted"] is True


@pytest.mark.parametrize("number", INTERRUPTS)
def test_an_interrupt_while_it_is_loaded_is_one(photos, tmp_path, number):
    with started(command(photos, tmp_path / "out")) as process:
        wait_for(lambda: hears(process.pid), "it does not begin")
        process.send_signal(number)
        text = said(process)
    assert process.returncode == 130
    assert "Traceback" not in text


def test_a_terminal_that_is_closed_is_an_interrupt(photos, tmp_path):
    """As when a connection is lost: nobody can be told of it any more."""
    out, gate = tmp_path / "out", tmp_path / "out.gate"
    gate.touch()
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
        environment = {**os.environ, "FAULTY_GATE": f"{gate}:11"}
        os.execve(sys.executable, command(photos, out), environment)
    try:
        file = out / MEASUREMENTS
        wait_for(
            lambda: file.exists() and file.read_bytes().count(b"\n") > 7,
            "seven rows never came",
        )
        there = children(pid)
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
        assert not any(map(running, there))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert len(read_rows(out)) >= 7
    assert json.loads((out / MANIFEST).read_text())["invocations"][-1]["interrupted"] is True


def test_what_is_not_to_hear_the_end_of_its_terminal_goes_on(photos, tmp_path, whole):
    out = tmp_path / "out"
    with started(["nohup", *command(photos, out)]) as process:
        file = out / MEASUREMENTS
        wait_for(lambda: file.exists() and file.read_bytes().count(b"\n") > 1, "a row never came")
        process.send_signal(signal.SIGHUP)
        text = said(process)
    assert process.returncode == 0, text
    assert table(out) == whole


def test_nothing_is_measured_twice(measure):
    first = measure("Step")
    second = measure("Step")
    assert (first.measured, second.measured) == (12, 0)
    assert second.resumed
    assert second.rows == first.rows


def test_failures_are_measured_again(measure):
    assert len(measure("Raises").failures) == 1
    again = measure("Raises")
    assert again.measured == 1
    assert len(again.rows) == 12


def test_a_torn_last_line_is_measured_again(measure):
    outcome = measure("Step")
    whole = table(outcome.path)
    file = outcome.path / MEASUREMENTS
    data = file.read_bytes()
    for cut in (1, 20, 200):
        file.write_bytes(data[:-cut])
        assert measure("Step").measured == 1
        assert table(outcome.path) == whole


def test_another_color_is_refused_with_the_difference(photos, measure):
    out = measure("Step").path
    other = plan("test", datasets=[str(photos)], codecs=[CodecRequest("jpeg")], color="luma")
    with pytest.raises(UsageError, match=r"color: \"rgb\" there, \"luma\" now"):
        run_into(out, other, jobs=1)
    assert len(read_rows(out)) == 12
    assert {row.codec for row in run_into(out, other, jobs=1, fresh=True).rows} == {"jpeg"}


def test_other_images_under_the_same_names_are_refused(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    pixels = np.full((20, 20, 3), 9, np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    run_into(tmp_path / "out", experiment(folder, "Step"), jobs=1)
    Image.fromarray(pixels + 1).save(folder / "a.png")
    with pytest.raises(UsageError, match="image 'a' of 'images' is not the one"):
        run_into(tmp_path / "out", experiment(folder, "Step"), jobs=1)


def test_two_runs_into_one_directory_at_once(photos, tmp_path):
    out = tmp_path / "out"
    with stuck(photos, out, 1) as process:
        second = subprocess.run(command(photos, out), capture_output=True, text=True)
        assert second.returncode == 2
        assert "another run is writing to" in second.stderr
        assert process.poll() is None


def test_a_full_disk_keeps_what_was_measured(photos, tmp_path, full_disk):
    """A file system of 64 KiB fills up in the middle; with more room the run goes on."""
    out = full_disk / "out"
    with pytest.raises(RdbenchError, match=r"cannot write .*No space left.*is kept") as caught:
        run_into(out, experiment(photos, "Step", repeat=40), jobs=2)
    assert "\n" not in str(caught.value)
    kept = read_rows(out)
    assert 20 < len(kept) < 480
    assert {row.status for row in kept} == {OK}
    roomy = tmp_path / "roomy"
    roomy.mkdir()
    for name in (MEASUREMENTS, MANIFEST):
        (roomy / name).write_bytes((out / name).read_bytes())
    outcome = run_into(roomy, experiment(photos, "Step", repeat=40), jobs=2)
    assert len(outcome.rows) == 480
    assert outcome.measured <= 480 - len(kept) + 1


def test_a_read_only_folder_is_refused_in_one_line(photos, tmp_path, read_only):
    done = subprocess.run(command(photos, read_only / "out"), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cannot write to" in done.stderr
    assert "--out" in done.stderr


def test_a_run_that_is_moved_away_writes_nothing_in_its_place(photos, tmp_path):
    """Nor do workers, which keep streams: the one that is under way, and the one at hand."""
    out = tmp_path / "out"
    with stuck(photos, out, 7, "--keep-streams", "--keep-decoded") as process:
        out.rename(tmp_path / "elsewhere")
        out.with_name("out.gate").unlink()
        assert "was moved or removed while it was being written" in said(process)
    assert process.returncode == 2
    assert not out.exists()
    assert len(read_rows(tmp_path / "elsewhere")) >= 7


def test_rows_without_a_manifest_are_not_touched(photos, tmp_path):
    (tmp_path / MEASUREMENTS).write_text("mine\n")
    with pytest.raises(UsageError, match=r"without their run\.json"):
        run_into(tmp_path, experiment(photos, "Step"), jobs=1)
    assert (tmp_path / MEASUREMENTS).read_text() == "mine\n"


def test_a_damaged_table_names_its_line(measure):
    outcome = measure("Step")
    file = outcome.path / MEASUREMENTS
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:4], "what,is,this", *lines[4:]]) + "\n")
    with pytest.raises(UsageError, match=r"line 5: 3 cells instead of \d+"):
        measure("Step")


def test_the_lock_is_given_back(tmp_path):
    for _ in range(2):
        with RunDirectory(tmp_path, {"a": 1}):
            pass
