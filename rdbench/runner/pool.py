"""The local pool: worker processes that may crash, hang or be killed without harm to the run.

A single thread hands out tasks and waits for answers, so there is nothing to lock. A task whose
worker dies or takes too long gets its row; the tasks that were waiting behind it go elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Final

from rdbench.errors import RdbenchError, UsageError
from rdbench.experiment import Task
from rdbench.images import ImageRef
from rdbench.programs import Janitor
from rdbench.runner.rows import Answer, Settings
from rdbench.runner.worker import ENVIRONMENT
from rdbench.schema import CRASHED, TIMEOUT

DEFAULT_TIMEOUT_S: Final = 600.0
START_TIMEOUT_S: Final = 120.0
GRACE_S: Final = 2.0  # for a worker to end a program that is late, and to say so
QUEUED: Final = 2  # one under way and one at hand, so that a worker never waits for the parent
TICK_S: Final = 0.5
MAX_FAILED_STARTS: Final = 3
LAST_WORDS: Final = 2000


@dataclass(frozen=True)
class Limits:
    """How a run is carried out, which is no part of what is measured."""

    jobs: int
    """Worker processes, one thread each."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    """Wall time that one measurement may take, building the codec included."""
    memory_mb: int | None = None
    """Private memory in MiB that one worker may have; None for no limit."""

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise UsageError(f"--jobs is {self.jobs}; it must be at least 1")
        if not self.timeout_s > 0:
            raise UsageError(f"--timeout is {self.timeout_s:g}; it must be above 0 s")
        if self.memory_mb is not None and self.memory_mb <= 0:
            raise UsageError(f"--memory is {self.memory_mb} MiB; it must be above 0")

    @classmethod
    def of_machine(
        cls,
        jobs: int | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        memory_mb: int | None = None,
    ) -> Limits:
        """Limits of this machine: by default as many jobs as there are cores, and 90 % of the
        memory among them; a memory of 0 stands for no cap."""
        jobs = os.cpu_count() or 1 if jobs is None else jobs
        if memory_mb is None and jobs > 0:
            total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            memory_mb = int(0.9 * total / 2**20 / jobs)
        return cls(jobs, timeout_s, memory_mb or None)


class _Worker:
    """One worker process and the tasks that were sent to it, the first of them under way."""

    def __init__(self, janitor: Janitor, name: str) -> None:
        self.tasks: deque[Task] = deque()
        self.image: ImageRef | None = None
        self.ready = False
        # What a codec leaves behind when it is killed goes with the worker.
        self._janitor = janitor
        self._name = name
        environment = janitor.environment(name)
        self.output: IO[bytes] = (Path(environment["TMPDIR"]) / "output").open("w+b")
        ours, theirs = Pipe(duplex=True)
        self.connection: Connection = ours
        try:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "rdbench.runner.worker"),
                    *(str(theirs.fileno()), str(os.getpid())),
                ],
                env=_environment(environment),
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
        self.deadline = time.monotonic() + START_TIMEOUT_S
        self._send(settings)

    def give(self, task: Task, timeout_s: float) -> None:
        self.tasks.append(task)
        self.image = task.image
        if len(self.tasks) == 1:
            self.deadline = time.monotonic() + timeout_s
        self._send(task)

    def _send(self, message: Settings | Task) -> None:
        # A death is noticed where answers are waited for.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def end(self) -> tuple[int, str]:
        """Kill the process, all of its group and all that it started; return what it ended with
        and the end of what it printed, in one line."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        self.connection.close()
        with self.output as output:
            size = output.seek(0, os.SEEK_END)
            output.seek(max(0, size - LAST_WORDS))
            text = output.read().decode("utf-8", "replace").strip("\0 \n")
        self._janitor.sweep(self._name)
        return status, " ".join(text.split())[-300:]


