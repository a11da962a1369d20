"""The rules for which points of a curve count, and in which range of quality curves are
compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rdbench.bd.interpolants import Array

Range = tuple[float, float]
"""Its ends, the lower first; both belong to it."""


@dataclass(frozen=True)
class PointRule:
    """What is asked of the points of both curves before they are compared. Qualities are such that
    more is better."""

    rates: Range | None = None
    """Points at other rates do not count."""
    qualities: Range | None = None
    """What a BD-rate is integrated over: all of it, or there is none."""
    monotonic: bool = False
    """Whether a curve whose quality falls anywhere as the rate grows has no delta; otherwise its
    Pareto-optimal points count."""
    saturation: float = math.inf
    """Where the quality falls from at least this, the curve ends before."""
    one_point: bool = False
    """Whether a test curve with a single point has a delta at it, which is not a Bjøntegaard
    mean."""

    def applied(self, rate: Array, quality: Array) -> tuple[Array, Array]:
        """Rates and qualities (..., n) with NaN at points that do not count; all of them do not
        where a curve falls that must not."""
        if not self._asks:
            return rate, quality
        counts = np.isfinite(rate) & np.isfinite(quality)
        if self.rates:
            counts &= (rate >= self.rates[0]) & (rate <= self.rates[1])
        if math.isfinite(self.saturation):
            order, after = _in_order(rate, quality, counts)
            fallen = (after[..., 1:] < after[..., :-1]) & (after[..., :-1] >= self.saturation)
            ended = np.logical_or.accumulate(fallen, axis=-1)
            kept = np.concatenate([np.ones_like(counts[..., :1]), ~ended], axis=-1)
            unsorted = np.empty_like(kept)
            np.put_along_axis(unsorted, order, kept, axis=-1)
            counts &= unsorted
        if self.monotonic:
            counts &= ~self._falls(rate, quality, counts)[..., None]
        return np.where(counts, rate, math.nan), np.where(counts, quality, math.nan)

    @property
    def _asks(self) -> bool:
        return self.rates is not None or self.monotonic or math.isfinite(self.saturation)

    def falls(self, rate: Array, quality: Array) -> bool:
        """Whether the curve (n,) has no delta for its falling quality."""
        loose = PointRule(self.rates, saturation=self.saturation)
        rate, quality = loose.applied(rate, quality)
        return self.monotonic and bool(self._falls(rate, quality, np.isfinite(quality)))

    @staticmethod
    def _falls(rate: Array, quality: Array, counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        _, after = _in_order(rate, quality, counts)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.any(np.diff(after, axis=-1) < 0, axis=-1))


EVERY_POINT: Final = PointRule()


def _in_order(
    rate: Array, quality: Array, counts: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], Array]:
    """The order by rate, of equal rates by quality, with the points that do not count at the end,
    and the qualities in it, infinite at these."""
    rate, quality = (np.where(counts, values, math.inf) for values in (rate, quality))
    order = np.lexsort((quality, rate), axis=-1)
    return order, np.take_along_axis(quality, order, axis=-1)
