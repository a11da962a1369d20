"""Running one program to its end, whatever it does.

It gets a process group of its own, which is killed as a whole when it ends, runs out of time, or
is interrupted; no standard input; a folder to work in; a bound on the size of its files; and only
the end of what it prints is kept. The memory cap of the process that starts it is inherited.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rdbench.errors import CodecError, OutOfTimeError
from rdbench.programs.environment import environment_in
from rdbench.programs.scratch import room, scratch
from rdbench.schema import one_line

KEPT_BYTES: Final = 16 * 1024
ANSWER_BYTES: Final = 1024 * 1024
SHOWN_CHARACTERS: Final = 300
SMALLEST_FILE_LIMIT: Final = 16 * 2**20
_FIRST_SAMPLE_S: Final = 0.002
_LAST_SAMPLE_S: Final = 0.1
_CHUNK: Final = 65536
_MOST_LEFT_OVER: Final = 16
NOTHING_SET: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass
class Usage:
    """What the programs that were started inside :func:`supervised` used."""

    peak_rss_mb: float | None = None
    """Peak resident memory in MiB of the largest of them; None where none was started, or none
    ran for 2 ms."""


@dataclass
class _Supervision:
    deadline: float
    usage: Usage


_supervision: ContextVar[_Supervision | None] = ContextVar("supervision", default=None)


@contextlib.contextmanager
def supervised(deadline: float = math.inf) -> Iterator[Usage]:
    """Programs started inside are ended at ``deadline`` (of :func:`time.monotonic`) with
    :class:`OutOfTimeError`, and what they use is noted."""
    supervision = _Supervision(deadline, Usage())
    token = _supervision.set(supervision)
    try:
        yield supervision.usage
    finally:
        _supervision.reset(token)


def extend(deadline: float) -> None:
    """Move the deadline of the :func:`supervised` that is under way to a later time."""
    if supervision := _supervision.get():
        supervision.deadline = max(deadline, supervision.deadline)


def run(
    arguments: Sequence[str],
    folder: Path,
    exit_codes: Collection[int] = (0,),
    environment: Mapping[str, str] = NOTHING_SET,
) -> str:
    """Run the program ``arguments[0]`` (a path) in ``folder`` until it ends, ``environment`` added
    to its user's; return the end of what it printed, standard output and error together.

    Raises :class:`CodecError` with the end of what it printed where it cannot be started, leaves
    with an exit code that is not among ``exit_codes`` or dies by a signal, and
    :class:`OutOfTimeError` where it is ended by the deadline of :func:`supervised`.
    """
    supervision = _supervision.get() or _Supervision(math.inf, Usage())
    name = Path(arguments[0]).name
    ended = _run(arguments, folder, supervision, environment)
    if ended.timed_out:
        raise OutOfTimeError(f"{name} was not done in time and was ended{words_of(ended.output)}")
    if ended.status in exit_codes:
        return ended.output
    raise CodecError(f"{name} {_ending(ended)}{words_of(ended.output)}")


def output_of(
    arguments: Sequence[str], timeout_s: float, environment: Mapping[str, str] = NOTHING_SET
) -> str:
    """What a program prints, standard output and error together, at most the last 1 MiB; its
    exit code does not matter. Raises :class:`CodecError` where it cannot be started, dies by a
    signal, or is not done after ``timeout_s``."""
    with scratch(0) as folder:
        supervision = _Supervision(time.monotonic() + timeout_s, Usage())
        ended = _run(arguments, folder, supervision, environment, ANSWER_BYTES)
    if ended.timed_out:
        raise CodecError(f"it was not done after {timeout_s:g} s")
    if ended.status < 0:
        raise CodecError(f"it {_ending(ended)}")
    return ended.output


@dataclass(frozen=True)
class _Ended:
    status: int
    """Exit code, or minus the signal."""
    output: str
    timed_out: bool
    file_limit: int


def _run(
    arguments: Sequence[str],
    folder: Path,
    supervision: _Supervision,
    environment: Mapping[str, str],
    kept_bytes: int = KEPT_BYTES,
) -> _Ended:
    file_limit = max(SMALLEST_FILE_LIMIT, room(folder) // 4)
    reader, writer = os.pipe()
    try:
        try:
            # A group of its own, so that all of it can be killed; the pool finds it by its mark.
            process = subprocess.Popen(
                arguments,
                cwd=folder,
                env=environment_in(folder, environment),
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                process_group=0,
            )
        finally:
            os.close(writer)
        _limit(process.pid, file_limit)
        os.set_blocking(reader, False)
        status, output, timed_out = _watch(process, reader, supervision, kept_bytes)
    except OSError as error:
        raise CodecError(f"{arguments[0]} cannot be run: {_reason(error)}") from error
    finally:
        os.close(reader)
    return _Ended(status, _readable(output), timed_out, file_limit)


def _limit(pid: int, file_limit: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (file_limit, file_limit))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _watch(
    process: subprocess.Popen[bytes], reader: int, supervision: _Supervision, kept_bytes: int
) -> tuple[int, bytes, bool]:
    """Wait for the process, keep the end of its output, and kill what is left of its group."""
    pid = process.pid
    output = b""
    peak_kib = 0
    timed_out = False
    # Where there is no file descriptor for a process, its end is looked for at each sample.
    watch = os.pidfd_open(pid) if sys.platform == "linux" else None
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    if watch is not None:
        poll.register(watch, select.POLLIN)
    pause = _FIRST_SAMPLE_S
    sampled = time.monotonic()
    try:
        while True:
            now = time.monotonic()
            if now >= supervision.deadline:
                timed_out = True
                break
            if now - sampled >= pause:
                peak_kib = max(peak_kib, _high_water_kib(pid))
                sampled, pause = now, min(2 * pause, _LAST_SAMPLE_S)
            wait_s = min(supervision.deadline - now, sampled + pause - now)
            ready = [descriptor for descriptor, _ in poll.poll(math.ceil(1000 * wait_s))]
            if reader in ready:
                data = os.read(reader, _CHUNK)
                output = (output + data)[-kept_bytes:]
                if not data:
                    poll.unregister(reader)
            if watch in ready or (watch is None and process.poll() is not None):
                break
    finally:
        # The leader is not waited for yet, so its number cannot be another process's by now.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        if watch is not None:
            os.close(watch)
        own_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        usage = _reaped(process)
    # The kernel's figure begins with the memory of the process that the program was started from
    # (execve(2) replaces it, getrusage(2) remembers it), so it tells only of larger programs.
    if usage is not None and usage.ru_maxrss > own_kib:
        peak_kib = max(peak_kib, usage.ru_maxrss)
    if peak_kib:
        mib = round(peak_kib / (2**20 if sys.platform == "darwin" else 2**10), 1)
        supervision.usage.peak_rss_mb = max(supervision.usage.peak_rss_mb or 0.0, mib)
    return process.returncode, _drained(reader, output, kept_bytes), timed_out


def _reaped(process: subprocess.Popen[bytes]) -> resource.struct_rusage | None:
    if process.returncode is not None:
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _high_water_kib(pid: int) -> int:
    """Peak resident memory of a running process so far, in KiB (proc(5), VmHWM); 0 if untold."""
    with contextlib.suppress(OSError, ValueError):
        status = Path(f"/proc/{pid}/status").read_bytes()
        place = status.find(b"VmHWM:")
        if place >= 0:
            return int(status[place + 6 :].split(None, 1)[0])
    return 0


def _drained(reader: int, output: bytes, kept_bytes: int) -> bytes:
    """What is still in the pipe; no end is waited for, since others may hold it open."""
    with contextlib.suppress(BlockingIOError):
        for _ in range(_MOST_LEFT_OVER):
            data = os.read(reader, _CHUNK)
            if not data:
                break
            output = (output + data)[-kept_bytes:]
    return output


def _readable(output: bytes) -> str:
    """Output as text, without the escape sequences and control characters of a terminal."""
    text = output.decode("utf-8", "replace")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return "".join(c if c.isprintable() or c in "\n\t" else "\n" for c in text)


def words_of(output: str) -> str:
    """The end of what a program printed, as the end of a message."""
    words = one_line(output, KEPT_BYTES)
    if not words:
        return "; it printed nothing"
    return f": {'…' if len(words) > SHOWN_CHARACTERS else ''}{words[-SHOWN_CHARACTERS:]}"


def _ending(ended: _Ended) -> str:
    if ended.status >= 0:
        return f"left with exit code {ended.status}"
    number = -ended.status
    if number == signal.SIGXFSZ:
        limit = ended.file_limit // 2**20
        return f"wrote more than a quarter of the room that there is ({limit} MiB) and was ended"
    if number == signal.SIGKILL:
        return "was killed (SIGKILL: out of memory, or by someone)"
    try:
        return f"died of {signal.Signals(number).name}"
    except ValueError:
        return f"died of signal {number}"


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    if text == "Exec format error":
        text += ", so it is built for another kind of machine, or is no program"
    return text
