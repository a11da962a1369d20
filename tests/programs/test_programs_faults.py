"""A program that goes wrong costs its own row, and the row says what happened."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdbench.codecs import registry
from rdbench.errors import BitstreamError
from rdbench.programs import supervised
from rdbench.programs.scratch import RAM_VARIABLE
from rdbench.results import read_rows
from rdbench.schema import FAILED, OK, TIMEOUT, Measurement
from tests.disks import mounted
from tests.processes import running, wait_for

from .faulty_program import PICTURE_MIB
from .kit import Places, measured, own_places, request, write_definition, write_program

Rows = dict[tuple[str, str], Measurement]

FAULTS = {
    "chatty_exit": r"faulty left with exit code 1: x+ … y+ no such picture$",
    "nothing": r"faulty left with exit code 0 and wrote nothing; it printed nothing$",
    "empty": r"faulty left with exit code 0 and wrote an empty file; it printed nothing$",
    "polite": r"faulty left with exit code 0 and wrote nothing: cannot open the picture$",
    "exit_3": r"faulty left with exit code 3: giving up at once$",
    "segv": r"faulty died of SIGSEGV; it printed nothing$",
    "abrt": r"faulty died of SIGABRT; it printed nothing$",
    "large": r"faulty wrote more than a quarter of the free space \(\d+ MiB\) and was",
    "decode_exit": r"faulty left with exit code 3: giving up at once$",
    "decode_nothing": r"faulty left with exit code 0 and wrote nothing; it printed nothing$",
}
FINE = ("none", "chatty", "burn", "hold", "fork", "fork_with_pipe", "daemon", "daemon_with_pipe")
KINDS = {
    "pnm": "P6 file: the header declares 6720 bytes of samples, but 3353 follow it",
    "png": "PNG",
    "yuv": "raw planes: one frame of 56x40 420 of 8 bits has 3360 bytes, not 1680",
    "y4m": "Y4M: one frame of 56x40 420 of 8 bits has 3360 bytes, not ",
}
OTHER_SIZE = "codec 'faulty-{kind}': decode returned shape (6, 4, 3), but the image is (40, 56, 3)"


@pytest.fixture(scope="module")
def outcome(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rows, Places]]:
    """One worker measures all faults one after the other; rows by codec and fault."""
    folder = tmp_path_factory.mktemp("faults")
    write_program(folder)
    faulty = write_definition(folder)
    requests = [request(faulty, fault) for fault in (*FINE, *FAULTS)]
    for kind in KINDS:
        definition = write_definition(folder, name=f"faulty-{kind}", kind=kind)
        requests += [request(definition, fault) for fault in ("none", "half", "other")]
    with own_places(folder) as places:
        out = measured(photo, requests, folder / "out", timeout_s=60.0)
        rows = read_rows(out.path)
        yield {(row.codec, row.options.removeprefix("fault=")): row for row in rows}, places


@pytest.mark.parametrize("fault", FINE)
def test_what_is_no_fault_is_measured(outcome, fault):
    row = outcome[0]["faulty", fault]
    assert (row.status, row.message, row.scores["mse"]) == (OK, "", 0.0)


@pytest.mark.parametrize(("fault", "message"), FAULTS.items())
def test_a_fault_costs_its_row(outcome, fault, message):
    row = outcome[0]["faulty", fault]
    assert row.status == FAILED
    assert re.match(message, row.message), row.message
    assert row.message.isprintable()
    assert len(row.message) < 400
    assert (row.size_bytes is not None) == fault.startswith("decode")


def test_megabytes_of_output_are_not_kept_in_memory(outcome):
    """64 MiB are printed in each of these encodes."""
    rows = outcome[0]
    assert rows["faulty", "chatty"].peak_rss_mb < rows["faulty", "none"].peak_rss_mb + 16


def test_one_worker_measured_it_all(outcome):
    _, places = outcome
    assert len({call["parent"] for call in places.calls() if "parent" in call}) == 1


@pytest.mark.parametrize(("kind", "message"), KINDS.items())
def test_half_an_image_is_a_failure(outcome, kind, message):
    rows = outcome[0]
    assert rows[f"faulty-{kind}", "none"].status == OK
    row = rows[f"faulty-{kind}", "half"]
    assert row.status == FAILED
    assert row.message.startswith(message)
    assert not row.scores


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_of_another_size_is_a_failure(outcome, kind):
    row = outcome[0][f"faulty-{kind}", "other"]
    assert row.status == FAILED
    if kind == "yuv":  # nothing but the header that rdbench wrote tells the size
        assert row.message.endswith("has 3360 bytes, not 36")
    else:
        assert row.message == OTHER_SIZE.format(kind=kind)


def test_processor_time_of_the_program_is_counted(outcome):
    """It computes for 0.3 s when it encodes, and not when it decodes."""
    none, burn = (outcome[0]["faulty", fault] for fault in ("none", "burn"))
    assert 0.3 <= burn.encode_cpu_s <= 0.3 + 3 * none.encode_cpu_s + 0.1
    assert none.encode_cpu_s < 0.2
    assert burn.decode_cpu_s < 0.2


def test_memory_of_the_program_is_told(outcome):
    none, hold = (outcome[0]["faulty", fault] for fault in ("none", "hold"))
    assert PICTURE_MIB <= hold.program_rss_mb <= 1.2 * PICTURE_MIB
    assert none.program_rss_mb < 40


def test_all_that_a_program_started_is_gone_when_the_pool_is_closed(outcome):
    """Children in its group and in sessions of their own, with its output open and without."""
    _, places = outcome
    children = places.children()
    assert len(children) == 2 * 4, "in the warm-up and in the measurement"
    assert not any(map(running, children))


@pytest.mark.parametrize("fault", ["fork", "fork_with_pipe"])
def test_a_child_in_the_group_of_the_program_ends_with_it(definition, places, photo, fault):
    codec = registry.load(str(definition))(1, fault=fault)
    start = time.monotonic()
    codec.encode(_pixels(photo))
    assert time.monotonic() - start < 10
    (child,) = places.children()
    wait_for(lambda: not running(child), "the child still runs", seconds=1.0)


def test_a_program_that_asks_gets_no_answer(definition, places, photo):
    """Standard input of this process is a pipe that nobody closes."""
    codec = registry.load(str(definition))(1, fault="ask")
    reader, writer = os.pipe()
    own = os.dup(0)
    os.dup2(reader, 0)
    try:
        with supervised(time.monotonic() + 10):
            assert codec.encode(_pixels(photo))
    finally:
        os.dup2(own, 0)
        for descriptor in (own, reader, writer):
            os.close(descriptor)


def test_a_program_that_hangs_is_ended_and_the_worker_goes_on(photos, definition, places, tmp_path):
    asleep = ("sleep", "decode_sleep")
    start = time.monotonic()
    requests = [request(definition, fault) for fault in (*asleep, "none", "exit_3")]
    outcome = measured(photos, requests, tmp_path / "out", timeout_s=4)
    assert time.monotonic() - start < 4 * 4 + 15
    rows = {(row.image, row.options): row for row in outcome.rows}
    for image in ("a", "b"):
        assert rows[image, "fault=none"].status == OK
        assert rows[image, "fault=exit_3"].status == FAILED
        for fault in asleep:
            row = rows[image, f"fault={fault}"]
            assert row.status == TIMEOUT
            assert row.message == (
                "not done after 4 s; raise the time limit if it needs more (faulty was not done "
                "in time and was stopped: counting sheep)"
            )
    calls = places.calls()
    assert len({call["parent"] for call in calls}) == 1
    assert not any(running(call["pid"]) for call in calls)


def test_memory_beyond_the_cap_costs_its_row(photos, definition, places, tmp_path):
    requests = [request(definition, fault) for fault in ("none", "hog")]
    outcome = measured(photos, requests, tmp_path / "out", memory_mb=600)
    rows = {(row.image, row.options): row for row in outcome.rows}
    assert {rows[image, "fault=none"].status for image in ("a", "b")} == {OK}
    for image in ("a", "b"):
        row = rows[image, "fault=hog"]
        assert row.status == FAILED
        assert row.message.startswith("faulty left with exit code 1: ")
        assert row.message.endswith("MemoryError")
        assert row.program_rss_mb is None or row.program_rss_mb < 640


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real file system of 64 MiB, for all temporary files."""
    with mounted(tmp_path / "small-disk", "size=64m") as folder:
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.setenv(RAM_VARIABLE, str(folder))
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield folder


