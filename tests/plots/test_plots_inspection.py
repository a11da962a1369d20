"""Figures of trained networks from tables made by hand: what is in them, and where."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rdbench.errors import RdbenchError
from rdbench.plots import inspection as plots
from rdbench.plots.draw import save_figure

BETAS = (1.0, 4.0)


@pytest.fixture
def fits() -> pd.DataFrame:
    columns = {"mean": [0.0, 2.0, 1.0, 0.0], "scale": [1.0, 0.5, 40.0, 0.0]}
    return pd.DataFrame({"map": range(4), **columns})


@pytest.fixture
def histogram() -> pd.DataFrame:
    low = np.arange(-5.0, 5.0)
    parts = (
        pd.DataFrame({"map": number, "low": low, "high": low + 1, "density": 0.1 + 0 * low})
        for number in range(4)
    )
    return pd.concat(parts)


@pytest.fixture
def rates() -> pd.DataFrame:
    rows = [
        {"image": image, "beta": beta, "zero_maps": int(beta) * zeros, "estimated_bpp": bpp / beta}
        | {"model_bpp": bpp / beta + 0.01, "ans_bpp": bpp / beta + 0.02}
        for image, bpp, zeros in (("a", 1.0, 1), ("b", 3.0, 0))
        for beta in BETAS
    ]
    return pd.DataFrame(rows)


def texts(figure) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_each_histogram_has_its_laplace_distribution(histogram, fits):
    figure = plots.histograms(histogram, fits, [1, 3, 0], "Latents", "here")
    first, constant, last = figure.axes
    (line,) = first.get_lines()
    x, y = line.get_data()
    assert y.max() == pytest.approx(1 / (2 * 0.5))
    assert x[np.argmax(y)] == 2
    np.testing.assert_allclose(y, np.exp(-np.abs(x - 2) / 0.5))
    assert not constant.get_lines()
    assert "map 1: mean 2, scale 0.5" in first.get_title()
    assert "map 0" in last.get_title()
    assert {"Latents", "here"} <= set(texts(figure).splitlines())


def test_scales_leave_the_exception_out_and_say_so(fits):
    figure = plots.scales(fits, 2, "Scales", "here")
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert sum(heights) == 3
    assert "without map 2, the exception, of scale 40.0" in texts(figure)
    everything = plots.scales(fits, None, "Scales", "here")
    assert sum(patch.get_height() for patch in everything.axes[0].patches) == 4
    assert "exception" not in texts(everything)


@pytest.mark.parametrize("names", [["luma"], ["red", "green", "blue"]])
def test_responses_are_shown_as_they_are(names):
    y, x = (index.ravel() for index in np.indices((8, 8)))
    parts = []
    for number in (5, 2):
        for row, alpha in ((1, 3.0), (1, -3.0), (6, 3.0), (6, -3.0)):
            samples = {name: (y * 8 + x + k + number) for k, name in enumerate(names)}
            keys = {"map": number, "row": row, "column": row, "alpha": alpha, "y": y, "x": x}
            parts.append(pd.DataFrame({**keys, **samples}).astype(dict.fromkeys(names, np.uint8)))
    figure = plots.responses(pd.concat(parts), "What", "here")
    assert len(figure.axes) == 8
    shown = np.asarray(figure.axes[4].get_images()[0].get_array())
    expected = np.stack([np.arange(64).reshape(8, 8) + k + 2 for k in range(len(names))], axis=2)
    np.testing.assert_array_equal(shown.reshape(8, 8, len(names)), expected)
    assert figure.axes[0].get_ylabel() == "map 5"
    assert figure.axes[1].get_title() == "(1, 1), α = \N{MINUS SIGN}3"


def test_rates_of_maps_are_sorted_and_added_up():
    rows = [
        {"image": image, "beta": beta, "latents": kind, "map": number, "bpp": bpp / beta}
        for image, scale in (("a", 1), ("b", 3))
        for beta in BETAS
        for kind, costs in (("y", (0.1, 0.3, 0.2)), ("z", (9.0,)))
        for number, bpp in enumerate(scale * np.array(costs))
    ]
    figure = plots.map_rates(pd.DataFrame(rows), "Rates", "here")
    left, right = figure.axes
    for beta, each, total in zip(BETAS, left.get_lines(), right.get_lines(), strict=True):
        np.testing.assert_allclose(each.get_ydata(), np.array([0.6, 0.4, 0.2]) / beta)
        np.testing.assert_allclose(total.get_ydata(), np.array([0.6, 1.0, 1.2]) / beta)
        assert each.get_label() == f"β = {beta:g}"


def test_zero_maps_have_a_line_for_each_image_and_their_mean(rates):
    figure = plots.zero_maps(rates, 8, "Zeros", "here")
    first, second, mean = figure.axes[0].get_lines()
    np.testing.assert_allclose(first.get_data(), [[1.02, 0.27], [1, 4]])
    np.testing.assert_allclose(second.get_data(), [[3.02, 0.77], [0, 0]])
    np.testing.assert_allclose(mean.get_data(), [[2.02, 0.52], [0.5, 2]])


def test_real_rates_are_held_against_the_estimate(rates):
    def drawn(table):
        axes = plots.rates(table, "Rates", "here").axes[0]
        return {line.get_label(): line.get_data() for line in axes.get_lines()[1:]}

    lines = drawn(rates)
    assert list(lines) == ["densities of the model", "stream, ANS"]
    np.testing.assert_allclose(lines["stream, ANS"], [[2, 0.5], [20, 20]])
    np.testing.assert_allclose(lines["densities of the model"][1], [10, 10])
    both = drawn(rates.assign(binary_bpp=rates["estimated_bpp"] - 0.003))
    np.testing.assert_allclose(both["stream, binary arithmetic coder"][1], [-3, -3])
    assert list(drawn(rates.assign(model_bpp=rates["estimated_bpp"]))) == ["stream, ANS"]


def rate_table(rows: int, columns: int) -> pd.DataFrame:
    row, column = (index.ravel() for index in np.indices((rows, columns)))
    return pd.DataFrame({"row": row, "column": column, "side": 16, "bits": 10.0 * row + column})


@pytest.mark.parametrize(("height", "width"), [(40, 70), (70, 40)])
def test_a_rate_map_lies_on_its_image_without_the_padding(height, width):
    image = np.full((height, width, 1), 99, np.uint8)
    figure = plots.rate_map(rate_table(8, 8), image, "Bits", "here")
    left, right = figure.axes[:2]
    (drawn,) = right.get_images()
    assert tuple(drawn.get_extent()) == (0, 128, 128, 0)
    assert drawn.get_array()[2, 3] == 23
    assert right.get_xlim() == (0, width)
    assert right.get_ylim() == (height, 0)
    assert left.get_images()[0].get_array().shape == (height, width)


def test_files_are_the_same_bytes_again(rates, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        figure = plots.rates(rates, "Rates", "here")
        paths = save_figure(figure, tmp_path / folder, "rates", ("png", "pdf"))
        assert [path.name for path in paths] == ["rates.png", "rates.pdf"]
    for kind in ("png", "pdf"):
        first, second = ((tmp_path / folder / f"rates.{kind}").read_bytes() for folder in "ab")
        assert first == second
    with Image.open(tmp_path / "a" / "rates.png") as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    with pytest.raises(RdbenchError, match="cannot write"):
        save_figure(figure, tmp_path / "none", "rates", ("png",))
