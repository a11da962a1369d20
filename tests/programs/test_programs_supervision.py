"""Programs are supervised by whatever the Python and the kernel offer, and nothing that was started
is left, whatever fails then."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rdbench import programs
from rdbench.errors import CodecError, OutOfTimeError
from rdbench.programs import Call, process, starting
from tests.processes import running, wait_for

STARTERS = ("this process", "the launcher")
LIMITS = 24
"""How many more files than are open may be opened: enough for a program to run, at last."""
SPAWNS = """
import os, sys
child = os.fork()
if not child:
    os.close(1)
    os.close(2)
    while True:
        os.read(os.pipe()[0], 1)
print(child, os.getpid(), flush=True)
if "wait" in sys.argv:
    os.wait()
"""


@pytest.fixture(params=STARTERS)
def starter(request) -> Iterator[str]:
    """Whether programs are started by this process, or by a launcher as in a worker."""
    assert not starting._launchers
    if request.param == "the launcher":
        programs.account_memory()
    yield request.param
    while starting._launchers:
        starting._launchers.pop()._end()


def lacking(number: int):
    def pidfd_open(pid: int, flags: int = 0) -> int:
        raise OSError(number, os.strerror(number))

    return pidfd_open


@pytest.fixture(params=["there", "absent", "ENOSYS", "EMFILE"])
def pidfd(request, monkeypatch) -> str:
    """What ``os.pidfd_open`` does: uv's and conda's builds of Python are without it, kernels before
    5.3 do not know it, and it may fail as whatever opens a file."""
    if request.param == "absent":
        monkeypatch.delattr(os, "pidfd_open")
    elif request.param != "there":
        monkeypatch.setattr(os, "pidfd_open", lacking(getattr(errno, request.param)))
    return request.param


def python(folder: Path, code: str, *arguments: str) -> Call:
    return Call([sys.executable, "-I", "-S", "-c", code, *arguments], folder)


def children() -> set[int]:
    """The processes of which this one is the parent, but for those that start others."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    own = {one._process.pid for one in starting._launchers if one._process}
    own |= {one._ready for one in starting._launchers if one._ready}
    return {int(pid) for pid in found} - own


def test_a_program_is_waited_for(starter, pidfd, tmp_path):
    before = children()
    printed = programs.run(python(tmp_path, "print('there'); raise SystemExit(3)"), exit_codes=(3,))
    assert printed.tail == "there\n"
    with pytest.raises(CodecError, match="left with exit code 3: there"):
        programs.run(python(tmp_path, "print('there'); raise SystemExit(3)"))
    assert children() == before


def test_what_it_leaves_is_ended_with_it(starter, pidfd, tmp_path):
    before = children()
    child, leader = map(int, programs.run(python(tmp_path, SPAWNS)).tail.split())
    wait_for(lambda: not running(child), "its child still runs")
    assert not running(leader)
    assert children() == before


def test_a_program_that_is_late_is_ended(starter, pidfd, tmp_path):
    before = children()
    with pytest.raises(OutOfTimeError, match="was not done in time") as caught:
        programs.run(python(tmp_path, SPAWNS, "wait"), deadline=time.monotonic() + 1)
    for pid in map(int, str(caught.value).rpartition(": ")[2].split()):
        wait_for(lambda pid=pid: not running(pid), "it still runs")
    assert children() == before


def test_a_file_descriptor_that_cannot_be_had_leaves_no_program(starter, tmp_path):
    """With room for none, one, two, ... more files: a row that says so, or the program's output;
    and never a program that goes on alone."""
    programs.prepare()
    before = children()
    outcomes = []
    for more in range(LIMITS):
        try:
            with room_for(more):
                outcomes.append(programs.run(python(tmp_path, "print(1)")).tail)
        except CodecError as error:
            outcomes.append(str(error))
        assert children() == before, outcomes[-1]
    assert outcomes[-1] == "1\n"
    assert any("Too many open files" in text for text in outcomes), outcomes


@contextlib.contextmanager
def room_for(more: int) -> Iterator[None]:
    """So many more files can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    filled: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                filled.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(more):
            os.close(filled.pop())
        yield
    finally:
        for descriptor in filled:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("function", ["_limit", "_watch", "_end_of"])
@pytest.mark.parametrize("error", [OSError(errno.EPERM, "no"), KeyboardInterrupt(), MemoryError()])
def test_whatever_fails_once_it_is_started_ends_it(starter, tmp_path, monkeypatch, function, error):
    """The system refuses a limit, the user interrupts, memory is out: at each place behind the
    start."""
    before = children()
    started: list[int] = []
    start = starting.start

    def noted(*arguments: object) -> starting.Started:
        started.append((found := start(*arguments)).pid)
        return found

    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(process, "start", noted)
    monkeypatch.setattr(process, function, fail)
    with pytest.raises((CodecError, KeyboardInterrupt, MemoryError)):
        programs.run(python(tmp_path, SPAWNS, "wait"))
    assert len(started) == 1
    assert not running(started[0])
    assert children() == before


def test_an_interrupt_while_a_program_is_started_ends_it(tmp_path, monkeypatch):
    """By the launcher: the program may run before its number is handed on."""
    programs.account_memory()
    (launcher,) = starting._launchers
    try:
        programs.run(python(tmp_path, ""))
        before = children()
        programs.prepare()
        ready = launcher._ready
        answer = starting._answer

        def interrupted(connection: object) -> int:
            answer(connection)
            raise KeyboardInterrupt

        monkeypatch.setattr(starting, "_answer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            programs.run(python(tmp_path, SPAWNS, "wait"))
        monkeypatch.undo()
        assert not running(ready)
        assert children() == before
        assert programs.run(python(tmp_path, "print('again')")).tail == "again\n"
    finally:
        starting._launchers.clear()
        launcher._end()


def test_a_launcher_that_was_killed_costs_one_program(tmp_path):
    programs.account_memory()
    (launcher,) = starting._launchers
    try:
        programs.run(python(tmp_path, ""))
        launcher._process.kill()
        launcher._process.wait()
        with contextlib.suppress(CodecError):
            programs.run(python(tmp_path, ""))
        assert programs.run(python(tmp_path, "print('again')")).tail == "again\n"
    finally:
        starting._launchers.clear()
        launcher._end()
