"""Results of a codec on the test material: everything that the checks need, gathered first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rdbench.codecs import registry
from rdbench.codecs.request import points_of
from rdbench.conforming import material
from rdbench.conforming.bench import Decoded, Encoded, Failure
from rdbench.conforming.subject import Progress, Subject
from rdbench.errors import MissingBackendError, UsageError
from rdbench.sample_format import MEASURED

if TYPE_CHECKING:
    from rdbench.codecs.base import Axis, Codec
    from rdbench.codecs.request import CodecRequest
    from rdbench.sample_format import Image, SampleFormat

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
    """How the codec refused an empty stream, or what it returned, in words."""
    truncated: Mapping[str, Failure | str]
    foreign: Mapping[str, Failure | str]

    @property
    def trials(self) -> list[Trial]:
        return [*self.small, *(t for trials in self.ladder.values() for t in trials), *self.best]


def best_point(axis: Axis) -> float:
    """The point of highest quality: the end of the range at which the ladder ends, or the last
    point of the ladder if the range is open or the ladder has no direction."""
    if len(axis.ladder) < 2:
        return axis.ladder[-1]
    end = axis.high if axis.ladder[-1] > axis.ladder[0] else axis.low
    return end if math.isfinite(end) else axis.ladder[-1]


def gather(request: CodecRequest, timeout_s: float, progress: Progress | None = None) -> Evidence:
    """Try a codec on everything, with the points of the request instead of its ladder. ``progress``
    is called with the number of jobs done and their approximate total.

    Raises :class:`UsageError` for a codec, an option or a point that does not exist, and
    :class:`rdbench.errors.MissingBackendError` with what to install.
    """
    codec = registry.load(request.target)
    options = codec.resolve_options(request.options)
    codec = codec.configured(options)
    codec.require(options)
    axis = codec.axis(options)
    ladder = list(points_of(request, axis) if request.points else axis.ladder)
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

    foreign = material.foreign_streams()
    with Subject(request.target, options, timeout_s, progress) as subject:
        subject.expect(2 * len(tries))  # and damaged streams, of which there are none yet
        encoded = subject.encoded(tries)
        done = list(zip(tries, encoded, strict=True))
        cut = _cuts(done, middle)
        damaged = {"no bytes": [b""], "truncated": cut.values(), "foreign": foreign.values()}
        sound = [
            (outcome.stream, picture.shape, point)
            for (picture, point), outcome in done
            if isinstance(outcome, Encoded)
        ]
        subject.expect(len(tries) + len(sound) + 1 + len(cut) + len(foreign))
        decoded = iter(subject.decoded(sound))
        refused = iter(subject.refused(damaged, middle))
    trials = [
        Trial(picture, point, outcome, next(decoded) if isinstance(outcome, Encoded) else NOTHING)
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
        empty=next(refused),
        truncated={name: next(refused) for name in cut},
        foreign={name: next(refused) for name in foreign},
    )


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
