"""Running one program to its end, whatever it does. It gets its own process group, which is killed
as a whole when the program ends, runs out of time, or is interrupted; a folder to work in; no
standard input except a file there; and a limit on the size of its files, each and in sum. Only the
beginning and the end of its output are kept. It inherits the memory limit of its parent.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import select
import shlex
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from rdbench.errors import CodecError, OutOfTimeError
from rdbench.host import memory_mb
from rdbench.programs.allowance import CHECK_EVERY_S, Allowance, no_room
from rdbench.programs.environment import environment_in
from rdbench.programs.janitor import swept
from rdbench.programs.scratch import scratch
from rdbench.programs.starting import Started, start
from rdbench.schema import one_line

KEPT_BYTES: Final = 16 * 1024
ANSWER_BYTES: Final = 1024 * 1024
HEAD_BYTES: Final = 1024
SHOWN_HEAD: Final = 100
SHOWN_TAIL: Final = 250
_TICK_S: Final = 0.01
_CHUNK: Final = 65536
_MOST_LEFT_OVER: Final = 16


@dataclass
class Usage:
    """What the programs that were started inside :func:`supervised` used."""

    peak_rss_mb: float | None = None
    """Peak resident memory in MiB of the largest of them, by the kernel's account; None where none
    was started, or it is not told (:mod:`rdbench.programs.starting`)."""
    started: int = 0
    """How many were."""


@dataclass(frozen=True)
class Printed:
    """What a program printed, standard output and error together."""

    head: str
    """The beginning, where the end is not all of it."""
    tail: str


@dataclass(frozen=True)
class Call:
    """How a program is called: its path and arguments, where, and with what."""

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beside those of its user."""
    stdin: str = ""
    """The file in ``folder`` that is its standard input; none: there is none."""
    stdout: str = ""
    """The file in ``folder`` that its standard output goes to; none: it is what was printed."""

    @property
    def line(self) -> str:
        """The call as a shell would take it, the variables before it."""
        words = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        words.append(shlex.join(self.arguments))
        words += [f"< {shlex.quote(self.stdin)}"] if self.stdin else []
        words += [f"> {shlex.quote(self.stdout)}"] if self.stdout else []
        return " ".join(words)


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    status: int
    """Exit code, or minus the signal."""
    printed: Printed
    timed_out: bool
    wall_s: float
    allowed: Allowance
    excess: str = ""
    """What it wrote beyond that, in words."""

    @property
    def words(self) -> str:
        """What comes behind the program's name in a message."""
        if self.timed_out:
            return "was not done in time and was stopped"
        if self.excess:
            return self.excess
        if self.status >= 0:
            return f"left with exit code {self.status}"
        number = -self.status
        if number == signal.SIGXFSZ:
            return f"wrote more than {self.allowed.words} and was stopped"
        if number == signal.SIGKILL:
            return "was killed (SIGKILL: out of memory, or by a user)"
        try:
            return f"died of {signal.Signals(number).name}"
        except ValueError:
            return f"died of signal {number}"


Watcher = Callable[[Call, Ended], None]


@dataclass
class _Supervision:
    deadline: float
    usage: Usage
    watcher: Watcher | None = None


_supervision: ContextVar[_Supervision | None] = ContextVar("supervision", default=None)


@contextlib.contextmanager
def supervised(deadline: float = math.inf, watcher: Watcher | None = None) -> Iterator[Usage]:
    """Programs started inside are ended at ``deadline`` (of :func:`time.monotonic`) with
    :class:`OutOfTimeError`, and what they use is noted. ``watcher`` is told of each one that ended,
    while its folder is as it left it, with the last 1 MiB of what it printed."""
    supervision = _Supervision(deadline, Usage(), watcher)
    token = _supervision.set(supervision)
    try:
        yield supervision.usage
    finally:
        _supervision.reset(token)


def deadline() -> float:
    """When the :func:`supervised` that is under way ends; infinity where none is."""
    supervision = _supervision.get()
    return supervision.deadline if supervision else math.inf


