"""Workers on other machines, through Dask: ``--scheduler tcp://host:8786``, or ``local``.

Dask carries jobs and rows; what measures is a local pool on each of its workers
(:mod:`rdbench.runner.cluster.station`), so a codec that crashes, hangs or takes too much memory
costs only its row, as on this machine. This side submits jobs as the local pool does, image by
image, and keeps each worker a little ahead. Jobs of a lost worker go to another one.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import statistics
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from rdbench.errors import MissingBackendError, RdbenchError, UsageError
from rdbench.runner import kept
from rdbench.runner.cluster import station
from rdbench.runner.cluster.remote import TICK_S, Remote, probe, result
from rdbench.runner.cluster.sending import Brief, Curve, curve_of, file_name, kept_files, sent
from rdbench.runner.executor import DEFAULT_TIMEOUT_S, Answer, Limits
from rdbench.runner.jobs import J, Queue
from rdbench.runner.rows import Job, Settings
from rdbench.schema import CRASHED, FAILED, one_line

if TYPE_CHECKING:
    from distributed import Client, Future

    from rdbench.runner.cluster.connection import LocalWorkers

LOCAL: Final = "local"
PATIENCE_S: Final = 8.0
"""For a scheduler that was lost to come back."""
NO_WORKER_S: Final = 5.0
"""Without a worker that may do anything, before those that may not are told of."""
BATCH_S: Final = 0.5
"""What a batch of jobs should take, so that Dask's part of it is small."""
MOST_IN_BATCH: Final = 32
QUEUED: Final = 2
"""Batches that a thread may have, the one under way among them."""
MOST_LOST: Final = 5
"""Workers that may be lost with a job before it is taken for the cause; after the first of them it
is done alone."""


