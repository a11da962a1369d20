"""Forest plots and trade-offs: what they show, and that it is drawn."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from rdbench.curves import Settings, comparisons, curves_of, published
from rdbench.network_cost import NetworkCost
from rdbench.plots import (
    draw,
    forest,
    rate_distortion,
    rate_saving,
    save,
    scene,
    tradeoff,
)
from tests.curves.encoded import PSNR, encoded_rows, of

QUICK = Settings()


@pytest.fixture(scope="module")
def rows():
    """Curves with times and memory: the more a codec saves, the slower it decodes, but one."""
    costs = {"jpeg": (0.01, 80.0), "webp": (0.05, 95.0), "jpeg2000": (0.2, 90.0)}
    timed = [
        dataclasses.replace(
            row, decode_s=costs[row.codec][0], program_rss_mb=costs[row.codec][1], load=1.0
        )
        for row in encoded_rows(6)
        if row.codec in costs
    ]
    return comparisons(curves_of([*timed, *of("png", 6)]), "jpeg", QUICK)


def test_a_forest_has_the_values_from_the_largest_saving_on(rows):
    plot = forest(rows)
    assert plot.name == "photos_psnr_db_bd"
    values = {row.test: row for row in rows if row.kind == "rate"}
    assert [row.title for row in plot.rows] == sorted(
        ("webp", "jpeg2000"), key=lambda name: values[name].value
    )
    for row in plot.rows:
        expected = values[row.title]
        assert row.mean_curves.value == expected.value
        assert row.mean_curves.low == expected.interval.low
        assert row.of_images.value == expected.per_image.mean
        assert row.of_images.high == expected.per_image.interval.high
    assert any(note.startswith("png: the curve has 0 usable points") for note in plot.notes)


def test_a_drawn_forest_has_each_estimate_at_its_place(rows):
    plot = forest(rows)
    axes = draw(plot).axes[0]
    drawn = [tuple(line.get_xdata()) for line in axes.get_lines()]
    for row in plot.rows:
        for estimate in (row.mean_curves, row.of_images):
            assert (estimate.value,) in drawn
            assert (estimate.low, estimate.high) in drawn
    assert [label.get_text() for label in axes.get_yticklabels()] == [r.title for r in plot.rows]


def test_a_forest_of_published_means_has_no_intervals():
    curves = [published("lee2019-mse"), published("bpg_444_x265_ycbcr")]
    plot = forest(comparisons(curves, "bpg_444_x265_ycbcr", QUICK))
    (row,) = plot.rows
    assert math.isnan(row.mean_curves.low)
    assert math.isnan(row.of_images.value)
    assert "interval" not in plot.subtitle
    draw(plot).canvas.draw()


def test_without_any_value_there_is_no_figure():
    found = comparisons(curves_of([*of("jpeg"), *of("png", 6)]), "jpeg", QUICK)
    assert forest(found) is None
    assert tradeoff(found) is None


def test_a_tradeoff_knows_the_pareto_front_in_each_panel(rows):
    plot = tradeoff(rows)
    assert [panel.x_label.split(" [")[0] for panel in plot.panels] == [
        "Decoding time",
        "Encoding time",
        "Peak memory of the program",
    ]
    values = {row.test: row.value for row in rows if row.kind == "rate"} | {"jpeg": 0.0}
    for panel in plot.panels:
        assert {spot.title for spot in panel.spots} == {"jpeg", "webp", "jpeg2000"}
        for spot in panel.spots:
            assert spot.bd_rate == values[spot.title]
            beaten = any(
                other.cost <= spot.cost and other.bd_rate <= spot.bd_rate
                for other in panel.spots
                if other is not spot
            )
            assert spot.optimal != beaten
    decoding = {spot.title: spot.cost for spot in plot.panels[0].spots}
    assert decoding == pytest.approx({"jpeg": 0.01, "webp": 0.05, "jpeg2000": 0.2})
    memory = {spot.title: spot.cost for spot in plot.panels[2].spots}
    assert memory == pytest.approx({"jpeg": 80, "webp": 95, "jpeg2000": 90})
    assert plot.notes[0].endswith("isolated (nothing else ran)")


def test_costs_that_are_not_known_have_no_panel(rows):
    bare = [
        dataclasses.replace(row, encode_s=None, decode_s=None, timing="")
        for row in [*of("jpeg"), *of("webp")]
    ]
    assert tradeoff(comparisons(curves_of(bare), "jpeg", QUICK)) is None
    some = [dataclasses.replace(row, encode_s=None) for row in of("webp")]
    plot = tradeoff(comparisons(curves_of([*of("jpeg"), *some]), "jpeg", QUICK))
    assert [panel.x_label for panel in plot.panels] == ["Decoding time [s/image]"]


def test_memory_of_programs_and_memory_within_the_process_have_a_panel_each():
    """What libraries add to the process and what whole programs take were on one front."""
    kinds = {
        "jpeg": {"added_rss_mb": 3.0},
        "webp": {"added_rss_mb": 9.0},
        "avif": {"program_rss_mb": 30.0, "added_rss_mb": 1.0},
        "jpeg2000": {"program_rss_mb": 20.0},
    }
    timed = [
        dataclasses.replace(
            row, encode_s=None, decode_s=None, peak_rss_mb=180.0, **kinds[row.codec]
        )
        for row in encoded_rows(6)
        if row.codec in kinds
    ]
    codecs = {row.codec for row in timed}
    plot = tradeoff(comparisons(curves_of(timed), "jpeg", QUICK))
    panels = {
        panel.x_label: {spot.title: spot.cost for spot in panel.spots} for panel in plot.panels
    }
    assert panels.pop("Memory added to the process [MiB]") == {"jpeg": 3, "webp": 9}
    programs = {name: kinds[name]["program_rss_mb"] for name in codecs & {"avif", "jpeg2000"}}
    assert list(panels.values()) == ([programs] if len(programs) > 1 else [])
    assert any(
        note.startswith("memory is ") and "not comparable with" in note for note in plot.notes
    )
    draw(plot).canvas.draw()


def test_the_worker_is_no_codec():
    """Its peak has rdbench in it and what other codecs left."""
    bare = [
        dataclasses.replace(row, encode_s=None, decode_s=None, peak_rss_mb=180.0)
        for row in [*of("jpeg"), *of("webp")]
    ]
    assert tradeoff(comparisons(curves_of(bare), "jpeg", QUICK)) is None


def test_published_times_are_on_no_front_of_measured_ones(rows):
    """Nor are times of different machines."""
    found = [row for row in rows if row.kind == "rate" and row.test_curve]
    other = [
        dataclasses.replace(
            row,
            test=f"{row.test} (published)",
            test_curve=dataclasses.replace(
                row.test_curve,
                label=f"{row.test}*",
                source="published",
                origin="Lee",
            ),
        )
        for row in found
        if row.test == "webp"
    ]
    plot = tradeoff([*found, *other])
    for panel in plot.panels:
        assert "webp (published)" not in {spot.title for spot in panel.spots} or (
            panel.x_label.startswith("Peak memory")
        )
    assert any("their publisher's, of another machine" in note for note in plot.notes)
    elsewhere = [
        dataclasses.replace(row, host="there") if row.codec == "webp" else row
        for row in (dataclasses.replace(row, host="here") for row in encoded_rows(6))
    ]
    plot = tradeoff(comparisons(curves_of(elsewhere), "jpeg", QUICK))
    assert not any(spot.title == "webp" for panel in plot.panels for spot in panel.spots)
    assert any(note.startswith("not drawn") and "webp" in note for note in plot.notes)


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (0.9, "isolated (nothing else ran)"),
        (15.2, "with one worker, but other programs ran at the same time (load 15)"),
        (None, "isolated (one worker; the load of the machine is not known)"),
    ],
)
def test_nothing_ran_beside_is_said_only_where_nothing_did(load, words):
    """It was said at a load of 15."""
    loaded = [
        dataclasses.replace(row, load=load, timing="isolated") for row in [*of("jpeg"), *of("webp")]
    ]
    plot = tradeoff(comparisons(curves_of(loaded), "jpeg", QUICK))
    assert plot.notes[0] == f"times are means over points and images, {words}"


def test_wall_time_that_waited_is_said():
    waited = [
        dataclasses.replace(row, encode_s=0.3, encode_cpu_s=0.1) if row.codec == "webp" else row
        for row in [*of("jpeg"), *of("webp")]
    ]
    plot = tradeoff(comparisons(curves_of(waited), "jpeg", QUICK))
    assert any(note.endswith("something was waited for: webp 3.0 times") for note in plot.notes)


def test_a_drawn_tradeoff_has_log_axes_spots_and_one_legend(rows):
    plot = tradeoff(rows)
    figure = draw(plot)
    figure.canvas.draw()
    (legend,) = figure.legends
    assert {text.get_text() for text in legend.get_texts()} == {"jpeg", "webp", "jpeg2000"}
    for axes, panel in zip(figure.axes, plot.panels, strict=True):
        assert axes.get_xscale() == "log"
        drawn = {(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.get_lines()}
        assert {(spot.cost, spot.bd_rate) for spot in panel.spots} <= drawn
        low, high = axes.get_xlim()
        assert all(low < spot.cost < high for spot in panel.spots)


@pytest.mark.parametrize("count", [2, 12, 25])
def test_nothing_of_a_crowded_figure_is_cut_off_or_covered(count, rows, tmp_path):
    some = [row for row in rows if row.test == "webp"]
    rng = np.random.default_rng(0)
    many = [
        dataclasses.replace(
            row,
            test=f"codec with options {number}",
            curve=dataclasses.replace(row.curve, value=float(rng.uniform(-50, 80))),
        )
        for number in range(count)
        for row in some
    ]
    for plot in (forest(many), tradeoff(many)):
        figure = draw(plot)
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        texts = [text for axes in figure.axes for text in axes.texts]
        texts += [
            label
            for axes in figure.axes
            for label in axes.get_yticklabels()
            if min(axes.get_ylim()) <= label.get_position()[1] <= max(axes.get_ylim())
        ]
        texts += [text for legend in figure.legends for text in legend.get_texts()]
        texts += [text for text in figure.texts if text.get_text()]
        texts = [text for text in texts if text.get_text() and text.get_visible()]
        boxes = [text.get_window_extent(renderer) for text in texts]
        for text, box in zip(texts, boxes, strict=True):
            assert box.x0 >= 0, text.get_text()
            assert box.y0 >= 0, text.get_text()
            assert box.x1 <= figure.bbox.x1, text.get_text()
            assert box.y1 <= figure.bbox.y1, text.get_text()
        for (one, a), (other, b) in itertools.combinations(zip(texts, boxes, strict=True), 2):
            assert not a.overlaps(b), (one.get_text(), other.get_text())


def test_files_are_the_same_bytes_again(rows, tmp_path):
    for plot in (forest(rows), tradeoff(rows)):
        first = save(plot, tmp_path / "a", ("pdf", "svg"))
        second = save(plot, tmp_path / "b", ("pdf", "svg"))
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_filled_is_the_mean_curve_and_hollow_the_mean_of_images_in_all_figures(rows):
    """Hollow had also been a codec's second curve."""
    twice = [*of("jpeg"), *of("webp", label="a"), *of("webp", label="b", options="2")]
    found = comparisons(curves_of(twice), "jpeg", QUICK)
    view = scene(curves_of(twice), "photos", PSNR)
    for plot in (rate_distortion(view), rate_saving(view, view.curves[0]), tradeoff(found)):
        for axes in draw(plot).axes:
            markers = [line for line in axes.get_lines() if line.get_marker() not in ("None", "")]
            rings = {line for line in markers if line.get_markersize() == 13}
            assert all(
                line.get_markerfacecolor() == line.get_color() for line in set(markers) - rings
            )
    (axes,) = draw(forest(found)).axes
    places = {
        float(line.get_xdata()[0]): line.get_markerfacecolor()
        for line in axes.get_lines()
        if len(line.get_xdata()) == 1
    }
    for row in forest(found).rows:
        assert places[row.mean_curves.value] != "white"
        assert places[row.of_images.value] == "white"


