"""What figures show, as numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rdbench.bd import bd_rate
from rdbench.curves import Settings, curves_of, published
from rdbench.errors import UsageError
from rdbench.metrics import BUILT_IN
from rdbench.plots import draw, rate_distortion, rate_saving, scene
from tests.curves.encoded import PSNR, encoded_rows, of


@pytest.fixture(scope="module")
def curves():
    return curves_of(encoded_rows())


def line_of(plot, title):
    (line,) = (line for line in plot.lines if line.title == title)
    return line


def test_lines_are_the_means_and_lossless_points_are_said(curves):
    plot = rate_distortion(scene(curves, "photos", PSNR))
    assert {line.title for line in plot.lines} == {"jpeg", "webp", "jpeg2000"}
    for line in plot.lines:
        (curve,) = (curve for curve in curves if curve.title == line.title)
        assert line.x == tuple(curve.mean("bpp"))
        assert line.y == tuple(curve.mean("psnr_db"))
    assert plot.notes == ("png: PSNR not finite at level 6, not drawn",)
    assert (plot.x_label, plot.y_label) == ("Rate [bit/px]", "PSNR [dB]")
    assert plot.title == "photos, 4 images"
    assert plot.subtitle == "mean of the images' PSNR in dB"
    assert plot.name == "photos_psnr_db"


def test_pooled_figures_have_their_own_name_and_say_so(curves):
    plot = rate_distortion(scene(curves, "photos", PSNR, "pooled"))
    assert plot.name == "photos_psnr_db_pooled"
    assert plot.subtitle == "PSNR of the mean MSE"
    expected = 10 * np.log10(255**2 / curves[0].mean("mse"))
    np.testing.assert_allclose(line_of(plot, "jpeg").y, expected)


def test_all_curves_are_of_the_images_that_all_have():
    rows = [row for row in encoded_rows() if (row.codec, row.image) != ("webp", "coffee")]
    view = scene(curves_of(rows), "photos", PSNR)
    assert view.images == ("astronaut", "chelsea", "rocket")
    plot = rate_distortion(view)
    rest = [r.bpp for r in of("jpeg") if r.point == 10 and r.image != "coffee"]
    assert line_of(plot, "jpeg").x[0] == pytest.approx(np.mean(rest))
    assert plot.notes[0] == "without 1 images that not all curves have (coffee)"
    apart = [row for row in of("jpeg") if row.image == "coffee"]
    apart += [row for row in of("webp") if row.image == "rocket"]
    with pytest.raises(UsageError, match="no image with psnr_db in common"):
        scene(curves_of(apart), "photos", PSNR)
    assert scene(curves_of(rows), "photos", BUILT_IN["ssim"]) is None


def test_one_gray_image_does_not_take_the_figure_with_it():
    gray = [
        dataclasses.replace(row, image="camera", channels=1)
        for row in of("jpeg")
        if row.image == "coffee"
    ]
    view = scene(curves_of([*gray, *encoded_rows()]), "photos", PSNR)
    assert view.images == ("astronaut", "chelsea", "coffee", "rocket")
    plot = rate_distortion(view)
    assert {line.title for line in plot.lines} == {"jpeg", "webp", "jpeg2000"}
    assert "without 1 images that not all curves have (camera)" in plot.notes


def test_published_curves_are_cut_at_the_measured_range_and_noted():
    measured = curves_of(of("jpeg", dataset="kodak"))
    named = [
        dataclasses.replace(row, image={"astronaut": "kodim01"}.get(row.image, "kodim02"))
        for row in of("jpeg", dataset="kodak")
        if row.image in {"astronaut", "coffee"}
    ]
    extra = [published("lee2019-mse"), published("bpg_444_x265_ycbcr"), published("vtm")]
    plot = rate_distortion(scene([*curves_of(named), *extra], "kodak", PSNR))
    jpeg, lee, bpg, vtm = (
        line_of(plot, title)
        for title in ("jpeg", *(f"{curve.label} (published)" for curve in extra))
    )
    assert [line.published for line in (jpeg, lee, bpg, vtm)] == [False, True, True, True]
    ours = [extra[0].images.index(name) for name in ("kodim01", "kodim02")]
    np.testing.assert_allclose(lee.x, extra[0].values["bpp"][ours].mean(axis=0))
    assert max(bpg.x) > plot.x_limits[1] > max(jpeg.x)
    assert plot.notes[0] == "means of 24 images: bpg_444_x265_ycbcr, vtm (published)"
    said = [note for note in plot.notes if note.startswith("vtm (published): ")]
    assert any("scored against the YCbCr" in note for note in said)
    # Lee's curve has no images called astronaut, ...: nothing to average over.
    plot = rate_distortion(scene([*measured, extra[0]], "kodak", PSNR))
    assert plot.notes == ("lee2019-mse (published): lacks 4 of the images, not drawn",)
    luma = [dataclasses.replace(measured[0], channels=(1,)), extra[1]]
    notes = rate_distortion(scene(luma, "kodak", PSNR)).notes
    assert notes == ("bpg_444_x265_ycbcr (published): is of images with 3 channels, not drawn",)


@pytest.mark.parametrize(
    ("ranges", "ends", "said"),
    [
        ({"qualities": (29.0, 33.0)}, (29.0, 33.0), "over 29 to 33 dB"),
        ({"rates": (0.4, 2.0)}, None, "points of 0.4 to 2 bit/px"),
    ],
)
def test_savings_are_of_the_range_that_is_asked_for(curves, ranges, ends, said):
    jpeg, webp, *_ = curves
    plot = rate_saving(scene(curves, "photos", PSNR), jpeg, Settings(PSNR, **ranges))
    line = next(line for line in plot.lines if line.title == "webp")
    assert said in plot.subtitle
    whole = next(
        line
        for line in rate_saving(scene(curves, "photos", PSNR), jpeg).lines
        if line.title == "webp"
    )
    assert (line.x[0], line.x[-1]) != (whole.x[0], whole.x[-1])
    if ends:
        assert (line.x[0], line.x[-1]) == ends
    else:
        rate = webp.mean("bpp")
        kept = webp.mean("psnr_db")[(rate >= 0.4) & (rate <= 2)]
        assert line.x[0] >= kept.min()
        assert line.x[-1] <= kept.max()


@pytest.mark.parametrize("method", ["pchip", "akima"])
def test_the_mean_log_saving_is_the_bd_rate(curves, method):
    jpeg, webp, *_ = curves
    plot = rate_saving(scene(curves, "photos", PSNR), jpeg, Settings(PSNR, method=method))
    line = next(line for line in plot.lines if line.title == "webp")
    ratio = np.log10(1 - np.array(line.y) / 100)
    mean = np.trapezoid(ratio, line.x) / (line.x[-1] - line.x[0])
    expected = bd_rate(
        jpeg.mean("bpp"),
        jpeg.mean("psnr_db"),
        webp.mean("bpp"),
        webp.mean("psnr_db"),
        method=method,
    )
    assert 100 * (10**mean - 1) == pytest.approx(expected, abs=0.01)
    assert plot.baseline == "jpeg"
    assert plot.notes == (f"png: the test curve has 0 usable points of 1, {method} needs 2",)
    assert "jpeg" not in [line.title for line in plot.lines]


def test_savings_are_only_against_means_of_the_same_images():
    curves = [*curves_of(of("jpeg", dataset="kodak")), published("bpg_444_x265_ycbcr")]
    plot = rate_saving(scene(curves, "kodak", PSNR), curves[0])
    assert plot.lines == ()
    assert plot.notes[-1].endswith("than the anchor: bpg_444_x265_ycbcr (published)")


def test_limits_hold_what_is_drawn(curves):
    plot = rate_distortion(scene(curves, "photos", PSNR), log_rate=True)
    xs = [x for line in plot.lines for x in line.x]
    ys = [y for line in plot.lines for y in line.y]
    assert 0 < plot.x_limits[0] < min(xs) < max(xs) < plot.x_limits[1]
    assert plot.y_limits[0] < min(ys) < max(ys) < plot.y_limits[1]
    plot = rate_distortion(scene(curves, "photos", PSNR), x_limits=(0, 1), y_limits=(20, 50))
    assert (plot.x_limits, plot.y_limits) == ((0, 1), (20, 50))


def test_a_figure_of_lossless_codecs_alone_is_empty_but_says_why(curves):
    plot = rate_distortion(scene(curves_of(of("png")), "photos", PSNR))
    assert plot.lines == ()
    assert plot.x_limits is None
    assert plot.notes == ("png: PSNR not finite at level 6, not drawn",)


def test_means_published_alone_make_a_figure_of_their_own():
    names = ("bpg_444_x265_ycbcr", "paper-bmshj2018-hyperprior")
    extra = [published(name) for name in names]
    view = scene(extra, "kodak", PSNR)
    assert view.title.endswith(", 24 images")
    plot = rate_distortion(view)
    assert [line.title for line in plot.lines] == [f"{name} (published)" for name in names]
    assert [line.title for line in rate_saving(view, extra[0]).lines] == [plot.lines[1].title]
    # Beside measured curves without the metric they would say nothing about these.
    measured = curves_of(of("jpeg", dataset="kodak", psnr_db=None))
    assert scene([*measured, *extra], "kodak", PSNR) is None


def test_savings_have_markers_at_measured_points_alone(curves):
    jpeg, webp, *_ = curves
    view = scene(curves, "photos", PSNR)
    line = next(line for line in rate_saving(view, jpeg).lines if line.title == "webp")
    low, high = line.x[0], line.x[-1]
    points = [psnr for psnr in webp.mean("psnr_db") if low <= psnr <= high]
    assert [line.x[place] for place in line.measured] == pytest.approx(points)
    assert len(points) >= 3
    (drawn,) = (
        one for one in draw(rate_saving(view, jpeg)).axes[0].lines if one.get_label() == "webp"
    )
    assert drawn.get_markevery() == list(line.measured)
    assert rate_distortion(view).lines[0].measured is None


def test_no_figure_of_a_metric_that_no_measured_curve_has():
    """The images of a published curve had made one of it alone."""
    measured = curves_of(of("jpeg", dataset="kodak"))
    lee = published("lee2019-mse")
    assert scene([*measured, lee], "kodak", BUILT_IN["ms_ssim_db"]) is None
    assert scene([lee], "kodak", BUILT_IN["ms_ssim_db"]) is not None
