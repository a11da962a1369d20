"""The codec under test, and the processes in which it is tested."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from rdbench import programs
from rdbench.codecs import registry
from rdbench.conforming import bench
from rdbench.conforming.bench import DamagedJob, Decoded, DecodeJob, Encoded, EncodeJob, Failure
from rdbench.runner import Limits, LocalPool
from rdbench.runner.rows import Settings
from rdbench.schema import OK

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Progress = Callable[[int, int], None]
"""Called with how many of the jobs are done and about how many there are."""
LEAST_LIMIT_S: Final = 5.0
"""The shortest time limit of a decoder for a damaged stream."""
SMALL: Final = 64 * 64
"""Pixels of a picture that is small to a codec."""


def _kind(shape: tuple[int, ...]) -> str:
    """A codec that crashes on small pictures may still code photographs."""
    return "small" if math.prod(shape[:2]) < SMALL else "large"


def _silent(done: int, total: int) -> None:
    """No progress is shown."""


class Subject:
    """The codec under test, in two processes: one encodes, the other decodes. Use it in a
    ``with`` statement."""

    def __init__(
        self,
        target: str,
        options: Mapping[str, Any],
        timeout_s: float,
        progress: Progress | None = None,
    ) -> None:
        self._target, self._options = target, options
        self._progress = progress or _silent
        self._limits = Limits.of_machine(1, timeout_s)
        self._settings = Settings(
            (),
            shared=False,
            timeout_s=timeout_s,
            memory_mb=self._limits.memory_mb,
            programs=programs.found(),
            classes=registry.portable([target]),
            bench=f"{bench.__name__}:Bench",
        )
        self._done = self._total = self._files = 0
        self._slowest_s = 0.0
        """The longest time that an intact stream took to decode."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._encoder, self._decoder = (
                stack.enter_context(LocalPool(self._limits)) for _ in range(2)
            )
            self._folder = self._encoder.folder()
            self._open = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def expect(self, total: int) -> None:
        """Set the number of jobs that there will be in all."""
        self._total = total

    def encoded(self, tries: Sequence[tuple[Image, float]]) -> list[Encoded | Failure]:
        """Results of encoding pictures at points."""
        jobs = [
            EncodeJob(*self._place(picture.tobytes(), point, picture.shape), _kind(picture.shape))
            for picture, point in tries
        ]
        return self._outcomes(self._encoder, jobs)

    def decoded(
        self, streams: Sequence[tuple[bytes, tuple[int, ...], float]]
    ) -> list[Decoded | Failure]:
        """Results of decoding streams, each with the shape of its picture and its point."""
        jobs = [
            DecodeJob(*self._place(data, point, shape), _kind(shape))
            for data, shape, point in streams
        ]
        found = self._outcomes(self._decoder, jobs)
        self._slowest_s = max((one.took_s for one in found if isinstance(one, Decoded)), default=0)
        return found

    def refused(self, streams: Mapping[str, Iterable[bytes]], point: float) -> list[str | Failure]:
        """Results of decoding damaged streams, kind by kind, after intact ones: each may take ten
        times as long as these."""
        most_s = min(self._limits.timeout_s, max(LEAST_LIMIT_S, 10 * self._slowest_s))
        jobs = [
            DamagedJob(*self._place(data, point, ()), kind, most_s)
            for kind, damaged in streams.items()
            for data in damaged
        ]
        return self._outcomes(self._decoder, jobs)

    def _place(
        self, data: bytes, point: float, shape: tuple[int, ...]
    ) -> tuple[str, Mapping[str, Any], float, Path, tuple[int, ...]]:
        """The first fields of a job, with its file."""
        self._files += 1
        file = self._folder / str(self._files)
        file.write_bytes(data)
        return self._target, self._options, point, file, shape

    def _outcomes(self, pool: LocalPool, jobs: Sequence[bench.Job]) -> list[Any]:
        """Results of ``jobs``, in order: what the bench answers, or :class:`Failure`."""
        found = {}
        for answer in pool.run(jobs, self._settings):
            done = answer.status == OK
            found[answer.job.file] = answer.value if done else Failure(answer.message)
            self._done += 1
            self._progress(self._done, max(self._total, self._done))
        return [found[job.file] for job in jobs]
