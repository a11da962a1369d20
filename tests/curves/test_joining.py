"""Parts of one curve that several runs have measured."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from rdbench.curves import (
    Complexity,
    bd_table,
    bd_text,
    curves_of,
    load_curves,
    records,
    summary_rows,
)
from rdbench.gate import Limits, Table, compare
from rdbench.schema import Measurement
from tests.curves.encoded import as_csv, of, replaced


def hashed(codec: str = "jpeg", **changes: object) -> list[Measurement]:
    return [replaced(row, image_sha256=f"sha of {row.image}") for row in of(codec, **changes)]


def runs_of(folder: Path, *parts: list[Measurement]) -> list[Path]:
    """A run of each of the parts, none of whose names another one has."""
    paths = []
    for number, rows in enumerate(parts):
        run = folder / f"run{number}"
        run.mkdir()
        (run / "measurements.csv").write_text(as_csv(rows))
        paths.append(run)
    return paths


def split(rows: list[Measurement], by: object) -> list[list[Measurement]]:
    groups: dict[object, list[Measurement]] = {}
    for row in rows:
        groups.setdefault(by(row), []).append(row)
    return list(groups.values())


WAYS = {
    "points": lambda row: row.point > 30,
    "images": lambda row: row.image,
    "both": lambda row: (row.image > "c", row.point > 30),
    "any": lambda row: (len(row.image) + row.point // 5) % 3,
}


@pytest.mark.parametrize("way", WAYS)
def test_parts_give_the_curve_of_the_whole(tmp_path, way):
    whole = curves_of(hashed())[0]
    parts = split(hashed(), WAYS[way])
    assert len(parts) > 1
    for order in itertools.islice(itertools.permutations(parts), 6):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        (curve,) = load_curves(runs_of(folder, *order))
        assert (curve.label, curve.points, curve.images) == ("jpeg", whole.points, whole.images)
        assert curve.left_out == {}
        for column, values in whole.values.items():
            np.testing.assert_array_equal(curve.values[column], values)


def test_metrics_that_one_part_lacks_are_missing_there(tmp_path):
    low, high = split(hashed(), WAYS["points"])
    high = [replaced(row, ssim=0.5) for row in high]
    (curve,) = load_curves(runs_of(tmp_path, low, high))
    assert np.isnan(curve.mean("ssim")).all()
    assert np.isfinite(curve.mean("psnr_db")).all()


def test_a_failure_in_one_part_costs_its_image_and_nothing_else(tmp_path):
    low, high = split(hashed(), WAYS["points"])
    high[0] = replaced(high[0], status="failed", message="no luck", bpp=None)
    (curve,) = load_curves(runs_of(tmp_path, low, high))
    assert curve.left_out == {high[0].image: "failed at quality 50: no luck"}


OTHERS = {
    "a measurement that both have": lambda low, high: (low, [*high, low[0]]),
    "another version": lambda low, high: (low, [replaced(r, codec_version="2") for r in high]),
    "another identity": lambda low, high: (
        [replaced(row, identity="a") for row in low],
        [replaced(row, identity="b") for row in high],
    ),
    "another image": lambda low, high: (
        low,
        [*high[1:], replaced(high[0], image_sha256="another one")],
    ),
    "gray and color": lambda low, high: (low, [replaced(row, channels=1) for row in high]),
    "holes": lambda low, high: (
        [row for row in low if row.image == "coffee"],
        [row for row in high if row.image == "rocket"],
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_part_of_one_curve_is_told_apart_by_run(tmp_path, what):
    parts = OTHERS[what](*split(hashed(), WAYS["points"]))
    curves = load_curves(runs_of(tmp_path, *parts))
    assert [curve.label for curve in curves] == ["jpeg (run0)", "jpeg (run1)"]
    assert [len(curve.points) for curve in curves] == [
        len({row.point for row in part}) for part in parts
    ]


def as_luma(rows: list[Measurement]) -> list[Measurement]:
    """The same rows as if luma had been measured."""
    return [
        replaced(row, channels=1, color="luma", image_sha256=f"luma of {row.image}") for row in rows
    ]


def test_luma_and_rgb_of_one_dataset_are_told_apart_by_color(tmp_path):
    rgb, luma = hashed(color="rgb"), as_luma(hashed())
    runs = runs_of(tmp_path, rgb + hashed("webp", color="rgb"), luma)
    curves = load_curves(runs)
    assert [curve.label for curve in curves] == ["jpeg, rgb", "webp, rgb", "jpeg, luma"]
    assert [curve.color for curve in curves] == ["rgb", "rgb", "luma"]
    rows = bd_table(runs, anchor="jpeg, rgb", resamples=0)
    assert "photos, RGB, PSNR [dB], against jpeg, rgb" in bd_text(rows)
    webp, _, luma_row, _ = records(rows)
    assert (webp["color"], webp["reason"]) == ("rgb", "")
    assert luma_row["reason"].endswith("channels, jpeg, luma has images with 1")
    assert summary_rows(curves)[-1]["color"] == "luma"


def test_tables_say_which_luma(tmp_path):
    runs = runs_of(tmp_path, as_luma([*hashed(), *hashed("webp")]))
    rows = bd_table(runs, anchor="jpeg", resamples=0)
    assert "photos, luma (BT.601, 16 to 235), PSNR [dB], against jpeg" in bd_text(rows)
    assert {row["color"] for row in records(rows)} == {"luma"}


def test_an_older_run_s_manifest_says_what_was_measured(tmp_path):
    """Neither of the two has the column ``color``."""
    folders = runs_of(tmp_path, hashed(), [replaced(row, channels=1) for row in hashed()])
    for folder, color in zip(folders, ("rgb", "luma"), strict=True):
        (folder / "run.json").write_text(
            json.dumps({"schema_version": 3, "experiment": {"color": color}})
        )
    assert [curve.label for curve in load_curves(folders)] == ["jpeg, rgb", "jpeg, luma"]


def test_joined_runs_are_told_apart_from_others_by_their_names(tmp_path):
    low, high = split(hashed(), WAYS["points"])
    newer = [replaced(row, codec_version="2") for row in hashed()]
    curves = load_curves(runs_of(tmp_path, low, newer, high))
    assert [curve.label for curve in curves] == ["jpeg (run0 + run2)", "jpeg (run1)"]
    assert [len(curve.points) for curve in curves] == [5, 5]


def test_times_of_several_machines_are_never_means_without_a_word(tmp_path):
    low, high = split(hashed(), WAYS["points"])
    low, high = ([replaced(r, host=name) for r in part] for name, part in (("a", low), ("b", high)))
    runs = runs_of(tmp_path, low, high, hashed("webp", host="a"))
    jpeg, webp = load_curves(runs)
    assert (jpeg.hosts, webp.hosts) == (("a", "b"), ("a",))
    assert Complexity.of(jpeg).machines == ("a", "b")
    row = summary_rows([jpeg])[0]
    assert row["hosts"] == "a | b"
    assert row["message"] == "times are means over several machines (a and b)"
    rows = bd_table(runs, anchor="webp", interval="none")
    text = bd_text(rows, complexity=True)
    said = "times are of different machines and cannot be compared (a: webp; a and b: jpeg)"
    assert said in text
    assert [records(rows)[0][f"{whose}_machines"] for whose in ("anchor", "test")] == ["a", "a | b"]


def test_devices_of_one_machine_are_said_as_well():
    rows = hashed(host="a", device="cpu")
    rows[0] = replaced(rows[0], device="H200")
    (curve,) = curves_of(rows)
    assert curve.devices == ("H200", "cpu")
    assert Complexity.of(curve).machines == ("a", "H200", "cpu")


def test_the_gate_says_that_times_are_of_another_machine():
    old, new = ([dataclasses.replace(row, host=name) for row in hashed()] for name in "ab")
    limits = Limits(max_slowdown=20, metrics=("psnr_db",))
    (curve,) = compare(Table("run", tuple(new)), Table("baseline", tuple(old)), limits).curves
    assert "times are of several machines: a in the baseline, b in the run" in curve.notes
    (curve,) = compare(Table("run", tuple(old)), Table("baseline", tuple(old)), limits).curves
    assert not any("machines" in note for note in curve.notes)
