import hashlib
import os
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from rdbench.errors import CodecError
from rdbench.models.coding import GaussianTables
from rdbench.models.coding.gaussian import SCALES, mean_bits_of, rows_of, scale_of
from rdbench.models.coding.tables import TOTAL

DIGEST = "89ea8ad7df6cf7e8e17b8c5204d3c71bd2a2ba11035071cf818ffc5be4e9a400"


@pytest.fixture(scope="module")
def tables() -> GaussianTables:
    return GaussianTables()


@pytest.fixture(scope="module")
def gaussians() -> list[tuple[float, float]]:
    """The mean (within half a unit) and the scale of each table, in order."""
    return [
        (i / 2**bits - (0.5 if bits else 0), scale_of(number))
        for number in range(SCALES)
        for bits in [mean_bits_of(number)]
        for i in range(2**bits)
    ]


def test_each_table_has_the_probabilities_of_scipy(tables, gaussians) -> None:
    assert len(gaussians) == len(tables)
    for table, (mean, scale) in enumerate(gaussians):
        edges = tables.lows[table] - 0.5 + np.arange(tables.sizes[table] + 1)
        cdf = stats.norm.cdf(edges, mean, scale)
        inside = np.diff(cdf)
        p = np.append(inside, cdf[0] + stats.norm.sf(edges[-1], mean, scale))
        frequencies = tables.frequencies(table)
        assert frequencies.sum() == TOTAL
        assert np.abs(frequencies - 1 - p * (TOTAL - p.size)).max() < 1.001


def test_the_frequencies_never_change(tables) -> None:
    """Streams that were written must decode for ever: a change here needs another format."""
    digest = hashlib.sha256()
    for table in range(len(tables)):
        digest.update(tables.lows[table].astype("<i8").tobytes())
        digest.update(tables.frequencies(table).astype("<i8").tobytes())
    assert len(tables) == 2073
    assert digest.hexdigest() == DIGEST


def test_the_order_in_which_tables_are_made_does_not_matter(tables) -> None:
    numbers = list(range(SCALES))
    random.Random(5).shuffle(numbers)
    made = {number: rows_of(number) for number in numbers}
    rows = [(made[number][0], row) for number in range(SCALES) for row in made[number][1]]
    for table, (low, row) in enumerate(rows):
        assert low == tables.lows[table]
        assert (row == tables.frequencies(table)).all()


@pytest.mark.parametrize("threads", ["1", "7"])
def test_the_tables_are_the_same_in_processes_with_other_threads(threads) -> None:
    program = (
        "import hashlib; from rdbench.models.coding.gaussian import rows_of; "
        f"print(hashlib.sha256(b''.join(r.astype('<i8').tobytes() for n in range({SCALES}) "
        "for r in rows_of(n)[1])).hexdigest())"
    )
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    # Plain loops instead of those for the processor's vector instructions.
    environment = {**os.environ, **dict.fromkeys(names, threads)}
    if threads == "7":
        environment["NPY_DISABLE_CPU_FEATURES"] = "AVX2 FMA3 AVX512F AVX512_SKX"
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = b"".join(r.astype("<i8").tobytes() for n in range(SCALES) for r in rows_of(n)[1])
    assert result.stdout.strip() == hashlib.sha256(rows).hexdigest()


def test_scales_are_eighths_of_octaves_and_sixteenths_below_a_quarter() -> None:
    exponents = [*np.arange(-5, -2, 1 / 16), *np.arange(-2, 8.1, 1 / 8)]
    assert len(exponents) == SCALES
    assert [scale_of(n) for n in (0, 16, 48, 64, 72, 128)] == [1 / 32, 1 / 16, 1 / 4, 1, 2, 256]
    assert [scale_of(n) for n in range(SCALES)] == pytest.approx(
        [2**exponent for exponent in exponents], rel=4e-16
    )


def test_the_usual_bound_of_scales_is_met() -> None:
    number = int(np.argmin([abs(scale_of(n) - 0.11) for n in range(SCALES)]))
    assert scale_of(number) == pytest.approx(0.11, rel=0.003)


means = st.floats(-1000, 1000) | st.integers(-64_000, 64_000).map(lambda n: n / 64)