def test_what_a_program_writes_is_bounded(photos, definition, small_disk, tmp_path):
    """One file, and the sum of files that are each within that bound."""
    requests = [request(definition, fault) for fault in ("large", "parts", "none")]
    outcome = measured(photos, requests, tmp_path / "out", timeout_s=60.0)
    assert [row.status for row in outcome.rows] == [FAILED, FAILED, OK] * 2
    for large, parts, _ in (outcome.rows[:3], outcome.rows[3:]):
        assert large.message.startswith(
            "faulty wrote more than a quarter of the free space (16 MiB) and was stopped"
        )
        assert parts.message.startswith(
            "faulty wrote files that are together more than a quarter of the free space (16 MiB)"
        )
        assert "no room left" not in parts.message
    assert list(small_disk.iterdir()) == []


def test_a_full_temporary_folder_costs_its_row(photos, definition, small_disk, tmp_path):
    """The row tells the folder that is full: where a program cannot write, and where rdbench
    cannot. With room again the run goes on."""
    others = small_disk / "others"
    others.write_bytes(bytes(60 * 2**20))
    out = tmp_path / "out"
    requests = [request(definition, fault) for fault in ("fill", "none")]
    first = measured(photos, requests, out)
    assert [row.status for row in first.rows] == [FAILED, OK] * 2
    for fill in first.rows[::2]:
        assert fill.message.startswith("faulty left with exit code 1: ")
        assert "No space left on device" in fill.message
        assert fill.message.endswith(f"; there is no room left in {str(small_disk)!r}")
    with others.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    room = (
        f"cannot write to {str(small_disk)!r}: No space left on device; make room there, or have "
        "$TMPDIR name another folder"
    )
    second = measured(photos, [request(definition, "ask")], out)
    assert {row.message for row in second.rows if row.options == "fault=ask"} == {room}
    others.unlink()
    third = measured(photos, [request(definition, "ask")], out)
    assert {row.status for row in third.rows if row.options == "fault=ask"} == {OK}
    assert list(small_disk.iterdir()) == []


def test_a_stream_that_the_program_refuses_is_no_stream(definition, places):
    codec = registry.load(str(definition))(1)
    with pytest.raises(BitstreamError, match=r"faulty left with exit code 1: .*zlib\.error"):
        codec.decode(b"no stream")


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))
