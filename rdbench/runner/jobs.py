"""Jobs of the pool, and their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Generic, Protocol, Self, TypeVar


class PoolJob(Protocol):
    """What a worker is given; plain data."""

    @property
    def group(self) -> Hashable:
        """Jobs of one group go to one worker while they can."""

    def limit_s(self, doing: tuple[str, ...]) -> float | None:
        """Limit on the wall time of the announced part, if it is lower than that of the pool's
        jobs."""

    def spared(self, doing: tuple[str, ...], reason: str) -> Self:
        """The job without a part that ended a worker."""


J = TypeVar("J", bound=PoolJob)


class Queue(Generic[J]):
    """Waiting jobs by group. A worker takes a job from its own group first, then from a group that
    no worker has begun, then from the largest one."""

    def __init__(self, jobs: Sequence[J]) -> None:
        self._waiting: dict[Hashable, deque[J]] = {}
        self._begun: set[Hashable] = set()
        for job in jobs:
            self._waiting.setdefault(job.group, deque()).append(job)
        self._count = len(jobs)

    def __len__(self) -> int:
        return self._count

    def take(self, group: Hashable) -> J | None:
        if group not in self._waiting:
            group = next((other for other in self._waiting if other not in self._begun), None)
        if group is None:
            group = max(self._waiting, key=lambda other: len(self._waiting[other]), default=None)
        if group is None:
            return None
        self._begun.add(group)
        jobs = self._waiting[group]
        job = jobs.popleft()
        self._count -= 1
        if not jobs:
            del self._waiting[group]
        return job

    def put_back(self, jobs: Sequence[J]) -> None:
        self._count += len(jobs)
        for job in reversed(jobs):
            self._waiting.setdefault(job.group, deque()).appendleft(job)
