"""Other people's text, made fit to be shown: nothing of it is a command or leaves its place."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import os
import re
from typing import NamedTuple
from xml.etree import ElementTree

import matplotlib.text
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from rdbench.codecs.request import CodecRequest
from rdbench.curves import bd_table, bd_text, curves_of, load_curves, write_summary
from rdbench.curves.summary import summary_table
from rdbench.errors import RdbenchError
from rdbench.experiment import plan_codec
from rdbench.plots.draw import draw_into, save
from rdbench.plots.figures import rate_distortion, scene
from rdbench.results import read_rows
from rdbench.schema import one_line, options_text
from rdbench.tables import Table, from_sheet, latex, markdown, sheet, terminal
from rdbench.text import all_printable, printable, quoted
from tests.curves.encoded import as_csv, of

NASTY = "a\n::error::b\x1b[31m\u202e\r\udce9"
SHOWN = r"a\n::error::b\x1b[31m\u202e\r\xe9"
IN_FILE = NASTY.removesuffix("\udce9")
TEXTS = st.text(st.characters() | st.characters(categories=["Cs"]))


@given(TEXTS)
def test_what_is_printable_can_be_written_and_shown(text):
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()
    assert printable(shown) == shown
    assert (shown == text) is text.isprintable()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        ([1, False, ["x", True]], "[1, false, ['x', true]]"),
        ({"when": {"effort": True}}, "{'when': {'effort': true}}"),
        ("True", "'True'"),
        (1, "1"),
        (None, "None"),
        (list(range(90)), f"[{', '.join(map(str, range(90)))[:117]}…]"),
    ],
)
def test_values_of_files_are_quoted_as_files_have_them(value, text):
    assert quoted(value) == text


def test_bytes_of_names_are_escaped_as_in_the_table():
    name = os.fsdecode(b"caf\xe9\xff.png")
    assert printable(name) == os.fsencode(name).decode("utf-8", "backslashreplace")
    assert printable(NASTY) == SHOWN
    assert printable("a\nb\tc", keep="\n") == "a\nb\\tc"


def test_plain_data_is_printable_throughout():
    data = {NASTY: [NASTY, (1.5, None), {"b": frozenset({NASTY})}]}
    assert all_printable(data) == {SHOWN: [SHOWN, (1.5, None), {"b": frozenset({SHOWN})}]}


class _Named(NamedTuple):
    text: str
    number: int


def test_named_tuples_stay_what_they_are():
    made = all_printable([_Named(NASTY, 1)])
    assert made == [_Named(SHOWN, 1)]
    assert type(made[0]) is _Named


def test_what_stands_in_rows_can_be_written():
    assert options_text({"program": "/b\udce9/c"}) == r"program=/b\xe9/c"
    assert one_line("no \udce9 \u202e here") == r"no \xe9 \u202e here"
    assert plan_codec(CodecRequest("jpeg", {}, (50,), NASTY)).label == SHOWN


@pytest.mark.parametrize("form", [terminal, markdown, latex])
def test_tables_are_of_printable_lines(form):
    table = Table(NASTY, ("curve", NASTY), ((NASTY, "1.5"),), (NASTY,))
    for line in form(table).split("\n"):
        assert line.isprintable()
        assert not line.startswith("::")


@given(st.lists(TEXTS, min_size=2, max_size=4))
def test_a_sheet_is_read_back(cells):
    (read,) = csv.reader(io.StringIO(sheet([cells]), newline=""))
    assert [from_sheet(cell) for cell in read] == list(map(printable, cells))
    for cell in read:
        assert cell.isprintable()
        if re.match("[=+@＝＋－＠-]", cell):
            float(cell)  # else a spreadsheet would run it


def test_numbers_stay_numbers_in_a_sheet():
    assert sheet([["-1.5", "+2", "-inf", "=1", "'=1", "＝1", "-x"]]) == (
        "-1.5,+2,-inf,'=1,''=1,'＝1,'-x\n"
    )


@pytest.fixture
def run(tmp_path):
    """A run with a label, a dataset, images and options of the worst kind."""
    rows = [
        *of("jpeg", label=IN_FILE, dataset="=1+1", options="a=\x1b]0;x\x07"),
        *of("webp", label="=cmd|x", dataset="=1+1", options="-x=1"),
    ]
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "measurements.csv").write_text(as_csv(rows), "utf-8", newline="")
    return folder


def test_a_summary_is_harmless_and_is_read_back(run):
    rows = read_rows(run)
    with write_summary(run, rows).open(encoding="utf-8", newline="") as file:
        table = [*csv.reader(file)]
    assert {"'=1+1", "'=cmd|x", "'-x=1", printable(IN_FILE)} <= {*itertools.chain(*table)}
    assert all(cell.isprintable() for cell in itertools.chain(*table))
    expected = summary_table(curves_of(rows))
    assert [list(map(from_sheet, row)) for row in table] == [
        list(map(printable, row)) for row in expected
    ]


@pytest.mark.parametrize("form", ["terminal", "csv", "markdown", "latex"])
@pytest.mark.parametrize("layout", ["list", "images", "matrix"])
def test_deltas_are_of_printable_lines(run, form, layout):
    rows = bd_table([run], anchor=None if layout == "matrix" else "webp", interval="none")
    for line in bd_text(rows, form, layout).split("\n"):
        assert line.isprintable()
        assert not line.startswith(("::", *("=@" if form == "csv" else "")))


def test_figures_show_escapes_and_are_valid(run, tmp_path):
    curves = load_curves([run])
    plot = rate_distortion(scene(curves, "=1+1", curves[0].records["psnr_db"]))
    plot = dataclasses.replace(plot, notes=(NASTY,))
    (path,) = save(plot, tmp_path, ["svg"])
    texts = [*ElementTree.parse(path).getroot().itertext()]
    assert {SHOWN, printable(IN_FILE)} <= {*texts}
    axes = Figure().add_subplot()
    draw_into(axes, plot)
    for text in axes.findobj(matplotlib.text.Text):
        assert text.get_text().replace("\n", "").isprintable()


def test_a_message_of_an_absurd_cell_is_cut_in_its_middle():
    message = str(RdbenchError(f"begins {10**6 * 'x'} ends"))
    assert len(message) < 4100
    assert message.startswith("begins xxx")
    assert message.endswith("xxx ends")
    assert " … " in message
    assert str(RdbenchError("short")) == "short"
