"""Comparisons as tables: against one anchor, as a matrix, and image by image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rdbench.bd import LEVEL, Interval
from rdbench.curves.comparison import Comparison, Significance
from rdbench.curves.complexity import Complexity, cost_notes
from rdbench.curves.notes import AT_POINT, convention_notes, listed, mark, notes, undecided_text
from rdbench.curves.records import averaging_text
from rdbench.tables import Table, number_cell

COSTS: Final = ("encode [ms]", "decode [ms]", "memory [MiB]")
WIDE: Final = 60
"""Characters of column titles from which a matrix numbers them."""


def tables(comparisons: Iterable[Comparison], *, complexity: bool = False) -> list[Table]:
    """One table per dataset, metric and anchor: a row for each curve and kind of delta, with a
    column for each interpolation where there are several; with ``complexity`` what the curves
    cost. By a convention one table has all metrics."""

    def key(row: Comparison) -> tuple[str, str, str]:
        return row.dataset, "" if row.settings.convention else row.settings.metric.name, row.anchor

    return [_against_anchor(rows, complexity) for rows in _groups(comparisons, key)]


def matrices(
    comparisons: Iterable[Comparison], *, complexity: bool = False, of_images: bool = False
) -> list[Table]:
    """One table per dataset, metric, kind of delta and interpolation: a row for each curve, with
    its delta against each other one, or the geometric mean of those ``of_images``."""
    return [
        _matrix(rows, complexity, of_images)
        for rows in _groups(
            comparisons,
            lambda row: (row.dataset, row.settings.metric.name, row.kind, row.settings.method),
        )
    ]


def image_tables(comparisons: Iterable[Comparison]) -> list[Table]:
    """One table per dataset, metric, anchor and interpolation: a row for each image and curve,
    with the deltas of that image alone. Comparisons without images of their own have none."""
    found = []
    for rows in _groups(
        comparisons,
        lambda row: (row.dataset, row.settings.metric.name, row.anchor, row.settings.method),
    ):
        with_images = [row for row in rows if row.images]
        if with_images:
            found.append(_image_table(with_images))
    return found


def matrix_rows(comparisons: Sequence[Comparison], *, of_images: bool = False) -> list[list[str]]:
    """The matrices as rows of cells with a header: a row for each dataset, metric, kind of delta,
    interpolation, quantity (value, low, high, p_holm, overlap_percent) and curve, a column for each
    anchor."""
    anchors = list(dict.fromkeys(row.anchor for row in comparisons))

    def end(row: Comparison, name: str) -> float:
        interval = _shown(row, of_images)[1]
        return float(getattr(interval, name)) if interval else math.nan

    def p_holm(row: Comparison) -> float:
        significance = _shown(row, of_images)[2]
        return significance.adjusted if significance else math.nan

    quantities: dict[str, Callable[[Comparison], float]] = {
        "value": lambda row: _shown(row, of_images)[0],
        "low": lambda row: end(row, "low"),
        "high": lambda row: end(row, "high"),
        "p_holm": p_holm,
        "overlap_percent": lambda row: row.overlap,
    }
    table = [["dataset", "metric", "averaging", "delta", "method", "quantity", "curve", *anchors]]
    for rows in _groups(
        comparisons,
        lambda row: (row.dataset, row.settings.metric.name, row.kind, row.settings.method),
    ):
        settings = rows[0].settings
        known = {(row.test, row.anchor): row for row in rows}
        for quantity, number in quantities.items():
            for curve in dict.fromkeys(row.test for row in rows):
                cells = (known.get((curve, anchor)) for anchor in anchors)
                table.append(
                    [
                        rows[0].dataset,
                        settings.metric.name,
                        settings.averaging,
                        rows[0].kind,
                        settings.method,
                        quantity,
                        curve,
                        *(number_cell(number(row)) if row else "" for row in cells),
                    ]
                )
    return table


def _against_anchor(rows: Sequence[Comparison], complexity: bool) -> Table:
    first = rows[0]
    agreed = first.settings.convention
    methods = list(dict.fromkeys(row.settings.method for row in rows))
    single_method = ["mean curves", "mean of images", "geometric"]
    values = single_method if len(methods) == 1 else methods
    what = ["metric", "BD-rate [%]"] if agreed else ["delta", *values]
    header = ["curve", *what, "overlap", "images", *(COSTS if complexity else ())]
    body = []
    if complexity:
        empty = [""] * (len(header) - 2 - len(COSTS))
        body.append([first.anchor, "(anchor)", *empty, *cost_cells(first.complexities[0])])
    shown = ""
    by_curve = [row for group in _groups(rows, lambda row: (row.test,)) for row in group]
    for group in _groups(by_curve, lambda row: (row.test, row.kind, row.settings.metric.name)):
        row = group[0]
        cells = ["" if row.test == shown else row.test, _row_name(row)]
        if agreed:
            cells.append(_value(row.value, row.interval, row, mark(row)))
        elif len(methods) == 1:
            single = row.per_image
            cells.append(_value(row.value, row.interval, row, mark(row)))
            cells.append(_value(single.mean, single.interval, row) if single else "-")
            swaps = single is not None and row.kind == "rate"
            cells.append(_value(single.geometric, None, row) if single and swaps else "-")
        else:
            cells += [_value(r.value, r.interval, r, mark(r)) for r in group]
        cells.append(f"{row.overlap:.0f} %" if math.isfinite(row.overlap) else "-")
        cells.append(str(row.image_count) if row.image_count else "-")
        if complexity:
            cells += cost_cells(row.complexities[1]) if row.test != shown else [""] * len(COSTS)
        body.append(cells)
        shown = row.test
    said = convention_notes(rows) if agreed else notes(rows)
    if complexity:
        costs = [(first.anchor, first.complexities[0])]
        costs += [(row.test, row.complexities[1]) for row in rows]
        said += cost_notes(costs)
    metric = "" if agreed else f"{first.settings.metric.axis}, "
    title = f"{first.place}, {metric}against {first.anchor} ({_how(rows)})"
    return Table(title, tuple(header), tuple(map(tuple, body)), tuple(said))


def _matrix(rows: Sequence[Comparison], complexity: bool, of_images: bool) -> Table:
    first = rows[0]
    curves = list(dict.fromkeys(row.anchor for row in rows))
    curves += [row.test for row in rows if row.test not in curves]
    numbered = sum(map(len, curves)) > WIDE
    columns = [str(n) for n in range(1, len(curves) + 1)] if numbered else curves
    known = {(row.test, row.anchor): row for row in rows}
    costs = {row.test: row.complexities[1] for row in rows}
    body = []
    for number, test in enumerate(curves, 1):
        cells = [f"{number} {test}" if numbered else test]
        for anchor in curves:
            row = known.get((test, anchor))
            cells.append(_matrix_value(row, of_images) if row else "")
        body.append([*cells, *(cost_cells(costs[test]) if complexity else ())])
    said = notes(rows)
    found = [significance for row in rows if (significance := _shown(row, of_images)[2])]
    if any(significance.undecided for significance in found):
        said.insert(0, f"in parentheses: {undecided_text(found[0].pairs)}")
    if complexity:
        said += cost_notes(list(costs.items()))
    falls = first.kind == "rate" or not first.settings.metric.higher_is_better
    sign = "negative" if falls else "positive"
    title = (
        f"{first.place}, {_delta_name(first)} of each row's curve against each column's, "
        f"{sign} where the row's is better ({_how(rows, of_images)})"
    )
    header = ("curve", *columns, *(COSTS if complexity else ()))
    return Table(title, header, tuple(map(tuple, body)), tuple(said), text_columns=1)


def _image_table(rows: Sequence[Comparison]) -> Table:
    first = rows[0]
    metric = first.settings.metric
    pairs = _groups(rows, lambda row: (row.test,))
    names = [_delta_name(row) for row in pairs[0]]
    header = ["image", "curve", *(cell for name in names for cell in (name, "overlap"))]
    body = []
    for image in sorted({image for row in rows for image in row.images}):
        shown = ""
        for pair in pairs:
            if image not in pair[0].images:
                continue
            cells = ["" if shown == image else image, pair[0].test]
            for row in pair:
                place = row.images.index(image)
                assert row.per_image
                point = AT_POINT if row.at_point else ""
                cells.append(_value(row.per_image.values[place], None, row, point))
                cells.append(f"{row.per_image.overlaps[place]:.0f} %")
            body.append(cells)
            shown = image
    of_curves = [] if first.settings.convention else ["mean curves"]
    for name in ("mean of images", *of_curves):
        shown = ""
        for pair in pairs:
            cells = ["" if shown else name, pair[0].test]
            for row in pair:
                assert row.per_image
                if name == "mean curves":
                    cells += [
                        _value(row.value, row.interval, row, mark(row)),
                        f"{row.overlap:.0f} %",
                    ]
                else:
                    cells += [_value(row.per_image.mean, row.per_image.interval, row), ""]
            body.append(cells)
            shown = name
    title = f"{first.place}, {metric.axis}, image by image against {first.anchor} ({_how(rows)})"
    return Table(title, tuple(header), tuple(map(tuple, body)), tuple(_image_notes(rows)))


def _image_notes(rows: Sequence[Comparison]) -> list[str]:
    """Why images have no delta of their own, each reason once."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        assert row.per_image
        for image, value in zip(row.images, row.per_image.values, strict=True):
            if not math.isfinite(value):
                text = f"{row.test}, BD-{row.kind}: {row.image_reason(image)}"
                reasons.setdefault(text, []).append(image)
    own = [f"{text} ({listed(images)})" for text, images in reasons.items()]
    counted = "of their own"
    return own + [note for note in notes(rows) if counted not in note]


