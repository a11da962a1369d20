"""Comparisons as text: CSV records, and tables for a terminal, Markdown and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rdbench.bd import LEVEL, Interval
from rdbench.curves.comparison import LOW_OVERLAP, Comparison
from rdbench.metrics import METRICS, Metric

WIDE_SPREAD: Final = 1.0

RECORD_COLUMNS: Final = (
    "dataset",
    "anchor",
    "test",
    "metric",
    "averaging",
    "method",
    "delta",
    "unit",
    "value",
    "low",
    "high",
    "per_image_mean",
    "per_image_low",
    "per_image_high",
    "per_image_count",
    "overlap_percent",
    "images",
    "images_left_out",
    "dropped_anchor_points",
    "dropped_test_points",
    "value_pchip",
    "value_akima",
    "value_cubic",
    "resamples",
    "seed",
    "reason",
)


@dataclass(frozen=True)
class Table:
    """The comparisons of one dataset and metric: a title, rows of cells, and what must be said."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


HEADER: Final = ("curve", "delta", "mean curves", "mean of images", "overlap", "images")


def records(comparisons: Iterable[Comparison]) -> list[dict[str, str]]:
    """One row of text per comparison, with the keys :data:`RECORD_COLUMNS` (``bd.csv``)."""
    return [_record(row) for row in comparisons]


def tables(comparisons: Iterable[Comparison]) -> list[Table]:
    """The comparisons as tables, one per dataset and metric."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for row in comparisons:
        groups.setdefault((row.dataset, row.settings.metric), []).append(row)
    return [_table(rows) for rows in groups.values()]


def averaging_text(metric: Metric, averaging: str) -> str:
    """How a curve's quality is averaged over images, in words."""
    if averaging == "mean" or not metric.unit:
        return f"mean of the images' {metric.label}" + (f" in {metric.unit}" if metric.unit else "")
    linear = "MS-SSIM" if metric.label == "MS-SSIM" else "MSE"
    return f"{metric.label} of the mean {linear}"


