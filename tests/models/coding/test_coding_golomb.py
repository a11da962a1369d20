import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rdbench.models.coding.golomb import bit_lengths, code_lengths, from_bits, to_bits

numbers = st.lists(st.integers(0, 2**34 - 2) | st.integers(0, 9), max_size=40)


def code(number: int) -> str:
    """ITU-T H.264, 9.1, with the ones and zeros of the prefix exchanged."""
    digits = f"{number + 1:b}"
    return "1" * (len(digits) - 1) + "0" + digits[1:]


def test_codes_of_small_numbers() -> None:
    assert [code(n) for n in range(5)] == ["0", "100", "101", "11000", "11001"]
    for number in range(5):
        rounds = to_bits(np.array([number]))
        assert "".join(str(bit) for bits in rounds for bit in bits) == code(number)


@given(numbers)
def test_rounds_hold_the_codes_of_all_numbers(values) -> None:
    rounds = to_bits(np.array(values, np.int64))
    codes = [code(v) for v in values]
    prefixes = [c[: len(c) // 2 + 1] for c in codes]
    longest = max(map(len, prefixes), default=0)
    expected = [[int(p[r]) for p in prefixes if r < len(p)] for r in range(longest)]
    expected.append([int(bit) for c in codes for bit in c[len(c) // 2 + 1 :]])
    assert [bits.tolist() for bits in rounds] == expected
    assert code_lengths(np.array(values, np.int64)).tolist() == [len(c) for c in codes]


@given(numbers)
def test_numbers_come_back(values) -> None:
    bits = np.concatenate(to_bits(np.array(values, np.int64)))
    at = 0

    def read(count: int) -> np.ndarray:
        nonlocal at
        at += count
        return bits[at - count : at]

    assert from_bits(len(values), read).tolist() == values
    assert at == bits.size


def test_bit_lengths_are_exact_at_powers_of_two() -> None:
    powers = [2**k + d for k in range(1, 52) for d in (-1, 0, 1)]
    assert bit_lengths(np.array(powers)).tolist() == [p.bit_length() for p in powers]
    assert bit_lengths(np.array([0])).tolist() == [0]
