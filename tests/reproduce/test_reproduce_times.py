"""Figures of times say what ran beside, and pages what networks cost."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from rdbench.curves import curves_of
from rdbench.reproducing.cast import Cast
from rdbench.reproducing.figures import time_bars
from rdbench.reproducing.page import cost_table
from tests.curves.encoded import of


@pytest.mark.parametrize(
    ("timing", "load", "said"),
    [
        ("isolated", 0.9, "mean of the images"),
        ("isolated", None, "mean of the images"),
        ("isolated", 15.0, "mean of the images, other work ran at the same time"),
        ("shared", 0.9, "mean of the images, other work ran at the same time"),
    ],
)
def test_a_figure_of_times_tells_a_busy_machine(timing, load, said):
    rows = [dataclasses.replace(row, timing=timing, load=load) for row in of("jpeg")]
    assert time_bars("photos", curves_of(rows)).subtitle == said


def times(cell: str) -> list[float]:
    """A time, and what of it the transforms took, where that is told."""
    return [float(part) for part in cell.strip(")").split(" (")]


def test_a_page_tells_what_networks_cost():
    """By the files of the run: the times of all its streams, and the operations of their networks,
    which are those of one size of network at all points."""
    root = Path(__file__).parents[2]
    run = root / "results" / "lee2019-entropy-models"
    page = (root / "reports" / "lee2019-entropy-models" / "README.md").read_text(encoding="utf-8")
    lines = page.partition("## What they cost")[2].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    found = {row[0]: dict(zip(cells[0], row, strict=True)) for row in cells[2:]}
    costs = json.loads((run / "run.json").read_text(encoding="utf-8"))["network_costs"]
    with (run / "measurements.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(found) == list(dict.fromkeys(row["label"] for row in rows))
    assert "both contexts" in costs
    for label, row in found.items():
        own = [one for one in rows if one["label"] == label]
        told = dict(
            zip(("decode_s", "decode_transform_s"), times(row["decode [ms]"]), strict=False)
        )
        assert ("decode_transform_s" in told) == bool(own[0]["decode_transform_s"])
        for name, ms in told.items():
            seconds = [float(one[name]) for one in own]
            assert ms == pytest.approx(1000 * np.mean(seconds), rel=5e-3)
        if label not in costs:  # measured before costs were kept
            assert row["decode [kMAC/px]"] == "-"
            continue
        cost = costs[label]["1"]["3"]
        whole, entropy = row["decode [kMAC/px]"].strip(")").split(" (")
        expected = cost["synthesis_kmac_px"] + cost["entropy_decode_kmac_px"]
        assert float(whole) == pytest.approx(expected, rel=5e-3)
        assert float(entropy) == pytest.approx(cost["entropy_decode_kmac_px"], rel=5e-3)


def test_curves_without_networks_have_no_such_table():
    (curve,) = curves_of(of("jpeg"))
    assert cost_table(Cast(measured={("photos", "jpeg"): curve})) is None
