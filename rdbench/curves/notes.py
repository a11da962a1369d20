"""Notes on deltas: why some are missing, and which are doubtful."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from rdbench.bd import KINDS, Kind
from rdbench.curves.comparison import (
    FEW_IMAGES,
    FEW_POINTS,
    FEWEST_IMAGES,
    LEVEL_OF_TESTS,
    LOW_OVERLAP,
    WIDE_SPREAD,
    Comparison,
)
from rdbench.curves.published import caveats

DISAGREE, LITTLE, FALLS, AT_POINT = "!", "?", "~", "@"
"""The marks of a value that its points do not settle (interpolations disagree, or it moves without
one of the points), of one that rests on little overlap, of one whose fit is not monotonic, and of
one at the only point of its curve."""
LISTED: Final = 6

_APART: Final = f"interpolations disagree by more than {WIDE_SPREAD:g} point"
_MOVED: Final = (
    f"other points may move it by more than {WIDE_SPREAD:g} point, and more than other images"
)
_AT_POINT: Final = "the difference at the only point of the curve, not a Bjøntegaard delta"
_USE: Final = "in the common range; use pchip"


def doubts(row: Comparison) -> dict[str, str]:
    """Why the value of ``row`` is doubtful: marks and their meanings."""
    unsettled = {_APART: row.methods_disagree, _MOVED: row.points_decide}
    known = {
        DISAGREE: (
            "; ".join(text for text, holds in unsettled.items() if holds),
            any(unsettled.values()),
        ),
        LITTLE: (_little(row.kind), row.overlaps_little),
        AT_POINT: (_AT_POINT, row.at_point),
        FALLS: (f"the {row.settings.method} fit is not monotonic {_USE}", row.not_monotonic),
    }
    return {sign: text for sign, (text, holds) in known.items() if holds}


def meanings() -> dict[str, str]:
    """All marks with their meanings."""
    return {
        DISAGREE: f"not settled by the points of its curves: {_APART}, or {_MOVED}",
        LITTLE: _little("rate"),
        AT_POINT: _AT_POINT,
        FALLS: f"the fit is not monotonic {_USE}",
    }


def mark(row: Comparison) -> str:
    """The marks after the value of ``row``."""
    return "".join(doubts(row))


def notes(rows: Sequence[Comparison], *, marks: bool = True) -> list[str]:
    """The notes on ``rows`` of one dataset and metric. They explain :func:`mark`, unless values are
    shown without marks."""
    cautions = [f"{sign}: {text}" if sign and marks else text for sign, text in _cautions(rows)]
    return [*_across(rows), *_missing(rows), *_dropped(rows), *_left_out(rows), *cautions]


def convention_notes(rows: Sequence[Comparison]) -> list[str]:
    """The notes on ``rows`` of all metrics of a convention, each with the metrics that it is
    about."""
    convention = rows[0].settings.convention
    labels = list(dict.fromkeys(row.settings.metric.label for row in rows))
    about: dict[str, list[str]] = {}
    for label in labels:
        for text in notes([row for row in rows if row.settings.metric.label == label]):
            about.setdefault(text, []).append(label)
    said = [convention.remark] if convention else []
    for text, own in about.items():
        said.append(text if len(own) == len(labels) else f"{', '.join(own)}: {text}")
    return said


def warnings(comparisons: Iterable[Comparison]) -> list[str]:
    """What a reader must know to judge a value: little overlap, interpolations that disagree,
    intervals over few images, and known issues of published curves."""
    groups: dict[str, list[Comparison]] = {}
    for row in comparisons:
        groups.setdefault(f"{row.dataset}, {row.settings.metric.name}", []).append(row)
    return [f"{where}: {text}" for where, rows in groups.items() for _, text in _cautions(rows)]


def counted(number: int, noun: str) -> str:
    """ "1 image", "2 images"."""
    return f"{number} {noun}" + "s" * (number != 1)


def listed(names: Sequence[str], most: int = LISTED) -> str:
    """The first of ``names``, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _across(rows: Sequence[Comparison]) -> list[str]:
    datasets = dict.fromkeys(row.datasets for row in rows if row.datasets)
    return [
        f"means over {', '.join(names)} with equal weights, geometric for rate ratios; intervals "
        "over the images within each dataset"
        for names in datasets
    ]


