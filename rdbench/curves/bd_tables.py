"""Comparisons as tables: against one anchor, as a matrix, and image by image."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from rdbench.bd import LEVEL, Interval
from rdbench.curves.comparison import Comparison, Significance
from rdbench.curves.complexity import Complexity, Ends, Networks, cost_notes
from rdbench.curves.notes import convention_notes, mark, notes, undecided_text
from rdbench.curves.records import averaging_text
from rdbench.tables import Table, number_cell

COSTS: Final = ("encode [ms]", "decode [ms]", "memory [MiB]")
NETWORKS: Final = ("encode [kMAC/px]", "decode [kMAC/px]", "parameters [M]", "weights [MB]")
WIDE: Final = 60
"""Characters of column titles from which a matrix numbers them."""


def tables(comparisons: Iterable[Comparison], *, complexity: bool = False) -> list[Table]:
    """One table per dataset, metric and anchor: a row for each curve and kind of delta, with a
    column for each interpolation if there are several; with ``complexity``, columns of what the
    curves cost. With a convention, one table has all metrics."""

    def key(row: Comparison) -> tuple[str, str, str]:
        return row.dataset, "" if row.settings.convention else row.settings.metric.name, row.anchor

    return [_against_anchor(rows, complexity) for rows in groups(comparisons, key)]


def matrices(
    comparisons: Iterable[Comparison], *, complexity: bool = False, of_images: bool = False
) -> list[Table]:
    """One table per dataset, metric, kind of delta and interpolation: a row for each curve, with
    its delta against every other curve, or the geometric mean of its images' deltas
    (``of_images``)."""
    return [
        _matrix(rows, complexity, of_images)
        for rows in groups(
            comparisons,
            lambda row: (row.dataset, row.settings.metric.name, row.kind, row.settings.method),
        )
    ]


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
    for rows in groups(
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
    single_method = ["mean curves", "points", "mean of images", "geometric"]
    values = single_method if len(methods) == 1 else methods
    by_class = ["class"] if any(row.image_class for row in rows) else []
    what = ["metric", "BD-rate [%]"] if agreed else ["delta", *by_class, *values]
    header = ["curve", *what, "overlap", "images"]
    columns = cost_columns(c for row in rows for c in row.complexities) if complexity else ()
    header += columns
    body = []
    if complexity:
        empty = [""] * (len(header) - 2 - len(columns))
        cost = cost_cells(first.complexities[0], columns)
        body.append([first.anchor, "(anchor)", *empty, *cost])
    shown = ""
    for group in _by_curve(rows):
        row = group[0]
        cells = ["" if row.test == shown else row.test, _row_name(row)]
        if by_class:
            cells[1] = "" if row.image_class else cells[1]
            cells.append(row.image_class or "all")
        if agreed:
            cells.append(value_cell(row.value, row.interval, row, mark(row)))
        elif len(methods) == 1:
            single = row.per_image
            cells.append(value_cell(row.value, row.interval, row, mark(row)))
            cells.append(_points(row))
            cells.append(value_cell(single.mean, single.interval, row) if single else "-")
            swaps = single is not None and row.kind == "rate"
            cells.append(value_cell(single.geometric, None, row) if single and swaps else "-")
        else:
            cells += [value_cell(r.value, r.interval, r, mark(r)) for r in group]
        cells.append(f"{row.overlap:.0f} %" if math.isfinite(row.overlap) else "-")
        cells.append(str(row.image_count) if row.image_count else "-")
        if complexity:
            costly = row.test != shown
            cells += cost_cells(row.complexities[1], columns) if costly else [""] * len(columns)
        body.append(cells)
        shown = row.test
    said = _all_notes(rows)
    if complexity:
        costs = [(first.anchor, first.complexities[0])]
        costs += [(row.test, row.complexities[1]) for row in rows]
        said += cost_notes(costs)
    metric = "" if agreed else f"{first.settings.metric.axis}, "
    title = f"{first.place}, {metric}against {first.anchor} ({how(rows)})"
    text_columns = 2 + len(by_class)
    return Table(title, tuple(header), tuple(map(tuple, body)), tuple(said), text_columns)


def _by_curve(rows: Sequence[Comparison]) -> Iterator[list[Comparison]]:
    """The rows of each curve, kind of delta, metric and class together, in this order."""
    for curve in groups(rows, lambda row: (row.test,)):
        for kind in groups(curve, lambda row: (row.kind,)):
            yield from groups(kind, lambda row: (row.settings.metric.name, row.image_class))


def _all_notes(rows: Sequence[Comparison]) -> list[str]:
    if rows[0].settings.convention:
        return convention_notes(rows)
    # What is said of a class names it; what was said of all images is not said again.
    said = notes([row for row in rows if not row.image_class])
    of_classes = [
        dataclasses.replace(row, test=f"{row.test}, {row.image_class}")
        for row in rows
        if row.image_class
    ]
    return said + [note for note in notes(of_classes) if note not in said]


def _matrix(rows: Sequence[Comparison], complexity: bool, of_images: bool) -> Table:
    first = rows[0]
    curves = list(dict.fromkeys(row.anchor for row in rows))
    curves += [row.test for row in rows if row.test not in curves]
    numbered = sum(map(len, curves)) > WIDE
    columns = [str(n) for n in range(1, len(curves) + 1)] if numbered else curves
    known = {(row.test, row.anchor): row for row in rows}
    costs = {row.test: row.complexities[1] for row in rows}
    cost_titles = cost_columns(costs.values()) if complexity else ()
    body = []
    for number, test in enumerate(curves, 1):
        cells = [f"{number} {test}" if numbered else test]
        for anchor in curves:
            row = known.get((test, anchor))
            cells.append(_matrix_value(row, of_images) if row else "")
        body.append([*cells, *(cost_cells(costs[test], cost_titles) if complexity else ())])
    said = notes(rows)
    found = [significance for row in rows if (significance := _shown(row, of_images)[2])]
    if any(significance.undecided for significance in found):
        said.insert(0, f"in parentheses: {undecided_text(found[0].pairs)}")
    if complexity:
        said += cost_notes(list(costs.items()))
    falls = first.kind == "rate" or not first.settings.metric.higher_is_better
    sign = "negative" if falls else "positive"
    title = (
        f"{first.place}, {delta_name(first)} of each row's curve against each column's, {sign} "
        f"if the row's is better ({how(rows, of_images)})"
    )
    header = ("curve", *columns, *cost_titles)
    return Table(title, header, tuple(map(tuple, body)), tuple(said), text_columns=1)


def groups(
    rows: Iterable[Comparison], key: Callable[[Comparison], tuple[str, ...]]
) -> list[list[Comparison]]:
    groups: dict[tuple[str, ...], list[Comparison]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.values())


def how(rows: Sequence[Comparison], of_images: bool = False) -> str:
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
        return delta_name(row)
    what = "rate [%]" if row.kind == "rate" else row.settings.metric.quantity
    return f"{what} at its point"


def delta_name(row: Comparison) -> str:
    return "BD-rate [%]" if row.kind == "rate" else f"BD-{row.settings.metric.quantity}"


def value_cell(value: float, interval: Interval | None, row: Comparison, marks: str = "") -> str:
    if not math.isfinite(value):
        return "-"
    digits = row.digits
    text = f"{value:+z.{digits}f}{marks}"
    if interval and math.isfinite(interval.low):
        if interval.error:  # digits that other draws would change say nothing
            digits = min(digits, max(math.floor(-math.log10(2 * interval.error)), 0))
        text += f" ({interval.low:+z.{digits}f}, {interval.high:+z.{digits}f})"
    return text


def _points(row: Comparison) -> str:
    """How far its points may move the delta of mean curves."""
    if row.points is None or not math.isfinite(row.points.half):
        return "-"
    return f"±{row.points.half:.{row.digits}f}"


def _matrix_value(row: Comparison, of_images: bool) -> str:
    value, _, significance = _shown(row, of_images)
    if not math.isfinite(value):
        return "-"
    text = f"{value:+z.{row.digits - 1}f}{'' if of_images else mark(row)}"
    return f"({text})" if significance and significance.undecided else text


def _shown(row: Comparison, of_images: bool) -> tuple[float, Interval | None, Significance | None]:
    """A delta of mean curves or, of images, the mean that swaps to its inverse."""
    if not of_images:
        return row.value, row.interval, row.significance
    single = row.per_image
    if single is None:
        return math.nan, None, None
    return single.geometric, single.geometric_interval, single.significance


def cost_table(curves: Sequence[tuple[str, Complexity]], title: str) -> Table:
    """What curves (title, complexity) cost, one to a row."""
    columns = cost_columns(cost for _, cost in curves)
    rows = tuple((name, *cost_cells(cost, columns)) for name, cost in curves)
    return Table(title, ("curve", *columns), rows, tuple(cost_notes(curves)), 1)


def cost_columns(costs: Iterable[Complexity]) -> tuple[str, ...]:
    """The titles of what curves cost: with :data:`NETWORKS` where one of them has networks."""
    return COSTS + (NETWORKS if any(cost.networks for cost in costs) else ())


def cost_cells(cost: Complexity, columns: Sequence[str]) -> tuple[str, ...]:
    """The cells of ``columns``, some of :func:`cost_columns`."""
    networks = cost.networks or Networks()
    known = {
        "encode [ms]": _time(cost.encode_s, cost.encode_transform_s),
        "decode [ms]": _time(cost.decode_s, cost.decode_transform_s),
        "memory [MiB]": digits3(cost.memory_mb),
        "encode [kMAC/px]": _macs(networks.encode, networks.entropy_encode),
        "decode [kMAC/px]": _macs(networks.decode, networks.entropy_decode),
        "parameters [M]": _span(networks.parameters, 1e-6),
        "weights [MB]": _span(networks.weights_bytes, 1e-6),
    }
    return tuple(known[column] for column in columns)


def _time(seconds: float, transform_s: float) -> str:
    text = digits3(1000 * seconds)
    return f"{text} ({digits3(1000 * transform_s)})" if math.isfinite(transform_s) else text


def _macs(whole: Ends, entropy: Ends) -> str:
    text = _span(whole)
    return text if text == "-" else f"{text} ({_span(entropy)})"


def _span(ends: Ends, factor: float = 1.0) -> str:
    """The least and the most, where they differ in three digits."""
    low, high = (digits3(factor * end) for end in ends)
    return low if low == high else f"{low} to {high}"


def digits3(value: float) -> str:
    """Three digits, without an exponent."""
    if not math.isfinite(value):
        return "-"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:#.3g}" if value >= 1e-4 else "0"
