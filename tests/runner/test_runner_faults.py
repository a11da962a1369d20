"""A bad codec, image or worker costs its own rows, and nothing else."""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path

import pytest

from rdbench.programs.scratch import RAM_VARIABLE
from rdbench.results import read_rows
from rdbench.runner import Limits, LocalPool, run
from rdbench.runner.kept import slug
from rdbench.runner.rows import Job, Settings
from rdbench.schema import CRASHED, FAILED, OK, TIMEOUT, UNSUPPORTED
from tests.disks import mounted
from tests.processes import running, wait_for

from .conftest import CODECS, experiment, run_into


def only_failure(outcome):
    """The one row that is not ok; all others must be there and be whole."""
    assert len(outcome.rows) == 3 * 4
    assert [row.status for row in outcome.rows].count(OK) == 11
    assert all(
        row.scores["psnr_db"] > 0 and row.bpp > 0 for row in outcome.rows if row.status == OK
    )
    (row,) = outcome.failures
    assert (row.image, row.point) == ("b", 16)
    assert row.message
    assert "\n" not in row.message
    return row


@pytest.mark.parametrize(
    ("codec", "status", "message"),
    [
        ("Raises", FAILED, "ValueError: no such luck"),
        ("Leaves", FAILED, "SystemExit: goodbye"),
        ("NotBytes", FAILED, "encode returned str, not bytes"),
        ("WrongShape", FAILED, "decode returned shape (3, 4, 3), but the image is (32, 48, 3)"),
        ("WrongType", FAILED, "decode returned float32 samples, not uint8"),
        ("NotAnArray", FAILED, "decode returned list, not a NumPy array"),
        ("Garbage", FAILED, "no step stream"),
        ("WritesToInput", FAILED, "read-only"),
        ("Exits", CRASHED, "exit code 3: giving up at once"),
        ("Killed", CRASHED, "SIGSEGV"),
        ("Segfaults", CRASHED, "SIGSEGV"),
    ],
)
def test_a_faulty_codec_costs_its_row(measure, codec, status, message):
    row = only_failure(measure(codec))
    assert row.status == status
    assert message in row.message


def test_a_hanging_codec_is_stopped(measure):
    start = time.monotonic()
    row = only_failure(measure("Hangs", timeout_s=5.0))
    assert row.status == TIMEOUT
    assert "raise the time limit" in row.message
    assert time.monotonic() - start < 60


def test_what_a_hanging_codec_started_is_ended_with_it(measure, tmp_path, monkeypatch):
    monkeypatch.setenv("FAULTY_CHILD", str(tmp_path / "child"))
    assert only_failure(measure("HangsWithChild", timeout_s=5.0)).status == TIMEOUT
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: not running(child), "the codec's child outlived the run")


