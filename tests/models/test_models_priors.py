"""Tables of priors against torch's masses in double precision, and against their own bits."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks need torch")
pytest.importorskip("torch", reason="it codes with the tables")

from rdbench.models.coding import StaticTables, decode, encode  # noqa: E402
from rdbench.models.coding.tables import TOTAL  # noqa: E402
from rdbench.models.densities import FactorizedDensity, PiecewiseLinearDensity  # noqa: E402
from rdbench.models.priors import (  # noqa: E402
    FARTHEST,
    factorized_tables,
    mixture_tables,
    piecewise_linear_tables,
)
from rdbench.models.theis2017 import GaussianScaleMixture  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

BETAS = (0.5, 1.0, 2.7, 10.0)
CHANNELS = 5
DIGESTS = {
    "factorized": "51420dcf37d03c5f5ca006b2aa8bf551923439a58e87d0de9ecad016bb1412b0",
    "mixture": "adff4207d43a453624b4582ffc863576238f30f2a65c6ecc1b282a0487e19ac5",
    "piecewise": "9da9a25d7f6f550a93829631f58b245da698953a2d2774708d31ea0879c4baf6",
}


def rational(shape: torch.Size, seed: int) -> Any:
    """Multiples of 1/128 within ±1, without a generator that another version may change."""
    numbers = np.arange(int(np.prod(shape)), dtype=np.int64)
    return torch.from_numpy(((numbers * 97 + 31 * seed) % 257 - 128) / 128).reshape(shape)


def factorized() -> FactorizedDensity:
    density = FactorizedDensity(CHANNELS)
    with torch.no_grad():
        for seed, parameter in enumerate(density.parameters()):
            parameter.copy_(rational(parameter.shape, seed))
        for matrix in density.matrices:
            matrix.sub_(1)
        density.medians.copy_(rational(density.medians.shape, 50) * 3)
    return density


def mixture() -> GaussianScaleMixture:
    density = GaussianScaleMixture(CHANNELS)
    with torch.no_grad():
        density.logits.copy_(2 * rational(density.logits.shape, 7))
        density.log_scales.copy_(2 * rational(density.log_scales.shape, 8) - 1)
        density.log_scales[2] -= 4  # below the least scale, 0.05
    return density


def piecewise() -> PiecewiseLinearDensity:
    density = PiecewiseLinearDensity(CHANNELS, extent=9)
    density.values.copy_(rational(density.values.shape, 9) + 1 + 1e-6)
    density.values[1, :60] = 1e-6
    return density


def piecewise_bins(beta: float) -> tuple[np.ndarray, np.ndarray]:
    return beta * np.array([0.8, 1.0, 1.5, 2.25, 4.0]), np.array([0.0, 2.5, -1.25, 0.5, -3.0])


Made = tuple[StaticTables, Callable[[int, int], np.ndarray]]


def made(kind: str, beta: float) -> Made:
    """The tables, and torch's float64 masses of the symbols ``low``..``high``, (channels, n)."""
    if kind == "piecewise":
        density = piecewise()
        widths, centers = piecewise_bins(beta)

        def masses(low: int, high: int) -> np.ndarray:
            found = density.bin_masses(*map(torch.from_numpy, (widths, centers)), low, high)
            return (found / density.integral()[:, None]).numpy()

        return piecewise_linear_tables(density, widths, centers), masses
    prior: Any = factorized() if kind == "factorized" else mixture()
    medians = prior.medians.double() if kind == "factorized" else torch.zeros(CHANNELS)
    tables = (factorized_tables if kind == "factorized" else mixture_tables)(prior, beta)

    def masses_of(low: int, high: int) -> np.ndarray:
        steps = torch.arange(low, high + 1, dtype=torch.float64) * beta
        values = (medians[:, None] + steps)[None, :, None]
        with torch.no_grad():
            return prior.mass(values, beta)[0, :, 0].numpy()

    return tables, masses_of


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("kind", DIGESTS)
def test_tables_hold_the_masses_of_torch(kind, beta) -> None:
    tables, masses = made(kind, beta)
    assert len(tables) == CHANNELS
    for channel in range(CHANNELS):
        low, size = int(tables.lows[channel]), int(tables.sizes[channel])
        expected = masses(low, low + size - 1)[channel]
        frequencies = tables.frequencies(channel)
        assert frequencies.sum() == TOTAL
        # One of each entry's frequencies is given, and the rest is shared in proportion.
        share = TOTAL - size - 1
        assert np.abs(frequencies[:-1] - 1 - expected * share).max() < 1.01
        assert abs(frequencies[-1] - 1 - (1 - expected.sum()) * share) < 1.01


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("kind", DIGESTS)
def test_tables_reach_as_far_as_there_is_mass_and_no_farther(kind, beta) -> None:
    tables, masses = made(kind, beta)
    for channel in range(CHANNELS):
        low, size = int(tables.lows[channel]), int(tables.sizes[channel])
        high = low + size - 1
        around = masses(-3000, 3000)[channel]
        below, above = around[: low + 3000].sum(), around[high + 3001 :].sum()
        assert max(below, above) <= 2**-23 * (1 + 1e-6)
        if size > 1:
            assert min(around[: low + 3001].sum(), around[high + 3000 :].sum()) > 2**-23 * 0.999999
        assert tables.frequencies(channel)[-1] <= 5


