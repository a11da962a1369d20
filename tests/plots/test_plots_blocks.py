"""Figures of the way through transform codecs: what is in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rdbench.plots import blocks as plots


def words(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_functions_stand_in_rows_each_over_its_own_largest() -> None:
    functions = [np.full((8, 8), value) for value in (4.0, -2.0, 0.0, 1.0)]
    axes = plots.bases({"mine": functions}, "What", "here").axes[0]
    shown = np.ma.filled(axes.get_images()[0].get_array(), np.nan)
    assert shown.shape == (17, 17)
    assert [shown[0, 0], shown[0, 9], shown[9, 0], shown[9, 9]] == [1, -1, 0, 1]
    assert np.isnan(shown[8]).all()
    assert axes.get_title() == "mine"


def test_a_block_has_its_numbers_at_each_stage() -> None:
    levels = np.zeros((8, 8))
    levels[0, 0], levels[1, 2] = -12, 3
    decoded = np.full((8, 8), 99.0)
    rows = {"one": {"levels": levels, "decoded": decoded}}
    first, second = plots.way(rows, "The way", "here").axes
    assert words(first)[0] == "\N{MINUS SIGN}12"
    assert words(first)[10] == "3"
    assert words(first).count("·") == 62
    assert words(second) == ["99"] * 64
    assert (first.get_ylabel(), first.get_title()) == ("one", "levels")


@pytest.mark.parametrize(("width", "height"), [(83, 61), (20, 9), (64, 200)])
def test_the_block_is_framed_in_its_surroundings(width, height) -> None:
    image = np.arange(height * width).reshape(height, width, 1).astype(np.uint8)
    whole, around, block = plots.picture(image, 8, 0, "A picture", "here").axes
    assert [int(text) for text in words(block)[:8]] == image[0, 8:16, 0].tolist()
    (frame,) = around.patches
    assert frame.get_xy() == (7.5, -0.5)
    left, right = around.get_xlim()
    assert left <= 7.5
    assert right >= 15.5
    assert whole.get_title() == f"{width}×{height} px"


def test_a_block_at_the_border_shows_what_there_is_of_it() -> None:
    image = np.zeros((9, 9, 1), np.uint8)
    block = plots.picture(image, 8, 8, "A picture", "here").axes[2]
    assert len(words(block)) == 1


def test_variances_fall_and_gains_are_told() -> None:
    positions = pd.DataFrame({"codec": "one", "variance": [1.0, 4.0, 2.0]})
    left, right = plots.energy(positions, {"one": 1.234}, "Where", "here").axes
    np.testing.assert_array_equal(left.get_lines()[0].get_ydata(), [4, 2, 1])
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), [300 / 7, 100 / 7, 0])
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["one: gain 1.23 dB"]


def test_costs_have_a_map_for_each_codec_on_one_scale() -> None:
    maps = {"one": np.array([[1.0, 2.0]]), "two": np.array([[8.0, 0.0]])}
    rows = [{"codec": name, "position": k, "bpp": 0.01 * k} for name in maps for k in range(3)]
    first, second, last = plots.costs(maps, pd.DataFrame(rows), "Where", "here").axes[:3]
    assert first.get_images()[0].get_clim() == second.get_images()[0].get_clim() == (0, 8)
    np.testing.assert_allclose(last.get_lines()[1].get_ydata(), [0, 10, 20])
