"""The error of a mean over images, or of a Bjøntegaard delta of mean curves. With few and different
images, percentile bootstrap intervals cover the true value too rarely, and miss it on one side. For
differences of codecs on photographs (``benchmarks/coverage.md``), intervals that contain both of
these cover it about as often as they claim:

- Student's, with degrees of freedom for the kurtosis of the images (Box 1953, doi
  10.1093/biomet/40.3-4.318);
- Student's after Hall's cubic transformation, which takes out the skewness (Hall 1992, "On the
  removal of skewness by transformation", doi 10.1111/j.2517-6161.1992.tb01876.x).

A delta of mean curves is not a mean over images; leave-one-out values take their place (Tukey's
pseudo-values, the jackknife; Efron and Tibshirani 1993, chapter 11). Nothing is drawn, so that
there is no seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rdbench.bd.interpolants import Array

LEVEL: Final = 95.0
FEWEST_FOR_SKEWNESS: Final = 5
MOST_SKEWED: Final = 2.0
"""What the skewness of images is taken to be at most: beyond, it is that of a single image, and
intervals get twice as wide without holding the truth more often."""


@dataclass(frozen=True)
class Estimate:
    """A number and the moments of its error, on the scale on which it is a mean of images."""

    value: float
    variance: float
    third: float
    """The third central moment."""
    df: float
    """Degrees of freedom: images less 1."""
    df_variance: float
    """What is left of them for a variance of values of this kurtosis."""

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """The ends of the interval that covers the true value in ``level`` percent of draws."""
        from scipy.special import stdtrit

        error = math.sqrt(self.variance)
        tail = (1 - level / 100) / 2
        student = -float(stdtrit(self.df_variance, tail))
        quantile = -float(stdtrit(self.df, tail))
        high, low = (self._inverse(end) for end in (-quantile, quantile))
        return (
            self.value - max(student, low) * error,
            self.value - min(-student, high) * error,
        )

    def p_value(self, truth: float = 0.0) -> float:
        """How likely a value at least this far from ``truth`` is, of both sides; below 0.05 where
        the 95 % interval does not hold ``truth``. NaN without a variance."""
        from scipy.special import stdtr

        if not self.variance > 0:
            return 1.0 if self.value == truth else math.nan
        t = (self.value - truth) / math.sqrt(self.variance)
        transformed = self._transformed(t)
        if transformed * t <= 0:
            return 1.0
        tails = stdtr(self.df_variance, -abs(t)), stdtr(self.df, -abs(transformed))
        return float(2 * max(tails))

    @property
    def _skewness(self) -> float:
        return self.third / self.variance**1.5 if self.variance > 0 else 0.0

    def _transformed(self, t: float) -> float:
        """Hall's g(t), whose distribution is nearly that of Student without skewness."""
        third = self._skewness / 3
        return t + third * t**2 + third**2 * t**3 / 3 + third / 2

    def _inverse(self, quantile: float) -> float:
        """The t whose g(t) is ``quantile``."""
        third = self._skewness / 3
        shifted = quantile - third / 2
        if abs(third) < 1e-9:
            return shifted
        return float((np.cbrt(1 + 3 * third * shifted) - 1) / third)


def mean_estimate(values: Array) -> Estimate:
    """Of the mean of ``values`` (images,), two or more."""
    n = len(values)
    mean = float(np.mean(values))
    second, third, fourth = (float(np.mean((values - mean) ** power)) for power in (2, 3, 4))
    # That of the population, without bias, for its variance without bias; of fewer values the
    # skewness is chance.
    third *= n**2 / ((n - 1) * (n - 2)) if n >= FEWEST_FOR_SKEWNESS else 0.0
    most = MOST_SKEWED * (second * n / (n - 1)) ** 1.5
    third = min(max(third, -most), most)
    df = df_variance = n - 1.0
    if second > 0:
        # The relative variance of a sample variance, of which normal values have 2 / (n - 1).
        spread = fourth / second**2 / n - (n - 3) / (n * (n - 1))
        df_variance = min(max(2 / spread, 2.0), df) if spread > 0 else df
    return Estimate(mean, second / (n - 1), third / n**2, df, df_variance)


def jackknife(value: float, left_out: Array) -> Estimate:
    """The estimate for a ``value`` over all images, from the values (images,) with each of them
    left out."""
    n = len(left_out)
    found = mean_estimate(n * value - (n - 1) * left_out)
    return Estimate(value, found.variance, found.third, found.df, found.df_variance)


def mean_of_estimates(estimates: Sequence[Estimate]) -> Estimate:
    """The estimate for the mean of independent estimates, such as those of several datasets;
    degrees of freedom by Welch and Satterthwaite (doi 10.1093/biomet/34.1-2.28)."""
    n = len(estimates)
    variances = [estimate.variance / n**2 for estimate in estimates]

    def freedom(own: Sequence[float]) -> float:
        parts = sum(v**2 / df for v, df in zip(variances, own, strict=True))
        return sum(variances) ** 2 / parts if parts > 0 else min(own)

    return Estimate(
        sum(estimate.value for estimate in estimates) / n,
        sum(variances),
        sum(estimate.third for estimate in estimates) / n**3,
        freedom([estimate.df for estimate in estimates]),
        freedom([estimate.df_variance for estimate in estimates]),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """``p_values`` of tests that are made together, adjusted so that the least is below a level in
    no more than that share of families without any difference (Holm 1979, jstor 4615733). NaN
    stays NaN and is not counted."""
    adjusted = np.array(p_values, dtype=np.float64)
    order = np.argsort(adjusted, kind="stable")[: int(np.sum(~np.isnan(adjusted)))]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(adjusted[order] * factors), 1.0)
    return [float(value) for value in adjusted]
