"""The local pool: worker processes that may crash, hang or be killed without harm to the run.

A single thread hands out jobs and waits for answers, so there is nothing to lock. A job whose
worker dies or takes too long gets an answer that says so; the jobs waiting behind it go to other
workers. The pool does not depend on what a job is: runs measure with it, and conformance tests
codecs.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any, Final, Generic

from rdbench.errors import RdbenchError
from rdbench.programs import Allowance, Janitor, janitor, users_environment
from rdbench.runner.executor import Answer, Limits, require_workers
from rdbench.runner.jobs import J, Queue
from rdbench.runner.rows import Settings
from rdbench.runner.worker import command
from rdbench.runner.worker import environment as environment_of
from rdbench.schema import CRASHED, FAILED, TIMEOUT
from rdbench.workers import ending

START_TIMEOUT_S: Final = 120.0
GRACE_S: Final = 5.0  # for a worker to end a program that is late, and to say so
QUEUED: Final = 2  # one under way and one at hand, so that a worker never waits for the parent
TICK_S: Final = 0.5
MAX_FAILED_STARTS: Final = 3
LAST_WORDS: Final = 2000
MOST_ENDINGS: Final = 3
"""A part of a job that has ended so many workers is not tried again."""
_NUMBERS: Final = itertools.count(1)
"""Of the workers of this process."""


class _Worker(Generic[J]):
    """One worker process and the jobs that were sent to it, the first of them under way."""

    def __init__(self, janitor: Janitor, name: str, user: dict[bytes, bytes]) -> None:
        self.jobs: deque[J] = deque()
        self.group: Hashable = None
        self.doing: tuple[str, ...] = ()
        """The part of the first job that external code is doing, while it does."""
        self.begun = self.ready = False
        self.filled = ""
        """What it has written beyond what it may, in words, as of the last look."""
        self._ended: tuple[int, str] | None = None
        # What a codec leaves behind when it is killed goes with the worker.
        self._janitor = janitor
        self._name = name
        self._user = user
        environment = janitor.environment(name)
        self._allowed = Allowance.of_worker(janitor.places(name))
        self._looked_s = time.monotonic()
        self.output: IO[bytes] = (Path(environment["TMPDIR"]) / "output").open("w+b")
        ours, theirs = Pipe(duplex=True)
        self.connection: Connection = ours
        try:
            self.process = subprocess.Popen(
                command(theirs.fileno()),
                env=environment_of(user, environment),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=self.output,
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            self.output.close()
            janitor.sweep(name)
            raise
        finally:
            theirs.close()

    def begin(self, settings: Settings) -> None:
        self.begun = True
        self.deadline = time.monotonic() + START_TIMEOUT_S
        self._send((settings, self._user))

    def give(self, job: J) -> None:
        self.jobs.append(job)
        self.group = job.group
        self._send(job)

    def _send(self, message: tuple[Settings, dict[bytes, bytes]] | J) -> None:
        # A death is noticed where answers are waited for.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def excess(self) -> str:
        """What the worker and everything that it started have left in its folders beyond the limit,
        in words; they are checked every :data:`TICK_S`."""
        if not self.jobs or time.monotonic() - self._looked_s < TICK_S:
            return ""
        found = self._allowed.excess()
        self._looked_s = time.monotonic()
        return found

    def end(self, patience_s: float = 0.0) -> tuple[int, str]:
        """Kill the process, its group and everything that it started; return its exit status and
        the end of what it printed. A process that is already ending has ``patience_s`` to do so, so
        that its own status is known. It may be called again."""
        if self._ended is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            status = self.process.wait()
            self.connection.close()
            size = self.output.seek(0, os.SEEK_END)
            self.output.seek(max(0, size - LAST_WORDS))
            text = self.output.read().decode("utf-8", "replace").strip("\0 \n")
            self._ended = status, text
        self.output.close()
        self._janitor.sweep(self._name)
        return self._ended


class LocalPool:
    """Worker processes on this machine, an :class:`rdbench.runner.Executor`. Use it in a ``with``
    statement: leaving it ends them.

    They start when there is work, and never outnumber the jobs. Raises :class:`UsageError` if
    workers are impossible, as on Windows.
    """

    def __init__(self, limits: Limits) -> None:
        require_workers()
        self.limits = limits
        self._failed_starts = 0
        self._closed = False
        self._workers: list[_Worker[Any]] = []
        self._endings: dict[tuple[str, ...], list[str]] = {}
        """How workers ended, by what each did last."""
        self._user = users_environment()
        """The environment that workers begin with, and that programs get."""
        self._open = contextlib.ExitStack()
        self._janitor = self._open.enter_context(janitor())

    def folder(self) -> Path:
        """A new folder for files that jobs need. It is removed with the pool, or with this
        process."""
        name = f"files-{next(_NUMBERS)}"
        found = Path(self._janitor().environment(name)["TMPDIR"])
        self._open.callback(self._janitor().sweep, name)
        return found

    def run(self, jobs: Sequence[J], settings: Settings) -> Iterator[Answer[J]]:
        """Carry the jobs out, keeping each group with one worker as long as possible, and yield
        answers as they come. When all are done, more jobs can follow with the same settings. If a
        part of a job that the worker announced ends the worker or takes too long, the job is done
        again without it. After :data:`MOST_ENDINGS` such endings, the part is left out of all jobs.
        Raises :class:`RdbenchError` if workers cannot start.
        """
        while len(self._workers) < min(self.limits.jobs, len(jobs)):
            self._workers.append(self._start())
        for worker in self._workers:
            if not worker.begun:
                worker.begin(settings)
        queue = Queue(jobs)
        open_jobs = len(jobs)
        while open_jobs:
            if self._closed:  # by another thread
                raise RdbenchError("the pool was closed")
            for worker in self._workers:
                while worker.ready and len(worker.jobs) < self._fill(queue):
                    job = queue.take(worker.group)
                    if job is None:
                        break
                    worker.give(self._spared(job))
                    if len(worker.jobs) == 1:
                        self._begun(worker)
            for worker in self._answers():
                for answer in self._receive(worker, queue, settings):
                    open_jobs -= 1
                    yield answer

    def _fill(self, queue: Queue[J]) -> int:
        """How many jobs a worker may have: one if the others could do the rest."""
        return QUEUED if len(queue) >= len(self._workers) else 1

    def _spared(self, job: J) -> J:
        for doing, ends in self._endings.items():
            if len(ends) >= MOST_ENDINGS:
                told = f"no longer tried, as it ended {len(ends)} workers: {ends[-1]}"
                job = job.spared(doing, told)
        return job

    def _answers(self) -> list[_Worker[Any]]:
        """Workers that sent something, died, are over their time, or have filled the disk."""
        now = time.monotonic()
        busy = [worker for worker in self._workers if worker.jobs or not worker.ready]
        nearest = min((worker.deadline for worker in busy), default=now)
        # A worker's death shows as an end of file, unless something that it left behind holds
        # the pipe: hence the tick.
        ready = wait(
            [worker.connection for worker in self._workers],
            timeout=min(max(nearest - now, 0.0), TICK_S),
        )
        now = time.monotonic()
        for worker in self._workers:
            worker.filled = worker.excess()
        return [
            worker
            for worker in self._workers
            if worker.connection in ready
            or worker.process.poll() is not None
            or worker.filled
            or (now > worker.deadline and (worker.jobs or not worker.ready))
        ]

    def _receive(
        self, worker: _Worker[J], queue: Queue[J], settings: Settings
    ) -> Iterator[Answer[J]]:
        try:
            if worker.connection.poll():
                kind, value = worker.connection.recv()
                if kind == "ready":
                    worker.ready = True
                    self._failed_starts = 0
                elif kind == "doing":
                    worker.doing = value
                    self._begun(worker)
                else:
                    worker.doing = ()
                    done = worker.jobs.popleft()
                    self._begun(worker)
                    yield Answer(done, value)
                return
        except (EOFError, OSError):
            pass
        if self._closed:  # by another thread, which ends it
            raise RdbenchError("the pool was closed")
        there = worker.process.poll() is None
        late = there and time.monotonic() > worker.deadline
        filled = worker.filled if there and not late else ""
        self._workers.remove(worker)
        status, words = worker.end(0.0 if late or filled else GRACE_S)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts > MAX_FAILED_STARTS:
                raise RdbenchError(f"a worker cannot start ({ending(status, words)})")
        under_way = worker.jobs.popleft() if worker.jobs else None
        queue.put_back(worker.jobs)
        message = self._late(under_way, worker.doing) if late else ending(status, words)
        if filled:
            message = f"the worker, with what it started, {filled}, and was stopped"
        if under_way is not None and worker.doing:
            self._endings.setdefault(worker.doing, []).append(message)
            queue.put_back([under_way.spared(worker.doing, message)])
            under_way = None
        self._workers.append(self._start())
        self._workers[-1].begin(settings)
        if under_way is not None:
            kind = TIMEOUT if late else FAILED if filled else CRASHED
            yield Answer(under_way, status=kind, message=message)

    def _begun(self, worker: _Worker[J]) -> None:
        """The first of its jobs, or the next part of it, is under way."""
        if worker.jobs:
            limit_s = worker.jobs[0].limit_s(worker.doing) or self.limits.timeout_s
            worker.deadline = time.monotonic() + limit_s + GRACE_S

    def _late(self, job: J | None, doing: tuple[str, ...]) -> str:
        if job is not None and (limit_s := job.limit_s(doing)):
            return f"not done after {limit_s:.3g} s"
        return f"not done after {self.limits.timeout_s:g} s; raise the time limit if it needs more"

    def _start(self) -> _Worker[Any]:
        if self._closed:
            raise RdbenchError("the pool was closed")
        try:
            return _Worker(self._janitor(), str(next(_NUMBERS)), self._user)
        except OSError as error:
            raise RdbenchError(f"cannot start a worker: {error}") from error

    def close(self) -> None:
        """End all workers at once. It may be called again, even after an interrupted call."""
        self._closed = True
        with self._open:  # which ends whatever is left even then
            while self._workers:
                worker = self._workers[-1]
                worker.end()
                with contextlib.suppress(ValueError):  # by the thread that had it at work
                    self._workers.remove(worker)

    def __enter__(self) -> LocalPool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