@given(st.lists(st.tuples(means, st.floats(1 / 32, 256)), min_size=1, max_size=20))
def test_the_nearest_table_is_taken(pairs) -> None:
    gaussians = [
        (i / 2 ** mean_bits_of(n) - (0.5 if mean_bits_of(n) else 0), scale_of(n), mean_bits_of(n))
        for n in range(SCALES)
        for i in range(2 ** mean_bits_of(n))
    ]
    mean, scale = np.array(pairs).T
    indices = GaussianTables().index(mean, scale)
    for k, (offset, table) in enumerate(zip(indices.offset, indices.table, strict=True)):
        fraction, grid, bits = gaussians[table]
        assert abs(offset + fraction - mean[k]) <= 0.5**bits / 2
        half = 1 / 16 if grid > 1 / 4 else 1 / 32
        above = 1 / 32 if grid < 1 / 4 else 1 / 16
        assert 2**-half * (1 - 1e-15) <= scale[k] / grid <= 2**above * (1 + 1e-15)


def test_thresholds_of_scales_are_where_they_are_said_to_be() -> None:
    tables = GaussianTables()
    # Between 2^(1/8) and 2^(2/8), 2^(-4/8) and 2^(-3/8), 2^(-50/16) and 2^(-49/16).
    between = np.array([2.0 ** (3 / 16), 2.0 ** (-7 / 16), 2.0 ** (-99 / 32)])
    for factor, expected in ((1 - 1e-15, (65, 60, 30)), (1 + 1e-15, (66, 61, 31))):
        index = tables.index(np.zeros(3), between * factor)
        sizes = [2 * int(5.25 * scale_of(number)) + 3 for number in expected]
        assert tables.sizes[index.table].tolist() == sizes
        firsts = [sum(2 ** mean_bits_of(m) for m in range(n)) for n in expected]
        middles = [2 ** mean_bits_of(n) // 2 for n in expected]
        assert index.table.tolist() == [f + m for f, m in zip(firsts, middles, strict=True)]


def test_means_half_way_go_to_the_even_step() -> None:
    tables = GaussianTables()
    mean = np.array([0.5, 1.5, -0.5, -1.5, 2.5])  # a step is 1 at a scale of 8
    index = tables.index(mean, np.full(5, 8.0))
    assert index.offset.tolist() == [0, 2, 0, -2, 2]
    fine = tables.index(np.array([1 / 64, 3 / 64, 0.5, -0.5]), np.full(4, 0.1))
    zero = tables.index(np.zeros(1), np.full(1, 0.1)).table[0]
    assert (fine.table - zero + 32 * fine.offset).tolist() == [0, 2, 16, -16]


def test_beyond_the_grid_the_nearest_is_taken() -> None:
    tables = GaussianTables()
    scale = np.array([-np.inf, -1, 0, 1e-300, 1 / 32, 256, 1e300, np.inf])
    index = tables.index(np.zeros(8), scale)
    assert index.table.tolist() == [index.table[4]] * 5 + [len(tables) - 1] * 3
    far = tables.index(np.array([np.inf, 1e300, -np.inf]), np.full(3, 0.1))
    assert far.offset.tolist() == [2**31, 2**31, -(2**31)]


def test_float32_means_what_it_does_as_float64() -> None:
    rng = np.random.default_rng(6)
    mean, scale = (rng.normal(0, 3, 5000).astype(np.float32) for _ in range(2))
    tables = GaussianTables()
    single = tables.index(mean, np.abs(scale))
    double = tables.index(mean.astype(np.float64), np.abs(scale).astype(np.float64))
    assert (single.offset == double.offset).all()
    assert (single.table == double.table).all()


@pytest.mark.parametrize(("mean", "scale"), [(np.nan, 1.0), (0.0, np.nan)])
def test_nan_is_refused(mean, scale) -> None:
    with pytest.raises(CodecError, match="not a number"):
        GaussianTables().index(np.array([0.0, mean]), np.array([1.0, scale]))


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="means of shape"):
        GaussianTables().index(np.zeros(3), np.ones((3, 1)))


@pytest.mark.parametrize(
    ("around", "allowed"), [(1 / 32, 0.06), (0.11, 0.005), (0.5, 0.002), (2, 0.0006), (64, 2e-4)]
)
def test_the_grid_costs_as_little_as_is_documented(tables, around, allowed) -> None:
    rng = np.random.default_rng(7)
    scale = np.maximum(around * 2 ** rng.uniform(-0.25, 0.25, 400), 1 / 32)
    mean = rng.uniform(-0.5, 0.5, 400)
    indices = tables.index(mean, scale)
    exact_bits, table_bits = 0.0, 0.0
    for m, s, offset, table in zip(mean, scale, indices.offset, indices.table, strict=True):
        edges = tables.lows[table] + offset - 0.5 + np.arange(tables.sizes[table] + 1)
        p = np.diff(stats.norm.cdf(edges, m, s))
        exact_bits -= special.xlogy(p, p).sum() / np.log(2)
        table_bits -= (p * np.log2(tables.frequencies(table)[:-1] / TOTAL)).sum()
    assert 1 - 1e-6 < table_bits / exact_bits < 1 + allowed
