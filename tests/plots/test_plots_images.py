"""The deltas of single images as a figure: each at its place, and names that cover nothing."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics

import numpy as np
import pytest

from rdbench.curves import Settings, comparisons, curves_of, published
from rdbench.plots import draw, images_plot, save
from rdbench.plots.figures import Look
from tests.curves.encoded import encoded_rows, of


@pytest.fixture(scope="module")
def rows():
    return comparisons(curves_of([*encoded_rows(6)]), "jpeg", Settings())


def crowd(rows, count, spread, codecs=3):
    """Curves of ``count`` images, whose names are long and whose deltas crowd together."""
    rate = next(row for row in rows if (row.test, row.kind) == ("webp", "rate"))
    rng = np.random.default_rng(count)
    names = tuple(f"a-long-name-of-an-image-{place}" for place in range(count))
    found = []
    for codec in range(codecs):
        values = tuple((-40 + 10 * codec + rng.standard_t(2, count) * spread).tolist())
        single = dataclasses.replace(
            rate.per_image, values=values, overlaps=(90.0,) * count, interval=None
        )
        found.append(
            dataclasses.replace(rate, test=f"codec {codec}", images=names, per_image=single)
        )
    return found


def test_each_image_is_a_dot_at_its_delta(rows):
    plot = images_plot(rows)
    assert plot.name == "photos_psnr_db_images"
    singles = {row.test: row.per_image for row in rows if row.kind == "rate"}
    images = next(row.images for row in rows if row.test == "webp")
    # png has one point and no delta; the others stand by their medians.
    assert [row.title for row in plot.rows] == sorted(
        ("webp", "jpeg2000"), key=lambda title: statistics.median(singles[title].values)
    )
    (axes,) = draw(plot).axes
    drawn = [tuple(line.get_xdata()) for line in axes.get_lines()]
    for row in plot.rows:
        single = singles[row.title]
        known = dict(zip(images, single.values, strict=True))
        assert row.values == tuple(sorted(single.values))
        assert [known[name] for name in row.names] == list(row.values)
        assert row.percentiles == single.percentiles
        assert row.values in drawn
        low, median, high = single.percentiles
        assert (low, high) in drawn
        assert (median, median) in drawn
        # Of few images the ends are named.
        assert row.named == (0, 5)
    texts = {text.get_text() for text in axes.texts}
    assert {row.names[place] for row in plot.rows for place in row.named} <= texts
    assert any("png" in note for note in plot.notes)


def test_the_three_farthest_of_many_images_are_named(rows):
    plot = images_plot(crowd(rows, 24, 5.0))
    for row in plot.rows:
        median = statistics.median(row.values)
        farthest = sorted(range(24), key=lambda place: -abs(row.values[place] - median))[:3]
        assert set(row.named) == set(farthest)


def test_means_and_curves_without_deltas_have_no_figure():
    means = [published("lee2019-mse"), published("bpg_444_x265_ycbcr")]
    assert images_plot(comparisons(means, "bpg_444_x265_ycbcr", Settings())) is None
    found = comparisons(curves_of([*of("jpeg"), *of("png", 6)]), "jpeg", Settings())
    assert images_plot(found) is None


def test_an_image_without_a_delta_is_no_dot(rows):
    (row,) = crowd(rows, 12, 3.0, codecs=1)
    values = (math.nan, *row.per_image.values[1:])
    single = dataclasses.replace(row.per_image, values=values)
    (drawn,) = images_plot([dataclasses.replace(row, per_image=single)]).rows
    assert len(drawn.values) == len(drawn.names) == 11
    assert row.images[0] not in drawn.names
    assert drawn.values == tuple(sorted(values[1:]))


@pytest.mark.parametrize("look", [Look(), Look(size=(4.0, 3.5), notes=False)])
@pytest.mark.parametrize(("count", "spread"), [(1, 1.0), (2, 0.0), (24, 0.01), (100, 8.0)])
def test_names_cover_neither_each_other_nor_dots(rows, count, spread, look):
    figure = draw(dataclasses.replace(images_plot(crowd(rows, count, spread)), look=look))
    figure.canvas.draw()
    (axes,) = figure.axes
    named = [text for text in axes.texts if text.get_text().startswith("a-long")]
    assert named or look.size
    boxes = [text.get_window_extent() for text in named]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    dots = [
        axes.transData.transform(list(zip(*line.get_data(), strict=True)))
        for line in axes.get_lines()
        if line.get_marker() not in ("None", "")
    ]
    assert len(dots) == 3
    for box in boxes:
        assert box.x0 >= axes.bbox.x0 - 1
        assert box.x1 <= axes.bbox.x1 + 1
        for x, y in np.concatenate(dots):
            assert not (box.x0 < x < box.x1 and box.y0 < y < box.y1)


def test_files_are_the_same_bytes_again(rows, tmp_path):
    plot = images_plot(crowd(rows, 24, 5.0))
    first, second = (save(plot, tmp_path / name, ("png", "svg")) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
