"""Nothing of a run is left, however it ends: no process, no temporary file."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rdbench.programs import Janitor, scratch
from rdbench.programs.scratch import PREFIX, remove
from rdbench.results import MEASUREMENTS
from tests.processes import PATIENCE_S, children, running, said, started, wait_for

from .kit import Places, write_script

NOBODY = 65534


@pytest.fixture
def asleep(photos: Path, definition: Path, places: Places, tmp_path: Path) -> Iterator[Run]:
    """A run in which two workers wait for programs that never end."""
    arguments = ["--codec", f"{definition}:fault=sleep", "--dataset", str(photos), "--jobs", "2"]
    command = [
        *(sys.executable, "-m", "rdbench", "run", *arguments),
        *("--out", str(tmp_path / "out"), "--metrics", "psnr_db"),
    ]
    with started(command) as process:
        wait_for(lambda: len(places.calls()) == 2, "no two programs run")
        yield Run(process, places)


class Run:
    """A run, and what there was of it when it was found asleep."""

    def __init__(self, process: subprocess.Popen[bytes], places: Places) -> None:
        self.process = process
        self.places = places
        self.pids = [*children(process.pid), *(call["pid"] for call in places.calls())]
        assert len(self.pids) == 2 + 1 + 2, "two workers, the janitor, two programs"
        assert all(map(running, self.pids))
        for folder in (places.disk, places.ram):
            assert list(folder.glob("rdbench-*/*")), "workers have folders in both places"
        assert list(places.ram.rglob("input.ppm")), "programs run in RAM"

    def gone(self) -> bool:
        return not any(map(running, self.pids)) and not self.places.left()


def test_a_run_that_is_killed(asleep):
    os.killpg(asleep.process.pid, signal.SIGKILL)
    assert asleep.process.wait() == -signal.SIGKILL
    wait_for(asleep.gone, "something is left")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted(asleep, number):
    asleep.process.send_signal(number)
    text = said(asleep.process)
    assert asleep.process.returncode == 130
    assert "interrupted; 0 rows are kept" in text
    assert "Traceback" not in text
    assert asleep.gone()


def test_a_killed_worker_leaves_no_program(asleep):
    """Its task gets its row, its program and its folders go, and the other worker's stay."""
    (killed, program), (other, stays) = (
        (call["parent"], call["pid"]) for call in asleep.places.calls()
    )
    folders = {Path(call["folder"]) for call in asleep.places.calls() if call["pid"] == program}
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: not running(program), "the program of a dead worker still runs")
    wait_for(lambda: not any(map(Path.exists, folders)), "its folder is there")
    assert running(other)
    assert running(stays)
    table = asleep.places.notes.with_name("out") / MEASUREMENTS
    wait_for(lambda: table.exists() and table.read_text().count("\n") == 2, "there is no row")
    asleep.process.send_signal(signal.SIGTERM)
    assert "interrupted; 1 row is kept" in said(asleep.process)
    assert asleep.gone()


HANGS = """
import os, pathlib, time
import rdbench

class Hangs(rdbench.Codec):
    name, parameter, ladder = "hangs", "quality", (1,)

    def encode(self, image):
        pathlib.Path(os.environ["FAULTY_CALLS"]).write_text(str(os.getpid()))
        time.sleep(3600)

    def decode(self, data):
        return data
"""
ASKED = """#!{python} -IS
import os, resource, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(3600)"])
end = time.monotonic() + 60
while resource.getrlimit(resource.RLIMIT_DATA)[0] < 0 and time.monotonic() < end:
    time.sleep(0.01)
cap = resource.getrlimit(resource.RLIMIT_DATA)[0]
with open(os.environ["FAULTY_CALLS"] + ".partial", "w") as file:
    print(os.getpid(), child.pid, os.getcwd(), cap, file=file)
os.rename(file.name, os.environ["FAULTY_CALLS"])
time.sleep(3600)
"""
ENDINGS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]


@pytest.mark.parametrize("number", ENDINGS)
def test_conformance_leaves_nothing(tmp_path, places, number):
    """Neither the worker that a codec hangs in nor the folder of its pictures."""
    file = tmp_path / "hangs.py"
    file.write_text(HANGS)
    command = [sys.executable, "-m", "rdbench", "conformance", f"{file}:Hangs"]
    with started(command) as process:
        wait_for(places.notes.exists, "nothing is encoded")
        pids = children(process.pid)
        assert len(pids) == 2, "one that encodes, and the janitor"
        limit = next(line for line in limits(pids) if line.startswith("Max data size"))
        assert limit.split()[3] != "unlimited"
        process.send_signal(number)
        process.wait(PATIENCE_S)
        assert process.returncode == (-number if number == signal.SIGKILL else 130)
        wait_for(lambda: not any(map(running, pids)), "a process is left")
        wait_for(lambda: not places.left(), f"{places.left()} are left")


def limits(pids: list[int]) -> Iterator[str]:
    """The limits of the process that was started first."""
    yield from Path(f"/proc/{min(pids, key=age)}/limits").read_text().splitlines()


def age(pid: int) -> int:
    """When a process was started, but for the janitor, who is no worker."""
    worker = b"rdbench.runner.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return 0 if worker else 1


