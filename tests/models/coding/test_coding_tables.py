from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdbench.models.coding import StaticTables, Tables
from rdbench.models.coding.tables import MAX_ENTRIES, TOTAL, apportion

weights = st.lists(
    st.floats(0, 1e6, allow_subnormal=False) | st.integers(0, 5).map(float), min_size=2, max_size=40
).filter(any)


def hamilton(values: list[float]) -> list[int]:
    """One for each, and the rest by largest remainders, in exact fractions."""
    largest = Fraction(max(values))
    exact = [Fraction(round(Fraction(v) / largest * 2**36)) for v in values]
    shares = [w * (TOTAL - len(values)) / sum(exact) for w in exact]
    given_out = [int(share) for share in shares]
    by_remainder = sorted(range(len(values)), key=lambda i: (given_out[i] - shares[i], i))
    for i in by_remainder[: TOTAL - len(values) - sum(given_out)]:
        given_out[i] += 1
    return [1 + n for n in given_out]


@given(st.lists(st.integers(0, 1 << 20), min_size=2, max_size=30).filter(any))
def test_frequencies_are_those_of_largest_remainders_in_exact_fractions(counts) -> None:
    # Divided by a power of two, so that the rounding to 36 bits is exact in doubles as well.
    counts[0] = 1 << 20
    assert apportion(np.array(counts) / 1024).tolist() == hamilton([c / 1024 for c in counts])


@given(weights)
def test_frequencies_sum_to_the_total_and_cost_next_to_nothing(values) -> None:
    frequencies = apportion(values)
    assert frequencies.sum() == TOTAL
    assert frequencies.min() >= 1
    p = np.array(values) / max(values)
    p /= p.sum()
    bits = -(p[p > 0] * np.log2(frequencies[p > 0] / TOTAL / p[p > 0])).sum()
    assert bits < 2 * len(values) / TOTAL


def test_equal_remainders_go_to_the_first() -> None:
    assert apportion([1, 1, 1]).tolist() == [5592406, 5592405, 5592405]
    assert apportion([0, 1, 1, 1]).tolist() == [1, 5592405, 5592405, 5592405]
    assert apportion([3, 0]).tolist() == [TOTAL - 1, 1]


def test_most_entries_do_not_overflow() -> None:
    frequencies = apportion(np.ones(MAX_ENTRIES))
    assert frequencies.tolist() == [16] * MAX_ENTRIES


def test_a_unit_of_the_probabilities_that_is_a_power_of_two_changes_nothing() -> None:
    values = np.random.default_rng(3).dirichlet(np.full(50, 0.1))
    assert (apportion(values) == apportion(values * 2.0**-40)).all()


@pytest.mark.parametrize(
    "values",
    [[], [1], [0, 0], [1, -1e-9], [1, np.nan], [np.inf, 1], [[1, 2]], np.ones(MAX_ENTRIES + 1)],
)
def test_what_is_no_distribution_is_refused(values) -> None:
    with pytest.raises(ValueError, match="probabilities"):
        apportion(values)


def test_static_tables_hold_what_they_were_given() -> None:
    tables = StaticTables([-3, 7], [[1, TOTAL - 2, 1], [TOTAL - 1, 1]])
    assert len(tables) == 2
    assert tables.lows.tolist() == [-3, 7]
    assert tables.sizes.tolist() == [2, 1]
    assert tables.frequencies(0).tolist() == [1, TOTAL - 2, 1]
    assert tables.frequencies(1).tolist() == [TOTAL - 1, 1]


@pytest.mark.parametrize(
    ("lows", "rows", "message"),
    [
        ([], [], "0 lows for 0 tables"),
        ([0, 1], [[1, TOTAL - 1]], "2 lows for 1 tables"),
        ([0], [[TOTAL]], "table 0: frequencies are 2 to"),
        ([0], [[0.5, 0.5]], "table 0: frequencies are 2 to"),
        ([0], [[TOTAL, 0]], "table 0: a frequency is not within"),
        ([0], [[TOTAL + 1, -1]], "table 0: a frequency is not within"),
        ([0, 0], [[1, TOTAL - 1], [1, TOTAL]], f"table 1: the frequencies sum to {TOTAL + 1}"),
        ([1 << 31], [[1, TOTAL - 1]], "table 0: its lowest value"),
    ],
)
def test_other_frequencies_are_refused(lows, rows, message) -> None:
    with pytest.raises(ValueError, match=message):
        Tables(lows, rows)


def test_tables_cannot_be_changed_from_outside() -> None:
    row = np.array([1, TOTAL - 1])
    tables = Tables([0], [row])
    row[0] = 5
    assert tables.frequencies(0).tolist() == [1, TOTAL - 1]
    with pytest.raises(ValueError, match="read-only"):
        tables.frequencies(0)[0] = 5
