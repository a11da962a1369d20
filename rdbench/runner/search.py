"""Search for the setting of a codec at which an image has a wanted rate or score. The search
depends only on the codec, the image and the target, not on other measurements, so it always ends at
the same setting. It first bisects the codec's ladder, whose settings the targets of an image share.
It then closes in between two neighbors by the Illinois method (Dowell and Jarratt 1971, doi
10.1007/BF01934364) on the logarithm of the rate, or on the score. Beyond the ladder, its steps
double up to the end of the parameter's range.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from rdbench.errors import OutOfTimeError, RdbenchError, UnsupportedImageError
from rdbench.goals import Goal
from rdbench.schema import one_line, point_text

MOST_TRIES: Final = 30
DIGITS: Final = 6
"""Of a setting that need not be whole."""
GEOMETRIC: Final = 8.0
"""A ladder whose ends are this far apart is searched by ratios, others by differences."""
FARTHEST: Final = 40
"""Steps of the ladder beyond its end up to which a parameter without a bound is tried."""
SLOW: Final = 0.5
"""Where two tries leave more of an interval than this, the next one halves it."""


@dataclass
class Search:
    """The search for one target of one image. ``value_of`` gives what a setting reaches; if it
    raises, that try is lost and reported."""

    goal: Goal
    point: float
    value_of: Callable[[float], float]
    reached: dict[float, float] = field(default_factory=dict)
    """What each setting that was tried reached."""
    failed: dict[float, str] = field(default_factory=dict)
    """Why a setting reached nothing."""

    def __post_init__(self) -> None:
        axis = self.goal.axis
        ends = sorted((axis.ladder[0], axis.ladder[-1]))
        self._way = 1 if axis.ladder[-1] > axis.ladder[0] else -1
        positive = ends[0] > 0 and (axis.low > 0 or axis.low == -math.inf)
        self._geometric = positive and ends[1] / ends[0] >= GEOMETRIC

    @property
    def tries(self) -> int:
        return len(self.reached) + len(self.failed)

    def setting(self) -> float:
        """The setting whose value is nearest to the target: the first one within the tolerance or,
        for a parameter of whole numbers, the nearest of all. Raises :class:`RdbenchError` if the
        target is outside what the range of the parameter gives, and if no setting could be tried.
        """
        low, high = self._on_ladder()
        if not self._done and self.reached:
            # Whether the target is beyond an end of the ladder.
            if low is None:
                assert high is not None
                low, high = self._beyond(high, -1), min(self._by_rate(above=True), key=self._place)
            elif high is None:
                high, low = self._beyond(low, 1), max(self._by_rate(above=False), key=self._place)
            if low is not None and high is not None:
                self._close_in(low, high)
        if not self.reached:
            told = "; ".join(f"{self._named(s)}: {why}" for s, why in self.failed.items())
            raise RdbenchError(f"no setting could be tried for its target: {one_line(told, 300)}")
        best = min(self.reached, key=lambda setting: (abs(self._error(setting)), setting))
        if (low is None or high is None) and not self._good(best):
            raise RdbenchError(self._out_of_reach(best, "less" if low is None else "more"))
        return best

    def remark(self, reached: float, tries: int) -> str:
        """The note on a row whose setting was found after this many tries and which ``reached`` a
        value."""
        goal, said = self.goal, []
        if not abs(reached - self.point) <= goal.allowed(self.point):
            said.append(
                f"{goal.column} {reached:.5g} for {point_text(self.point)} "
                f"({goal.deviation_text(self.point, reached)}) misses the tolerance: the nearest "
                f"of {tries} tries"
            )
        if self._falls():
            said.append(f"{goal.column} is not monotone in {goal.axis.parameter}")
        if self.failed:
            setting, why = next(iter(self.failed.items()))
            more = f" and at {len(self.failed) - 1} more" if len(self.failed) > 1 else ""
            said.append(f"the try at {self._named(setting)} failed{more}: {one_line(why, 200)}")
        return "; ".join(said)

    def _try(self, setting: float) -> float | None:
        """The error of a setting, in the direction of the rate; None if it failed."""
        if setting in self.reached:
            return self._error(setting)
        if setting in self.failed or self.tries >= MOST_TRIES:
            return None
        try:
            self.reached[setting] = self.value_of(setting)
        except OutOfTimeError as error:  # the next ones would take as long
            raise OutOfTimeError(f"the try at {self._named(setting)}: {error}") from error
        except UnsupportedImageError:
            raise
        except Exception as error:
            kind = "" if isinstance(error, RdbenchError) else f"{type(error).__name__}: "
            self.failed[setting] = f"{kind}{error}"
            return None
        return self._error(setting)

    def _error(self, setting: float) -> float:
        """How far the value of a setting is beyond the target; for rates, the logarithm of their
        ratio."""
        value = self.reached[setting]
        if self.goal.record is None:
            return math.log(value / self.point) if value > 0 else -math.inf
        return self.goal.sign * (value - self.point)

    def _good(self, setting: float) -> bool:
        return abs(self.reached[setting] - self.point) <= self.goal.allowed(self.point)

    @property
    def _done(self) -> bool:
        """Whether nothing nearer needs to be found; for whole numbers, only the nearest one will
        do."""
        if self.goal.axis.integer:
            return any(self._error(setting) == 0 for setting in self.reached)
        return any(map(self._good, self.reached))

    def _place(self, setting: float) -> float:
        """Where a setting is, in increasing rate."""
        return self._way * (math.log(setting) if self._geometric else setting)

    def _setting(self, place: float) -> float:
        axis = self.goal.axis
        value = math.exp(self._way * place) if self._geometric else self._way * place
        value = float(round(value)) if axis.integer else float(f"{value:.{DIGITS}g}")
        return min(max(value, axis.low), axis.high)

    def _by_rate(self, *, above: bool) -> list[float]:
        return [s for s in self.reached if (self._error(s) >= 0) == above]

    def _on_ladder(self) -> tuple[float | None, float | None]:
        """The nearest settings of the ladder on both sides of the target; None where there are
        none."""
        open_ = sorted(self.goal.axis.ladder, key=self._place)
        low = high = None
        while open_ and not self._done:
            setting = open_.pop(len(open_) // 2)
            error = self._try(setting)
            if error is None:
                continue
            at = self._place(setting)
            if error < 0:
                low, open_ = setting, [s for s in open_ if self._place(s) > at]
            else:
                high, open_ = setting, [s for s in open_ if self._place(s) < at]
        return low, high

    def _beyond(self, edge: float, way: int) -> float | None:
        """A setting on the other side of the target than ``edge``, outward from the ladder; None
        where the range has none, or tries are used up."""
        axis = self.goal.axis
        places = sorted(map(self._place, axis.ladder))
        step = places[1] - places[0] if way < 0 else places[-1] - places[-2]
        outward = axis.high if way * self._way > 0 else axis.low
        if not math.isfinite(outward):
            outward = self._setting(self._place(edge) + way * FARTHEST * step)
        bad = False
        while edge != outward and self.tries < MOST_TRIES and not self._done:
            setting: float | None = outward
            if abs(self._place(outward) - self._place(edge)) > step:
                setting = self._setting(self._place(edge) + way * step)
            if bad and setting == outward:
                setting = self._between(edge, outward, 0.5)
            if setting is None:
                return None
            error = self._try(setting)
            if error is None:
                outward, bad, step = setting, True, step / 4
                continue
            if error * way >= 0:
                return setting
            edge, step = setting, 2 * step
        return None

    def _close_in(self, low: float, high: float) -> None:
        """Try settings between ``low``, which is below the target, and ``high``, which is not."""
        weights = {low: 1.0, high: 1.0}
        widths = [abs(self._place(high) - self._place(low))]
        before = None
        while not self._done:
            e_low, e_high = weights[low] * self._error(low), weights[high] * self._error(high)
            halve = len(widths) > 2 and widths[-1] > SLOW * widths[-3]
            halve = halve or not 0 < e_high - e_low < math.inf
            share = 0.5 if halve else e_low / (e_low - e_high)
            found = None
            # Where a setting fails, those halfway to it are tried.
            for part in (share, share / 2, (1 + share) / 2):
                setting = self._between(low, high, part)
                if setting is not None and self._try(setting) is not None:
                    found = setting
                    break
            if found is None:
                return
            if self._error(found) < 0:
                low, kept, side = found, high, "high"
            else:
                high, kept, side = found, low, "low"
            # An end that stays twice counts half (Illinois).
            weights = {found: 1.0, kept: weights[kept] / 2 if side == before else 1.0}
            before = side
            widths.append(abs(self._place(high) - self._place(low)))

    def _between(self, one: float, other: float, share: float) -> float | None:
        """The setting at ``share`` of the way from one to another; None where there is none
        between."""
        low, high = min(one, other), max(one, other)
        if self.goal.axis.integer and high - low <= 1:
            return None
        start, end = self._place(one), self._place(other)
        setting = self._setting(start + share * (end - start))
        if self.goal.axis.integer:
            return min(max(setting, low + 1), high - 1)
        if low < setting < high:
            return setting
        middle = self._setting((start + end) / 2)
        return middle if low < middle < high else None

    def _falls(self) -> bool:
        """Whether the value falls somewhere as the rate should rise, by more than the tolerance."""
        values = [self.goal.sign * self.reached[s] for s in sorted(self.reached, key=self._place)]
        most = -math.inf
        for value in values:
            if value < most - self.goal.allowed(self.point):
                return True
            most = max(most, value)
        return False

    def _out_of_reach(self, best: float, side: str) -> str:
        goal = self.goal
        settings = sorted(self.reached, key=self._place)
        end = settings[0] if side == "less" else settings[-1]
        range_end = end in (goal.axis.low, goal.axis.high)
        direction = side if goal.sign > 0 else {"less": "more", "more": "less"}[side]
        told = (
            f"{goal.column} {point_text(self.point)} is {direction} than {goal.axis.parameter} "
            f"{'can give' if range_end else 'gave'} for this image: {self.reached[best]:.5g} at "
            f"{self._named(best)}, the nearest of {self.tries} tries"
        )
        if self._falls():
            told += f"; {goal.column} is not monotone in {goal.axis.parameter}"
        if self.failed:
            setting, why = next(iter(self.failed.items()))
            told += f"; the try at {self._named(setting)} failed: {one_line(why, 200)}"
        return told

    def _named(self, setting: float) -> str:
        return f"{self.goal.axis.parameter} {point_text(setting)}"