class DaskExecutor:
    """Workers of a Dask cluster, an :class:`rdbench.runner.Executor`. Use it in a ``with``
    statement.

    ``scheduler`` is the address of one, or ``local`` for a cluster on this machine. Images are sent
    to each worker once, unless workers read them themselves (``shared_data``). Raises
    :class:`UsageError` if there is no scheduler, and :class:`MissingBackendError` without Dask.
    """

    def __init__(
        self,
        scheduler: str,
        *,
        jobs: int | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        memory_mb: int | None = None,
        shared_data: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        try:
            from rdbench.runner.cluster.connection import LocalWorkers, connected
        except ImportError as error:
            raise MissingBackendError(
                "`scheduler` needs Dask: pip install 'rdbench[distributed]'"
            ) from error
        # What goes wrong is told here, once; Dask gives some of its loggers a level of their own.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._shared_data, self._say = shared_data, say
        self._cluster: LocalWorkers | None = None
        self._token = uuid.uuid4().hex
        self._remotes: dict[str, Remote] = {}
        self._events: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._lost: Counter[int] = Counter()
        self._given_up: list[Answer[Any]] = []
        self._took_s: deque[float] = deque(maxlen=200)
        self._brief: Brief | None = None
        self._told: set[str] = set()
        self._address = scheduler
        if scheduler == LOCAL:
            bound = Limits.of_machine(jobs, timeout_s, memory_mb)
            self._cluster = LocalWorkers(bound.jobs)
            self._address, memory_mb = self._cluster.address, bound.memory_mb
        elif jobs is not None:
            raise UsageError(
                "with `scheduler`, the cluster sets the number of workers; leave out `jobs`"
            )
        try:
            self._client = connected(self._address)
            threads = sum(worker["nthreads"] for worker in self._workers().values())
        except BaseException:
            self.close()
            raise
        self.limits = Limits(
            max(threads, 1), timeout_s, memory_mb or None, elsewhere=self._cluster is None
        )

    def _workers(self) -> dict[str, Any]:
        """The current workers, by address. Raises :class:`OSError` and others if the scheduler is
        lost."""
        if self._client.status != "running":
            raise OSError("the connection is closed")
        found: dict[str, Any] = self._client.scheduler_info()["workers"]
        return found

    def run(self, jobs: Sequence[J], settings: Settings) -> Iterator[Answer[Any]]:
        """Carry the jobs out (:class:`rdbench.runner.Executor`), which must be measurements. Raises
        :class:`UsageError` if no worker can be used, and :class:`RdbenchError` if the scheduler is
        lost; everything measured until then has been yielded.
        """
        if not jobs:
            return
        tasks: list[Job] = [job for job in jobs if isinstance(job, Job)]
        if len(tasks) < len(jobs):
            raise TypeError("Dask workers can only measure")
        self._out = settings.out
        self._brief = Brief.of(self._token, tasks, settings, shared=self._shared_data)
        waiting, held = Queue(tasks), dict[Curve, deque[Job]]()
        open_jobs, looked_s, alone_s = len(jobs), 0.0, time.monotonic()
        while open_jobs:
            if (now := time.monotonic()) - looked_s > TICK_S:
                self._look(waiting)
                looked_s = now
            for remote in [one for one in self._remotes.values() if one.ready]:
                self._give(remote, waiting, held)
            if any(one.ready or one.asked for one in self._remotes.values()):
                alone_s = now
            elif now - alone_s > NO_WORKER_S:
                self._alone()
            answers = [*self._landed(waiting), *self._without(waiting, held), *self._given_up]
            self._given_up.clear()
            open_jobs -= len(answers)
            yield from answers

    def _look(self, waiting: Queue[Job]) -> None:
        """Find new workers, and take back the jobs of those that have gone."""
        try:
            there = self._workers()
        except Exception:  # Dask has many for a connection that is lost
            self._reconnect(waiting)
            return
        for address in self._remotes.keys() - there.keys():
            self._lose(self._remotes[address], waiting)
        for address, told in there.items():
            if address not in self._remotes:
                name = f"{told.get('name', address)} ({address})"
                remote = self._remotes[address] = Remote(address, name, told["nthreads"])
                remote.asked = self._submit(remote, probe())

    def _lose(self, remote: Remote, waiting: Queue[Job]) -> None:
        """Forget a worker, and give its jobs to others."""
        del self._remotes[remote.address]
        for batch in remote.flying.values():
            self._again(batch, waiting, "ended")

    def _again(self, batch: Sequence[Job], waiting: Queue[Job], error: str) -> None:
        """Queue lost jobs again, unless they are the cause."""
        for job in reversed(batch):
            self._lost[job.task.index] += 1
            if self._lost[job.task.index] < MOST_LOST:
                waiting.put_back([job])
            else:
                told = f"{MOST_LOST} workers were lost while they measured it: {error}"
                self._given_up.append(Answer(job, status=CRASHED, message=told))

    def _reconnect(self, waiting: Queue[Job]) -> None:
        """Connect to the scheduler again, whose workers then start anew."""
        from rdbench.runner.cluster.connection import CONNECT_S, connected

        for remote in self._remotes.values():
            for batch in remote.flying.values():
                waiting.put_back(batch)
        self._remotes.clear()
        until = time.monotonic() + PATIENCE_S - CONNECT_S
        while True:
            with contextlib.suppress(Exception):
                self._client.close(timeout=1)
            try:
                self._client = connected(self._address)
            except UsageError:
                if time.monotonic() > until:
                    raise RdbenchError(
                        f"the Dask scheduler at {self._address!r} is gone; measured rows are "
                        "kept, and the same command continues from there"
                    ) from None
                time.sleep(TICK_S)
            else:
                return

    def _submit(self, remote: Remote, function: Callable[..., Any], *arguments: Any) -> Future:
        future = self._client.submit(
            function, *arguments, workers=[remote.address], pure=False, retries=0
        )
        future.add_done_callback(self._events.put)
        return future

    def _give(self, remote: Remote, waiting: Queue[Job], held: dict[Curve, deque[Job]]) -> None:
        """Send a worker as many jobs as it should have. A job that was lost with a worker is sent
        alone."""
        while len(remote.flying) < QUEUED * remote.threads:
            if any(self._lost[job.task.index] for batch in remote.flying.values() for job in batch):
                return
            batch = self._batch(remote, waiting, held)
            if not batch:
                return
            if remote.flying and self._lost[batch[0].task.index]:
                waiting.put_back(batch)
                return
            try:
                self._send(remote, batch)
            except Exception:  # the worker is lost, or the scheduler, which is looked for next
                waiting.put_back(batch)
                self._lose(remote, waiting)
                return

    def _batch(
        self, remote: Remote, waiting: Queue[Job], held: dict[Curve, deque[Job]]
    ) -> list[Job]:
        """Jobs of one image that the worker may do."""
        per_job_s = statistics.fmean(self._took_s) if self._took_s else BATCH_S
        threads = sum(one.threads for one in self._remotes.values() if one.ready)
        share = -(-len(waiting) // (2 * QUEUED * threads))
        most = max(1, min(int(BATCH_S / max(per_job_s, 1e-4)), MOST_IN_BATCH, share))
        batch: list[Job] = []
        while len(batch) < most:
            job = self._next(remote, waiting, held)
            if job is None:
                break
            if batch and (job.group != batch[0].group or self._lost[job.task.index]):
                waiting.put_back([job])
                break
            remote.group = job.group
            batch.append(job)
            if self._lost[job.task.index]:
                break
        return batch

    @staticmethod
    def _next(remote: Remote, waiting: Queue[Job], held: dict[Curve, deque[Job]]) -> Job | None:
        for curve, jobs in held.items():
            if jobs and curve not in remote.refused:
                return jobs.popleft()
        while (job := waiting.take(remote.group)) is not None:
            if curve_of(job) not in remote.refused:
                return job
            held.setdefault(curve_of(job), deque()).append(job)
        return None

    def _send(self, remote: Remote, batch: list[Job]) -> None:
        assert self._brief
        jobs = [sent(job, self._brief.plans[curve_of(job)]) for job in batch]
        kept: dict[str, bytes] = {}
        for job in batch:
            kept |= kept_files(job, self._out)
        images = {} if self._shared_data else self._images(remote, jobs)
        future = self._submit(remote, station.answer, self._token, jobs, images, kept)
        remote.flying[future] = batch

    def _images(self, remote: Remote, jobs: Sequence[Job]) -> dict[str, Future]:
        """The image files that the worker may lack, by the names that they get there."""
        found = {}
        for path in dict.fromkeys(job.task.image.path for job in jobs):
            name = file_name(path)
            if name not in remote.images and path.is_file():
                remote.images[name] = self._client.scatter(
                    path.read_bytes(), workers=[remote.address], hash=False
                )
            if (image := remote.images.get(name)) is not None:
                found[name] = image
        return found

    def _landed(self, waiting: Queue[Job]) -> Iterator[Answer[Any]]:
        """Answers that have come, after waiting for them a while."""
        try:
            futures = [self._events.get(timeout=TICK_S)]
        except queue.Empty:
            return
        with contextlib.suppress(queue.Empty):
            while True:
                futures.append(self._events.get_nowait())
        for future in futures:
            for remote in list(self._remotes.values()):
                if remote.asked is future:
                    remote.asked = None
                    for line in remote.heard(future):
                        self._tell(line)
                    if remote.ready or remote.reason:
                        continue
                    if remote.fits:
                        remote.asked = self._submit(remote, station.prepare, self._brief)
                    else:  # its answer is lost, perhaps with it
                        self._lose(remote, waiting)
                elif future in remote.flying:
                    yield from self._answers(remote, future, waiting)

    def _tell(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._say(line)

    def _answers(
        self, remote: Remote, future: Future, waiting: Queue[Job]
    ) -> Iterator[Answer[Any]]:
        found = result(future)
        error = future.exception() if future.status == "error" else None
        if found is None and (error is None or isinstance(error, station.ForgottenError)):
            # What it had is lost with it or with Dask, or it must be told of the run again.
            self._lose(remote, waiting)
            return
        batch = remote.flying.pop(future)
        if found is None:
            self._again(batch, waiting, one_line(str(error), 200))
            return
        results, took_s = found
        self._took_s.append(took_s / len(batch))
        for job in batch:
            name = file_name(job.task.image.path.absolute())
            if name in remote.images:
                remote.images[name] = None
        for job, measured in zip(batch, results, strict=True):
            for place, data in measured.files.items():
                kept.write(kept.inside(self._out, place), data)
            yield Answer(job, measured.value, measured.status, measured.message)

    def _without(self, waiting: Queue[Job], held: dict[Curve, deque[Job]]) -> Iterator[Answer[Any]]:
        """Jobs that no worker may do, once there is nothing else to wait for."""
        if len(waiting) or any(one.flying or one.asked for one in self._remotes.values()):
            return
        ready = [one for one in self._remotes.values() if one.ready]
        for curve, jobs in held.items():
            reasons = [one.refused[curve] for one in ready if curve in one.refused]
            if ready and len(reasons) == len(ready):
                while jobs:
                    yield Answer(
                        jobs.popleft(), status=FAILED, message=f"no worker has it: {reasons[0]}"
                    )

    def _alone(self) -> None:
        """Say that no worker can do anything yet, or raise if all of them are unusable."""
        reasons = [f"{one.name}: {one.reason}" for one in self._remotes.values() if one.reason]
        if reasons:
            raise UsageError(
                f"none of the workers of {self._address!r} can be used: {'; '.join(reasons[:3])}"
            )
        self._tell(f"waiting for workers of {self._address}")

    def close(self) -> None:
        """Stop the jobs under way, and what was started for them on the workers."""
        client = getattr(self, "_client", None)
        if client is not None:
            # Beside this, since a worker that does not answer is waited for, for minutes.
            releasing = threading.Thread(target=self._release, args=[client], daemon=True)
            releasing.start()
            releasing.join(PATIENCE_S)
            with contextlib.suppress(Exception):
                client.close(timeout=2)
        self._remotes.clear()
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def _release(self, client: Client) -> None:
        with contextlib.suppress(Exception):
            client.cancel([f for one in self._remotes.values() for f in one.flying], force=True)
            client.run(station.release, self._token, on_error="ignore", wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