def test_a_tradeoff_has_the_operations_of_networks():
    def learned(curve, most):
        costs = {
            (point, 3): NetworkCost(
                analysis_kmac_px=most / (1 + place),
                synthesis_kmac_px=2 * most / (1 + place),
                entropy_encode_kmac_px=1.0,
                entropy_decode_kmac_px=2.0,
            )
            for place, point in enumerate(curve.points)
        }
        return dataclasses.replace(curve, network_costs=costs)

    jpeg, webp, jpeg2000 = curves_of([*of("jpeg"), *of("webp"), *of("jpeg2000")])
    plot = tradeoff(
        comparisons([jpeg, learned(webp, 10.0), learned(jpeg2000, 30.0)], "jpeg", QUICK)
    )
    panels = {panel.x_label: panel for panel in plot.panels}
    for label, expected in (
        ("Networks in decoding [kMAC/px]", {"webp": 22.0, "jpeg2000": 62.0}),
        ("Networks in encoding [kMAC/px]", {"webp": 11.0, "jpeg2000": 31.0}),
    ):
        assert {spot.title: spot.cost for spot in panels[label].spots} == expected
    assert isinstance(draw(plot), Figure)
    alone = tradeoff(comparisons([jpeg, learned(webp, 10.0), jpeg2000], "jpeg", QUICK))
    assert not any("kMAC" in panel.x_label for panel in alone.panels)
