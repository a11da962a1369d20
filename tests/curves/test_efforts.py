"""BD-rates at equal encoding time, of curves whose rates are known multiples of the anchor's."""

from __future__ import annotations

import dataclasses
import math

import pytest

from rdbench.curves import bd_table, bd_text, comparisons, curves_of
from rdbench.curves.comparison import Settings
from rdbench.curves.efforts import effort_tables, equal_times
from rdbench.curves.told import read_efforts
from rdbench.results import RunDirectory
from rdbench.runner.told import plain_metrics
from tests.curves.encoded import PSNR, of, replaced

SPEEDS = {"2": (0.8, 4.0), "4": (0.84, 1.0), "6": (0.9, 0.25), "7": (0.92, 0.5)}
"""Of a codec: the rate as a multiple of the anchor's, which makes the BD-rate, and seconds."""


def scaled(codec, options, factor, encode_s, **changes):
    return [
        replaced(
            row,
            codec=codec,
            options=options,
            label=f"{codec} {options}",
            bpp=row.bpp * factor,
            encode_s=encode_s,
            host=changes.get("host", "one"),
        )
        for row in of("jpeg")
    ]


def rows_of(speeds=SPEEDS, host="one"):
    anchor = [replaced(row, encode_s=0.01, host="one") for row in of("jpeg")]
    found = [
        row
        for speed, (factor, encode_s) in speeds.items()
        for row in scaled("slow", f"chroma=420;speed={speed}", factor, encode_s, host=host)
    ]
    return anchor + found + scaled("quick", "level=1", 0.95, 0.1)


def compared(rows, efforts=None):
    efforts = {"slow": "speed"} if efforts is None else efforts
    curves = [
        dataclasses.replace(curve, effort=efforts.get(curve.codec, "")) for curve in curves_of(rows)
    ]
    return comparisons(curves, "jpeg", Settings(PSNR))


def test_at_equal_time_codecs_have_what_their_own_efforts_say():
    (found,) = equal_times(compared(rows_of()))
    jpeg, slow, quick = found.families
    assert [family.option for family in found.families] == ["", "speed", ""]
    assert [effort.value for effort in slow.efforts] == ["6", "7", "4", "2"]
    # Speed 7 takes longer than 6 and saves less.
    assert [effort.value for effort in slow.front] == ["6", "4", "2"]
    assert slow.at(0.25) == pytest.approx(-10, abs=1e-6)
    # Halfway between speeds 6 and 4 in the logarithm of time: 0.25 * 1.0 = 0.5 ** 2.
    assert slow.at(0.5) == pytest.approx((-10 - 16) / 2, abs=1e-6)
    assert slow.at(4.0) == slow.at(1000.0) == pytest.approx(-20, abs=1e-6)
    assert math.isnan(slow.at(0.24))
    assert jpeg.at(0.02) == jpeg.at(5) == 0
    assert [found.least(t) for t in (0.02, 0.11, 0.24, 0.26)] == [jpeg, quick, quick, slow]


def test_the_table_has_the_fastest_first_and_who_is_lowest():
    (table,) = effort_tables(compared(rows_of()))
    assert table.header == (
        *("curve", "lowest at its time", "encode [ms]", "BD-rate [%]"),
        *("jpeg", "slow", "quick level=1"),
    )
    assert "at equal encoding time" in table.title
    cells = {row[0]: row[1:] for row in table.rows}
    assert [row[2] for row in table.rows] == ["10.0", "100", "250", "500", "1000", "4000"]
    assert cells["jpeg"] == ("jpeg", "10.0", "+0.00", "+0.00", "-", "-")
    named = "slow chroma=420;speed=7"
    # Its points do not settle the value, which the mark says as in other tables.
    assert cells[named] == ("slow", "500", "-8.00!", "+0.00", "-13.00", "-5.00")
    said = "\n".join(table.notes)
    assert "slow: 4 efforts (speed)" in said
    assert f"without saving more: {named}" in said


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex"])
def test_bd_shows_it_beside_what_curves_cost_and_only_there(form):
    rows = compared(rows_of())
    assert "at equal encoding time" in bd_text(rows, form, complexity=True)
    assert "at equal encoding time" not in bd_text(rows, form)


def test_bd_csv_has_the_efforts():
    lines = bd_text(compared(rows_of()), "csv").splitlines()
    places = [lines[0].split(",").index(name) for name in ("anchor_effort", "test_effort")]
    cells = {tuple(line.split(",")[place] for place in places) for line in lines[1:]}
    assert cells == {("", f"speed={speed}") for speed in SPEEDS} | {("", "")}


def test_without_two_efforts_or_without_knowing_the_option_there_is_none():
    assert not equal_times(compared(rows_of({"2": (0.8, 4.0)})))
    assert not equal_times(compared(rows_of(), efforts={}))
    untimed = [replaced(row, encode_s=None) for row in rows_of()]
    assert not equal_times(compared(untimed))


def test_other_options_make_another_family():
    rows = rows_of() + scaled("slow", "chroma=444;speed=4", 0.7, 1.0)
    (found,) = equal_times(compared(rows))
    assert [len(family.efforts) for family in found.families] == [1, 4, 1, 1]


def test_times_of_two_machines_are_not_held_against_each_other():
    (found,) = equal_times(compared(rows_of(host="other")))
    assert [family.title for family in found.families] == ["slow"]
    assert found.elsewhere == ("jpeg", "quick level=1")
    assert "as their times are from another machine: jpeg, quick level=1" in "\n".join(found.notes)


def test_a_run_tells_which_option_is_the_effort(tmp_path):
    with RunDirectory(tmp_path / "run", {"codecs": []}, plain_metrics([PSNR])) as directory:
        directory.manifest["efforts"] = {"slow": "speed", "quick": ""}
        directory.write_manifest()
        for row in rows_of():
            directory.append(row)
    assert read_efforts(tmp_path / "run") == {"slow": "speed", "quick": ""}
    table = bd_table(tmp_path / "run", anchor="jpeg")
    assert [len(f.efforts) for f in equal_times(table)[0].families] == [1, 4, 1]
    # Of a table alone nothing tells it.
    assert not equal_times(bd_table(tmp_path / "run/measurements.csv", anchor="jpeg"))
