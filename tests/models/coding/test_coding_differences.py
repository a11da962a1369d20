"""Images of integers, predicted from their neighbors: against the standard's prediction written
out, and the entropy of the differences."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from rdbench.errors import BitstreamError
from rdbench.models.coding import differences
from rdbench.models.coding.tables import TOTAL


def smooth(height=40, width=56, step=2):
    image = skimage.data.camera()[::8, ::8][:height, :width].astype(np.int32) // step
    return image - 40


def predicted_one(values, row, column):
    """ITU-T T.87, clause A.4.1; the first row and column have one neighbor."""
    if row == column == 0:
        return 0
    if row == 0:
        return values[0][column - 1]
    if column == 0:
        return values[row - 1][0]
    a, b, c = values[row][column - 1], values[row - 1][column], values[row - 1][column - 1]
    if c >= max(a, b):
        return min(a, b)
    if c <= min(a, b):
        return max(a, b)
    return a + b - c


def test_the_prediction_is_that_of_the_standard():
    values = smooth(12, 17)
    expected = [[predicted_one(values.tolist(), r, c) for c in range(17)] for r in range(12)]
    np.testing.assert_array_equal(differences.predicted(values), expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (2, 2), (40, 56), (0, 5), (5, 0)])
@pytest.mark.parametrize("step", [1, 7, 100])
def test_values_come_back(size, step):
    values = smooth(step=step)[: size[0], : size[1]]
    data = differences.encode(values)
    decoded = differences.decode(data, values.shape)
    assert decoded.dtype == np.int32
    np.testing.assert_array_equal(decoded, values)


@pytest.mark.parametrize("scale", [0.0, 0.3, 3.0, 40.0, 3000.0])
def test_the_length_is_what_the_differences_are_worth(scale):
    """Two-sided geometric differences cost their entropy; others what the nearest distribution
    makes of them, and escapes."""
    random = np.random.default_rng(0)
    share = 1 - np.exp(-1 / scale) if scale else 1.0
    values = np.zeros((64, 64), np.int32)
    for row in range(64):
        for column in range(64):
            step = random.geometric(share) - random.geometric(share)
            values[row, column] = predicted_one(values, row, column) + step
    data = differences.encode(values)
    np.testing.assert_array_equal(differences.decode(data, values.shape), values)
    worth = differences.information(values, differences.distribution(data)).sum()
    if 0 < scale < 100:
        ratio = np.exp(-1 / scale)
        p = (1 - ratio) / (1 + ratio) * ratio ** np.abs(np.arange(-6000, 6001))
        entropy = -(p[p > 0] * np.log2(p[p > 0])).sum() * values.size
        assert worth == pytest.approx(entropy, rel=0.06)  # of 4096 draws
        assert abs(8 * len(data) - worth) < 0.001 * worth + 64
    assert 8 * len(data) < worth + 0.5 * values.size


def test_tables_are_the_distributions():
    for number in (0, 7, 20, 39):
        frequencies = differences.tables().frequencies(number)
        low = int(differences.tables().lows[number])
        values = np.arange(low, low + len(frequencies) - 1)
        assert values[0] == -values[-1]
        scale = 2 ** (number / 4 - 2)
        expected = np.exp(-np.abs(values) / scale) / (1 + 2 / np.expm1(1 / scale))
        np.testing.assert_allclose(frequencies[:-1] / TOTAL, expected, rtol=1e-3, atol=2e-7)


def test_extremes_have_their_limit():
    values = np.array([[differences.LARGEST, -differences.LARGEST], [0, 5]], np.int32)
    np.testing.assert_array_equal(differences.decode(differences.encode(values), (2, 2)), values)
    with pytest.raises(ValueError, match="beyond"):
        differences.encode(np.array([[differences.LARGEST + 1]], np.int32))


def test_damage_is_an_error_or_other_values():
    values = smooth()
    data = differences.encode(values)
    for broken in (b"", bytes([differences.DISTRIBUTIONS]) + data[1:], data + b"more"):
        with pytest.raises(BitstreamError):
            differences.decode(broken, values.shape)
    random = np.random.default_rng(1)
    for _ in range(100):
        changed = bytearray(data)
        changed[random.integers(1, len(data))] ^= 1 << random.integers(8)
        try:
            decoded = differences.decode(bytes(changed), values.shape)
        except BitstreamError:
            continue
        assert decoded.shape == values.shape