def _groups(
    rows: Iterable[Comparison], key: Callable[[Comparison], tuple[str, ...]]
) -> list[list[Comparison]]:
    groups: dict[tuple[str, ...], list[Comparison]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.values())


def _how(rows: Sequence[Comparison], of_images: bool = False) -> str:
    settings = rows[0].settings
    averaging = averaging_text(settings.metric, settings.averaging)
    if math.isfinite(settings.cap_db) and settings.metric.unit == "dB":
        averaging += f", at most {settings.cap_db:g} dB"
    if of_images:
        averaging = "geometric mean of images" if rows[0].kind == "rate" else "mean of images"
    averaging = "; ".join(([] if settings.convention else [averaging]) + settings.stated)
    methods = ", ".join(dict.fromkeys(row.settings.method for row in rows))
    intervals = ""
    if any(row.interval for row in rows):
        drawn = f"{settings.resamples} resamples of the "
        intervals = (
            f", {LEVEL:g} % intervals over {drawn * (settings.interval == 'bootstrap')}images"
        )
    return f"{averaging}; {methods}{intervals}"


def _row_name(row: Comparison) -> str:
    if row.settings.convention:
        return row.settings.metric.label
    if not row.at_point:
        return _delta_name(row)
    what = "rate [%]" if row.kind == "rate" else row.settings.metric.quantity
    return f"{what} at its point"


