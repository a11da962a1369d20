import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from math import log2
from pathlib import Path

import constriction
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from rdbench.errors import BitstreamError
from rdbench.models.coding import (
    Decoder,
    Encoder,
    GaussianTables,
    Indices,
    StaticTables,
    Tables,
    decode,
    encode,
    ideal_bits,
)
from rdbench.models.coding.tables import apportion

GAUSSIAN = GaussianTables()
STATIC = StaticTables(
    [-2, 0, 100],
    [
        apportion([1, 2, 4, 2, 1, 0.01]),
        apportion([0.5, 0.5, 0.01]),
        apportion([*np.ones(300), 0.01]),
    ],
)
INT32 = np.iinfo(np.int32)


def gaussian_symbols(n: int, seed: int) -> tuple[np.ndarray, Indices]:
    rng = np.random.RandomState(seed)
    mean, scale = rng.uniform(-4, 4, n), 2 ** rng.uniform(-5, 4, n)
    symbols = np.rint(rng.normal(mean, scale)).astype(np.int32)
    return symbols, GAUSSIAN.index(mean, scale)


def slow_decode(data: bytes, tables: Tables, indices: Indices) -> list[int]:
    """The symbols of a stream, by ANS as Duda describes it (arXiv:1311.2540) on integers of
    any size, from the tables' frequencies alone: 64-bit state, 32-bit words, 24-bit probabilities.
    """
    words = [int.from_bytes(data[max(end - 4, 0) : end], "big") for end in range(len(data), 0, -4)]
    state = 0
    while words and state < 1 << 32:
        state = state << 32 | words.pop()

    def take(frequencies: list[int]) -> int:
        nonlocal state
        quantile, entry, below = state % (1 << 24), 0, 0
        while below + frequencies[entry] <= quantile:
            below += frequencies[entry]
            entry += 1
        state = (state >> 24) * frequencies[entry] + quantile - below
        if state < 1 << 32 and words:
            state = state << 32 | words.pop()
        return entry

    half = [1 << 23, 1 << 23]
    table, offset = indices.table.tolist(), indices.offset.tolist()
    symbols, escaped = [0] * len(table), []
    for i in sorted(range(len(table)), key=lambda i: (table[i], i)):
        entry = take(tables.frequencies(table[i]).tolist())
        symbols[i] = int(tables.lows[table[i]]) + offset[i] + entry
        if entry == tables.sizes[table[i]]:
            escaped.append(i)
    escaped.sort()
    signs = {i: take(half) for i in escaped}
    tails, alive = dict.fromkeys(escaped, 0), escaped
    while alive:
        alive = [i for i in alive if take(half)]
        for i in alive:
            tails[i] += 1
    for i in escaped:
        number = 1
        for _ in range(tails[i]):
            number = number << 1 | take(half)
        size = int(tables.sizes[table[i]])
        symbols[i] += number - 1 if signs[i] else -number - size
    assert state == 0
    assert not words
    return symbols


@st.composite
def gaussian_cases(draw):
    n = draw(st.integers(0, 60))
    mean = draw(npst.arrays(np.float64, n, elements=st.floats(-1e10, 1e10)))
    scale = draw(npst.arrays(np.float64, n, elements=st.floats(0, 1e4)))
    any_value = st.integers(INT32.min, INT32.max) | st.integers(-9, 9)
    return draw(npst.arrays(np.int32, n, elements=any_value)), GAUSSIAN.index(mean, scale)


@given(gaussian_cases())
def test_any_int32_comes_back(case) -> None:
    symbols, indices = case
    data = encode(symbols, GAUSSIAN, indices)
    decoded = decode(data, GAUSSIAN, indices)
    assert decoded.dtype == np.int32
    assert (decoded == symbols).all()
    assert 8 * len(data) <= ideal_bits(symbols, GAUSSIAN, indices) * 1.001 + 8 * 64


@given(gaussian_cases())
def test_a_slow_decoder_of_other_code_reads_the_stream(case) -> None:
    symbols, indices = case
    data = encode(symbols, GAUSSIAN, indices)
    assert slow_decode(data, GAUSSIAN, indices) == symbols.tolist()


