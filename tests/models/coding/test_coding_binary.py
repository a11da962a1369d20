import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from rdbench.errors import BitstreamError
from rdbench.models.coding.binary import (
    UNARY_LENGTH,
    _encoded,
    decode_maps,
    encode_maps,
)

INT32 = np.iinfo(np.int32)

# Bits of each map of `latent()`, with the probabilities of its own counts, from the authors' C++
# (github.com/thierrydumas/autoencoder_based_image_compression, kodak_tensorflow/lossless/c++, at
# 17583bb): BinaryArithmeticCoder after stop_encoding, and all bypass bits together.
AUTHORS_ARITHMETIC_BITS = [573, 826, 984, 854, 975, 809, 877, 753, 880, 631, 765, 633]
AUTHORS_BYPASS_BITS = 6020


def latent() -> np.ndarray:
    """Twelve maps of 16 by 24: sharply peaked values to ±60, from random bits alone."""
    random = np.random.RandomState(1803)
    draws = [random.randint(0, 1 << 20, (12, 16, 24)) | 1 << 20 for _ in range(2)]
    first, second = (np.frexp((r & -r).astype(float))[1].astype(int) for r in draws)
    return (first - second) * np.arange(1, 13)[:, np.newaxis, np.newaxis] // 2


def bin_counts(maps: np.ndarray, length: int = UNARY_LENGTH) -> tuple[np.ndarray, np.ndarray]:
    """How often each unary bin is 0 and 1, (maps, length), as the authors count on an extra set."""
    magnitude = np.abs(maps.astype(np.int64)).reshape(len(maps), -1)
    bins = np.arange(length)[:, np.newaxis, np.newaxis]
    return (magnitude == bins).sum(axis=2).T, (magnitude > bins).sum(axis=2).T


def bin_probabilities(zeros: np.ndarray, ones: np.ndarray) -> np.ndarray:
    """Shares of zeros, as the authors take them: 0.5 for a bin that never occurred, 0.01 instead
    of 0 and 0.99 instead of 1."""
    total = zeros + ones
    share = np.where(total == 0, 0.5, zeros / np.maximum(total, 1))
    share[share == 0] = 0.01
    share[share == 1] = 0.99
    return share


def coded_bits(maps: np.ndarray, probabilities: np.ndarray) -> tuple[int, int]:
    """The number of arithmetic-coded and of bypass bits of a stream."""
    arithmetic, bypass = _encoded(maps, probabilities)
    return len(arithmetic), len(bypass)


def test_maps_have_as_many_bits_as_from_the_authors_program() -> None:
    maps = latent()
    probabilities = bin_probabilities(*bin_counts(maps))
    bits = [coded_bits(maps[i : i + 1], probabilities[i : i + 1]) for i in range(12)]
    assert [arithmetic for arithmetic, _ in bits] == AUTHORS_ARITHMETIC_BITS
    total = sum(AUTHORS_ARITHMETIC_BITS), AUTHORS_BYPASS_BITS
    assert coded_bits(maps, probabilities) == total
    data = encode_maps(maps, probabilities)
    assert len(data) == -(-sum(total) // 8)
    assert (decode_maps(data, maps.shape, probabilities) == maps).all()


@st.composite
def cases(draw):
    shape = draw(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 5)))
    value = st.integers(-12, 12) | st.integers(INT32.min, INT32.max)
    maps = draw(npst.arrays(np.int32, shape, elements=value))
    chance = st.floats(0, 1, exclude_min=True, exclude_max=True)
    row = st.lists(chance | st.sampled_from([0.01, 0.5, 0.99]), min_size=1, max_size=12)
    rows = draw(st.lists(row, min_size=shape[0], max_size=shape[0]))
    return maps, [np.array(row) for row in rows]


@given(cases())
def test_any_latent_comes_back(case) -> None:
    maps, probabilities = case
    data = encode_maps(maps, probabilities)
    decoded = decode_maps(data, maps.shape, probabilities)
    assert decoded.dtype == np.int32
    assert (decoded == maps).all()


def slow_bits(maps: np.ndarray, probabilities: list[list[float]]) -> str:
    """The stream by the text of the method, one bit at a time."""
    arithmetic, bypass = "", ""
    for values, row in zip(maps.reshape(len(maps), -1).tolist(), probabilities, strict=True):
        low, high, due = 0, 2**16 - 1, 0

        def emit(bit: int) -> str:
            nonlocal due
            text = str(bit) + str(1 - bit) * due
            due = 0
            return text

        for value in values:
            unary = [1] * min(abs(value), len(row)) + [0] * (abs(value) < len(row))
            for bit, chance in zip(unary, row, strict=False):
                split = low + math.floor(chance * (high - low))
                low, high = (split + 1, high) if bit else (low, split)
                while high < 2**15 or low >= 2**15 or (low >= 2**14 and high < 3 * 2**14):
                    if high < 2**15:
                        arithmetic += emit(0)
                        base = 0
                    elif low >= 2**15:
                        arithmetic += emit(1)
                        base = 2**15
                    else:
                        due += 1
                        base = 2**14
                    low, high = (low - base) * 2, (high - base) * 2 + 1
            if abs(value) >= len(row):
                digits = f"{abs(value) - len(row) + 1:b}"
                bypass += "1" * (len(digits) - 1) + "0" + digits[1:]
            bypass += ("1" if value > 0 else "0") if value else ""
        due += 1
        arithmetic += emit(0 if low < 2**14 else 1)
    bits = arithmetic + bypass
    return bits + "0" * (-len(bits) % 8)


