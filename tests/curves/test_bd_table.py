"""What ``bd_table`` gives: a list that shows itself as tables and becomes a DataFrame."""

from __future__ import annotations

import csv
import dataclasses
import io
import math

import pandas as pd
import pytest

import rdbench
from rdbench.curves import BDTable, Comparison, bd_csv, bd_text
from tests.curves.encoded import as_csv, encoded_rows, of


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "measurements.csv"
    path.write_text(as_csv(encoded_rows()))
    return path


@pytest.fixture(scope="module")
def table(run):
    return rdbench.bd_table(run, anchor="jpeg", metrics=["psnr_db"])


def test_it_is_a_list(table, run):
    assert isinstance(table, BDTable)
    assert isinstance(table, list)
    assert all(isinstance(row, Comparison) for row in table)
    assert table == list(table)
    assert len(table) == 6  # three curves against the fourth, in rate and in quality
    assert [row.test for row in table if row.kind == "rate"] == ["webp", "jpeg2000", "png"]


def test_it_shows_itself_as_the_command_does(table, run):
    assert repr(table) == bd_text(table).rstrip()
    assert repr(table).startswith("photos, PSNR [dB], against jpeg (")
    assert table._repr_markdown_() == bd_text(table, "markdown")
    matrix = rdbench.bd_table(run, interval="none")
    assert repr(matrix) == bd_text(matrix, layout="matrix").rstrip()
    assert repr(BDTable()) == "BDTable([])"


def test_its_frame_has_the_columns_of_the_csv_with_numbers_as_numbers(table):
    frame = table.to_frame()
    written = list(csv.DictReader(io.StringIO(bd_csv(table), newline="")))
    assert list(frame.columns) == list(written[0])
    assert len(frame) == len(written)
    for index, cells in enumerate(written):
        for name, cell in cells.items():
            value = frame.loc[index, name]
            if isinstance(value, str):
                assert value == cell
            elif frame[name].dtype == bool:
                assert value == (cell == "yes")
            elif cell == "":
                assert pd.isna(value)
            else:
                assert float(value) == float(cell), name
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert kinds["value"] == kinds["overlap_percent"] == kinds["value_akima"] == "float64"
    assert kinds["anchor_encode_s"] == kinds["test_memory_mb"] == "float64"
    assert kinds["images"] == kinds["seed"] == "Int64"
    assert kinds["methods_disagree"] == "bool"
    text = str(pd.Series([""], dtype="str").dtype)  # "object" before pandas 3
    assert kinds["test"] == kinds["reason"] == kinds["test_timing"] == text
    assert kinds["anchor_machines"] == kinds["test_machines"] == text
    webp = frame[(frame["test"] == "webp") & (frame["delta"] == "rate")]
    assert webp["value"].item() == table[0].value
    assert math.isnan(frame[frame["test"] == "png"]["value"].iloc[0])


@pytest.mark.parametrize("column", ["added_rss_mb", "program_rss_mb"])
def test_a_frame_has_what_memory_is(tmp_path, column):
    rows = [dataclasses.replace(row, **{column: 12.5}) for row in (*of("jpeg"), *of("webp"))]
    (tmp_path / "measurements.csv").write_text(as_csv(rows), newline="")
    frame = rdbench.bd_table(tmp_path, anchor="jpeg", interval="none").to_frame()
    assert set(frame["test_memory_mb"]) == {12.5}
    kind = "process" if column == "added_rss_mb" else "program"
    assert set(frame["anchor_memory_is"]) == set(frame["test_memory_is"]) == {kind}


def test_a_frame_of_nothing_has_the_columns():
    assert list(BDTable().to_frame().columns)[:4] == ["dataset", "anchor", "test", "metric"]