def extend(deadline: float) -> None:
    """Move the deadline of the :func:`supervised` that is under way to a later time."""
    if supervision := _supervision.get():
        supervision.deadline = max(deadline, supervision.deadline)


def run(call: Call, *, exit_codes: Collection[int] = (0,), deadline: float = math.inf) -> Printed:
    """Run a program until it ends; return what it printed.

    Raises :class:`CodecError` with what it printed where it cannot be started, leaves with an exit
    code that is not among ``exit_codes`` or dies by a signal, and :class:`OutOfTimeError` where it
    is ended by ``deadline`` (of :func:`time.monotonic`) or by that of :func:`supervised`.
    """
    outer = _supervision.get() or _Supervision(math.inf, Usage())
    watcher = outer.watcher
    supervision = _Supervision(min(deadline, outer.deadline), outer.usage)
    ended = _run(call, supervision, ANSWER_BYTES if watcher else KEPT_BYTES)
    if watcher:
        watcher(call, ended)
    if ended.status in exit_codes and not ended.timed_out and not ended.excess:
        return ended.printed
    kind = OutOfTimeError if ended.timed_out else CodecError
    words = f"{ended.words}{words_of(ended.printed)}{no_room(call.folder)}"
    raise kind(f"{Path(call.arguments[0]).name} {words}")


def output_of(arguments: Sequence[str], timeout_s: float, environment: Mapping[str, str]) -> str:
    """What a program prints, standard output and error together, at most the last 1 MiB; its
    exit code does not matter. Raises :class:`CodecError` where it cannot be started, dies by a
    signal, or is not done after ``timeout_s``. It may have as much memory as one worker."""
    with swept(), scratch(0) as folder:
        supervision = _Supervision(time.monotonic() + timeout_s, Usage())
        cap_mb = int(0.9 * memory_mb())
        ended = _run(Call(arguments, folder, environment), supervision, ANSWER_BYTES, cap_mb)
    if ended.timed_out:
        raise CodecError(f"it was not done after {timeout_s:g} s")
    if ended.status < 0 or ended.excess:
        raise CodecError(f"it {ended.words}")
    return ended.printed.tail


def _run(
    call: Call, supervision: _Supervision, kept_bytes: int, cap_mb: int | None = None
) -> Ended:
    allowed = Allowance.of_program(call.folder, supervision.deadline)
    started = time.monotonic()
    output = _Output(kept_bytes)
    usage = supervision.usage
    try:
        with contextlib.ExitStack() as stack:
            reader, writer = (stack.enter_context(end) for end in _pipe())
            stdin = _opened(stack, call.folder / call.stdin if call.stdin else None, "rb")
            places = [stdin, writer.fileno(), writer.fileno()]
            if call.stdout:
                places[1] = _opened(stack, call.folder / call.stdout, "wb")
            environment = environment_in(call.folder, call.environment)
            # A group of its own, so that all of it can be killed; the pool finds it by its mark.
            with start(call.arguments, call.folder, environment, places) as process:
                writer.close()
                usage.started += 1
                _limit(process.pid, allowed.most_bytes, cap_mb)
                timed_out, excess = _watch(
                    process, reader.fileno(), supervision.deadline, output, allowed
                )
            _drain(reader.fileno(), output)
    except OSError as error:
        raise CodecError(f"{call.arguments[0]} cannot be run: {_reason(error)}") from error
    if process.peak_rss_mb is not None:
        usage.peak_rss_mb = max(usage.peak_rss_mb or 0.0, process.peak_rss_mb)
    assert process.status is not None
    wall_s = time.monotonic() - started
    return Ended(process.status, output.printed, timed_out, wall_s, allowed, excess)