def test_the_stream_is_that_of_a_slow_coder() -> None:
    maps = latent()[:, :6, :9]
    probabilities = bin_probabilities(*bin_counts(latent()))
    bits = slow_bits(maps, probabilities.tolist())
    assert encode_maps(maps, probabilities) == int(bits, 2).to_bytes(len(bits) // 8, "big")


def test_this_stream_decodes_for_ever() -> None:
    maps = np.array([[[0, 1, -2], [0, 0, 13]], [[0, 0, 0], [-1, 0, 0]]])
    probabilities = np.array([[0.6] * 10, [0.9] * 10])
    data = bytes.fromhex("7c66a2b620")
    assert (decode_maps(data, (2, 2, 3), probabilities) == maps).all()
    assert encode_maps(maps, probabilities).hex() == data.hex()


def test_bits_are_near_the_ideal_of_the_probabilities() -> None:
    maps = latent()
    zeros, ones = bin_counts(maps)
    chance = bin_probabilities(zeros, ones)
    ideal = -(zeros * np.log2(chance) + ones * np.log2(1 - chance)).sum()
    arithmetic, _ = coded_bits(maps, chance)
    assert 0 < arithmetic - ideal < 3 * 12


@given(st.data())
def test_parts_of_a_stream_are_refused(data) -> None:
    maps = latent()[:3]
    probabilities = bin_probabilities(*bin_counts(latent()))[:3]
    stream = encode_maps(maps, probabilities)
    cut = data.draw(st.integers(1, len(stream)))
    with pytest.raises(BitstreamError):
        decode_maps(stream[:-cut], maps.shape, probabilities)


def test_longer_streams_are_refused() -> None:
    maps, probabilities = latent()[:1], np.full((1, 10), 0.5)
    stream = encode_maps(maps, probabilities)
    for extra in (b"\0", b"\1"):
        with pytest.raises(BitstreamError, match="does not end with its last value"):
            decode_maps(stream + extra, maps.shape, probabilities)


@given(st.binary(max_size=80))
def test_bytes_from_anywhere_give_values_or_an_error(data) -> None:
    probabilities = np.full((2, 3), 0.3)
    try:
        maps = decode_maps(data, (2, 3, 4), probabilities)
    except BitstreamError:
        return
    assert maps.shape == (2, 3, 4)


def test_values_beyond_int32_are_found() -> None:
    row = [np.full(10, 0.5)]
    stream = encode_maps(np.full((1, 1, 1), INT32.max), row)
    arithmetic, _ = coded_bits(np.full((1, 1, 1), INT32.max), row)
    bits = "".join(f"{byte:08b}" for byte in stream)[:arithmetic]
    for tail, message in ((31, "does not fit 32 bits"), (40, "more than 32 bits")):
        text = bits + "1" * tail + "0" + "1" * tail + "1"
        text += "0" * (-len(text) % 8)
        with pytest.raises(BitstreamError, match=message):
            decode_maps(int(text, 2).to_bytes(len(text) // 8, "big"), (1, 1, 1), row)


@pytest.mark.parametrize(
    ("maps", "probabilities", "message"),
    [
        (np.zeros((2, 3), int), np.full((2, 10), 0.5), "a latent has integers"),
        (np.zeros((2, 3, 1)), np.full((2, 10), 0.5), "a latent has integers"),
        (np.full((1, 1, 1), 2**31), np.full((1, 10), 0.5), "beyond 32 bits"),
        (np.zeros((2, 3, 1), int), np.full((1, 10), 0.5), "2 maps need"),
        (np.zeros((1, 3, 1), int), np.full((1, 10), 1.0), "map 0"),
        (np.zeros((1, 3, 1), int), np.full((1, 10), 0.0), "map 0"),
        (np.zeros((1, 3, 1), int), np.full((1, 10), np.nan), "map 0"),
        (np.zeros((1, 3, 1), int), np.zeros((1, 0)), "map 0"),
    ],
)
def test_arrays_that_cannot_be_coded_are_refused(maps, probabilities, message) -> None:
    with pytest.raises(ValueError, match=message):
        encode_maps(maps, probabilities)
