"""Rows that are read from their table when they are wanted are those that were written."""

from __future__ import annotations

import csv
import dataclasses
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdbench import csv_blocks
from rdbench.errors import RdbenchError, UsageError
from rdbench.files import csv_text
from rdbench.results import RunDirectory, read_rows
from rdbench.schema import FAILED, OK, Measurement, header
from rdbench.stored import Stored

METRICS = ("psnr_db", "ms_ssim")
NAMES = st.text(st.sampled_from('aZ ,"\nü'), max_size=4)
ROWS = st.builds(
    Measurement,
    dataset=st.just("d"),
    image=NAMES,
    codec=st.sampled_from(["jpeg", "webp"]),
    point=st.sampled_from([1.0, 2.5, 30.0]),
    repeat=st.integers(0, 2),
    status=st.sampled_from([OK, FAILED]),
    message=NAMES,
    unscored=st.sampled_from(["", "ms_ssim", "psnr_db ms_ssim"]),
    image_sha256=st.sampled_from(["", "0" * 64]).map(lambda text: text or None),
    bpp=st.floats(0, 100),
    scores=st.dictionaries(st.sampled_from(METRICS), st.floats(allow_nan=False), max_size=2),
)


def made(rows, folder):
    path = folder / "rows.csv"
    path.write_text(csv_text([header(METRICS), *(row.cells(METRICS) for row in rows)]), newline="")
    with path.open("rb") as file:
        return Stored(file, "it")


@given(rows=st.lists(ROWS, max_size=8), block=st.integers(1, 600))
def test_they_are_the_last_ones_wherever_blocks_end(tmp_path_factory, rows, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_blocks, "_BLOCK", block)
        found = made(rows, tmp_path_factory.mktemp("it"))
    expected = list({row.key: row for row in rows}.values())
    assert list(found) == expected
    assert found == expected
    assert list(found.measurements()) == [row.key for row in expected]
    assert [found.place(row.key) for row in expected] == list(range(len(expected)))
    assert found.ok.tolist() == [row.status == OK for row in expected]
    assert found.lacking(METRICS).tolist() == [bool(row.lacks(METRICS)) for row in expected]
    assert found.images() == {
        (row.dataset, row.image): row.image_sha256 for row in expected if row.image_sha256
    }
    assert [found.texts("message")[place] for place in range(len(found))] == [
        row.message for row in expected
    ]


def rows_of(count):
    return [
        Measurement(dataset="d", image=f"i{number}", codec="jpeg", point=5.0, bpp=float(number))
        for number in range(count)
    ]


def test_they_are_a_sequence(tmp_path):
    rows = rows_of(5)
    found = made(rows, tmp_path)
    assert len(found) == 5
    assert found[1] == found[-4] == rows[1]
    assert found[1:4] == rows[1:4]
    assert found[::-2] == rows[::-2]
    assert rows[2] in found
    assert found != rows[:4]
    assert list(reversed(found)) == rows[::-1]
    assert pickle.loads(pickle.dumps(found)) == rows
    with pytest.raises(IndexError):
        found[5]


def test_they_stay_what_they_were(tmp_path):
    """Whatever a later run adds, rewrites or removes."""
    run = tmp_path / "run"
    with RunDirectory(run, {}) as directory:
        for row in rows_of(4):
            directory.append(row)
        there = directory.rows
        assert there == rows_of(4)
        directory.append(dataclasses.replace(rows_of(1)[0], bpp=7.0))
        assert there == rows_of(4)
        assert directory.rows[0].bpp == 7.0
        order = {row.key: -number for number, row in enumerate(rows_of(4))}
        finished = directory.finish(order)
    assert finished == read_rows(run)
    assert [row.image for row in finished] == ["i3", "i2", "i1", "i0"]
    assert there == rows_of(4)
    with RunDirectory(run, {}, fresh=True) as directory:
        assert list(directory.rows) == []
    assert there == rows_of(4)


def test_a_table_that_others_write_over_is_noticed(tmp_path):
    found = made(rows_of(3), tmp_path)
    with (tmp_path / "rows.csv").open("r+b") as file:
        file.seek(-3, 2)
        file.write(b"\n\n")
    with pytest.raises(RdbenchError, match="it was changed while it was in use"):
        list(found)


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n\n"])
def test_a_table_with_other_line_ends_is_gone_on_with(tmp_path, end):
    run = tmp_path / "run"
    with RunDirectory(run, {}) as directory:
        for row in rows_of(3):
            directory.append(row)
    file = run / "measurements.csv"
    *lines, last = file.read_text().splitlines()
    file.write_text(end.join([*lines, last]) + end + ("\n" if end == "\r" else ""), newline="")
    with RunDirectory(run, {}) as directory:
        assert list(directory.rows) == rows_of(3)
        directory.append(dataclasses.replace(rows_of(4)[3]))
        assert directory.finish({}) == rows_of(4)
    with file.open(newline="") as stream:
        assert len(list(csv.reader(stream))) == 5


def test_a_kept_file_elsewhere_is_refused(tmp_path):
    with pytest.raises(UsageError, match="column 'stream_file'"):
        made([dataclasses.replace(rows_of(1)[0], stream_file="../../x")], tmp_path)


def test_a_run_keeps_no_rows_in_memory(tmp_path):
    """Each would be some 2.5 KB; what is left is less than a text of one."""
    import gc
    import tracemalloc

    with RunDirectory(tmp_path, {}) as directory:
        rows = rows_of(1)
        directory.append(rows[0])
        gc.collect()
        tracemalloc.start()
        for number in range(1000):
            directory.append(dataclasses.replace(rows[0], image=f"image{number}"))
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert size < 20_000