def _delta_name(row: Comparison) -> str:
    return "BD-rate [%]" if row.kind == "rate" else f"BD-{row.settings.metric.quantity}"


def _digits(row: Comparison) -> int:
    if row.kind == "rate":
        return 2
    return 3 if row.settings.metric.unit else 4


def _value(value: float, interval: Interval | None, row: Comparison, marks: str = "") -> str:
    if not math.isfinite(value):
        return "-"
    digits = _digits(row)
    text = f"{value:+z.{digits}f}{marks}"
    if interval and math.isfinite(interval.low):
        if interval.error:  # digits that other draws would change say nothing
            digits = min(digits, max(math.floor(-math.log10(2 * interval.error)), 0))
        text += f" ({interval.low:+z.{digits}f}, {interval.high:+z.{digits}f})"
    return text


def _matrix_value(row: Comparison, of_images: bool) -> str:
    value, _, significance = _shown(row, of_images)
    if not math.isfinite(value):
        return "-"
    text = f"{value:+z.{_digits(row) - 1}f}{'' if of_images else mark(row)}"
    return f"({text})" if significance and significance.undecided else text


def _shown(row: Comparison, of_images: bool) -> tuple[float, Interval | None, Significance | None]:
    """A delta of mean curves or, of images, the mean that swaps to its inverse."""
    if not of_images:
        return row.value, row.interval, row.significance
    single = row.per_image
    if single is None:
        return math.nan, None, None
    return single.geometric, single.geometric_interval, single.significance


def cost_cells(cost: Complexity) -> tuple[str, ...]:
    """The cells of :data:`COSTS`."""
    return (
        _digits3(1000 * cost.encode_s),
        _digits3(1000 * cost.decode_s),
        _digits3(cost.memory_mb),
    )


def _digits3(value: float) -> str:
    """Three digits, without an exponent."""
    if not math.isfinite(value):
        return "-"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:#.3g}" if value >= 1e-4 else "0"
