"""The adaptive range coder: what goes in comes out, at the price that its counts say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdbench.errors import BitstreamError
from rdbench.models.coding.adaptive import MEMORY, Decoder, Encoder, Meter

CONTEXTS = 3
calls = st.lists(
    st.lists(st.tuples(st.integers(0, CONTEXTS - 1), st.integers(0, 1)), min_size=1, max_size=30),
    max_size=12,
)


def arrays(pairs):
    contexts, bits = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    return contexts, bits, np.arange(len(bits))


def coded(coder, given_calls, known=True):
    """What a coder returns for calls, with learning after each."""
    found = []
    for pairs in given_calls:
        contexts, bits, places = arrays(pairs)
        found.append(coder.bits(contexts, bits if known else np.zeros_like(bits), places).tolist())
        coder.learn()
    return found


@given(calls)
def test_bits_come_back(given_calls) -> None:
    encoder = Encoder(CONTEXTS)
    bits = coded(encoder, given_calls)
    assert bits == [[bit for _, bit in pairs] for pairs in given_calls]
    assert coded(Decoder(encoder.finish(), CONTEXTS), given_calls, known=False) == bits


def source(count: int, share: float) -> list[tuple[int, int]]:
    ones = np.random.default_rng(3).random(count) < share
    return [(0, int(bit)) for bit in ones]


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_a_stream_costs_what_the_meter_says_and_nearly_the_entropy(share) -> None:
    bits = source(20_000, share)
    chunks = [bits[start : start + 50] for start in range(0, len(bits), 50)]
    meter, encoder = Meter(1, 50), Encoder(1)
    coded(meter, chunks)
    coded(encoder, chunks)
    real = 8 * len(encoder.finish())
    assert meter.costs.sum() == pytest.approx(real, abs=64)
    ones = np.mean([bit for _, bit in bits])
    entropy = -(ones * np.log2(ones) + (1 - ones) * np.log2(1 - ones))
    # A memory of n bits costs about 1 / (2 n ln 2) bits more for each.
    assert entropy < real / len(bits) < entropy + 2 / MEMORY + 0.005


def test_probabilities_are_those_of_krichevsky_and_trofimov() -> None:
    meter = Meter(2, 1)
    contexts = np.zeros(3, np.int64)
    meter.bits(contexts, np.array([1, 1, 0]), contexts)
    assert meter.costs[0] == 3  # one call is coded before anything is learned
    meter.learn()
    meter.costs[:] = 0
    meter.bits(contexts[:1], np.array([1]), contexts[:1])
    assert meter.costs[0] == pytest.approx(-np.log2((2 + 0.5) / (3 + 1)))
    meter.costs[:] = 0
    meter.bits(contexts[:1] + 1, np.array([1]), contexts[:1])
    assert meter.costs[0] == 1


def test_what_is_long_past_is_forgotten() -> None:
    meter = Meter(1, 20_000)
    coded(meter, [[(0, 0)] * 20_000, [(0, 1)] * MEMORY])
    meter.costs[:] = 0
    coded(meter, [[(0, 1)]])
    assert meter.costs[0] < 1.1


def test_bytes_of_no_encoder_are_other_bits_or_an_error() -> None:
    contexts = np.zeros(9, np.int64)
    outcomes = set()
    for seed in range(50):
        decoder = Decoder(np.random.default_rng(seed).bytes(40), 1)
        try:
            for _ in range(50):
                outcomes.add(len(decoder.bits(contexts, contexts, contexts)))
                decoder.learn()
        except BitstreamError as error:
            outcomes.add(str(error))
    assert outcomes == {9, "the stream is damaged: it is not range-coded"}
