"""How users dress figures: titles, sizes, names, order, highlights, notes, axes of their own."""

from __future__ import annotations

import dataclasses
import warnings

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from typer.testing import CliRunner

import rdbench
from rdbench.cli import app
from rdbench.curves import curves_of, gather, published
from rdbench.errors import UsageError
from rdbench.plots import draw, rate_distortion, scene
from rdbench.plots.figures import Look
from tests.curves.encoded import PSNR, as_csv, encoded_rows

NAMES = """
jpeg2000 = "JPEG 2000"
jpeg = "JPEG"
photos = "Photographs"
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "measurements.csv").write_text(as_csv(encoded_rows()))
    (tmp_path / "names.toml").write_text(NAMES)
    return tmp_path


def call(*arguments):
    result = CliRunner().invoke(app, ["plot", *map(str, arguments), "--metrics", "psnr_db"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def svg(run, *options, name="photos_psnr_db"):
    assert call(run, "--format", "svg", *options).exit_code == 0
    return (run / "plots" / f"{name}.svg").read_text(encoding="utf-8")


def test_names_and_titles_are_those_that_are_asked_for(run):
    text = svg(run, "--labels", run / "names.toml", "--anchor", "jpeg")
    assert ">JPEG 2000<" in text
    assert ">Photographs, 4 images<" in text
    assert ">jpeg2000<" not in text
    saving = (run / "plots" / "photos_psnr_db_saving.svg").read_text(encoding="utf-8")
    assert "Rate saving against JPEG [%]" in saving
    assert ">Mine<" in svg(run, "--title", "Mine")
    text = svg(run, "--title", "")
    assert ">photos, 4 images<" not in text
    assert "images' PSNR in dB" in text  # what the subtitle had said


def test_a_published_curve_keeps_saying_so_unless_it_is_named_wholly():
    curve = published("webp")
    for labels, title in (
        ({"webp": "WebP"}, "WebP (published)"),
        ({"published:webp": "WebP [7]", "webp": "WebP"}, "WebP [7]"),
    ):
        (named,) = gather([], ["webp"], labels)
        assert (named.title, named.label) == (title, curve.label)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"jpeg" = 3', "key 'jpeg': 3 is not a name"),
        ("a.b = 'x'", "key 'a': is a table; write a label that contains a dot in quotes"),
        ("jpeg", "is not TOML"),
        ('jpeg = "webp"', "two curves of 'photos' are called 'webp'"),
    ],
)
def test_mistakes_in_names_are_said(run, text, message):
    (run / "wrong.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        call(run, "--labels", run / "wrong.toml")


def test_a_figure_is_as_large_as_is_asked_for(run):
    call(run, "--size", "3.5,2.6", "--anchor", "jpeg", "--no-notes")
    for end in ("", "_saving", "_bd"):
        with Image.open(run / "plots" / f"photos_psnr_db{end}.png") as image:
            assert image.size == (1050, 780)
    for size, message in (("3.5", "is not WIDTH,HEIGHT"), ("0,2", "a size of 0,2 inches")):
        with pytest.raises(UsageError, match=message):
            call(run, "--size", size)
    with (
        pytest.raises(UsageError, match="no figure fits into"),
        pytest.warns(UserWarning, match="has no room"),
    ):
        rdbench.plot_rd(run, metrics="psnr_db", size=(0.5, 0.5))


def test_notes_go_to_a_text_file_beside(run):
    said = "png: PSNR not finite at level 6, not drawn"
    assert said in svg(run)
    result = call(run, "--format", "svg", "--no-notes")
    text = run / "plots" / "photos_psnr_db.txt"
    assert str(text) in result.stdout.split()
    assert said not in (run / "plots" / "photos_psnr_db.svg").read_text(encoding="utf-8")
    assert text.read_text(encoding="utf-8").splitlines() == [
        "photos, 4 images",
        "mean of the images' PSNR in dB",
        said,
    ]


def test_order_and_highlights_name_curves_as_elsewhere(run):
    curves = curves_of(encoded_rows())
    plot = rate_distortion(scene(curves, "photos", PSNR))
    look = Look(order=("jpeg2000", "jpeg"), highlighted=frozenset({"webp"}))
    axes = draw(dataclasses.replace(plot, look=look)).axes[0]
    texts = axes.get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["jpeg2000", "jpeg", "webp"]
    assert [text.get_fontweight() for text in texts] == ["normal", "normal", "bold"]
    widths = {line.get_label(): line.get_linewidth() for line in axes.get_lines()}
    assert widths["webp"] >= 2 * max(widths["jpeg"], widths["jpeg2000"])
    with pytest.raises(UsageError, match="unknown curve to highlight 'wepb'; did you mean 'webp'"):
        call(run, "--highlight", "wepb")
    with pytest.raises(UsageError, match="unknown curve to order 'jpg'"):
        call(run, "--order", "jpg")


def test_a_figure_is_drawn_into_axes_of_ones_own(run):
    figure = Figure(figsize=(8, 3))
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    with pytest.warns(UserWarning, match="png: PSNR not finite at level 6, not drawn"):
        drawn = rdbench.plot_rd(run, metrics="psnr_db", ax=left, labels={"webp": "WebP"})
    assert drawn is left
    assert {line.get_label() for line in left.get_lines()} == {"jpeg", "WebP", "jpeg2000"}
    assert not right.get_lines()
    assert not (run / "plots").exists()
    with pytest.raises(UsageError, match="leave out `anchor`"):
        rdbench.plot_rd(run, anchor="jpeg", ax=right)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UsageError, match="`ax` takes one figure"):
            rdbench.plot_rd(run, metrics=["psnr_db", "mse"], ax=right)


def test_published_curves_make_no_figure_of_a_metric_that_the_run_has_not(tmp_path):
    rows = [row for row in encoded_rows() if row.codec in {"jpeg", "webp"}]
    named = {"astronaut": "kodim01", "chelsea": "kodim02", "coffee": "kodim03", "rocket": "kodim04"}
    rows = [dataclasses.replace(row, dataset="kodak", image=named[row.image]) for row in rows]
    (tmp_path / "measurements.csv").write_text(as_csv(rows))
    with pytest.warns(UserWarning, match="no curve of 'kodak' has ms_ssim_db"):
        files = rdbench.plot_rd(tmp_path, published="lee2019-mse")
    assert [file.name for file in files] == ["kodak_psnr_db.png"]
