"""CompressAI's tables by portable arithmetic, and its coder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("compressai._CXX", reason="the zoo needs CompressAI")

import torch

from rdbench.errors import UsageError
from rdbench.models.zoo.bottleneck import Bottleneck
from rdbench.models.zoo.cdfs import (
    SCALE_BOUND,
    Cdfs,
    Decoder,
    Encoder,
    gaussian_cdfs,
    scale_table,
)
from rdbench.models.zoo.library import entropy_models, models


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def rows_of(layer: Any) -> list[list[int]]:
    """The counts of an entropy model of CompressAI after ``update``."""
    lengths = layer._cdf_length.reshape(-1).tolist()
    return [
        row[:length] for row, length in zip(layer._quantized_cdf.tolist(), lengths, strict=True)
    ]


def assert_near(ours: Cdfs, theirs: Any) -> None:
    """Equal offsets and sizes; masses, the differences of counts, equal but for one.

    A count of 0 is made 1 by taking it from another entry: that is where differences gather.
    """
    numbers = np.arange(len(ours))
    _, rows, sizes, offsets = ours.used(numbers)
    assert offsets == theirs._offset.reshape(-1).tolist()
    assert sizes == theirs._cdf_length.reshape(-1).tolist()
    for mine, other in zip(rows, rows_of(theirs), strict=True):
        assert mine[0] == 0
        assert mine[-1] == 1 << 16
        assert np.diff(mine).min() >= 1
        difference = np.abs(np.diff(mine) - np.diff(other))
        assert np.count_nonzero(difference > 1) <= 1
        assert difference.max() <= 4


def test_scales_are_those_of_compressai():
    theirs = models.get_scale_table().double().numpy()
    np.testing.assert_allclose(scale_table(), theirs, rtol=2e-7)
    assert scale_table()[0] == theirs[0] == SCALE_BOUND
    assert (scale_table() == scale_table().astype(np.float32)).all()


def test_gaussian_tables_are_those_of_compressai():
    theirs = entropy_models.GaussianConditional(None)
    theirs.update_scale_table(models.get_scale_table())
    assert_near(gaussian_cdfs(scale_table()), theirs)


@pytest.mark.parametrize("step", [0.5, 1.0, 2.7, 10.0])
def test_factorized_tables_are_those_of_compressai(step: float):
    """Of ``EntropyBottleneckVbr``, which has a step; at 1 it is ``EntropyBottleneck``."""
    torch.manual_seed(3)
    theirs = entropy_models.EntropyBottleneckVbr(12)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if name != "quantiles":
                parameter += 0.4 * torch.randn(parameter.shape)
        middle = torch.linspace(-3, 3, 12)
        reach = torch.linspace(2, 40, 12)
        theirs.quantiles.copy_(torch.stack([middle - reach, middle, middle + reach], 1)[:, None])
    theirs.update_variable(force=True, qs=torch.tensor(step))
    assert_near(Bottleneck(theirs).cdfs(step), theirs)


def test_the_coder_returns_every_symbol(rng: np.random.Generator):
    cdfs = gaussian_cdfs(scale_table())
    numbers = rng.integers(0, len(cdfs), (7, 40, 30))
    symbols = np.rint(rng.normal(size=numbers.shape) * scale_table()[numbers]).astype(np.int32)
    symbols[0, :4, 0] = [(1 << 26) - 1, 1 - (1 << 26), 5000, -5000]
    encoder = Encoder()
    encoder.put(symbols[:3], numbers[:3], cdfs)
    encoder.put(symbols[3:], numbers[3:], cdfs)
    decoder = Decoder(encoder.finish(), symbols.size)
    np.testing.assert_array_equal(decoder.get(numbers[:5], cdfs), symbols[:5])
    np.testing.assert_array_equal(decoder.get(numbers[5:], cdfs), symbols[5:])


def test_bytes_are_those_of_compressai(rng: np.random.Generator):
    theirs = entropy_models.GaussianConditional(None)
    theirs.update_scale_table(models.get_scale_table())
    scales = torch.from_numpy(np.exp(rng.uniform(-3, 5, (1, 6, 20, 30))).astype(np.float32))
    values = torch.from_numpy(rng.normal(size=scales.shape).astype(np.float32)) * scales
    indexes = theirs.build_indexes(scales)
    (string,) = theirs.compress(values, indexes)
    numbers = np.searchsorted(scale_table()[:-1], scales[0].double().clamp(min=SCALE_BOUND).numpy())
    np.testing.assert_array_equal(numbers, indexes[0])
    encoder = Encoder()
    encoder.put(
        torch.round(values[0]).int().numpy(),
        numbers,
        Cdfs(theirs._offset.tolist(), rows_of(theirs)),
    )
    assert encoder.finish() == string


def test_symbols_that_the_coder_cannot_take_are_refused():
    cdfs = gaussian_cdfs(scale_table())
    for value in (1 << 26, -(1 << 26)):
        with pytest.raises(UsageError, match="26 bits"):
            Encoder().put(np.array([value], np.int32), np.zeros(1, np.int32), cdfs)


def test_a_payload_that_is_too_short_gives_symbols_and_no_crash(rng: np.random.Generator):
    cdfs = gaussian_cdfs(scale_table())
    numbers = rng.integers(0, len(cdfs), 20_000)
    for payload in (b"", b"\1", bytes(8), b"\xff" * 40, rng.bytes(1000)):
        assert Decoder(payload, numbers.size).get(numbers, cdfs).shape == numbers.shape