def test_what_a_dead_codec_left_in_the_temporary_folder_is_removed(measure, tmp_path, monkeypatch):
    monkeypatch.setenv("FAULTY_LITTER", str(tmp_path / "where"))
    assert only_failure(measure("Litters")).status == CRASHED
    assert not Path((tmp_path / "where").read_text()).exists()


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A file system of 256 MiB for temporary files."""
    with mounted(tmp_path / "disk", "size=256m") as folder:
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.setenv(RAM_VARIABLE, str(folder))
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield folder


@pytest.mark.parametrize("codec", ["Fills", "Prints"])
def test_what_a_worker_writes_is_bounded(measure, disk, codec):
    row = only_failure(measure(codec, jobs=1))
    assert row.status == FAILED
    assert row.message == (
        "the worker, with what it started, wrote files that are together more than half of the "
        "free space (128 MiB), and was stopped"
    )
    assert list(disk.iterdir()) == []


def test_a_codec_that_finds_no_room_says_where(measure, disk):
    (disk / "others").write_bytes(bytes(150 * 2**20))
    row = only_failure(measure("Fills", jobs=1))
    assert row.status == FAILED
    told = f"No space left on device; there is no room left in {str(disk)!r}"
    assert row.message == f"OSError: [Errno 28] {told}"


def test_a_stream_that_cannot_be_kept_costs_its_row(photos, tmp_path):
    with mounted(tmp_path / "disk", "size=512k") as folder, LocalPool(Limits(1, 60.0)) as pool:
        out = folder / "run"
        # An outcome holds its table open, and a disk in use cannot be unmounted.
        row = only_failure(run(experiment(photos, "Large"), out, executor=pool, keep_streams=True))
        assert row.status == FAILED
        file = out / "streams" / "large" / "16" / "small-b.bin"
        assert row.message.startswith(f"cannot write {str(file)!r}: No space left on device; ")
        assert file.with_name("small-a.bin").is_file()
        assert not file.exists()


def test_memory_beyond_the_cap_costs_its_row(measure):
    row = only_failure(measure("Hog", memory_mb=600))
    assert row.status == FAILED
    assert "cap of 600 MiB" in row.message


def test_output_of_a_codec_is_swallowed(measure, capfd):
    assert not measure("Chatty").failures
    assert "xxx" not in "".join(capfd.readouterr())


def test_a_codec_that_cannot_be_built_fails_in_all_its_rows(measure):
    outcome = measure("FailsToBuild", "Step")
    assert [row.status for row in outcome.rows if row.codec == "step"] == [OK] * 12
    bad = [row for row in outcome.rows if row.codec == "fails-to-build"]
    assert {(row.status, row.message) for row in bad} == {(FAILED, "OSError: weights are gone")}
    assert all(row.image_sha256 and row.width == 48 for row in bad)


def test_a_color_image_into_a_gray_codec_is_unsupported(measure):
    outcome = measure("Gray")
    assert {row.status for row in outcome.rows} == {UNSUPPORTED}
    assert "takes only gray images" in outcome.rows[0].message
    assert "; measure with color luma, or" in outcome.rows[0].message


def test_a_deterministic_codec_must_repeat_itself(measure):
    outcome = measure("Unsteady", repeat=2)
    assert [row.status for row in outcome.rows] == [OK, FAILED] * 12
    assert "deterministic" in outcome.failures[0].message


def test_what_a_codec_tells_of_its_stream_is_kept_as_plain_numbers(measure):
    outcome = measure("Odd")
    assert not outcome.failures
    rows = read_rows(outcome.path)
    assert {row.estimated_bpp for row in rows} == {2.5}
    assert all(row.payload_bytes == row.size_bytes - 6 for row in rows)


def test_repeats_of_a_steady_codec_agree(measure):
    outcome = measure("Step", repeat=3)
    assert [row.repeat for row in outcome.rows[:3]] == [0, 1, 2]
    assert not outcome.failures


def test_a_worker_killed_from_outside_costs_the_row_it_was_at(photos):
    """Kill a worker in the middle of a slow encode; the task behind it goes to another."""
    slow = experiment(photos, "Step", slow=1.0)
    tasks = slow.tasks()[:4]
    answers = []
    settings = Settings(slow.metrics, shared=False)
    with LocalPool(Limits(1)) as pool:
        results = pool.run([Job(task, ("psnr_db",)) for task in tasks], settings)
        answers.append(next(results))
        os.kill(pool._workers[0].process.pid, 9)
        answers.extend(results)
    (ended,) = [answer for answer in answers if answer.value is None]
    assert ended.status == CRASHED
    assert "SIGKILL" in ended.message
    assert {answer.job.task.key for answer in answers} == {task.key for task in tasks}
    assert len(answers) == 4


def test_a_worker_killed_while_it_starts_is_replaced(photos, monkeypatch):
    step = experiment(photos, "Step")
    settings = Settings(step.metrics, shared=False)
    tasks = step.tasks()
    with LocalPool(Limits(2)) as pool:
        start, killed = pool._start, []

        def start_and_kill_the_first():
            worker = start()
            if not killed:
                os.kill(worker.process.pid, 9)
                killed.append(worker)
            return worker

        monkeypatch.setattr(pool, "_start", start_and_kill_the_first)
        answers = list(pool.run([Job(task, ("psnr_db",)) for task in tasks], settings))
    assert {answer.job.task.key for answer in answers} == {task.key for task in tasks}
    assert {answer.value.core["status"] for answer in answers} == {OK}


def test_an_unusable_worker_ends_the_run_with_the_reason(photos, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    step = experiment(photos, "Step")
    settings = Settings(step.metrics, shared=False)
    from rdbench.errors import RdbenchError

    with (
        pytest.raises(RdbenchError, match="a worker cannot start"),
        LocalPool(Limits(1)) as pool,
    ):
        list(pool.run([Job(task, ("psnr_db",)) for task in step.tasks()], settings))


def test_files_are_found_as_codecs_from_anywhere(measure, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert CODECS.is_absolute()
    assert not measure("Step").failures


def test_kept_files_of_names_that_look_alike_do_not_meet():
    names = ["a b", "a-b", "a/b", "a\nb", "a_b", "", "é", "ê", "x" * 300, "x" * 301]
    kept = [slug(name) for name in names]
    assert len(set(kept)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,120}", name) for name in kept)
    assert slug("kodak-kodim01") == "kodak-kodim01"


@pytest.mark.parametrize(
    ("method", "value", "returned"),
    [
        ("estimated_bits", "tensor", "Tensor of shape (2, 2), where a number is needed"),
        ("estimated_bits", "text", "'800' (str), where a number is needed"),
        ("estimated_bits", "nan", "NaN"),
        ("estimated_bits", "negative", "-1, where a finite number of at least 0 is needed"),
        ("estimated_bits", "infinite", "inf, where a finite number of at least 0 is needed"),
        ("estimated_bits", "truth", "True (bool), where a number is needed"),
        ("payload_bytes", "fraction", "80.5 (float), where a whole number from 0 to the"),
        ("payload_bytes", "too much", "1000000000 (int), where a whole number from 0 to the"),
        ("payload_bytes", "negative", "-1 (int), where a whole number from 0 to the"),
    ],
)
def test_what_is_no_number_fails_the_row_with_who_returned_what(
    photos, tmp_path, method, value, returned
):
    outcome = run_into(tmp_path, experiment(photos, "Told", method=method, value=value))
    assert {row.status for row in outcome.rows} == {FAILED}
    for row in outcome.rows:
        assert row.message.startswith(f"codec 'told': {method} returned {returned}")
        assert row.image_sha256
        assert (row.estimated_bpp, row.payload_bytes) == (None, None)


@pytest.mark.parametrize("value", ["scalar tensor", "numpy scalar"])
def test_scalars_of_libraries_become_numbers(photos, tmp_path, value):
    outcome = run_into(tmp_path, experiment(photos, "Told", value=value))
    assert not outcome.failures
    assert all(type(row.estimated_bpp) is float for row in outcome.rows)
    assert outcome.rows[0].estimated_bpp == 800 / (48 * 32)


def test_whole_numbers_of_numpy_are_whole_numbers(photos, tmp_path):
    plan = experiment(photos, "Told", method="payload_bytes", value="numpy whole number")
    outcome = run_into(tmp_path, plan)
    assert {(row.status, row.payload_bytes) for row in outcome.rows} == {(OK, 80)}
    assert type(outcome.rows[0].payload_bytes) is int


def test_a_python_error_of_a_worker_is_not_taken_for_a_want_of_memory(
    photos, monkeypatch, tmp_path
):
    """The answer of a bench that cannot be sent ends the worker, with a trace on its output."""
    (tmp_path / "unsendable.py").write_text(
        "class Bench:\n"
        "    def __init__(self, settings, notify): pass\n"
        "    def answer(self, job): return lambda: None\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    step = experiment(photos, "Step")
    settings = Settings(step.metrics, shared=False, bench="unsendable:Bench")
    with LocalPool(Limits(1)) as pool:
        (answer,) = pool.run([Job(step.tasks()[0], ())], settings)
    assert answer.status == CRASHED
    assert answer.message.startswith("the worker ended with a Python error: ")
    assert "pickle" in answer.message
    assert "memory" not in answer.message
