"""Results of a metric on the test material: everything that the checks need, gathered first."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rdbench.conforming import material
from rdbench.errors import RdbenchError
from rdbench.metrics import MetricRecord, Reference, registry
from rdbench.metrics.reference import numbers
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.conforming.metric_worker import Bounds
    from rdbench.sample_format import Image

SIGMAS: Final = (2, 5, 10, 20, 40)
"""Standard deviations of noise, each of which must score worse than the one before."""
QUALITIES: Final = (90, 30)
ITSELF: Final = "itself"
NOISE: Final = "noise 20"
_LEAST_PHOTOGRAPH: Final = (192, 256)
_LEAST_FLAT: Final = 32
_LEVELS: Final = (0, 128, 255)
_AFTER: Final = "after a worse one"
_TRIALS: Final = ("photographs", "small", "flat")


@dataclass(frozen=True)
class Trial:
    """A picture and the scores of versions of it, by their names ("itself", "noise 5")."""

    channels: int
    size: str
    values: Mapping[str, float]
    reasons: Mapping[str, str]
    """Why a version has no value."""

    @property
    def faults(self) -> Iterator[str]:
        for version, reason in self.reasons.items():
            yield f"{self.size} against {version}: {reason}"


@dataclass(frozen=True)
class Evidence:
    """What a metric did with the material."""

    record: MetricRecord
    version: str
    first: float | None = None
    """Its value for writable arrays."""
    fault: str = ""
    """The fault in that, if any; nothing else was tried then."""
    changed: Sequence[str] = ()
    """Which of those arrays it changed."""
    photographs: tuple[Trial, ...] = ()
    small: tuple[Trial, ...] = ()
    flat: tuple[Trial, ...] = ()
    again: Sequence[tuple[str, float | None]] = ()
    """One image scored under several circumstances."""
    turned: Sequence[tuple[str, float, float]] = ()
    """Values of pairs, and those with original and decoded exchanged."""

    @classmethod
    def of(cls, record: MetricRecord, version: str, plain: Mapping[str, Any]) -> Evidence:
        """What :func:`gather` returns, which may have been JSON in between."""
        trials = {key: tuple(Trial(**t) for t in plain[key]) for key in _TRIALS if key in plain}
        return cls(record, version, **{**plain, **trials})


def gather(record: MetricRecord, bounds: Bounds) -> dict[str, Any]:
    """Try a metric on everything, each call in ``bounds``: the fields of :class:`Evidence` except
    the first two, as plain data."""
    channels = sorted(form.channels for form in record.formats)
    height, width = (max(side, record.least_side) for side in _LEAST_PHOTOGRAPH)
    pictures = [material.picture(count, height, width) for count in channels]
    with bounds("the first photograph"):
        first, fault, changed = _tried(record, pictures[-1])
    found = {"first": first, "fault": fault, "changed": changed}
    if first is None or changed:
        return found
    sizes = _sizes(record.least_side)
    small = [material.picture(count, *size) for count in channels for size in sizes]
    side = max(_LEAST_FLAT, record.least_side)
    flat = [
        np.full((side, side, count), level, np.uint8) for count in channels for level in _LEVELS
    ]
    photographs = [_trial(record, picture, _degraded(picture), bounds) for picture in pictures]
    trials = {
        "photographs": photographs,
        "small": [
            _trial(record, p, {ITSELF: p, NOISE: material.noisy(p, 20)}, bounds) for p in small
        ],
        "flat": [_trial(record, p, {ITSELF: p, "its negative": 255 - p}, bounds) for p in flat],
    }
    return {
        **found,
        **{key: [dataclasses.asdict(trial) for trial in trials[key]] for key in _TRIALS},
        "again": list(_again(record, pictures[-1], bounds)),
        "turned": list(_turned(record, photographs, pictures, bounds)),
    }


def _tried(record: MetricRecord, picture: Image) -> tuple[float | None, str, tuple[str, ...]]:
    """The value of one version, what was wrong with it, and which images were changed."""
    given = {"original": picture.copy(), "decoded image": material.noisy(picture, 5)}
    before = {role: image.copy() for role, image in given.items()}
    original, decoded = given.values()
    value, fault = None, ""
    try:
        side = registry.load(record)(original, (record.plain_name,))
        value = dict(numbers((record,), side.score(decoded)))[record.name]
    except RdbenchError as error:
        fault = str(error)
    except (Exception, SystemExit) as error:
        fault = f"raised {type(error).__name__}: {one_line(str(error), 200)}"
    changed = (role for role, image in given.items() if not np.array_equal(image, before[role]))
    return value, fault, tuple(changed)


def _trial(
    record: MetricRecord, picture: Image, versions: Mapping[str, Image], bounds: Bounds
) -> Trial:
    height, width, channels = picture.shape
    size = f"{width}×{height}×{channels}"
    reference = Reference(picture, [record])
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for version, image in versions.items():
        with bounds(f"{size} against {version}"):
            scores = reference.score(image)
        if record.name in scores.values:
            values[version] = scores.values[record.name]
        else:
            reasons[version] = scores.reasons[record.name]
    return Trial(channels, size, values, reasons)


def _sizes(least: int) -> list[tuple[int, int]]:
    """Heights and widths from the shortest side on, odd and even, long and narrow."""
    return [
        (least, least),
        (least, least + 17),
        (least + 17, least),
        (least + 1, least + 2),
        (least + 32, least + 64),
    ]


def _degraded(picture: Image) -> dict[str, Image]:
    touched = picture.copy()
    touched[0, 0, 0] ^= 1
    return {
        ITSELF: picture,
        "one sample changed": touched,
        **{f"JPEG {quality}": material.compressed(picture, quality) for quality in QUALITIES},
        **{f"noise {sigma}": material.noisy(picture, sigma) for sigma in SIGMAS},
    }


def _again(
    record: MetricRecord, picture: Image, bounds: Bounds
) -> Iterator[tuple[str, float | None]]:
    faint, strong = material.noisy(picture, 5), material.noisy(picture, 40)
    reference = Reference(picture, [record])
    for circumstance, side in (
        ("first", reference),
        ("at once again", reference),
        (_AFTER, reference),
        ("with another instance", Reference(picture, [record])),
    ):
        with bounds(f"the same {circumstance}"):
            if circumstance == _AFTER:
                side.score(strong)
            yield circumstance, side.score(faint).values.get(record.name)


def _turned(
    record: MetricRecord, trials: Sequence[Trial], pictures: Sequence[Image], bounds: Bounds
) -> Iterator[tuple[str, float, float]]:
    for straight, picture in zip(trials, pictures, strict=True):
        degraded = _degraded(picture)
        for version in ("JPEG 30", NOISE):
            turned = _trial(record, degraded[version], {version: picture}, bounds)
            if version in straight.values and version in turned.values:
                where = f"{straight.size} against {version}"
                yield where, straight.values[version], turned.values[version]
