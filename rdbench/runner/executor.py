"""What carries jobs out, whatever and wherever it is."""

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
    """What came of a job: what the worker sent, or how the worker ended."""

    job: J
    value: Any = None
    status: str = OK
    message: str = ""


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
            raise UsageError(f"`jobs` is {self.jobs}; it must be at least 1")
        check_timeout(self.timeout_s)
        if self.memory_mb is not None and not 1 <= self.memory_mb <= MOST_MEMORY_MB:
            raise UsageError(
                f"`memory_mb` is {self.memory_mb} MiB; it must be 1 to {MOST_MEMORY_MB}, or 0 for "
                "no cap"
            )

    @classmethod
    def of_machine(
        cls,
        jobs: int | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        memory_mb: int | None = None,
    ) -> Limits:
        """Limits of this machine: by default as many jobs as there are cores that this process may
        use (:func:`rdbench.host.cores`), and 90 % of the memory that it may have
        (:func:`rdbench.host.memory_mb`) among them; a memory of 0 stands for no cap. Raises
        :class:`UsageError` as the pool does."""
        require_workers()
        jobs = host.cores() if jobs is None else jobs
        if jobs > MOST_JOBS:
            raise UsageError(f"`jobs` is {jobs}; it must be at most {MOST_JOBS} on one machine")
        if memory_mb is None:
            memory_mb = max(1, int(0.9 * host.memory_mb() / max(jobs, 1)))
        return cls(jobs, timeout_s, memory_mb or None)


def check_timeout(timeout_s: float) -> None:
    """Raise :class:`UsageError` for a time limit that is none."""
    if not 0 < timeout_s <= MOST_TIMEOUT_S:  # so is NaN
        raise UsageError(
            f"`timeout_s` is {timeout_s:g}; it must be above 0 and at most {MOST_TIMEOUT_S:,.0f} s"
        )


def require_workers() -> None:
    """Raise :class:`UsageError` where there can be no workers, as on Windows."""
    if not hasattr(os, "killpg"):
        raise UsageError(
            f"nothing can be measured on {platform.system()}: workers need process groups, as Linux"
            " and macOS have; use WSL there, and `bd`, `plot`, `check` and `import` here for runs "
            "that are brought along"
        )


class Executor(Protocol):
    """Carries jobs out. Use it in a ``with`` statement: leaving it closes it."""

    @property
    def limits(self) -> Limits:
        """What workers may use."""

    def run(self, jobs: Sequence[J], settings: Settings) -> Iterator[Answer[J]]:
        """Carry the jobs out, and yield an answer for each as they come, in any order. More of them
        can follow when all are done, with the same settings.

        Whatever a job does to its worker costs that job and no other: it is answered by how the
        worker ended. Raises :class:`rdbench.RdbenchError` where there are no workers.
        """

    def close(self) -> None:
        """End what is under way, and whatever was started for it. It may be called twice."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...
