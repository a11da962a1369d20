"""Starting a program so that the kernel's account of it is its own. If a worker started a program
itself, the program would appear to have used the worker's memory: execve(2) replaces that memory,
but the maximum of getrusage(2) keeps it, whether the program was forked or not. In a worker
programs are therefore started by a process of their own, :mod:`rdbench.programs.launcher`, and
become the worker's children at once (PR_SET_CHILD_SUBREAPER, prctl(2)): their end, their processor
time and their memory are waited for as if the worker had started them. This needs Linux; elsewhere,
and outside of workers, memory is unknown.
"""

from __future__ import annotations

import contextlib
import ctypes
import marshal
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from rdbench import processes
from rdbench.errors import CodecError
from rdbench.programs import launcher

_SET_CHILD_SUBREAPER: Final = 36


@dataclass
class Started:
    """A program that runs, the leader of a process group of its own. Use it in a ``with``
    statement: leaving it, however that comes, kills what is left of the group and reaps it."""

    pid: int
    popen: subprocess.Popen[bytes] | None = None
    """What it was started with where it was not the launcher."""
    status: int | None = None
    """What it ended with, once it was reaped."""
    peak_rss_mb: float | None = None
    """Then its peak resident memory in MiB, or that of the largest process that it waited for,
    where the kernel tells it: no less than that of a new process of Python, some 6 MiB."""

    def ended(self) -> bool:
        """Whether it has ended; where that can be, its number stays its own until it is reaped."""
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return self.popen is not None and self.popen.poll() is not None
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        # The leader is not reaped yet, so its number cannot be another process's by now.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self.popen is not None:
            self.status = self.popen.wait()
            return
        _, status, usage = os.wait4(self.pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        self.peak_rss_mb = round(usage.ru_maxrss / 2**10, 1)


def start(
    arguments: Sequence[str], folder: Path, environment: Mapping[bytes, bytes], places: list[int]
) -> Started:
    """Start a program in ``folder``; ``places`` are the descriptors of its standard input, output
    and error. Raises :class:`OSError` where it cannot be, :class:`CodecError` where no process can.
    """
    if _launchers:
        return Started(_launchers[0].start(arguments, folder, environment, places))
    stdin, stdout, stderr = places
    popen = subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        process_group=0,
    )
    return Started(popen.pid, popen)


def account_memory() -> None:
    """Have the kernel tell of the memory of programs that this process starts from now on, where
    it can. For processes of rdbench's own: it starts another one."""
    if sys.platform == "linux" and not _launchers and _adopt(True):
        _adopt(False)
        _launchers.append(_Launcher())


def prepare() -> None:
    """Have all that is done for the next program beforehand done now, outside of what is timed."""
    for one in _launchers:
        with contextlib.suppress(OSError, EOFError):  # which the next start tells
            one.prepare()


def _adopt(adopting: bool) -> bool:
    """Have this process become the parent of those whose parent ends, among all that descend from
    it, or no longer; whether that can be."""
    prctl = ctypes.CDLL(None).prctl
    found: int = prctl(_SET_CHILD_SUBREAPER, ctypes.c_ulong(adopting), 0, 0, 0)
    return found == 0


@contextlib.contextmanager
def _adopting() -> Iterator[None]:
    """Adopt inside alone: what programs leave behind is not this process's to wait for."""
    _adopt(True)
    try:
        yield
    finally:
        _adopt(False)


class _Launcher:
    """The launcher of this process, which is started with the first program."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: int | None = None
        """The process that becomes the next program."""

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[bytes, bytes],
        places: list[int],
    ) -> int:
        """Start a program; its number."""
        request = ([*map(os.fsencode, arguments)], os.fsencode(folder), dict(environment))
        data = marshal.dumps(request)
        try:
            connection = self._socket or self._begin()
            self.prepare()
            assert self._ready is not None
            processes.take_in(self._ready)
            socket.send_fds(connection, [len(data).to_bytes(8, "little")], places)
            connection.sendall(data)
            number = _answer(connection)
            pid, self._ready = self._ready, None
        except (OSError, EOFError) as error:
            self._end()
            raise CodecError(
                f"{arguments[0]} cannot be run: no process can be started: {error}"
            ) from error
        except BaseException:  # an interrupt: it may run by now
            self._end()
            raise
        if number:
            os.waitpid(pid, 0)
            raise OSError(number, os.strerror(number))
        return pid

    def prepare(self) -> None:
        """Have a process ready for the next program, if any was started so far."""
        if self._socket and self._ready is None:
            try:
                with _adopting():
                    self._socket.sendall(b"\0")
                    self._ready = _answer(self._socket)
                    processes.leave_out(self._ready)
            except BaseException:  # the next start begins anew
                self._end()
                raise

    def _begin(self) -> socket.socket:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", launcher.__file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        processes.leave_out(self._process.pid)
        return self._socket

    def _end(self) -> None:
        if self._socket:
            self._socket.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        if self._ready:  # which may have become a program, with a group of its own
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    kill(self._ready, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._ready, 0)
        self._socket = self._process = self._ready = None


def _answer(connection: socket.socket) -> int:
    return int.from_bytes(launcher.received(connection, 8), "little")


_launchers: list[_Launcher] = []  # none or one