@given(npst.arrays(np.int32, st.integers(0, 50), elements=st.integers(-400, 400)), st.data())
def test_static_tables_code_any_shape(values, data) -> None:
    symbols = values[: values.size // 2 * 2].reshape(2, -1)
    numbers = data.draw(npst.arrays(np.int64, symbols.shape, elements=st.integers(0, 2)))
    indices = STATIC.index(numbers)
    decoded = decode(encode(symbols, STATIC, indices), STATIC, indices)
    assert decoded.shape == symbols.shape
    assert (decoded == symbols).all()


def test_the_extremes_of_int32_come_back_from_the_far_ends() -> None:
    symbols = np.array([INT32.min, INT32.max, INT32.min, INT32.max, 0], np.int32)
    mean = np.array([2.0**31, -(2.0**31), -(2.0**31), 2.0**31, 2.0**31])
    indices = GAUSSIAN.index(mean, np.full(5, 256.0))
    assert (decode(encode(symbols, GAUSSIAN, indices), GAUSSIAN, indices) == symbols).all()


@pytest.mark.parametrize("shape", [(0,), (3, 0, 2)])
def test_nothing_takes_no_bytes(shape) -> None:
    indices = GAUSSIAN.index(np.zeros(shape), np.ones(shape))
    assert encode(np.zeros(shape, np.int8), GAUSSIAN, indices) == b""
    assert decode(b"", GAUSSIAN, indices).shape == shape


def test_this_stream_decodes_for_ever() -> None:
    mean = np.array([0, 0.3, -7.8, 1000.1, 0, 0.5, -0.5, 3, 0, 12.25])
    scale = np.array([0.01, 0.11, 0.7, 300, 8, 0.05, 0.05, 1.5, 1, 4])
    indices = GAUSSIAN.index(mean, scale)
    data = bytes.fromhex("03a8d3e3bbb48343df62bb44f3d07f800000")
    symbols = [0, 0, -8, 1234, -5, 1, 0, 2, -70000, 99]
    assert decode(data, GAUSSIAN, indices).tolist() == symbols
    assert encode(np.array(symbols), GAUSSIAN, indices).hex() == data.hex()


def test_ideal_bits_are_those_of_the_tables_and_of_the_escapes() -> None:
    symbols = np.array([0, -3, 1, 7])  # in the first table, -3 and 7 are 1 and 5 beyond -2 to 2
    indices = STATIC.index(np.array([0, 0, 1, 0]))
    rows = [STATIC.frequencies(t).tolist() for t in range(3)]
    probabilities = [rows[0][2], rows[0][5], rows[1][1], rows[0][5]]
    expected = sum(24 - log2(f) for f in probabilities) + (1 + 1) + (1 + 5)
    assert ideal_bits(symbols, STATIC, indices) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("scale", [0.03, 0.11, 0.3, 1, 20, 256])
def test_streams_are_as_long_as_their_ideal(scale) -> None:
    n = 50_000
    rng = np.random.default_rng(8)
    mean = rng.normal(0, 2, n)
    symbols = np.rint(rng.normal(mean, scale)).astype(np.int32)
    indices = GAUSSIAN.index(mean, np.full(n, scale))
    bits = 8 * len(encode(symbols, GAUSSIAN, indices))
    ideal = ideal_bits(symbols, GAUSSIAN, indices)
    assert -8 < bits - ideal < 72


def test_streams_of_symbols_that_cost_next_to_nothing_are_as_long_as_their_ideal() -> None:
    tables = StaticTables([0], [apportion([1 - 1e-4, 1e-4, 0])])
    symbols = (np.random.default_rng(9).random(300_000) < 1e-4).astype(np.int8)
    indices = tables.index(np.zeros(symbols.size, np.int64))
    bits = 8 * len(encode(symbols, tables, indices))
    assert abs(bits - ideal_bits(symbols, tables, indices)) < 72


def test_streams_of_nothing_but_escapes_are_as_long_as_their_ideal() -> None:
    symbols = np.random.RandomState(10).randint(INT32.min, INT32.max, 3000)
    indices = GAUSSIAN.index(np.zeros(3000), np.full(3000, 0.1))
    data = encode(symbols, GAUSSIAN, indices)
    assert (decode(data, GAUSSIAN, indices) == symbols).all()
    assert 0 < 8 * len(data) - ideal_bits(symbols, GAUSSIAN, indices) < 72
    assert len(data) / 3000 < (24 + 1 + 63) / 8


def test_a_decoder_may_find_its_indices_in_what_it_has_decoded() -> None:
    rng = np.random.default_rng(11)
    rows = np.cumsum(rng.normal(0, 0.8, (40, 25)), axis=0).round().astype(np.int32)
    rows[7, 3] = 5_000_000

    def index(above: np.ndarray) -> Indices:
        return GAUSSIAN.index(above * 0.9, np.full(above.size, 0.9))

    zeros = np.zeros(25, np.int32)
    encoder = Encoder(GAUSSIAN)
    for above, row in zip([zeros, *rows], rows, strict=False):
        encoder.put(row, index(above))
    data = encoder.finish()
    decoder = Decoder(data, GAUSSIAN)
    above = zeros
    for row in rows:
        above = decoder.get(index(above))
        assert (above == row).all()
    decoder.finish()
    assert encoder.finish() == data


def test_an_encoder_does_not_look_at_its_arguments_later() -> None:
    symbols, indices = gaussian_symbols(100, 12)
    expected = encode(symbols, GAUSSIAN, indices)
    encoder = Encoder(GAUSSIAN)
    encoder.put(symbols, indices)
    symbols[:] = 0
    indices.table[:] = 0
    assert encoder.finish() == expected


@given(st.integers(1, 200), st.booleans())
def test_parts_of_a_stream_are_refused_or_are_streams_of_other_symbols(cut, end) -> None:
    symbols, indices = gaussian_symbols(500, 13)
    data = encode(symbols, GAUSSIAN, indices)
    part = data[:-cut] if end else data[cut:]
    try:
        decoded = decode(part, GAUSSIAN, indices)
    except BitstreamError:
        return
    assert encode(decoded, GAUSSIAN, indices) == part
    assert (decoded != symbols).any()


@pytest.mark.parametrize("extra", [b"\1", b"\1\2\3\4", bytes(8)])
def test_longer_streams_are_refused(extra) -> None:
    symbols, indices = gaussian_symbols(500, 13)
    data = encode(symbols, GAUSSIAN, indices)
    for longer in (data + extra, extra + data):
        with pytest.raises(BitstreamError):
            decode(longer, GAUSSIAN, indices)


def test_a_stream_with_fewer_or_more_symbols_is_refused() -> None:
    symbols, indices = gaussian_symbols(500, 13)
    data = encode(symbols, GAUSSIAN, indices)
    for n in (499, 250):
        with pytest.raises(BitstreamError, match="does not end with its last symbol"):
            decode(data, GAUSSIAN, Indices(indices.offset[:n], indices.table[:n]))


@given(st.binary(max_size=200), gaussian_cases())
def test_bytes_from_anywhere_give_symbols_or_an_error(data, case) -> None:
    indices = case[1]
    try:
        symbols = decode(data, GAUSSIAN, indices)
    except BitstreamError:
        return
    assert symbols.shape == indices.table.shape
    assert encode(symbols, GAUSSIAN, indices) == data


def test_escapes_that_do_not_end_are_found() -> None:
    coder = constriction.stream.stack.AnsCoder()
    coin = constriction.stream.model.Categorical(np.ones(2), perfect=False)
    coder.encode_reverse(np.ones(100, np.int32), coin)
    coder.encode_reverse(np.array([GAUSSIAN.sizes[0]], np.int32), GAUSSIAN.models[0])
    data = coder.get_compressed()[::-1].astype(">u4").tobytes().lstrip(b"\0")
    indices = Indices(np.zeros(1, np.int64), np.zeros(1, np.int64))
    with pytest.raises(BitstreamError, match="escape is longer"):
        decode(data, GAUSSIAN, indices)


def test_values_beyond_int32_are_found() -> None:
    here = Indices(np.zeros(1, np.int64), np.zeros(1, np.int64))
    further = Indices(np.ones(1, np.int64), np.zeros(1, np.int64))
    data = encode(np.array([INT32.max]), GAUSSIAN, here)
    with pytest.raises(BitstreamError, match="does not fit 32 bits"):
        decode(data, GAUSSIAN, further)


def test_threads_do_not_change_the_bytes() -> None:
    symbols, indices = gaussian_symbols(20_000, 14)
    data = encode(symbols, GAUSSIAN, indices)
    with ThreadPoolExecutor(4) as pool:
        streams = list(pool.map(lambda _: encode(symbols, GAUSSIAN, indices), range(8)))
        decoded = list(pool.map(lambda d: decode(d, GAUSSIAN, indices), streams))
    assert set(streams) == {data}
    assert all((d == symbols).all() for d in decoded)


@pytest.mark.parametrize("threads", ["1", "5"])
def test_another_process_with_other_threads_makes_the_same_stream(threads) -> None:
    program = (
        "import sys; from tests.models.coding.test_coding_coder import *; "
        "symbols, indices = gaussian_symbols(3000, 15); "
        "print(encode(symbols, GAUSSIAN, indices).hex())"
    )
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **dict.fromkeys(names, threads)},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    symbols, indices = gaussian_symbols(3000, 15)
    assert result.stdout.strip() == encode(symbols, GAUSSIAN, indices).hex()


@pytest.mark.parametrize(
    ("symbols", "indices", "message"),
    [
        (np.zeros(2), Indices(np.zeros(2, np.int64), np.zeros(2, np.int64)), "must be integers"),
        (np.zeros(3, int), Indices(np.zeros(2, np.int64), np.zeros(2, np.int64)), "of the shape"),
        (np.array([2**31]), Indices(np.zeros(1, np.int64), np.zeros(1, np.int64)), "beyond 32"),
        (np.zeros(1, int), Indices(np.zeros(1, np.int64), np.array([3])), "a table number"),
        (np.zeros(1, int), Indices(np.zeros(1, np.int64), np.array([-1])), "a table number"),
        (np.zeros(1, int), Indices(np.array([2**31 + 1]), np.array([0])), "an offset"),
    ],
)
def test_arrays_that_cannot_be_coded_are_refused(symbols, indices, message) -> None:
    with pytest.raises(ValueError, match=message):
        encode(symbols, STATIC, indices)


def test_offsets_must_fit_their_tables() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Indices(np.zeros(2, np.int64), np.zeros(3, np.int64))
