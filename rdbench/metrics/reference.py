"""Scores of many decoded versions of one original."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rdbench.metrics.samples import Image, checked
from rdbench.metrics.table import METRICS, check


@dataclass(frozen=True)
class Scores:
    """What one decoded image scored, and why something that was asked for is not there."""

    values: dict[str, float]
    """By name of :data:`rdbench.metrics.METRICS`; one that is not available has no key."""
    notes: tuple[str, ...]
    """One line for each metric that is not available."""


class Side(Protocol):
    """The original's side of some metrics: what the table's ``target`` names.

    A metric of one's own is a class like this in a file of its own, and a line in the table.
    """

    notes: tuple[str, ...]
    """Why metrics that were asked for are not available for this original."""

    def __init__(self, image: Image, names: Collection[str]) -> None: ...

    def score(self, decoded: Image) -> Mapping[str, float]:
        """Values by metric of ``decoded``: uint8, the shape of the original, C-contiguous."""


class Reference:
    """An original with its side of every metric asked for, so that the decoded versions of one
    image do not pay for it again.

    ``image``: uint8, (height, width, channels), 1 or 3 channels; it is not copied and must not
    change. ``names``: of :data:`rdbench.metrics.METRICS`. ``mse`` is always computed, and
    ``ms_ssim`` wherever ``ms_ssim_db`` is. Holds work space: not for two threads at once.

    Raises :class:`ValueError` for another array and :class:`rdbench.errors.UsageError` for an
    unknown name.
    """

    def __init__(self, image: NDArray[np.generic], names: Iterable[str]) -> None:
        self._image = checked(image, "the original")
        asked = ("mse", *check(names))
        targets = dict.fromkeys(METRICS[name].target for name in asked)
        self._sides = [
            _load(target)(self._image, [n for n in asked if METRICS[n].target == target])
            for target in targets
        ]
        self._notes = tuple(note for side in self._sides for note in side.notes)

    def score(self, decoded: NDArray[np.generic]) -> Scores:
        """Scores of ``decoded``: uint8, the shape of the original.

        Raises :class:`ValueError` for another array.
        """
        samples = checked(decoded, "the decoded image")
        if samples.shape != self._image.shape:
            raise ValueError(
                f"the decoded image is {samples.shape}, the original {self._image.shape}"
            )
        values: dict[str, float] = {}
        for side in self._sides:
            values.update(side.score(samples))
        return Scores(values, self._notes)


def _load(target: str) -> type[Side]:
    module, _, name = target.partition(":")
    side: type[Side] = getattr(importlib.import_module(module), name)
    return side
