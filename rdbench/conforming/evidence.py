"""What a codec did with the material: everything that the checks look at, gathered first."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rdbench import programs
from rdbench.codecs import handed, registry
from rdbench.conforming import bench, material
from rdbench.conforming.bench import DamagedJob, Decoded, DecodeJob, Encoded, EncodeJob, Failure
from rdbench.errors import MissingBackendError, UsageError
from rdbench.runner import Limits, LocalPool
from rdbench.runner.rows import Settings
from rdbench.sample_format import MEASURED
from rdbench.schema import OK

if TYPE_CHECKING:
    from rdbench.codecs.base import Axis, Codec
    from rdbench.codecs.request import CodecRequest
    from rdbench.sample_format import Image, SampleFormat

J = TypeVar("J", bound=bench.Job)
NOTHING: Final = Failure("no stream", clear=True)


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
    """What a codec did."""

    codec: type[Codec]
    axis: Axis
    version: object
    small: Sequence[Trial]
    """All small sizes and sample formats at the middle of the ladder."""
    ladder: Mapping[SampleFormat, Sequence[Trial]]
    """The photograph at every point."""
    best: Sequence[Trial]
    """The photograph at the highest quality that the rate parameter allows."""
    empty: Failure | str
    """How the codec refused no bytes at all, or what it returned, in words."""
    truncated: Mapping[str, Failure | str]
    foreign: Mapping[str, Failure | str]

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


def gather(request: CodecRequest, timeout_s: float) -> Evidence:
    """Try a codec on everything; points of the request stand in for its ladder.

    Raises :class:`UsageError` for a codec, an option or a point that does not exist, and
    :class:`rdbench.errors.MissingBackendError` with what to install.
    """
    codec = registry.load(request.target)
    options = codec.resolve_options(request.options)
    codec = codec.configured(options)
    codec.require(options)
    axis = codec.axis(options)
    ladder = [axis.check(codec.name, point) for point in request.points] or list(axis.ladder)
    if not ladder:
        raise UsageError(f"codec {codec.name!r} has an empty ladder; give it points")
    formats = sorted(MEASURED & codec.takes(options))
    if not formats:
        known = " nor ".join(form.text for form in sorted(MEASURED))
        raise UsageError(f"codec {codec.name!r} takes neither {known}, by its method takes")
    middle, best = ladder[len(ladder) // 2], best_point(axis)
    photos = {form: material.photograph(form.channels) for form in formats}
    small = [(p, middle) for form in formats for p in material.small_pictures(form.channels)]
    steps = [(photo, point) for photo in photos.values() for point in ladder]
    tries = [*small, *steps, *((photo, best) for photo in photos.values())]

    with tempfile.TemporaryDirectory(prefix="rdbench-conformance-") as folder:
        subject = _Subject(request.target, options, timeout_s, Path(folder))
        encoded = subject.outcomes(
            [subject.job(EncodeJob, p, picture.tobytes(), picture.shape) for picture, p in tries]
        )
        done = list(zip(tries, encoded, strict=True))
        cut, foreign = _cuts(done, middle), material.foreign_streams()
        sound = [
            subject.job(DecodeJob, point, outcome.stream, picture.shape)
            for (picture, point), outcome in done
            if isinstance(outcome, Encoded)
        ]
        damaged = [
            subject.job(DamagedJob, middle, stream)
            for stream in (b"", *cut.values(), *foreign.values())
        ]
        answers = iter(subject.outcomes([*sound, *damaged]))
    trials = [
        Trial(picture, point, outcome, next(answers) if isinstance(outcome, Encoded) else NOTHING)
        for (picture, point), outcome in done
    ]
    at_points = iter(trials[len(small) :])
    return Evidence(
        codec=codec,
        axis=axis,
        version=_version(codec),
        small=trials[: len(small)],
        ladder={form: [next(at_points) for _ in ladder] for form in formats},
        best=list(at_points),
        empty=next(answers),
        truncated={name: next(answers) for name in cut},
        foreign={name: next(answers) for name in foreign},
    )


@dataclass
class _Subject:
    """The codec under test, in processes of its own."""

    target: str
    options: Mapping[str, Any]
    timeout_s: float
    folder: Path
    """For the files of jobs."""
    _files: int = 0

    def job(self, kind: type[J], point: float, data: bytes, shape: tuple[int, ...] = ()) -> J:
        self._files += 1
        file = self.folder / str(self._files)
        file.write_bytes(data)
        return kind(self.target, self.options, point, file, shape)

    def outcomes(self, jobs: Sequence[bench.Job]) -> list[Any]:
        """What came of ``jobs``, in order, in a process of their own: what the bench answers, or
        :class:`Failure`."""
        limits = Limits.of_machine(1, self.timeout_s)
        settings = Settings(
            (),
            shared=False,
            timeout_s=self.timeout_s,
            memory_mb=limits.memory_mb,
            programs=programs.found(),
            classes=handed.pickled([self.target]),
            bench=f"{bench.__name__}:Bench",
        )
        with LocalPool(limits) as pool:
            found = {
                answer.job.file: answer.value if answer.status == OK else Failure(answer.message)
                for answer in pool.run(jobs, settings)
            }
        return [found[job.file] for job in jobs]


def _version(codec: type[Codec]) -> object:
    """What it says it is, or what it raised instead."""
    try:
        return codec.version()
    except MissingBackendError:
        raise
    except Exception as error:
        return error


def _cuts(
    done: Sequence[tuple[tuple[Image, float], Encoded | Failure]], middle: float
) -> dict[str, bytes]:
    """Truncations of a small stream and of the photograph's, for each sample format."""
    found: dict[str, bytes] = {}
    for (picture, point), outcome in done:
        height, width, channels = picture.shape
        wanted = (height, width) in ((17, 33), (192, 256)) and point == middle
        if wanted and isinstance(outcome, Encoded):
            for name, stream in material.cuts(outcome.stream).items():
                found[f"{width}×{height}×{channels}, {name}"] = stream
    return found