def _missing(rows: Sequence[Comparison]) -> list[str]:
    """Why values are missing, each reason once."""
    reasons: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.reason:
            subject, text = _subject(row, pairs=_anchors(rows) > 1)
            reasons.setdefault(text, {})[subject] = None
    return [
        f"{listed([*names])}: {text}" if any(names) else text for text, names in reasons.items()
    ]


def _subject(row: Comparison, *, pairs: bool) -> tuple[str, str]:
    """Whom the reason of ``row`` is about, and the reason."""
    for role, title in (("the anchor", row.anchor), ("the test", row.test)):
        if row.reason.startswith(f"{role} curve has "):
            return title, f"the curve{row.reason.removeprefix(f'{role} curve')}"
    if row.reason.startswith((row.anchor, row.test)):
        return "", row.reason
    return (" and ".join(sorted((row.anchor, row.test))) if pairs else row.test), row.reason


def _dropped(rows: Sequence[Comparison]) -> list[str]:
    dropped = {
        title: points
        for row in rows
        for title, points in ((row.anchor, row.dropped_anchor), (row.test, row.dropped_test))
        if points
    }
    others = "".join(f", or not of {text}" for text in _rates(rows))
    return [
        f"{title}: without point {', '.join(points)} (not finite, or beaten by another{others})"
        for title, points in dropped.items()
    ]


def _rates(rows: Sequence[Comparison]) -> list[str]:
    """The ranges of rates that were asked for."""
    ranges = dict.fromkeys(row.settings.rates for row in rows if row.settings.rates)
    return [f"{low:g} to {high:g} bit/px" for low, high in filter(None, ranges)]


def _left_out(rows: Sequence[Comparison]) -> list[str]:
    groups: dict[tuple[str, tuple[str, ...]], dict[str, None]] = {}
    for row in rows:
        subject = row.test if _anchors(rows) == 1 else f"{row.test} against {row.anchor}"
        infinite = row.lossless if row.left_out else ()
        others = tuple(image for image in row.left_out if image not in infinite)
        label = row.settings.metric.label
        for reason, names in ((f"{label} is infinite: ", infinite), ("", others)):
            if names:
                groups.setdefault((reason, names), {})[subject] = None
    said = [
        f"{listed([*subjects])}: {counted(len(names), 'image')} left out ({reason}{listed(names)})"
        for (reason, names), subjects in groups.items()
    ]
    if _anchors(rows) == 1:
        said += [
            f"{row.test}: {row.image_count - row.per_image.count} of {row.image_count} images "
            f"have no BD-{row.kind}" + _method(row, rows)
            for row in rows
            if row.per_image
            and 0 < row.per_image.count < row.image_count
            and not row.settings.convention
        ]
    return said


