"""Executors: what carries jobs out, on this machine or elsewhere."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, Self

from rdbench import host
from rdbench.errors import UsageError
from rdbench.runner.jobs import J
from rdbench.schema import OK

if TYPE_CHECKING:
    from rdbench.runner.rows import Settings

DEFAULT_TIMEOUT_S: Final = 600.0
MOST_JOBS: Final = 4096
MOST_TIMEOUT_S: Final = 1e7
"""Some four months."""
MOST_MEMORY_MB: Final = 1 << 30
"""A pebibyte: as a number of bytes it is one to the kernel still."""


@dataclass(frozen=True)
class Answer(Generic[J]):
    """The answer to a job: what the worker sent, or how the worker ended."""

    job: J
    value: Any = None
    status: str = OK
    message: str = ""


@dataclass(frozen=True)
class Limits:
    """Limits of a run, which do not change what is measured."""

    jobs: int
    """Worker processes, one thread each."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    """Limit on the wall time of one measurement, including building the codec."""
    memory_mb: int | None = None
    """Limit on the private memory of one worker in MiB; None for no limit."""
    elsewhere: bool = False
    """Whether workers are on machines of which nothing is known, and may come and go."""

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise UsageError(f"`jobs` is {self.jobs}; it must be at least 1")
        check_timeout(self.timeout_s)
        if self.memory_mb is not None and not 1 <= self.memory_mb <= MOST_MEMORY_MB:
            raise UsageError(
                f"`memory_mb` is {self.memory_mb} MiB; it must be 1 to {MOST_MEMORY_MB}, or 0 "
                "for no limit"
            )

    def share(self, tasks: int) -> bool:
        """Whether ``tasks`` may run beside each other or beside unknown work, so that their times
        are not those of isolated tasks."""
        return self.elsewhere or min(self.jobs, tasks) > 1

    @classmethod
    def of_machine(
        cls,
        jobs: int | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        memory_mb: int | None = None,
    ) -> Limits:
        """Limits of this machine: by default one job for each core that this process may use
        (:func:`rdbench.host.cores`), which share 90 % of its memory
        (:func:`rdbench.host.memory_mb`). A memory of 0 means no limit. Raises :class:`UsageError`
        as the pool does."""
        require_workers()
        jobs = host.cores() if jobs is None else jobs
        if jobs > MOST_JOBS:
            raise UsageError(f"`jobs` is {jobs}; it must be at most {MOST_JOBS} on one machine")
        if memory_mb is None:
            memory_mb = max(1, int(0.9 * host.memory_mb() / max(jobs, 1)))
        return cls(jobs, timeout_s, memory_mb or None)


def check_timeout(timeout_s: float) -> None:
    """Raise :class:`UsageError` for an invalid time limit."""
    if not 0 < timeout_s <= MOST_TIMEOUT_S:  # so is NaN
        raise UsageError(
            f"`timeout_s` is {timeout_s:g}; it must be above 0 and at most {MOST_TIMEOUT_S:,.0f} s"
        )


def require_workers() -> None:
    """Raise :class:`UsageError` if workers are impossible, as on Windows."""
    if not hasattr(os, "killpg"):
        raise UsageError(
            f"nothing can be measured on {platform.system()}: workers need process groups, as on "
            "Linux and macOS; measure in WSL, and use `bd`, `plot`, `check` and `import` here "
            "for runs measured elsewhere"
        )


class Executor(Protocol):
    """Carries jobs out. Use it in a ``with`` statement: leaving it closes it."""

    @property
    def limits(self) -> Limits:
        """What workers may use."""

    def run(self, jobs: Sequence[J], settings: Settings) -> Iterator[Answer[J]]:
        """Carry the jobs out, and yield an answer for each of them as they finish, in any order.
        When all are done, more jobs can follow with the same settings. A job that ends its worker
        costs no other job; its answer says how the worker ended. Raises
        :class:`rdbench.RdbenchError` if there are no workers.
        """

    def close(self) -> None:
        """Stop the jobs under way, and whatever was started for them. It may be called twice."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...
