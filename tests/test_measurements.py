"""Tables by columns: the same as rows one by one, whatever the file is like."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rdbench
from rdbench import csv_blocks
from rdbench.curves import load_curves, write_summary
from rdbench.errors import UsageError
from rdbench.files import csv_text
from rdbench.measurements import Measurements, parse_rows, parse_table
from rdbench.results import read_rows, read_table
from rdbench.schema import COLUMNS, Measurement, one_line
from rdbench.tables import from_sheet
from tests.curves.encoded import as_csv, encoded_rows

HEADER = [column.name for column in COLUMNS]
CELLS = {
    str: st.text(st.sampled_from("aZ ,;\"'\n\réü☃="), max_size=5),
    int: st.integers(0, 2**53),
    float: st.floats(allow_nan=False),
}
ROWS = st.builds(
    Measurement,
    **{
        column.name: CELLS[column.type] | (st.none() if column.default is None else st.nothing())
        for column in COLUMNS
    },
)


def parsed(text: str) -> Measurements:
    return parse_table(io.BytesIO(text.encode()), "'x.csv'")


def columns(table: Measurements) -> dict[str, list[object]]:
    """The columns as lists, with None for NaN, so that they can be compared."""
    texts = {
        name: [column[row] for row in range(len(table))] for name, column in table.texts.items()
    }
    numbers = {
        name: [None if math.isnan(number) else number for number in column.tolist()]
        for name, column in table.numbers.items()
    }
    return texts | numbers


@given(st.lists(ROWS, max_size=6), st.integers(1, 400))
def test_columns_are_those_of_the_rows_wherever_blocks_end(measured, block):
    data = csv_text([HEADER, *(row.cells() for row in measured)]).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_blocks, "_BLOCK", block)
        table = parse_table(io.BytesIO(data), "x")
        rows = list(parse_rows(io.BytesIO(data), "x"))
    assert columns(table) == columns(Measurements.of(rows))
    expected = Measurements.of(
        dataclasses.replace(row, status=row.status or "ok") for row in measured
    )
    assert columns(table) == columns(expected)


@pytest.mark.parametrize(
    "changed",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\n\n"),
        lambda data: data + data.splitlines(keepends=True)[1][:-1],
        lambda data: data + b'photos,"torn within quot\n',
        lambda data: data + data.splitlines(keepends=True)[1],
    ],
    ids=["BOM", "CRLF", "blank lines", "torn", "torn within quotes", "duplicate row"],
)
def test_what_happens_to_files_does_no_harm(tmp_path, changed):
    file = tmp_path / "x.csv"
    file.write_bytes(changed(as_csv(encoded_rows()).encode()))
    assert columns(read_table(file)) == columns(Measurements.of(encoded_rows()))
    assert read_rows(file) == list(encoded_rows())


def test_missing_columns_are_not_available_and_unknown_ones_left_out():
    table = parsed("point,mood,image,codec\n3,good,x,jpeg\n4,bad,y,jpeg\n")
    expected = [Measurement(image=i, codec="jpeg", point=p) for i, p in (("x", 3.0), ("y", 4.0))]
    assert columns(table) == columns(Measurements.of(expected))
    assert table.texts["status"][0] == "ok"


def test_the_last_of_duplicate_rows_counts_at_the_place_of_the_first(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("codec,image,point,bpp\nj,a,1,1\nj,b,1,2\nj,a,1.0,3\nj,c,1,4\nj,b,1,5\n")
    table = read_table(file)
    assert [table.texts["image"][row] for row in range(len(table))] == ["a", "b", "c"]
    assert table.numbers["bpp"].tolist() == [3, 5, 4]
    assert [(row.image, row.bpp) for row in read_rows(file)] == [("a", 3), ("b", 5), ("c", 4)]


def test_nan_is_not_available():
    table = parsed("codec,image,point,bpp,mse\nj,a,1,nan,2\nj,b,1,NaN,\nj,b,2,3,inf\n")
    np.testing.assert_array_equal(table.numbers["bpp"], [math.nan, math.nan, 3])
    np.testing.assert_array_equal(table.numbers["mse"], [2, math.nan, math.inf])
    (row,) = parse_rows(io.BytesIO(b"codec,image,point,bpp\nj,a,1,nan\n"), "x")
    assert row.bpp is None


def test_what_arrow_does_not_take_and_python_does_is_read():
    table = parsed("codec,image,point,bpp\nj,a,1,2\nj,b,1,1_000\n")
    assert table.numbers["bpp"].tolist() == [2, 1000]


GOOD = 'j,"two\nlines",1,2,3\n'


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("j,a,1,abc,3\n", "column 'bpp': 'abc' is not of type float"),
        ("j,a,1,2,3.5\n", "column 'width': '3.5' is not of type int"),
        ("j,a,nan,2,3\n", "column 'point': 'nan' is not of type float"),
        ("j,a,1,2\n", "4 cells instead of 5"),
        ("j,a,1,2,3,4\n", "6 cells instead of 5"),
        ("j,a,1,,nan\n", "column 'width': 'nan' is not of type int"),
    ],
)
@pytest.mark.parametrize("block", [1, 50, 1 << 22])
def test_a_cell_at_fault_is_named_with_its_line(monkeypatch, bad, message, block):
    """Lines are those of an editor: a record of two lines counts as two."""
    monkeypatch.setattr(csv_blocks, "_BLOCK", block)
    text = "codec,image,point,bpp,width\n" + GOOD * 8 + "\r\n" + bad + GOOD
    for parse in (parse_table, lambda *given: list(parse_rows(*given))):
        with pytest.raises(UsageError, match=rf"^'x.csv', line 19: {message}"):
            parse(io.BytesIO(text.encode()), "'x.csv'")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a table of measurements"),
        (b"\n", "not a table of measurements"),
        (b"codec,image,poi", "not a table of measurements"),
        (b'{"results": [' + b"1," * 100_000 + b"]}\n", "not a table of measurements"),
        (b"codec,image,point\nj,\xff,1\n", "line 2 is not UTF-8"),
        ("codec,image,point\n".encode("utf-16"), "line 1 is not UTF-8"),
        (b"codec,image,point,own\nj," + b"i" * 200_000 + b",1,text\n", "line 2: "),
    ],
)
def test_what_is_no_table_is_refused(data, message):
    with pytest.raises(UsageError, match=f"^'x.csv'.*{message}"):
        parse_table(io.BytesIO(data), "'x.csv'")


def test_a_table_without_rows_is_empty(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text(",".join(HEADER) + "\n")
    assert len(read_table(file)) == len(rdbench.load(file)) == 0
    assert list(rdbench.load(file).columns) == HEADER
    with pytest.raises(UsageError, match="has no rows"):
        load_curves([file])


LABELS = ["=cmd|' /C calc'!A0", "+1", "@x", "画像圧縮", "Бпг — «444»", 'a "b", c']


def test_labels_are_taken_as_they_are(tmp_path):
    """Whether a text looks like a formula is a matter of the program that shows it."""
    file = tmp_path / "measurements.csv"
    file.write_text(
        as_csv(
            [dataclasses.replace(r, label=x, image=x) for x in LABELS for r in encoded_rows()[:5]]
        )
    )
    assert list(rdbench.load(file)["label"].unique()) == LABELS
    curves = load_curves([tmp_path])
    assert [(curve.label, *curve.images) for curve in curves] == [(x, x) for x in LABELS]
    with write_summary(tmp_path, read_rows(file)).open(encoding="utf-8", newline="") as summary:
        assert (
            list(dict.fromkeys(from_sheet(r["label"]) for r in csv.DictReader(summary))) == LABELS
        )


@pytest.mark.slow
def test_a_million_rows(tmp_path):
    """50 curves of 10 points over 2000 images, against the same arrays averaged by NumPy."""
    random = np.random.default_rng(0)
    curves, points = 50, 10
    images = 1_000_000 // (curves * points)
    bpp = random.uniform(0.1, 2, (curves, images, points)).round(6)
    file = tmp_path / "x.csv"
    with file.open("w") as stream:
        stream.write("codec,label,image,point,bpp\n")
        for curve in range(curves):
            stream.writelines(
                f"c{curve},label {curve},image{image},{point},{value}\n"
                for image, of_image in enumerate(bpp[curve].tolist())
                for point, value in enumerate(of_image)
            )
    found = load_curves([file])
    assert [curve.label for curve in found] == [f"label {curve}" for curve in range(curves)]
    for curve, expected in zip(found, bpp.mean(axis=1), strict=True):
        assert curve.image_count == images
        np.testing.assert_allclose(curve.mean("bpp"), np.sort(expected), rtol=1e-12)
        assert curve.points == tuple(np.argsort(expected))


def test_messages_have_no_escape_sequences_of_other_programs():
    """Colors, a link, a cleared screen, and a lone control character."""
    text = "\x1b[1mbold\x1b[0m \x1b]8;;a:b\x1b\\link\x1b]8;;\x07\n\x1b[2J\x1b(Bend\x00"
    assert one_line(text) == "bold link end"


def test_reading_columns_imports_no_pandas(tmp_path):
    """Which would be half of the time of ``rdbench bd``."""
    path = tmp_path / "x.csv"
    path.write_text(as_csv(encoded_rows()), encoding="utf-8")
    code = (
        "import sys; from rdbench.results import read_table; "
        f"assert len(read_table({str(path)!r})); assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_signals_that_are_ignored_do_not_end_the_reading():
    """Arrow gives up its reading at a signal, whatever the handler of that does."""
    rows = [
        dataclasses.replace(row, image=f"image{n}") for n in range(100) for row in encoded_rows(1)
    ]
    data = as_csv(rows).encode()
    heard: list[int] = []
    over = threading.Event()

    def interrupt() -> None:
        while not over.wait(1e-4):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    thread = threading.Thread(target=interrupt)
    try:
        thread.start()
        for _ in range(30):
            assert len(parse_table(io.BytesIO(data), "a.csv")) == len(rows)
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGTERM, before)
    assert heard