def test_a_distribution_wider_than_a_table_may_be_is_left_to_the_escape() -> None:
    density = GaussianScaleMixture(2)
    with torch.no_grad():
        density.log_scales.fill_(np.log(4000.0))
        density.log_scales[1] = 0.0
    tables = mixture_tables(density)
    assert tables.sizes.tolist()[0] == 2 * FARTHEST + 1
    assert tables.frequencies(0)[-1] / TOTAL == pytest.approx(0.3057, abs=1e-3)
    assert tables.sizes[1] < 20
    symbols = np.array([[-100_000, 4096, 0, 2**31 - 1], [-40, 0, 1, 900]], np.int32)
    indices = tables.index(np.repeat([[0], [1]], 4, axis=1))
    assert np.array_equal(decode(encode(symbols, tables, indices), tables, indices), symbols)


def test_a_median_far_from_the_mass_leaves_one_value_and_the_escape() -> None:
    density = FactorizedDensity(1)
    density.medians.fill_(1e5)
    tables = factorized_tables(density)
    assert tables.sizes.tolist() == [1]
    assert tables.frequencies(0)[-1] == TOTAL - 1


def test_a_narrow_density_far_from_the_center_has_a_short_table() -> None:
    density = PiecewiseLinearDensity(1, extent=400)
    density.values.fill_(0.0)
    density.values[0, 2000 + 5 * 300] = 5.0
    tables = piecewise_linear_tables(density, np.ones(1), np.zeros(1))
    assert (tables.lows[0], tables.sizes[0]) == (300, 1)


def digest(kind: str) -> str:
    found = hashlib.sha256()
    for beta in BETAS:
        tables = made(kind, beta)[0]
        for channel in range(CHANNELS):
            found.update(tables.lows[channel].astype("<i8").tobytes())
            found.update(tables.frequencies(channel).astype("<i8").tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("kind", DIGESTS)
def test_tables_never_change(kind) -> None:
    """Streams that were written must decode for ever: a change here needs another format."""
    assert digest(kind) == DIGESTS[kind]


@pytest.mark.parametrize("threads", [1, 2])
def test_tables_are_the_same_with_other_threads_and_instructions(threads) -> None:
    program = (
        f"import torch; torch.set_num_threads({threads}); "
        "from tests.models.test_models_priors import DIGESTS, digest; "
        "print(*[digest(kind) for kind in DIGESTS])"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    if threads == 2:
        environment["NPY_DISABLE_CPU_FEATURES"] = "AVX2 FMA3 AVX512F AVX512_SKX"
        environment["ATEN_CPU_CAPABILITY"] = "default"
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == list(DIGESTS.values())