def _cautions(rows: Sequence[Comparison]) -> list[tuple[str, str]]:
    """Marks, where values have one, and what they stand for."""
    said = []
    for kind in KINDS:
        of_kind = [row for row in rows if row.kind == kind]
        little = [row for row in of_kind if row.overlaps_little]
        if little:
            text = f"BD-{kind} {_little(kind)} "
            if _anchors(rows) == 1:
                tests = dict.fromkeys(
                    f"{row.test} {row.overlap:.0f} %, {counted(row.curve.points, 'point')}"
                    for row in little
                    if row.curve
                )
                text += f"with {rows[0].anchor}: {listed([*tests])}"
            else:
                text += _share(little, of_kind)
            said.append((LITTLE, text))
    apart = [row for row in rows if row.methods_disagree]
    moved = [row for row in rows if row.points_decide]
    if _anchors(rows) > 1:
        of_kind = [row for row in rows if row.kind == "rate"]
        said += [
            (DISAGREE, f"{text} {_share(some, of_kind)}")
            for text, some in ((_APART, apart), (_MOVED, moved))
            if some
        ]
    else:
        values = dict.fromkeys(f"{row.test} [%]: {_by_method(row)}" for row in apart)
        said += [(DISAGREE, f"interpolations disagree on {value}") for value in values]
        said += [
            (DISAGREE, f"{row.test} [%] moves with its points: {_by_points(row)}") for row in moved
        ]
    alone = [row for row in rows if row.at_point]
    if alone := [row for row in alone if not row.reason or (row.per_image and row.per_image.count)]:
        names = listed([*dict.fromkeys(row.test for row in alone)])
        said.append((AT_POINT, f"{names}: {_AT_POINT}; the anchor is interpolated"))
    if falling := [row for row in rows if row.not_monotonic]:
        names = listed([*dict.fromkeys(row.test for row in falling)])
        method = falling[0].settings.method
        text = f"{names}: the {method} fit is not monotonic {_USE}"
        said.append((FALLS, text))
    if _anchors(rows) == 1:
        said += [("", text) for row in rows if (text := extremes_text(row, decisive=True))]
        reasons = dict.fromkeys(row.points.reason for row in rows if row.points)
        said += [("", f"no ± over points: {reason}") for reason in reasons if reason]
    counts = [row.image_count for row in rows if row.images]
    if any(count < FEWEST_IMAGES for count in counts):
        said.append(("", f"no intervals over fewer than {FEWEST_IMAGES} images"))
    if any(FEWEST_IMAGES <= count < FEW_IMAGES for count in counts):
        said.append(("", f"intervals over fewer than {FEW_IMAGES} images are rough"))
    if _anchors(rows) == 1 and (close := [row for row in rows if row.undecided]):
        significance = close[0].significance
        assert significance
        names = listed([*dict.fromkeys(row.test for row in close)])
        said.append(("", f"{names}: {undecided_text(significance.pairs)}"))
    curves = {
        curve.title: curve
        for row in rows
        for curve in (row.anchor_curve, row.test_curve)
        if curve is not None
    }
    said += [("", f"{title}: {text}") for title, curve in curves.items() for text in caveats(curve)]
    return said


def extremes_text(row: Comparison, *, decisive: bool = False) -> str:
    """The mean of images without those farthest from the median; empty if there are too few images
    or, if ``decisive``, if it stays within its interval."""
    single = row.per_image
    if single is None or not single.extremes or (decisive and not single.extremes_decide):
        return ""
    names = ", ".join(row.images[place] for place in single.extremes)
    digits = row.digits
    return (
        f"{row.test}, BD-{row.kind}: the mean of images {single.mean:+z.{digits}f} is "
        f"{single.mean_without_extremes:+z.{digits}f} without the {len(single.extremes)} farthest "
        f"from the median ({names})"
    )


def _little(kind: Kind) -> str:
    axis = "quality" if kind == "rate" else "rate"
    return (
        f"rests on little (under {LOW_OVERLAP:g} % of the curve's {axis}, or {FEW_POINTS} points)"
    )


def undecided_text(pairs: int) -> str:
    """What "not told apart" means for this number of pairs."""
    many = f", of {pairs} pairs" if pairs > 1 else ""
    return f"not told apart by these images (p ≥ {LEVEL_OF_TESTS:g} by Holm's method{many})"


def _anchors(rows: Sequence[Comparison]) -> int:
    return len({row.anchor for row in rows})


def _share(some: Sequence[Comparison], rows: Sequence[Comparison]) -> str:
    counts = [len({(row.anchor, row.test) for row in group}) for group in (some, rows)]
    return f"for {counts[0]} of {counts[1]} pairs"


def _method(row: Comparison, rows: Sequence[Comparison]) -> str:
    several = len({other.settings.method for other in rows}) > 1
    return f" by {row.settings.method}" if several else ""


def _by_points(row: Comparison) -> str:
    assert row.points
    text = f"{row.value:+z.2f} ± {row.points.half:.2f}"
    if row.points.without:
        text += f", {row.points.value_without:+z.2f} without {row.points.without}"
    return text


def _by_method(row: Comparison) -> str:
    return ", ".join(
        f"{method} {value:+z.2f}" for method, value in row.by_method.items() if math.isfinite(value)
    )
