"""Elementary functions whose results have the same bits on every machine.

exp, tanh and the like in C libraries, NumPy and torch differ in their last bits between platforms,
processors and versions. The functions here are sequences of sums, products, quotients and roundings
of IEEE 754 doubles, and of exact scalings by powers of two. Each is a separate operation on whole
arrays, so no compiler can fuse two of them. All take and return float64 arrays of any shape; none
takes infinities or NaN.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_EXP_LIMIT: Final = 708.0  # beyond it results would be subnormal, or infinite
_TANH_LIMIT: Final = 20.0  # from 19.1 on tanh is 1 in double precision
_LOG2_E: Final = 1.4426950408889634
_LN2_HIGH: Final = 0.693147180369123816490  # ends in 20 zeros: products with k are exact
_LN2_LOW: Final = 1.90821492927058770002e-10
_INVERSE_FACTORIALS: Final = [1 / math.factorial(n) for n in range(13, 1, -1)]
_ARTANH_SERIES: Final = [1 / n for n in range(35, 1, -2)]
_CDF_TERMS: Final = 90
_CDF_HALVINGS: Final = 12
_INVERSE_ROOT_TAU: Final = 0.3989422804014327  # 1/sqrt(2 pi)


def exp(x: Array) -> Array:
    """e^x with a relative error below 1e-15; x is clamped to ±708."""
    power, fraction = _reduced(np.clip(x, -_EXP_LIMIT, _EXP_LIMIT))
    return np.ldexp(fraction + 1.0, power)


def tanh(x: Array) -> Array:
    """The hyperbolic tangent with a relative error below 1e-15."""
    power, fraction = _reduced(-2.0 * np.minimum(np.abs(x), _TANH_LIMIT))
    below = np.ldexp(fraction, power) + (np.ldexp(1.0, power) - 1.0)  # e^(-2|x|) - 1
    return np.copysign(below / (below + 2.0), x)


def sigmoid(x: Array) -> Array:
    """1/(1 + e^-x) with a relative error below 1e-15; x is clamped to at least -708."""
    return 1.0 / (1.0 + exp(-x))


def softplus(x: Array) -> Array:
    """ln(1 + e^x) with a relative error below 1e-15; x is clamped to at least -708."""
    small = exp(-np.abs(x))
    # ln(1 + u) = 2 artanh(u/(2 + u)), a series in powers of at most 1/9
    ratio = small / (small + 2.0)
    square = ratio * ratio
    series = np.zeros_like(square)
    for coefficient in _ARTANH_SERIES:
        series += coefficient
        series *= square
    series += 1.0
    return np.maximum(x, 0.0) + 2.0 * ratio * series


def normal_cdf(x: Array) -> Array:
    """The distribution function of the standard normal distribution, to an absolute 1e-12.

    1/2 + exp(-x²/2)/sqrt(2 pi) (x + x³/3 + x⁵/(3·5) + x⁷/(3·5·7) + ...) (Abramowitz and Stegun,
    26.2.11), with the exponential from its series and repeated squaring. x is clamped to ±6.
    Streams depend on every bit of the result.
    """
    x = np.clip(x, -6.0, 6.0)
    square = x * x
    term, total = x.copy(), x.copy()
    for divisor in range(3, 2 * _CDF_TERMS, 2):
        term = term * square / divisor
        total = total + term
    small = square * -(0.5 / (1 << _CDF_HALVINGS))
    exponential = np.ones_like(small)
    for divisor in range(8, 0, -1):
        exponential = exponential * small / divisor + 1.0
    for _ in range(_CDF_HALVINGS):
        exponential = exponential * exponential
    return 0.5 + exponential * _INVERSE_ROOT_TAU * total


def _reduced(x: Array) -> tuple[NDArray[np.int32], Array]:
    """k and, by its series, e^r - 1, where e^x = 2^k e^r and |r| is at most ln 2 / 2."""
    power = np.rint(x * _LOG2_E)
    rest = (x - power * _LN2_HIGH) - power * _LN2_LOW
    series = np.zeros_like(rest)
    for coefficient in _INVERSE_FACTORIALS:
        series += coefficient
        series *= rest
    # r + r (r/2! + r²/3! + ...): the leading term is exact, which keeps the digits of small r
    return power.astype(np.int32), rest + rest * series