def terminal(table: Table) -> str:
    """A table in columns of plain text."""
    cells = [table.header, *table.rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(table.header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([table.title, "", *lines, *(f"  {note}" for note in table.notes)])


def markdown(table: Table) -> str:
    """A table in GitHub's Markdown."""
    lines = ["| " + " | ".join(_md(cell) for cell in row) + " |" for row in table.rows]
    head = "| " + " | ".join(table.header) + " |"
    rule = "| --- | --- |" + " ---: |" * (len(table.header) - 2)
    notes = [f"- {_md(note)}" for note in table.notes]
    parts = [_md(table.title), "\n".join([head, rule, *lines]), "\n".join(notes)]
    return "\n\n".join(filter(None, parts))


def latex(table: Table) -> str:
    """A table for LaTeX with the package booktabs; the title and the notes are comments."""
    lines = [" & ".join(_tex(cell) for cell in row) + r" \\" for row in table.rows]
    return "\n".join(
        [
            *(f"% {line}" for line in (table.title, *table.notes)),
            r"\begin{tabular}{ll" + "r" * (len(table.header) - 2) + "}",
            r"\toprule",
            " & ".join(table.header) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _table(rows: Sequence[Comparison]) -> Table:
    first = rows[0]
    settings = first.settings
    metric = METRICS[settings.metric]
    intervals = ""
    if any(row.interval for row in rows):
        intervals = f", {LEVEL:g} % intervals of {settings.resamples} resamples"
    title = (
        f"{first.dataset}, {metric.axis}, against {first.anchor} "
        f"({averaging_text(metric, settings.averaging)}; {settings.method}{intervals})"
    )
    body, notes, shown = [], [], ""
    for row in rows:
        body.append(_cells(row, metric, "" if row.test == shown else row.test))
        notes += [note for note in _notes(row) if note not in notes]
        shown = row.test
    return Table(title, HEADER, tuple(body), tuple(notes))


def _cells(row: Comparison, metric: Metric, name: str) -> tuple[str, ...]:
    single = row.per_image
    return (
        name,
        "BD-rate [%]" if row.kind == "rate" else f"BD-{metric.axis}",
        _value(row.value, row.interval, _digits(row)),
        _value(single.mean, single.interval, _digits(row)) if single else "-",
        f"{row.overlap:.0f} %" if math.isfinite(row.overlap) else "-",
        str(row.image_count) if row.image_count else "-",
    )


def _notes(row: Comparison) -> list[str]:
    notes = [f"{row.test}: {row.reason}"] if row.reason else []
    for title, points in ((row.anchor, row.dropped_anchor), (row.test, row.dropped_test)):
        if points:
            notes.append(
                f"{title}: without point {', '.join(points)} (not finite, or beaten by another)"
            )
    if row.left_out:
        names = ", ".join(row.left_out[:6]) + (", ..." if len(row.left_out) > 6 else "")
        notes.append(f"{row.test}: {len(row.left_out)} images left out ({names})")
    if row.per_image and row.per_image.count < row.image_count and not row.reason:
        notes.append(
            f"{row.test}: {row.image_count - row.per_image.count} of {row.image_count} images "
            f"have no BD-{row.kind} of their own"
        )
    return notes


def warnings(comparisons: Iterable[Comparison]) -> list[str]:
    """What must be known before a value is believed: little overlap, and interpolations that
    differ by more than one percent of rate."""
    little: dict[tuple[str, ...], list[str]] = {}
    apart = []
    for row in comparisons:
        if row.reason:
            continue
        where = f"{row.dataset}, {row.settings.metric}"
        if row.overlap < LOW_OVERLAP:
            axis = "quality" if row.kind == "rate" else "rate"
            key = (where, f"BD-{row.kind}", axis, row.anchor)
            little.setdefault(key, []).append(f"{row.test} {row.overlap:.0f} %")
        if row.kind == "rate" and row.spread > WIDE_SPREAD * (1 + row.value / 100):
            values = ", ".join(
                f"{method} {value:+.2f}"
                for method, value in row.by_method.items()
                if math.isfinite(value)
            )
            apart.append(f"{where}: interpolations disagree on {row.test} [%]: {values}")
    return [
        f"{where}: {delta} rests on less than {LOW_OVERLAP:g} % overlap in {axis} with {anchor}: "
        f"{', '.join(tests)}"
        for (where, delta, axis, anchor), tests in little.items()
    ] + apart


def _digits(row: Comparison) -> int:
    if row.kind == "rate":
        return 2
    return 3 if METRICS[row.settings.metric].unit else 4


def _value(value: float, interval: Interval | None, digits: int) -> str:
    if not math.isfinite(value):
        return "-"
    text = f"{value:+.{digits}f}"
    if interval and math.isfinite(interval.low):
        text += f" ({interval.low:+.{digits}f}, {interval.high:+.{digits}f})"
    return text


def _record(row: Comparison) -> dict[str, str]:
    single, settings = row.per_image, row.settings
    unit = "%" if row.kind == "rate" else METRICS[settings.metric].unit
    return dict.fromkeys(RECORD_COLUMNS, "") | {
        "dataset": row.dataset,
        "anchor": row.anchor,
        "test": row.test,
        "metric": settings.metric,
        "averaging": settings.averaging,
        "method": settings.method,
        "delta": row.kind,
        "unit": unit,
        "value": _number(row.value),
        "low": _number(row.interval.low if row.interval else math.nan),
        "high": _number(row.interval.high if row.interval else math.nan),
        "per_image_mean": _number(single.mean if single else math.nan),
        "per_image_low": _number(single.interval.low if single and single.interval else math.nan),
        "per_image_high": _number(single.interval.high if single and single.interval else math.nan),
        "per_image_count": str(single.count) if single else "",
        "overlap_percent": _number(row.overlap),
        "images": str(row.image_count),
        "images_left_out": str(len(row.left_out)),
        "dropped_anchor_points": " ".join(row.dropped_anchor),
        "dropped_test_points": " ".join(row.dropped_test),
        **{f"value_{name}": _number(value) for name, value in row.by_method.items()},
        "resamples": str(settings.resamples),
        "seed": str(settings.seed),
        "reason": row.reason,
    }


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else ""


def _md(text: str) -> str:
    return text.replace("|", r"\|")


_TEX_SPECIAL: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: "\\" + character for character in "&%$#_{}"},
}


def _tex(text: str) -> str:
    escaped = "".join(_TEX_SPECIAL.get(character, character) for character in text)
    if text == "-":
        return "--"
    words = [
        f"${word[0]}${word[1:]}" if word[:1] in "+-" and word[1:2].isdigit() else word
        for word in escaped.replace("(", "( ").split(" ")
    ]
    return " ".join(words).replace("( ", "(")
