"""What a codec did with the material: everything that the checks look at, gathered first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rdbench.codecs import registry
from rdbench.conformance import material
from rdbench.conformance.jobs import (
    Decoded,
    DecodeJob,
    Encoded,
    EncodeJob,
    Failure,
    run_decode,
    run_encode,
)
from rdbench.errors import UsageError

if TYPE_CHECKING:
    from rdbench.codecs.base import Axis, Codec
    from rdbench.sample_format import Image


@dataclass(frozen=True)
class Trial:
    """One picture encoded in one process and decoded in another."""

    picture: Image
    point: float
    encoded: Encoded | Failure
    decoded: Decoded | Failure

    @property
    def size(self) -> str:
        height, width, channels = self.picture.shape
        return f"{width}×{height}×{channels}"


@dataclass(frozen=True)
class Evidence:
    """A codec with options, and what it did."""

    codec: type[Codec]
    options: Mapping[str, Any]
    axis: Axis
    version: str
    small: Sequence[Trial]
    """All small sizes and numbers of channels at the middle of the ladder."""
    ladder: Mapping[int, Sequence[Trial]]
    """The photograph at every point, by number of channels."""
    best: Sequence[Trial]
    """The photograph at the highest quality that the rate parameter allows."""
    empty: Decoded | Failure
    truncated: Mapping[str, Decoded | Failure]
    foreign: Mapping[str, Decoded | Failure]

    @property
    def trials(self) -> list[Trial]:
        return [*self.small, *(t for trials in self.ladder.values() for t in trials), *self.best]


def best_point(axis: Axis) -> float:
    """The point of highest quality: the end of the range on the ladder's far side, or the last
    point of the ladder where the range is open or the ladder has no direction."""
    if len(axis.ladder) < 2:
        return axis.ladder[-1]
    end = axis.high if axis.ladder[-1] > axis.ladder[0] else axis.low
    return end if math.isfinite(end) else axis.ladder[-1]


def gather(
    target: str, options: Mapping[str, Any], points: Sequence[Any], timeout_s: float
) -> Evidence:
    """Try the codec ``target`` on everything. ``points`` stands in for its ladder where given.

    Raises :class:`UsageError` for a codec, an option or a point that does not exist.
    """
    codec = registry.load(target)
    resolved = codec.resolve_options(options)
    codec = codec.configured(resolved)
    axis = codec.axis(resolved)
    ladder = [axis.check(codec.name, point) for point in points] or list(axis.ladder)
    if not ladder:
        raise UsageError(f"codec {codec.name!r} has an empty ladder; give it points")
    middle = ladder[len(ladder) // 2]
    channels = sorted(codec.takes(resolved))
    photos = {count: material.photograph(count) for count in channels}
    best = best_point(axis)

    small_jobs = [
        EncodeJob(picture, middle)
        for count in channels
        for picture in material.small_pictures(count)
    ]
    ladder_jobs = [EncodeJob(photos[count], point) for count in channels for point in ladder]
    best_jobs = [EncodeJob(photos[count], best) for count in channels]
    jobs = small_jobs + ladder_jobs + best_jobs
    encoded = run_encode(target, resolved, jobs, timeout_s)

    truncated = _cuts(jobs, encoded, middle)
    foreign = material.foreign_streams()
    good = [
        DecodeJob(outcome.stream, job.point)
        for job, outcome in zip(jobs, encoded, strict=True)
        if isinstance(outcome, Encoded)
    ]
    bad = [DecodeJob(stream, middle) for stream in (b"", *truncated.values(), *foreign.values())]
    decoded = run_decode(target, resolved, good + bad, timeout_s)
    answers = iter(decoded)
    trials = [
        Trial(
            job.picture,
            job.point,
            outcome,
            next(answers) if isinstance(outcome, Encoded) else Failure("no stream", clear=True),
        )
        for job, outcome in zip(jobs, encoded, strict=True)
    ]
    photo_trials = trials[len(small_jobs) : len(small_jobs) + len(ladder_jobs)]
    return Evidence(
        codec=codec,
        options=resolved,
        axis=axis,
        version=codec.version(),
        small=trials[: len(small_jobs)],
        ladder={
            count: photo_trials[index * len(ladder) : (index + 1) * len(ladder)]
            for index, count in enumerate(channels)
        },
        best=trials[len(small_jobs) + len(ladder_jobs) :],
        empty=next(answers),
        truncated={name: next(answers) for name in truncated},
        foreign={name: next(answers) for name in foreign},
    )


def _cuts(
    jobs: Sequence[EncodeJob], outcomes: Sequence[Encoded | Failure], middle: float
) -> dict[str, bytes]:
    """Truncations of a small stream and of the photograph's, for each number of channels."""
    found: dict[str, bytes] = {}
    for job, outcome in zip(jobs, outcomes, strict=True):
        height, width, channels = job.picture.shape
        wanted = (height, width) in ((17, 33), (192, 256)) and job.point == middle
        if wanted and isinstance(outcome, Encoded):
            for name, stream in material.cuts(outcome.stream).items():
                found[f"{width}×{height}×{channels}, {name}"] = stream
    return found
