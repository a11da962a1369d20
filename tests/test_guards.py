"""Guards that mutation of the code found to be held by no other test: each of these fails where its
guard is broken."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest

from rdbench.bd import holm, percentile_interval
from rdbench.curves import Settings, across_datasets, comparisons, curves_of
from rdbench.curves.comparison import LEVEL_OF_TESTS, Significance
from rdbench.formats import ycbcr
from rdbench.formats.layout import Layout
from rdbench.gate.curve import _declared_deterministic
from rdbench.plots.tradeoff import _beaten
from tests.curves.encoded import encoded_rows


def test_a_table_cannot_name_a_file_that_is_executed(tmp_path):
    """The gate asks codecs by name whether they are deterministic."""
    file = tmp_path / "mine.py"
    file.write_text(
        "import pathlib\n"
        "pathlib.Path(__file__).with_name('executed').touch()\n"
        "from rdbench.codecs.jpeg import Jpeg\n"
        "class Mine(Jpeg):\n    name = 'mine'\n"
    )
    assert _declared_deterministic(f"{file}:Mine") is None
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]
    assert _declared_deterministic("jpeg") is True


@pytest.mark.parametrize(("undefined", "known"), [(0, True), (5, True), (6, False), (100, False)])
def test_an_interval_rests_on_95_percent_of_the_resamples(undefined, known):
    values = np.random.default_rng(0).normal(size=100)
    values[:undefined] = np.nan
    found = percentile_interval(values)
    assert (math.isfinite(found.low), math.isfinite(found.high)) == (known, known)
    assert (found.resamples, found.undefined) == (100, undefined)


@pytest.mark.parametrize(
    ("adjusted", "undecided"), [(0.049, False), (0.05, True), (0.2, True), (math.nan, False)]
)
def test_a_pair_is_undecided_from_the_level_of_tests_on(adjusted, undecided):
    assert LEVEL_OF_TESTS == 0.05
    assert Significance(0.01, adjusted, 3).undecided is undecided


def test_a_comparison_is_undecided_by_the_adjusted_p_value():
    """Of one pair alone it may be settled, and of three not."""
    values = [0.02, 0.5, 0.9]
    adjusted = holm(values)
    assert adjusted[0] == pytest.approx(0.06)
    (row, *_) = _compared()
    told = dataclasses.replace(row, significance=Significance(0.02, adjusted[0], 3))
    assert told.undecided
    assert not dataclasses.replace(row, significance=Significance(0.02, 0.02, 1)).undecided
    assert not dataclasses.replace(row, significance=None).undecided


def _compared(resamples=400):
    """JPEG and WebP on two datasets that are the same, by the bootstrap."""
    rows = [row for row in encoded_rows(6) if row.codec in ("jpeg", "webp")]
    again = [dataclasses.replace(row, dataset="again") for row in rows]
    settings = Settings(interval="bootstrap", resamples=resamples)
    return comparisons(curves_of([*rows, *again]), "jpeg", settings)


def test_datasets_are_drawn_independently_of_each_other():
    """The deviation of the mean of two equal datasets is that of one by the root of two; drawn
    alike it would be the same."""
    rows = [row for row in _compared(2000) if row.kind == "quality"]
    one, other = (row.interval for row in rows)
    assert (one.low, one.high) == (other.low, other.high)
    (mean,) = across_datasets(rows)
    ratio = (mean.interval.high - mean.interval.low) / (one.high - one.low)
    assert 0.55 < ratio < 0.88


@pytest.mark.parametrize(
    ("spots", "optimal"),
    [
        ({"a": (1, -5), "b": (2, -10)}, "ab"),
        ({"a": (1, -5), "b": (2, -5)}, "a"),  # as good for more
        ({"a": (1, -5), "b": (1, -10)}, "b"),  # better for as much
        ({"a": (1, -10), "b": (2, -5), "c": (3, -20)}, "ac"),
        ({"a": (1, -5), "b": (1, -5)}, "ab"),  # neither beats its equal
        ({"a": (2, -10), "b": (1, -9), "c": (3, -10)}, "ab"),
    ],
)
def test_what_another_beats_at_cost_and_rate_is_not_optimal(spots, optimal):
    known = [(name, float(cost), float(rate)) for name, (cost, rate) in spots.items()]
    found = [name for name, cost, rate in known if not _beaten(cost, rate, known)]
    assert "".join(found) == optimal


@pytest.mark.parametrize("range_", ["limited", "full"])
@pytest.mark.parametrize("depth", [8, 10])
def test_colors_are_rounded_to_the_nearest_in_both_directions(range_, depth):
    """In exact fractions by BT.601-7, 2.5.1 to 2.5.3, one sample after the other."""
    colors = np.random.default_rng(1).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    layout = Layout(chroma="444", depth=depth, matrix="bt601", range=range_)
    step = 2 ** (depth - 8)
    peak = 2**depth - 1
    gains = (219 * step, 224 * step) if range_ == "limited" else (peak, peak)
    offset = 16 * step if range_ == "limited" else 0
    planes = ycbcr.to_planes(colors, layout)
    kr, kg, kb = Fraction(299, 1000), Fraction(587, 1000), Fraction(114, 1000)
    back = ycbcr.from_planes(planes, layout)
    for place in np.ndindex(colors.shape[:2]):
        red, green, blue = (Fraction(int(sample), 255) for sample in colors[place])
        luma = kr * red + kg * green + kb * blue
        cb, cr = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
        exact = (
            gains[0] * luma + offset,
            gains[1] * cb + 128 * step,
            gains[1] * cr + 128 * step,
        )
        samples = [int(plane[place]) for plane in planes]
        for value, sample in zip(exact, samples, strict=True):
            assert abs(sample - min(max(value, 0), peak)) <= Fraction(1, 2)
        luma = Fraction(samples[0] - offset, gains[0])
        cb, cr = (Fraction(sample - 128 * step, gains[1]) for sample in samples[1:])
        red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
        green = (luma - kr * red - kb * blue) / kg
        for value, sample in zip((red, green, blue), back[place].tolist(), strict=True):
            assert abs(sample - min(max(255 * value, 0), 255)) <= Fraction(1, 2)
