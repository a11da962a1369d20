"""External metrics are tried in a worker of the pool, which is ended if one hangs. The worker
announces each call."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Self

from rdbench.errors import RdbenchError
from rdbench.metrics import find
from rdbench.metrics.table import is_own
from rdbench.programs import supervised, swept
from rdbench.runner import Limits, LocalPool
from rdbench.runner.rows import Settings

Bounds = Callable[[str], AbstractContextManager[None]]
"""Bounds for a call of a metric, made of what the call is."""

_BENCH: Final = f"{__name__}:MetricBench"


@dataclass(frozen=True)
class TrialJob:
    """A metric that is to be tried: ``kind`` is ``gather`` or ``photograph``."""

    kind: str
    name: str
    ended: str = ""
    """What it did when it ended a worker, and how."""

    @property
    def group(self) -> str:
        return self.name

    def limit_s(self, doing: tuple[str, ...]) -> None:
        """Its time limit is that of all jobs."""

    def spared(self, doing: tuple[str, ...], reason: str) -> Self:
        """The job with nothing left to do but to say what happened."""
        return dataclasses.replace(self, ended=f"{doing[0]}: {reason}")


class MetricBench:
    """Tries metrics; see :class:`rdbench.runner.measure.Bench`."""

    def __init__(self, settings: Settings, notify: Callable[[tuple[str, ...]], None]) -> None:
        self._timeout_s = settings.timeout_s
        self._notify = notify

    def answer(self, job: TrialJob) -> dict[str, Any]:
        """What came of it, or ``error``."""
        if job.ended:
            return {"error": job.ended}
        try:
            return _tried(job.kind, job.name, self._bounded)
        except RdbenchError as error:
            return {"error": str(error)}

    @contextlib.contextmanager
    def _bounded(self, doing: str) -> Iterator[None]:
        self._notify((doing,))
        with supervised(time.monotonic() + self._timeout_s):
            yield


def answer(kind: str, name: str, timeout_s: float) -> dict[str, Any]:
    """The result of trying the metric ``name``: ``kind`` is ``gather`` or ``photograph``. Those
    that rdbench ships are tried in this process. Raises :class:`RdbenchError`, naming the call, if
    one takes longer than ``timeout_s`` or ends the process."""
    if is_own(find(name)):
        with swept():
            return _tried(kind, name, lambda _: contextlib.nullcontext())
    limits = Limits.of_machine(1, timeout_s)
    settings = Settings(
        (), shared=False, timeout_s=timeout_s, memory_mb=limits.memory_mb, bench=_BENCH
    )
    with LocalPool(limits) as pool:
        (found,) = pool.run([TrialJob(kind, name)], settings)
    told: dict[str, Any] = found.value or {"error": found.message}
    if "error" in told:
        raise RdbenchError(told["error"])
    return told


def _tried(kind: str, name: str, bounds: Bounds) -> dict[str, Any]:
    from rdbench.conforming import metric_doctor, metric_evidence

    tried = {"gather": metric_evidence.gather, "photograph": metric_doctor.score_photograph}
    return tried[kind](find(name), bounds)
