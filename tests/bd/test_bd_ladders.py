"""What deltas owe to the choice of their points, against each delta computed by itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rdbench.bd import METHODS, Points, choices, delta

ANCHOR = [0.1, 0.3, 0.5, 0.9, 1.6], [27.0, 30.4, 32.6, 35.5, 38.7]
TEST = [0.08, 0.2, 0.45, 0.8, 1.5, 1.9], [27.1, 29.6, 32.9, 35.9, 39.6, 40.7]


def without(curve, place):
    return [np.delete(values, place) for values in curve]


def mean(anchor, test, kind, method):
    value = delta(*anchor, *test, kind=kind, method=method).value
    return value if kind == "quality" else math.log10(1 + value / 100)


def chosen(anchor, test, **how):
    curves = [Points.of("curve", *curve) for curve in (anchor, test)]
    return choices(curves, [0], [1], **how)[0]


@pytest.mark.parametrize("kind", ["rate", "quality"])
@pytest.mark.parametrize("method", METHODS)
def test_each_inner_point_is_left_out_once(kind, method):
    whole = mean(ANCHOR, TEST, kind, method)
    of_anchor = [mean(without(ANCHOR, k), TEST, kind, method) - whole for k in range(1, 4)]
    of_test = [mean(ANCHOR, without(TEST, k), kind, method) - whole for k in range(1, 5)]
    found = chosen(ANCHOR, TEST, kind=kind, method=method)
    expected = math.hypot(*of_anchor) + math.hypot(*of_test)
    assert found.spread == pytest.approx(expected, rel=1e-6)
    assert abs(found.moved) == pytest.approx(max(map(abs, of_anchor + of_test)), rel=1e-6)
    side = of_test if found.side else of_anchor
    assert found.moved == pytest.approx(side[found.point - 1], rel=1e-6)


def test_a_straight_line_owes_nothing_to_its_points():
    """Of log10(rate) over quality any points give the same line."""
    quality = np.array([28.0, 30.0, 33.0, 34.0, 38.0])
    anchor, test = ((factor * 10 ** (quality / 10), quality) for factor in (1e-3, 8e-4))
    found = chosen(anchor, test)
    assert found.spread == pytest.approx(0, abs=1e-12)
    assert delta(*anchor, *test).value == pytest.approx(-20)


def test_the_order_of_points_and_those_that_are_not_used_do_not_matter():
    plain = chosen(ANCHOR, TEST)
    # The third is beaten by the second, and the fourth is not finite.
    anchor = [0.5, 0.3, 0.35, 0.4, 0.1, 1.6, 0.9], [32.6, 30.4, 30.0, math.nan, 27.0, 38.7, 35.5]
    found = chosen(anchor, TEST)
    assert (found.spread, found.moved) == (plain.spread, plain.moved)
    if not found.side:
        assert anchor[0][found.point] == ANCHOR[0][plain.point]


def test_the_other_direction_owes_the_same():
    one, other = chosen(ANCHOR, TEST), chosen(TEST, ANCHOR)
    assert one.spread == pytest.approx(other.spread)
    assert one.moved == pytest.approx(-other.moved)
    assert one.side != other.side


def test_many_pairs_are_those_one_by_one():
    curves = [Points.of("curve", *curve) for curve in (ANCHOR, TEST)]
    curves.append(Points.of("curve", [0.1, 1.0], [28.0, 36.0]))
    found = choices(curves, [1, 0, 0], [0, 2, 1])
    assert found[0].spread == pytest.approx(chosen(TEST, ANCHOR).spread)
    assert "has 2 usable points" in found[1].reason
    assert found[2] == chosen(ANCHOR, TEST)


@pytest.mark.parametrize(
    ("points", "method", "needed"),
    [(2, "pchip", 4), (3, "akima", 4), (4, "cubic", 5)],
)
def test_of_few_points_nothing_is_said_and_why(points, method, needed):
    few = [values[:points] for values in TEST]
    for anchor, test, side in ((ANCHOR, few, 1), (few, TEST, 0)):
        found = chosen(anchor, test, method=method)
        assert math.isnan(found.spread)
        assert found.side == side
        assert found.reason == (
            f"has {points} usable points, {method} needs {needed} to leave one out"
        )


def test_what_no_point_tells_is_not_known():
    """The curve bends where a ladder has no point: the delta moves much without its neighbors."""
    quality = np.linspace(28, 40, 13)
    rate = 10 ** (0.002 * (quality - 28) ** 2 + 0.05 * quality - 2)
    dense = rate, quality
    bent = rate * (1 + 0.15 * np.exp(-(((quality - 34) / 1.5) ** 2))), quality
    truth = delta(*dense, *bent).value
    few = [values[[0, 2, 10, 12]] for values in bent]
    found = chosen(dense, few)
    value = delta(*dense, *few).value
    assert abs(value - truth) > 1
    # It cannot know of the bend, but of a ladder with a point in it, it knows.
    with_bend = [values[[0, 2, 6, 10, 12]] for values in bent]
    seen = chosen(dense, with_bend)
    assert 100 * (10**seen.spread - 1) > 2 * abs(delta(*dense, *with_bend).value - truth)
    assert found.spread < seen.spread


def test_equal_curves_of_one_ladder_owe_nothing_to_it():
    """As two builds of one codec: what a point says of one it says of the other."""
    rate, quality = (np.array(values) for values in TEST)
    other = rate * 0.97, quality
    curves = [Points.of("curve", *TEST), Points.of("curve", *other)]
    apart, together = (choices(curves, [0], [1], together=[wanted])[0] for wanted in (False, True))
    assert apart.spread > 0.001
    assert together.spread == pytest.approx(0, abs=1e-12)


def test_of_one_ladder_points_are_left_out_of_both():
    rate, quality = (np.array(values) for values in TEST)
    other = rate * np.array([1, 1.01, 0.99, 1, 1.02, 1]), quality
    whole = mean(TEST, other, "rate", "pchip")
    moved = [
        mean(without(TEST, k), without(other, k), "rate", "pchip") - whole for k in range(1, 5)
    ]
    curves = [Points.of("curve", *TEST), Points.of("curve", *other)]
    apart, together = (choices(curves, [0], [1], together=[wanted])[0] for wanted in (False, True))
    assert together.spread == pytest.approx(3 * math.hypot(*moved), rel=1e-6)
    assert together.spread < apart.spread
    # The largest effect of a single point is told in either case.
    assert (together.moved, together.side, together.point) == (
        apart.moved,
        apart.side,
        apart.point,
    )
    # Where a point of one is not used, they are not of one ladder.
    beaten = other[0], np.where(np.arange(6) == 2, 20.0, quality)
    curves = [Points.of("curve", *TEST), Points.of("curve", *beaten)]
    one, two = (choices(curves, [0], [1], together=[wanted])[0] for wanted in (False, True))
    assert one == two