class LocalPool:
    """Worker processes on this machine. Use it in a ``with`` statement: leaving it ends them.

    They start at once, so that their imports run beside whatever the parent still has to do.
    Raises :class:`RdbenchError` where no process can be started.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._failed_starts = 0
        self._workers: list[_Worker] = []
        self._started = 0
        self._janitor = _janitor()
        try:
            for _ in range(limits.jobs):
                self._workers.append(self._start())
        except BaseException:
            self.close()
            raise

    def run(
        self, tasks: Sequence[Task], settings: Settings
    ) -> Iterator[Answer | tuple[Task, str, str]]:
        """Carry the tasks out, in an order that keeps each image with one worker while it can;
        once for each pool.

        Yields answers as they come; for a task whose worker died or took too long, the task with a
        status and a message instead. Raises :class:`RdbenchError` if workers cannot start.
        """
        while len(self._workers) > len(tasks):
            self._workers.pop().end()
        for worker in self._workers:
            worker.begin(settings)
        queue = _Queue(tasks)
        open_tasks = len(tasks)
        while open_tasks:
            for worker in self._workers:
                while worker.ready and len(worker.tasks) < self._fill(queue):
                    task = queue.take(worker.image)
                    if task is None:
                        break
                    worker.give(task, self.limits.timeout_s + GRACE_S)
            for worker in self._answers():
                for answer in self._receive(worker, queue, settings):
                    open_tasks -= 1
                    yield answer

    def _fill(self, queue: _Queue) -> int:
        """How many tasks a worker may have: one where the others could do what is left."""
        return QUEUED if len(queue) >= len(self._workers) else 1

    def _answers(self) -> list[_Worker]:
        """Workers that sent something, died, or are over their time."""
        now = time.monotonic()
        busy = [worker for worker in self._workers if worker.tasks or not worker.ready]
        nearest = min((worker.deadline for worker in busy), default=now)
        # A worker's death shows as an end of file, unless something that it left behind holds
        # the pipe: hence the tick.
        ready = wait(
            [worker.connection for worker in self._workers],
            timeout=min(max(nearest - now, 0.0), TICK_S),
        )
        now = time.monotonic()
        return [
            worker
            for worker in self._workers
            if worker.connection in ready
            or worker.process.poll() is not None
            or (now > worker.deadline and (worker.tasks or not worker.ready))
        ]

    def _receive(
        self, worker: _Worker, queue: _Queue, settings: Settings
    ) -> Iterator[Answer | tuple[Task, str, str]]:
        try:
            if worker.connection.poll():
                answer: Answer = worker.connection.recv()
                if not worker.ready:
                    worker.ready = True
                    self._failed_starts = 0
                    return
                worker.tasks.popleft()
                worker.deadline = time.monotonic() + self.limits.timeout_s + GRACE_S
                yield answer
                return
        except (EOFError, OSError):
            pass
        late = worker.process.poll() is None and time.monotonic() > worker.deadline
        self._workers.remove(worker)
        status, words = worker.end()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts > MAX_FAILED_STARTS:
                raise RdbenchError(f"a worker cannot start ({_ending(status)}): {words}")
        under_way = worker.tasks.popleft() if worker.tasks else None
        queue.put_back(worker.tasks)
        self._workers.append(self._start())
        self._workers[-1].begin(settings)
        if under_way is None:
            return
        if late:
            limit = f"{self.limits.timeout_s:g} s"
            yield under_way, TIMEOUT, f"not done after {limit}; raise --timeout if it needs more"
        else:
            yield under_way, CRASHED, f"{_ending(status)}{': ' + words if words else ''}"

    def _start(self) -> _Worker:
        self._started += 1
        try:
            return _Worker(self._janitor, str(self._started))
        except OSError as error:
            raise RdbenchError(f"cannot start a worker: {error}") from error

    def close(self) -> None:
        """End all workers at once, whatever they do."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()
        self._janitor.close()

    def __enter__(self) -> LocalPool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Queue:
    """Tasks that wait, by image: a worker takes from its own image first, then from one that no
    worker has begun, then from the one with most left."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._waiting: dict[ImageRef, deque[Task]] = {}
        self._begun: set[ImageRef] = set()
        for task in tasks:
            self._waiting.setdefault(task.image, deque()).append(task)
        self._count = len(tasks)

    def __len__(self) -> int:
        return self._count

    def take(self, image: ImageRef | None) -> Task | None:
        if image not in self._waiting:
            image = next((ref for ref in self._waiting if ref not in self._begun), None)
        if image is None:
            image = max(self._waiting, key=lambda ref: len(self._waiting[ref]), default=None)
        if image is None:
            return None
        self._begun.add(image)
        tasks = self._waiting[image]
        task = tasks.popleft()
        self._count -= 1
        if not tasks:
            del self._waiting[image]
        return task

    def put_back(self, tasks: Sequence[Task]) -> None:
        self._count += len(tasks)
        for task in reversed(tasks):
            self._waiting.setdefault(task.image, deque()).appendleft(task)


def _janitor() -> Janitor:
    try:
        return Janitor()
    except OSError as error:
        raise RdbenchError(f"cannot make a temporary folder: {error}") from error


def _environment(own: dict[str, str]) -> dict[str, str]:
    """A worker's environment: this process's with :data:`ENVIRONMENT`, what is the worker's own,
    and this rdbench to be imported."""
    package = str(Path(__file__).parents[2])
    paths = [package, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **os.environ,
        **ENVIRONMENT,
        **own,
        "PYTHONPATH": os.pathsep.join(paths),
    }


def _ending(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"the process left with exit code {status}"
    name = signal.Signals(-status).name
    if name == "SIGKILL":
        return "the process was killed (SIGKILL: out of memory, or by someone)"
    return f"the process died of {name}"
