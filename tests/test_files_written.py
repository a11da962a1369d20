"""What is written stays, whole, at its place, and is on the disk; and where that cannot be."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rdbench import files
from rdbench.errors import RdbenchError
from rdbench.files import encoded, write_atomically
from rdbench.results import SYNC_EVERY_S, RunDirectory, read_rows
from tests.cli.command import rdbench
from tests.curves.encoded import as_csv, of
from tests.fuzz.files import rows


@pytest.fixture
def synced(monkeypatch):
    """What was synced: "folder" or the name of a file, in order."""
    found = []
    real = os.fsync

    def sync(descriptor):
        real(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        found.append("folder" if path.is_dir() else path.name)

    monkeypatch.setattr(os, "fsync", sync)
    return found


def test_a_file_and_its_folders_are_on_the_disk(tmp_path, synced):
    write_atomically(tmp_path / "a" / "b" / "file", "text")
    # Each folder that was made stands in the one above it, and the file in its own.
    assert synced == ["folder", "folder", ".file.partial", "folder"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "table.csv"
    link.symlink_to(tmp_path / "there" / "real.csv")
    for text in ("one", "two"):
        write_atomically(link, text)
        assert link.is_symlink()
        assert (tmp_path / "there" / "real.csv").read_text() == text
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["real.csv", "table.csv", "there"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path):
    """Root may replace a device: it was a file of the run's numbers from then on."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    with pytest.raises(RdbenchError, match=r"cannot write '.*pipe': No such device"):
        write_atomically(pipe, "nobody reads")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for path in (pipe, link):
            write_atomically(path, ["te", "xt"])
            assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no such device")
def test_devices_stay_devices(tmp_path):
    device = tmp_path / "full"
    device.symlink_to("/dev/full")
    with pytest.raises(RdbenchError, match="No space left on device"):
        write_atomically(device, "text")
    device = tmp_path / "null"
    device.symlink_to("/dev/null")
    write_atomically(device, "text")
    assert Path("/dev/full").is_char_device()
    assert Path("/dev/null").is_char_device()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no /proc")
@pytest.mark.parametrize("file", [False, True])
def test_standard_output_is_written_to_by_its_name(tmp_path, file):
    """Also where it leads to a file, behind what is there."""
    code = (
        "from pathlib import Path; from rdbench.files import write_atomically; "
        "print('one', flush=True); write_atomically(Path('/dev/stdout'), 'two\\n'); print('three')"
    )
    command = [sys.executable, "-c", code]
    with (tmp_path / "out").open("ab") as out:
        done = subprocess.run(
            command, stdout=out if file else subprocess.PIPE, check=True, timeout=120
        )
    said = (tmp_path / "out").read_bytes() if file else done.stdout
    assert said == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_no_exception_leaves_a_partial_file(tmp_path, monkeypatch, error):
    (tmp_path / "file").write_text("old")

    def fail(_):
        raise error

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(RdbenchError if error is OSError else error):
        write_atomically(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_any_text_can_be_written(tmp_path):
    write_atomically(tmp_path / "file", "a\udce9ü")
    assert (tmp_path / "file").read_bytes() == "a\\udce9ü".encode() == encoded("a\udce9ü")


def test_rows_are_synced_every_few_seconds_and_at_the_end(tmp_path, synced, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("rdbench.results.time.monotonic", lambda: clock[0])
    with RunDirectory(tmp_path / "run", {}) as directory:
        first, second, third, *_ = rows()
        directory.append(first)
        assert "measurements.csv" not in synced
        clock[0] += SYNC_EVERY_S
        directory.append(second)
        assert synced.count("measurements.csv") == 1
        directory.append(third)
        assert synced.count("measurements.csv") == 1
    assert synced.count("measurements.csv") == 2
    assert SYNC_EVERY_S <= 10


@pytest.mark.parametrize("how", ["moved", "removed", "replaced", "table removed"])
def test_a_run_directory_that_is_gone_is_noticed_at_the_next_row(tmp_path, how):
    run = tmp_path / "run"
    first, second, *_ = rows()
    with RunDirectory(run, {}) as directory:
        directory.append(first)
        (run / "measurements.csv").rename(run / "x") if how == "table removed" else run.rename(
            tmp_path / "elsewhere"
        )
        if how == "replaced":
            run.mkdir()
            (run / "measurements.csv").write_text("mine")
        for write in (lambda: directory.append(second), directory.write_manifest):
            with pytest.raises(RdbenchError, match=r"was moved or removed while it was being writ"):
                write()
    if how in ("moved", "removed"):
        assert not run.exists()  # nothing is made anew in its place
        assert [row.key for row in read_rows(tmp_path / "elsewhere")] == [first.key]
    if how == "replaced":
        assert (run / "measurements.csv").read_text() == "mine"


def test_fresh_removes_what_was_kept_and_nothing_else(tmp_path):
    run = tmp_path / "run"
    with RunDirectory(run, {}) as directory:
        for row in rows():
            directory.append(row)
            file = run / row.stream_file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"stream")
    (run / "streams" / "jpeg" / "mine.txt").write_text("")
    (run / "notes.md").write_text("")
    with RunDirectory(run, {}, fresh=True) as directory:
        assert list(directory.rows) == []
    left = sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())
    assert left == [".lock", "measurements.csv", "notes.md", "run.json", "streams/jpeg/mine.txt"]
    assert not (run / "streams" / "webp").exists()


def test_fresh_begins_anew_over_a_table_that_cannot_be_read(tmp_path):
    (tmp_path / "measurements.csv").write_text("codec,image,point\n\xff")
    with RunDirectory(tmp_path, {}, fresh=True) as directory:
        directory.append(rows()[0])
    assert len(read_rows(tmp_path)) == 1


@pytest.mark.skipif(os.name != "posix", reason="folders that root cannot write to either")
def test_a_table_of_deltas_is_printed_where_it_cannot_be_kept(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "measurements.csv").write_text(as_csv([*of("jpeg"), *of("webp")]), newline="")
    (run / ".bd.csv.partial").mkdir()  # as root may write to any folder
    done = rdbench("bd", run, "--anchor", "jpeg", cwd=tmp_path)
    assert done.returncode == 0
    assert "webp" in done.stdout
    written = str(run / "bd.csv")
    assert done.stderr == f"warning: {written!r} was not written: Is a directory\n"
