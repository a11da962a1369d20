"""The files of figures, and ``rdbench plot``."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
import zlib

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from rdbench.cli import app
from rdbench.curves import curves_of
from rdbench.errors import RdbenchError, UsageError
from rdbench.plots import (
    FORMATS,
    Line,
    Plot,
    draw,
    from_the_top,
    plot_rd,
    rate_distortion,
    rate_saving,
    save,
    scene,
)
from rdbench.plots.draw import style
from tests.curves.encoded import PSNR, as_csv, encoded_rows, of


@pytest.fixture(scope="module")
def plot():
    return rate_distortion(scene(curves_of(encoded_rows()), "photos", PSNR))


def test_files_are_the_same_bytes_again(plot, tmp_path):
    first = save(plot, tmp_path / "a", FORMATS)
    second = save(plot, tmp_path / "b", FORMATS)
    assert [path.name for path in first] == [f"photos_psnr_db.{kind}" for kind in FORMATS]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def texts_of(path):
    return {node.text for node in ET.parse(path).iter() if node.tag.endswith("text")}


def test_luma_and_rgb_never_share_axes_and_titles_say_which_luma(tmp_path):
    rgb = [dataclasses.replace(row, color="rgb") for row in of("jpeg") + of("webp")]
    luma = [dataclasses.replace(row, color="luma", channels=1) for row in of("jpeg")]
    paths = []
    for name, rows in (("rgb", rgb), ("luma", luma)):
        paths.append(tmp_path / f"{name}.csv")
        paths[-1].write_text(as_csv(rows))
    drawn = plot_rd(paths, metrics="psnr_db", out=tmp_path, formats="svg")
    assert [path.name for path in drawn] == ["photos-rgb_psnr_db.svg", "photos-luma_psnr_db.svg"]
    one, other = map(texts_of, drawn)
    averaged = "mean of the images' PSNR in dB"
    assert {"photos, RGB, 4 images", averaged, "jpeg, rgb", "webp, rgb"} <= one
    luma = {"photos, luma, 4 images", f"{averaged}; luma: BT.601, 16 to 235"}
    assert {*luma, "jpeg, luma"} <= other
    assert not {"jpeg, luma"} & one
    assert not {"jpeg, rgb", "webp, rgb"} & other
    (alone,) = plot_rd(paths[1], metrics="psnr_db", out=tmp_path, formats="svg")
    assert alone.name == "photos_psnr_db.svg"
    assert {*luma, "jpeg"} <= texts_of(alone)


def test_png_has_300_dpi_and_ink_in_the_codecs_colors(plot, tmp_path):
    (path,) = save(plot, tmp_path)
    with Image.open(path) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.width == 1800
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    for color in ("000000", "56B4E9", "E69F00"):
        wanted = np.array(list(bytes.fromhex(color)))
        assert (pixels == wanted).all(axis=1).sum() > 1000, color


def test_pdf_embeds_truetype_and_has_no_date(plot, tmp_path):
    (path,) = save(plot, tmp_path, ["pdf"])
    data = path.read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL)
    everything = data + b"".join(_inflated(stream) for stream in streams)
    assert b"/FontFile2" in everything
    assert b"/Type3" not in everything
    assert b"CreationDate" not in everything


def _inflated(stream):
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_svg_keeps_text_as_text_and_has_no_date(plot, tmp_path):
    (path,) = save(plot, tmp_path, ["svg"])
    text = path.read_text(encoding="utf-8")
    words = {"".join(node.itertext()) for node in ET.fromstring(text).iter() if "text" in node.tag}
    assert {"jpeg", "webp", "jpeg2000", "Rate [bit/px]", "PSNR [dB]"} <= words
    assert "photos, 4 images" in words
    assert "png: PSNR not finite at level 6, not drawn" in words
    assert "dc:date" not in text


@pytest.mark.parametrize("count", [1, 8, 9, 20])
def test_nothing_of_a_crowded_figure_is_cut_off_or_covered(count):
    rate = np.linspace(0.1, 2, 8)
    lines = tuple(
        Line(
            f"codec with options {k}", f"codec{k}", False, tuple(rate), tuple(28 + 5 * rate - k / 4)
        )
        for k in range(count)
    )
    note = "codec: some of its images were left out because they were not measured at all points"
    with style():  # as it is saved
        figure = draw(Plot("n", "a dataset", "24 images", "x", "y", lines, notes=(note,) * 4))
        figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    axes = figure.axes[0]
    legend = axes.get_legend()
    texts = [text for text in [*legend.get_texts(), *figure.texts, *axes.texts] if text.get_text()]
    boxes = [text.get_window_extent(renderer) for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        inside = (
            box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        )
        assert inside, text.get_text()
    for a, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[a + 1 :]), texts[a].get_text()
    assert legend.get_window_extent(renderer).overlaps(axes.bbox) == (count <= 8)
    assert axes.bbox.width > 0.4 * figure.bbox.width
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [line.title for line in lines]  # the first lies highest


def test_the_legend_has_the_order_of_the_lines_on_paper():
    low = Line("low", "a", False, (0.1, 1.0), (20.0, 30.0))
    high = Line("high", "b", False, (0.2, 2.0), (30.0, 40.0))
    plot = Plot("n", "t", "s", "x", "y", from_the_top((low, high)))
    legend = draw(plot).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["high", "low"]


def test_a_curve_looks_the_same_in_the_figure_of_savings():
    rows = [*of("jpeg", options="1", label="a"), *of("jpeg", options="2", label="b"), *of("webp")]
    view = scene(curves_of(rows), "photos", PSNR)
    both = rate_distortion(view), rate_saving(view, view.curves[0])
    (curve,), (saving,) = (
        [line for line in draw(one).axes[0].get_lines() if line.get_label() == "b"] for one in both
    )
    for look in ("color", "marker", "markerfacecolor", "linestyle"):
        assert getattr(curve, f"get_{look}")() == getattr(saving, f"get_{look}")(), look


def test_published_lines_are_dashed_with_hollow_markers_and_measured_ones_are_not():
    x, y = (0.1, 1.0), (20.0, 30.0)
    lines = (Line("m", "jpeg", False, x, y), Line("p", "jpeg", True, x, y))
    measured, published = draw(Plot("n", "t", "s", "x", "y", lines)).axes[0].get_lines()
    assert measured.get_color() == published.get_color() == measured.get_markerfacecolor()
    assert published.get_markerfacecolor() == "none"
    assert published.get_markersize() > measured.get_markersize()
    solid, dashed = (line._unscaled_dash_pattern[1] for line in (measured, published))
    assert not solid
    assert dashed


def test_savings_and_figures_without_lines_are_drawn_too(tmp_path):
    curves = curves_of(encoded_rows())
    saving = rate_saving(scene(curves, "photos", PSNR), curves[0])
    empty = rate_distortion(scene(curves_of(of("png")), "photos", PSNR), log_rate=True)
    for drawing in (saving, empty):
        (path,) = save(drawing, tmp_path)
        assert path.stat().st_size > 5000


def test_a_folder_that_cannot_be_written_is_an_error(plot, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RdbenchError, match="cannot write"):
        save(plot, tmp_path / "file" / "plots")


def test_pyplot_is_never_imported(tmp_path):
    code = (
        "import sys\n"
        "from rdbench.plots import Plot, Line, save\n"
        "line = Line('a', 'a', False, (0.1, 1.0), (20.0, 30.0))\n"
        f"save(Plot('n', 't', 's', 'x', 'y', (line,)), {str(tmp_path)!r})\n"
        "print('matplotlib.pyplot' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.fixture
def run(tmp_path):
    (tmp_path / "measurements.csv").write_text(as_csv(encoded_rows()))
    return tmp_path


def call(*arguments):
    result = CliRunner().invoke(app, ["plot", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_command_draws_into_the_run_and_names_the_files(run):
    result = call(run, "--anchor", "jpeg", "--format", "svg")
    assert result.exit_code == 0
    ends = ("", "_saving", "_bd", "_images", "_complexity")
    paths = [run / "plots" / f"photos_psnr_db{end}.svg" for end in ends]
    assert result.stdout.split() == [str(path) for path in paths]
    assert all(path.is_file() for path in paths)
    assert "warning: no curve of 'photos' has ms_ssim_db" in result.stderr


def test_published_curves_are_drawn_alone(tmp_path):
    options = ("--metrics", "psnr_db", "--out", tmp_path, "--anchor")
    names = "bpg_444_x265_ycbcr,paper-bmshj2018-hyperprior"
    result = call("--published", names, *options, "published:bpg_444_x265_ycbcr")
    written = [f"kodak_psnr_db{end}.png" for end in ("", "_saving", "_bd")]
    assert result.stdout.split() == [str(tmp_path / name) for name in written]
    with pytest.raises(UsageError, match="there are no curves; name a run, or published"):
        call(*options[:-1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "gif"), "unknown format 'gif'"),
        (("--format", ""), "unknown format ''"),
        (("--metrics", "psnr"), "did you mean 'psnr_db'"),
        (("--anchor", "jpg"), "did you mean 'jpeg'"),
        (("--published", "lee2019-mse"), "has the dataset 'kodak', but the runs have photos"),
        (("--xlim", "1"), "is not LOW,HIGH"),
        (("--xlim", "2,1"), "2 is not below 1"),
        (("--ylim", "20,40"), "needs a single metric"),
        (("--metrics", "ssim"), "nothing to draw"),
    ],
)
def test_command_says_what_the_user_must_change(run, options, message):
    with pytest.raises(UsageError, match=message):
        call(run, *options)


def test_command_wants_a_folder_for_several_runs(run):
    with pytest.raises(UsageError, match="`out`"):
        call(run / "measurements.csv")
    result = call(run, run / "measurements.csv", "--out", run / "x", "--metrics", "psnr_db")
    assert result.exit_code == 0
    assert (run / "x" / "photos_psnr_db.png").is_file()
