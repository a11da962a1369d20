"""The figure of codecs at several efforts."""

from __future__ import annotations

import dataclasses

import pytest

from rdbench.plots import draw, efforts_plot
from rdbench.plots.figures import Look
from tests.curves.test_efforts import compared, rows_of


@pytest.fixture(scope="module")
def plot():
    return efforts_plot(compared(rows_of()))


def test_the_envelope_is_the_lowest_at_each_time(plot):
    known = dict(plot.envelope)
    ends = min(known), max(known)
    assert ends == pytest.approx((0.01, 4.0))
    assert known[ends[0]] == 0
    assert known[ends[1]] == pytest.approx(-20, abs=1e-6)
    rates = [rate for _, rate in plot.envelope]
    assert rates == sorted(rates, reverse=True)
    for family in plot.families:
        for effort in family.efforts:
            assert known[effort.encode_s] <= effort.bd_rate
    assert plot.name == "photos_psnr_db_efforts"


def test_lines_go_through_what_counts_and_values_stand_beside(plot):
    (axes,) = draw(plot).axes
    drawn = [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() != "None"]
    slow = next(family for family in plot.families if family.title == "slow")
    assert tuple(effort.encode_s for effort in slow.front) in drawn
    (beaten,) = set(slow.efforts) - set(slow.front)
    assert (beaten.encode_s,) in drawn
    assert {text.get_text() for text in axes.texts} >= {"2", "4", "6", "7"}
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "Encoding time [s/image]"


def test_it_is_drawn_in_a_size_and_with_what_is_highlighted(plot):
    look = Look(size=(3.5, 3.0), highlighted=frozenset({"slow"}), notes=False)
    figure = draw(dataclasses.replace(plot, look=look))
    assert tuple(figure.get_size_inches()) == (3.5, 3.0)
    widths = {line.get_linewidth() for line in figure.axes[0].lines if line.get_marker() != "None"}
    assert len(widths) > 1


def test_without_several_efforts_there_is_no_figure():
    assert efforts_plot(compared(rows_of({"2": (0.8, 4.0)}))) is None
