"""Where legends stand, measured on what is rendered: never on data."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from rdbench.curves import Settings, comparisons, curves_of, published
from rdbench.errors import UsageError
from rdbench.plots import Line, Plot, draw, rate_distortion, rate_saving, scene, tradeoff
from rdbench.plots import inspection as inspected
from rdbench.plots.bars import Bars
from rdbench.plots.draw import style
from rdbench.plots.figures import Look
from tests.curves.encoded import PSNR, of

KODAK = (
    *("bpg_444_x265_ycbcr", "lee2019-mse", "jpeg", "jpeg2000", "webp", "av1", "vtm", "hm"),
    *("compressai-bmshj2018-factorized_ms-ssim_ans_cuda-8bit", "compressai-mbt2018_mse_cpu"),
    *("compressai-bmshj2018-factorized_mse_cpu", "compressai-cheng2020-anchor_mse_cpu"),
    *("compressai-cheng2020-attn_mse_cpu", "paper-elic2022_mse"),
)
QUICK = Settings(resamples=0)
GRID = int("E2", 16)


@pytest.fixture(autouse=True)
def as_saved():
    with style():
        yield


def under_the_legend(figure):
    """What is rendered where each legend stands, without it: (pixels, RGB)."""
    figure.canvas.draw()
    figure.set_layout_engine("none")  # hiding a legend moves nothing
    legends = [a.get_legend() for a in figure.axes if a.get_legend()] + figure.legends
    assert legends
    boxes = [legend.get_window_extent() for legend in legends]
    for legend in legends:
        legend.set_visible(False)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[:, :, :3]
    height = len(pixels)
    return np.concatenate(
        [
            pixels[
                round(height - box.y1) : round(height - box.y0), round(box.x0) : round(box.x1)
            ].reshape(-1, 3)
            for box in boxes
        ]
    )


def assert_free(figure):
    """Below a legend there is paper and grid alone."""
    found = under_the_legend(figure)
    assert len(found) > 1000
    assert found.min() >= GRID - 1, np.unique(found, axis=0)[:5]


def kodak(count):
    return scene([published(name) for name in KODAK[:count]], "kodak", PSNR)


@pytest.mark.parametrize("count", [2, 6, 14])
@pytest.mark.parametrize("log_rate", [False, True])
def test_legends_never_cover_curves(count, log_rate):
    view = kodak(count)
    assert_free(draw(rate_distortion(view, log_rate=log_rate)))
    assert_free(draw(rate_saving(view, view.curves[0])))


@pytest.mark.parametrize(
    "corner", ["lower right", "upper left", "upper right", "lower left", "all", "point"]
)
def test_a_legend_goes_where_there_is_room_and_beside_where_there_is_none(corner):
    x = np.linspace(0, 1, 50)
    rising, falling = tuple(x), tuple(1 - x)
    lines = [Line(f"curve {k}", f"codec{k}", False, tuple(x), rising) for k in range(4)]
    if corner in {"upper left", "lower right"}:
        lines.append(Line("at the corner", "mine", False, (0.02, 0.98), (0.98, 0.98)))
    if corner == "all":
        lines += [Line("down", "down", False, tuple(x), falling)]
    if corner == "point":  # a single point is no segment of a line
        lines = [Line("a single point", "one", False, (0.9,), (0.1,)), lines[0]]
    plot = Plot("n", "t", "s", "x", "y", tuple(lines), x_limits=(0, 1), y_limits=(0, 1))
    figure = draw(plot)
    assert_free(figure)
    inside = figure.axes[0].get_legend().get_window_extent().x1 < figure.axes[0].bbox.x1
    assert inside == (corner != "all")


@pytest.mark.parametrize("count", [2, 6, 14])
def test_legends_of_costs_and_times_cover_nothing(count):
    curves = [published(name) for name in KODAK[:count] if name != "lee2019-mse"]
    if len(curves) > 1:
        figure = draw(tradeoff(comparisons(curves, KODAK[0], QUICK)))
        assert_free(figure)
    names = tuple(f"codec {number}" for number in range(count))
    seconds = (("encode", (1.0,) * count), ("decode", tuple(1.0 + k for k in range(count))))
    assert_free(draw(Bars("n", "t", "s", "Time [s]", names, seconds)))
    even = (("encode", (1.0,) * count), ("decode", (1.0,) * count))
    assert_free(draw(Bars("n", "t", "s", "Time [s]", names, even)))


def test_legends_of_inspected_networks_cover_nothing():
    rows = [
        {"image": image, "beta": beta, "zero_maps": 60 / beta, "estimated_bpp": bpp / beta}
        | {"model_bpp": bpp / beta + 0.01, "ans_bpp": bpp / beta + 0.05 / beta}
        for image, bpp in (("a", 1.0), ("b", 3.0))
        for beta in (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
    ]
    assert_free(inspected.zero_maps(pd.DataFrame(rows), 60, "Zeros", "here"))
    assert_free(inspected.rates(pd.DataFrame(rows), "Rates", "here"))


def test_a_figure_has_the_size_that_is_asked_for_with_its_legend_below_where_it_is_narrow():
    view = kodak(7)
    short = [dataclasses.replace(curve, given_name=curve.label[:6]) for curve in view.curves]
    plot = rate_distortion(scene(short, "kodak", PSNR), x_limits=(0, 0.5), y_limits=(26, 34))
    look = Look(size=(3.5, 3.2), notes=False)
    figure = draw(dataclasses.replace(plot, look=look))
    assert tuple(figure.get_size_inches()) == (3.5, 3.2)
    assert_free(figure)
    long = dataclasses.replace(rate_distortion(kodak(14)), look=look)
    with pytest.raises(UsageError, match=r"3\.5,3\.2 inches has no room for its names"):
        draw(long)
    wide = dataclasses.replace(long, look=Look(size=(9, 8)))
    assert_free(draw(wide))


def test_a_legend_of_labels_of_measured_curves_covers_no_marker():
    rows = [*of("jpeg"), *of("webp"), *of("jpeg2000", label="JPEG 2000, irreversible, " + 30 * "x")]
    view = scene(curves_of(rows), "photos", PSNR)
    assert_free(draw(rate_distortion(view)))
    assert_free(draw(rate_saving(view, view.curves[0])))