@pytest.mark.parametrize("number", ENDINGS)
def test_a_program_that_is_asked_for_its_version_is_supervised(definition, places, number):
    """It and what it starts are ended, its folder is removed, and its memory has a cap."""
    write_script(definition.parent / "faulty", ASKED.format(python=sys.executable))
    command = [sys.executable, "-m", "rdbench", "codecs", "show", str(definition)]
    with started(command) as process:
        wait_for(places.notes.exists, "it is not asked")
        *pids, folder, cap = places.notes.read_text().split()
        assert 0 < int(cap) < 2**60
        assert Path(folder).is_relative_to(places.ram)
        process.send_signal(number)
        process.wait(PATIENCE_S)
        wait_for(lambda: not any(map(running, map(int, pids))), "a process is left")
        wait_for(lambda: not places.left(), f"{places.left()} are left")


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A folder of a user who is not root: permissions do not bind root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid():
            yield folder
            return
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)


def locked_tree(folder: Path) -> None:
    """Folders inside folders without permissions, with files and a link to elsewhere."""
    inner = folder / "a" / "b" / "c"
    inner.mkdir(parents=True)
    for place in (folder, *inner.parents[:2], inner):
        (place / "file").write_bytes(b"x")
    (folder / "a" / "link").symlink_to("/")
    (inner / "file").chmod(0)
    (folder / "sealed").mkdir()
    (folder / "sealed" / "file").write_bytes(b"x")
    (folder / "sealed").chmod(0o555)
    for place in (inner, *inner.parents[:2]):
        place.chmod(0)


def test_folders_without_permissions_are_removed(own_folder):
    folder = own_folder / "tree"
    folder.mkdir()
    locked_tree(folder)
    with pytest.raises(PermissionError):
        list((folder / "a").iterdir())
    remove(folder)
    assert not folder.exists()


def test_a_folder_that_lost_its_own_permissions_is_removed(own_folder):
    folder = own_folder / "tree"
    folder.mkdir()
    (folder / "file").write_bytes(b"x")
    folder.chmod(0)
    remove(folder)
    assert not folder.exists()


@pytest.mark.parametrize("locked", [False, True])
def test_folders_however_deep_are_removed(own_folder, locked):
    """More of them than Python's stack has frames, and than a path of this system can name."""
    folder = own_folder / "tree"
    folder.mkdir()
    (folder / "file").write_bytes(b"x")
    (folder / f"{PREFIX}0").mkdir()
    nested(folder, 3000, 0 if locked else 0o700)
    remove(folder)
    assert not folder.exists()


def nested(folder: Path, depth: int, mode: int) -> None:
    """A folder in a folder, and so on, with a file in each."""
    opened = [os.open(folder, os.O_RDONLY)]
    try:
        for _ in range(depth):
            os.mkdir("d", dir_fd=opened[-1])
            os.close(os.open("file", os.O_CREAT, dir_fd=opened[-1]))
            opened.append(os.open("d", os.O_RDONLY, dir_fd=opened[-1]))
            if len(opened) > 2:
                os.fchmod(opened[0], mode)
                os.close(opened.pop(0))
    finally:
        for descriptor in opened:
            os.close(descriptor)


def test_what_cannot_be_removed_is_left(own_folder):
    """What another process still writes to, or holds; there is no end to trying else."""
    folder = own_folder / "tree"
    folder.mkdir()
    (folder / "held").mkdir()
    (folder / "held" / "file").write_bytes(b"x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rmdir", fails)
        remove(folder)
    assert [path.name for path in folder.rglob("*")] == ["held"]
    remove(folder)
    assert not folder.exists()


def fails(*_: object) -> None:
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def test_removing_what_is_not_there_is_no_error(tmp_path):
    remove(tmp_path / "gone")


def test_scratch_is_in_ram_where_that_has_room(places):
    with scratch(2**20) as folder:
        assert folder.is_relative_to(places.ram)
    with scratch(2**50) as folder:
        assert folder.is_relative_to(places.disk)


def test_scratch_is_removed_after_an_error(places):
    with pytest.raises(FileNotFoundError), scratch(0) as folder:
        (folder / "file").rename(folder / "gone" / "file")
    assert places.left() == []


def test_the_janitor_sweeps_for_one_process_and_for_all(places):
    command = [sys.executable, "-IS", "-c", "import time; time.sleep(3600)"]
    with contextlib.ExitStack() as ended, contextlib.closing(Janitor()) as janitor:
        # The mark of 1 must not be taken for the beginning of that of 11.
        environments = {name: janitor.environment(name) for name in ("1", "11")}
        sleepers = {
            name: ended.enter_context(started(command, environment))
            for name, environment in environments.items()
        }
        for environment in environments.values():
            (Path(environment["TMPDIR"]) / "file").write_bytes(b"x")
        janitor.sweep("1")
        assert sleepers["1"].wait(PATIENCE_S) == -signal.SIGKILL
        assert not Path(environments["1"]["TMPDIR"]).exists()
        assert sleepers["11"].poll() is None
        assert Path(environments["11"]["TMPDIR"], "file").exists()
        janitor.close()
        assert sleepers["11"].wait(PATIENCE_S) == -signal.SIGKILL