def _pipe() -> Iterator[BinaryIO]:
    """Both ends of a new pipe, of which the first is read without waiting."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield open(reader, "rb", 0)  # noqa: PTH123, SIM115 - closed by whoever asked
    yield open(writer, "wb", 0)  # noqa: PTH123, SIM115


def _opened(stack: contextlib.ExitStack, path: Path | None, mode: str) -> int:
    return stack.enter_context((path or Path(os.devnull)).open(mode)).fileno()


class _Output:
    """The beginning and the end of what is printed."""

    def __init__(self, kept_bytes: int) -> None:
        self._kept_bytes = kept_bytes
        self._size_bytes = 0
        self._head = self._tail = b""

    def add(self, data: bytes) -> None:
        self._size_bytes += len(data)
        self._head += data[: max(HEAD_BYTES - len(self._head), 0)]
        self._tail = (self._tail + data)[-self._kept_bytes :]

    @property
    def printed(self) -> Printed:
        whole = self._size_bytes <= self._kept_bytes
        return Printed("" if whole else _readable(self._head), _readable(self._tail))


def _limit(pid: int, file_limit: int, cap_mb: int | None) -> None:
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (file_limit, file_limit))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
            if cap_mb is not None:
                _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
                cap = cap_mb * 2**20
                if hard == resource.RLIM_INFINITY or cap < hard:
                    resource.prlimit(pid, resource.RLIMIT_DATA, (cap, cap))


def _watch(
    process: Started, reader: int, deadline: float, output: _Output, allowed: Allowance
) -> tuple[bool, str]:
    """Wait for the process and keep its output. Whether it was still there at the deadline, and
    what it has written beyond what it may."""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    looked_s = time.monotonic()
    with _end_of(process.pid) as end:
        if end is not None:
            poll.register(end, select.POLLIN)
        while (now_s := time.monotonic()) < deadline:
            if now_s - looked_s >= CHECK_EVERY_S:
                if excess := allowed.excess(deadline):
                    return False, excess
                looked_s = now_s = time.monotonic()
            wait_s = min(deadline - now_s, _TICK_S if end is None else CHECK_EVERY_S)
            ready = [descriptor for descriptor, _ in poll.poll(math.ceil(1000 * max(wait_s, 0.0)))]
            if reader in ready:
                data = os.read(reader, _CHUNK)
                output.add(data)
                if not data:
                    poll.unregister(reader)
            if process.ended() if end is None else end in ready:
                return False, allowed.excess()
        return True, ""


@contextlib.contextmanager
def _end_of(pid: int) -> Iterator[int | None]:
    """A file descriptor by which the end of a process is told (pidfd_open(2)). None where there is
    none, and its end is looked for now and then: not on Linux, in a Python that was built without
    it, on a kernel before 5.3, and where no more files can be opened."""
    descriptor = None
    if pidfd_open := getattr(os, "pidfd_open", None):
        with contextlib.suppress(OSError):
            descriptor = pidfd_open(pid)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _drain(reader: int, output: _Output) -> None:
    """Add what is still in the pipe; no end is waited for, since others may hold it open."""
    with contextlib.suppress(BlockingIOError):
        for _ in range(_MOST_LEFT_OVER):
            data = os.read(reader, _CHUNK)
            if not data:
                break
            output.add(data)


def _readable(output: bytes) -> str:
    """Output as text, without the escape sequences and control characters of a terminal."""
    text = output.decode("utf-8", "replace")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return "".join(c if c.isprintable() or c in "\n\t" else "\n" for c in text)


def words_of(printed: Printed) -> str:
    """The beginning and the end of what a program printed, as the end of a message."""
    words = one_line(printed.tail, ANSWER_BYTES)
    head = one_line(printed.head, ANSWER_BYTES)
    if not words + head:
        return "; it printed nothing"
    if not head and len(words) <= SHOWN_HEAD + SHOWN_TAIL:
        return f": {words}"
    return f": {(head or words)[:SHOWN_HEAD]} … {words[-SHOWN_TAIL:]}"


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    if text == "Exec format error":
        text += ", so it is built for another kind of machine, or is not a program"
    return text
