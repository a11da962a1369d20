"""Portable functions against mpmath with 40 digits, and against their own bits elsewhere."""

from __future__ import annotations

import decimal
import hashlib
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from rdbench.models.coding import portable

mpmath = pytest.importorskip("mpmath", reason="it has the digits to compare with")

DIGEST = "a7f4754cd729749c82c36317a5ba6f20a315153fc831392d1378b31ae0c43a76"
EXACT = {
    "exp": mpmath.exp,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}


def arguments() -> np.ndarray:
    """Wide and narrow ranges, tiny ones of both signs, borders of the range reduction, zeros."""
    rng = np.random.default_rng(3)
    tiny = 10.0 ** np.linspace(-300, 0, 100)
    borders = (np.arange(-20, 21) + 0.5) * np.log(2)
    return np.concatenate(
        [
            *(rng.uniform(-limit, limit, 400) for limit in (1, 40, 700)),
            *(tiny, -tiny),
            *(np.nextafter(borders, side) for side in (-np.inf, np.inf)),
            [0.0, -0.0, 708.0, -708.0],
        ]
    )


@pytest.mark.parametrize("name", EXACT)
def test_functions_are_exact_to_the_last_bits(name) -> None:
    x = arguments()
    with mpmath.workdps(40):
        exact = [EXACT[name](mpmath.mpf(float(value))) for value in x]
        for value, got, expected in zip(x, getattr(portable, name)(x), exact, strict=True):
            assert abs(mpmath.mpf(float(got)) - expected) <= 1e-15 * abs(expected), value


def test_arguments_beyond_the_range_are_taken_at_its_end() -> None:
    x = np.array([-1e300, -708.0, 708.0, 1e300])
    assert portable.exp(x).tolist() == np.repeat(portable.exp(x[1:3]), 2).tolist()
    assert portable.sigmoid(x)[0] == portable.sigmoid(x)[1] > 0
    assert portable.sigmoid(x)[3] == 1
    assert portable.tanh(x).tolist() == [-1, -1, 1, 1]
    assert portable.softplus(x)[3] == 1e300


def test_arrays_of_any_shape_keep_it() -> None:
    for shape in ((), (0,), (2, 3, 4)):
        for name in (*EXACT, "normal_cdf"):
            assert np.shape(getattr(portable, name)(np.ones(shape))) == shape


def test_normal_cdf_is_that_of_scipy() -> None:
    x = np.linspace(-6, 6, 100_001)
    assert np.abs(portable.normal_cdf(x) - special.ndtr(x)).max() < 1e-12


@pytest.mark.parametrize("x", ["-5.25", "-2.5", "-0.0078125", "0", "0.3125", "1", "4.75", "6"])
def test_normal_cdf_is_that_of_its_alternating_series_with_60_digits(x) -> None:
    # Abramowitz and Stegun, 26.2.10, and Machin's formula for pi.
    with decimal.localcontext(prec=60):

        def arctan(inverse: int) -> Decimal:
            return sum(
                Decimal(-1) ** k / ((2 * k + 1) * Decimal(inverse) ** (2 * k + 1))
                for k in range(50)
            )

        tau = 8 * (4 * arctan(5) - arctan(239))
        term, total = Decimal(x), Decimal(x)
        for k in range(1, 200):
            term *= -(Decimal(x) ** 2) / (2 * k)
            total += term / (2 * k + 1)
        expected = Decimal("0.5") + total / tau.sqrt()
        got = Decimal(float(portable.normal_cdf(np.array([float(x)]))[0]))
        assert abs(got - expected) < Decimal("4e-13")


def digest() -> str:
    """Of the bits of all functions at multiples of 1/64, which every machine has exactly."""
    x = np.arange(-48_000, 48_001) / 64
    found = hashlib.sha256()
    for name in (*EXACT, "normal_cdf"):
        found.update(getattr(portable, name)(x).astype("<f8").tobytes())
    return found.hexdigest()


def test_the_bits_never_change() -> None:
    """Tables are made of them by encoder and decoder: a change here needs another format."""
    assert digest() == DIGEST


def test_the_bits_are_the_same_without_vector_instructions() -> None:
    program = "from tests.models.coding.test_coding_portable import digest; print(digest())"
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX"}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == digest()
