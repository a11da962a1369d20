"""What a metric did with the material: everything that the checks look at, gathered first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rdbench.conforming import material
from rdbench.errors import RdbenchError
from rdbench.metrics import MetricRecord, Reference, registry
from rdbench.metrics.reference import numbers
from rdbench.programs import supervised
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image

SIGMAS: Final = (2, 5, 10, 20, 40)
"""Standard deviations of noise, each of which must score worse than the one before."""
QUALITIES: Final = (90, 30)
ITSELF: Final = "itself"
NOISE: Final = "noise 20"
_LEAST_PHOTOGRAPH: Final = (192, 256)
_LEAST_FLAT: Final = 32


@dataclass(frozen=True)
class Trial:
    """A picture and what versions of it scored, by what they are ("itself", "noise 5")."""

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
    first: float | None
    """What it gave for arrays that may be written to."""
    fault: str
    """What was wrong with that; nothing else was tried then."""
    changed: tuple[str, ...]
    """Which of those arrays it changed."""
    photographs: tuple[Trial, ...] = ()
    small: tuple[Trial, ...] = ()
    flat: tuple[Trial, ...] = ()
    again: tuple[tuple[str, float | None], ...] = ()
    """One image scored under several circumstances."""
    turned: tuple[tuple[str, float, float], ...] = ()
    """Values of pairs, and those with original and decoded exchanged."""


def gather(record: MetricRecord, timeout_s: float) -> Evidence:
    """Try a metric on everything. ``timeout_s`` bounds each call of a program. Raises
    :class:`rdbench.errors.MissingBackendError` with what to install."""
    version = registry.version(record)
    channels = sorted(form.channels for form in record.formats)
    height, width = (max(side, record.least_side) for side in _LEAST_PHOTOGRAPH)
    pictures = [material.picture(count, height, width) for count in channels]
    with supervised(time.monotonic() + timeout_s):
        first, fault, changed = _tried(record, pictures[-1])
    if first is None or changed:
        return Evidence(record, version, first, fault, changed)

    def trial(picture: Image, versions: Mapping[str, Image]) -> Trial:
        return _trial(record, picture, versions, timeout_s)

    sizes = _sizes(record.least_side)
    small = [material.picture(count, *size) for count in channels for size in sizes]
    flat = [
        np.full((max(_LEAST_FLAT, record.least_side),) * 2 + (count,), level, np.uint8)
        for count in channels
        for level in (0, 128, 255)
    ]
    photographs = tuple(trial(picture, _degraded(picture)) for picture in pictures)
    return Evidence(
        record,
        version,
        first,
        fault,
        changed,
        photographs,
        tuple(trial(p, {ITSELF: p, NOISE: material.noisy(p, 20)}) for p in small),
        tuple(trial(p, {ITSELF: p, "its negative": 255 - p}) for p in flat),
        tuple(_again(record, pictures[-1], timeout_s)),
        tuple(_turned(photographs, pictures, trial)),
    )


def _tried(record: MetricRecord, picture: Image) -> tuple[float | None, str, tuple[str, ...]]:
    """The value of one version, what was wrong with it, and which images were changed."""
    given = {"original": picture.copy(), "decoded image": material.noisy(picture, 5)}
    before = {role: image.copy() for role, image in given.items()}
    original, decoded = given.values()
    value, fault = None, ""
    try:
        side = registry.load(record.target)(original, (record.name,))
        value = dict(numbers((record.name,), side.score(decoded)))[record.name]
    except RdbenchError as error:
        fault = str(error)
    except (Exception, SystemExit) as error:
        fault = f"raised {type(error).__name__}: {one_line(str(error), 200)}"
    changed = (role for role, image in given.items() if not np.array_equal(image, before[role]))
    return value, fault, tuple(changed)


def _trial(
    record: MetricRecord, picture: Image, versions: Mapping[str, Image], timeout_s: float
) -> Trial:
    reference = Reference(picture, [record])
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for version, image in versions.items():
        with supervised(time.monotonic() + timeout_s):
            scores = reference.score(image)
        if record.name in scores.values:
            values[version] = scores.values[record.name]
        else:
            reasons[version] = scores.reasons[record.name]
    height, width, channels = picture.shape
    return Trial(channels, f"{width}×{height}×{channels}", values, reasons)


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
    record: MetricRecord, picture: Image, timeout_s: float
) -> Iterator[tuple[str, float | None]]:
    faint, strong = material.noisy(picture, 5), material.noisy(picture, 40)
    reference = Reference(picture, [record])
    for circumstance, side in (
        ("first", reference),
        ("at once again", reference),
        ("after a worse one", reference),
        ("with another instance", Reference(picture, [record])),
    ):
        with supervised(time.monotonic() + timeout_s):
            if circumstance == "after a worse one":
                side.score(strong)
            yield circumstance, side.score(faint).values.get(record.name)


def _turned(
    trials: tuple[Trial, ...],
    pictures: list[Image],
    trial: Callable[[Image, Mapping[str, Image]], Trial],
) -> Iterator[tuple[str, float, float]]:
    for straight, picture in zip(trials, pictures, strict=True):
        degraded = _degraded(picture)
        for version in ("JPEG 30", NOISE):
            turned = trial(degraded[version], {version: picture})
            if version in straight.values and version in turned.values:
                where = f"{straight.size} against {version}"
                yield where, straight.values[version], turned.values[version]
