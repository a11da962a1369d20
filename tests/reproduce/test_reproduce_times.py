"""Figures of times say what ran beside."""

from __future__ import annotations

import dataclasses

import pytest

from rdbench.curves import curves_of
from rdbench.reproducing.figures import time_bars
from tests.curves.encoded import of


@pytest.mark.parametrize(
    ("timing", "load", "said"),
    [
        ("isolated", 0.9, "mean of the images"),
        ("isolated", None, "mean of the images"),
        ("isolated", 15.0, "mean of the images, other work ran beside"),
        ("shared", 0.9, "mean of the images, other work ran beside"),
    ],
)
def test_a_figure_of_times_tells_a_busy_machine(timing, load, said):
    rows = [dataclasses.replace(row, timing=timing, load=load) for row in of("jpeg")]
    assert time_bars("photos", curves_of(rows)).subtitle == said
