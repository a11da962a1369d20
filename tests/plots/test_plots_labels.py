"""Labels in any script, and labels that matplotlib would take for something else."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

import pytest

from rdbench.curves import Settings, comparisons, curves_of
from rdbench.plots import FORMATS, Line, Plot, draw, forest, rate_distortion, save, scene, tradeoff
from rdbench.plots.draw import MOST_LINES, style
from rdbench.plots.fonts import FAMILY, fonts_for
from tests.curves.encoded import PSNR, of

LABELS = ("_hidden", "$x_{", "50 % é–ü Ω", "符号化器 \N{GRINNING FACE}")


def test_characters_of_the_house_font_change_nothing():
    assert fonts_for("jpeg 4:2:0 é–üß Ω − × Ж") == ([FAMILY], "")


def test_what_no_font_has_is_named():
    # Neither in DejaVu nor in any font at all: private use, and not a character.
    families, missing = fonts_for("a\U0010fffdb")
    assert families == [FAMILY]
    assert missing in {"", "\U0010fffd"}
    families, missing = fonts_for("符号 \N{GRINNING FACE}")
    assert families[0] == FAMILY
    assert set(missing) <= set("符号\N{GRINNING FACE}")
    assert missing == "" or len(families) == 1 or "符" not in missing


@pytest.fixture(scope="module")
def figures():
    codecs = ("jpeg", "webp", "jpeg2000")
    found = curves_of(
        row
        for label, codec in zip(LABELS[1:], codecs, strict=True)
        for row in of(codec, label=label)
    )
    found += curves_of(of("webp", label=LABELS[0], options="2"))
    rows = comparisons(found, LABELS[0], Settings())
    return [rate_distortion(scene(found, "photos", PSNR)), forest(rows), tradeoff(rows)]


def test_figures_of_any_labels_are_drawn_without_a_warning(figures, tmp_path):
    """Warnings are errors here, matplotlib's of missing glyphs too."""
    for plot in figures:
        for path in save(plot, tmp_path, FORMATS if plot is figures[0] else FORMATS[1:]):
            assert path.suffix == ".txt" or path.stat().st_size > 3000
        text = (tmp_path / f"{plot.name}.svg").read_text(encoding="utf-8")
        words = {"".join(n.itertext()) for n in ET.fromstring(text).iter() if "text" in n.tag}
        assert {"$x_{", "符号化器 \N{GRINNING FACE}"} <= words


def test_characters_drawn_as_boxes_are_said(figures, monkeypatch):
    monkeypatch.setattr("rdbench.plots.fonts.FALLBACKS", ())
    (said,) = (text.get_text() for text in draw(figures[0]).texts if "U+" in text.get_text())
    assert "no font here has the characters U+5316, U+53F7, U+5668, U+7B26" in said


def test_no_line_is_missing_from_the_legend():
    line = Line("_hidden", "x", False, (0.1, 1.0), (20.0, 30.0))
    legend = draw(Plot("n", "t", "s", "x", "y", (line,))).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["_hidden"]


WIDE = "W" * 90 + " " + "Ωß—" * 60


@pytest.mark.parametrize("note", ["a word and another " * 20, WIDE, "x" * 400])
def test_notes_are_never_wider_than_their_figure(note):
    x = (0.1, 1.0)
    plot = Plot("n", "t", "s", "x", "y", (Line("a", "jpeg", False, x, x),), notes=(note,))
    with style():
        figure = draw(plot)
        figure.canvas.draw()
    (text,) = (text for text in figure.texts if text.get_text()[:3] == note[:3])
    box = text.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert box.width > 0.8 * figure.bbox.width
    assert "".join(text.get_text().split()) == "".join(note.split())


def test_many_notes_are_in_a_file_beside_and_not_below(tmp_path):
    x = (0.1, 1.0)
    notes = tuple(f"curve {number}: something of it was left out" for number in range(40))
    plot = Plot("n", "t", "s", "x", "y", (Line("a", "jpeg", False, x, x),), notes=notes)
    paths = save(plot, tmp_path, ["svg"])
    assert [path.name for path in paths] == ["n.svg", "n.txt"]
    shown = paths[0].read_text(encoding="utf-8")
    below = [note for note in notes if note in shown]
    assert below == list(notes[: len(below)])
    assert f"{40 - len(below)} more notes are in n.txt" in shown
    assert len(below) == MOST_LINES - 1
    assert paths[1].read_text(encoding="utf-8").splitlines() == ["t", "s", *notes]
    few = dataclasses.replace(plot, notes=notes[:3])
    assert [path.name for path in save(few, tmp_path / "few", ["svg"])] == ["n.svg"]
