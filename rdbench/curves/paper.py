"""One table for a paper: methods by datasets and metrics, in LaTeX."""

from __future__ import annotations

import math
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rdbench.curves.bd_tables import cost_cells, cost_columns, tables
from rdbench.curves.comparison import Comparison
from rdbench.curves.complexity import Complexity
from rdbench.curves.curve import Curve
from rdbench.curves.notes import doubts
from rdbench.curves.published import caveats
from rdbench.curves.records import averaging_text
from rdbench.curves.selection import NO_LABELS, Labels
from rdbench.tables import comment, tex, tex_row

Column = tuple[str, str, str]
"""Dataset, metric and interpolation."""


@dataclass
class _Footnotes:
    """What marks stand for, each text once."""

    texts: list[str] = field(default_factory=list)

    def mark(self, texts: Iterable[str]) -> str:
        """The marks that stand for ``texts``, in LaTeX."""
        letters = []
        for text in texts:
            if text not in self.texts:
                self.texts.append(text)
            letters.append(_letter(self.texts.index(text)))
        return rf"\textsuperscript{{{','.join(letters)}}}" if letters else ""

    def lines(self) -> list[str]:
        """The footnotes in LaTeX."""
        return [
            rf"\textsuperscript{{{_letter(place)}}}\,{tex(text)}."
            for place, text in enumerate(self.texts)
        ]


def paper_tables(
    comparisons: Sequence[Comparison], labels: Labels = NO_LABELS, *, complexity: bool = False
) -> list[str]:
    """The BD-rates of ``comparisons`` as tables for a paper that loads the package booktabs, one
    for each anchor: a row for each curve, the anchor first; a column for each metric of each
    dataset, with ``complexity`` also for the cost of the curves there. The lowest value of a column
    is bold, and doubts about a value or a curve are footnotes. The notes of the other formats are
    comments before the table. ``labels`` are the names of datasets and metrics."""
    by_anchor: dict[str, list[Comparison]] = {}
    astray: list[Comparison] = []  # of datasets that have no such anchor
    for row in comparisons:
        known = row.anchor_curve or row.datasets
        (by_anchor.setdefault(row.anchor, []) if known else astray).append(row)
    groups = list(by_anchor.values()) or [[]]
    groups[0] += astray
    return [_table(rows, labels, complexity) for rows in groups]


def _table(comparisons: Sequence[Comparison], labels: Labels, complexity: bool) -> str:
    rows = [row for row in comparisons if row.kind == "rate"]
    by_column: dict[Column, dict[str, Comparison]] = {}
    for row in rows:
        by_column.setdefault(_column(row), {})[row.test] = row
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    columns = sorted(by_column, key=lambda column: datasets.index(column[0]))
    anchors = [row.anchor for row in rows if row.anchor_curve]
    methods = list(dict.fromkeys(anchors + [row.test for row in rows]))
    curves = {c.title: c for row in rows for c in (row.anchor_curve, row.test_curve) if c}
    footnotes = _Footnotes()
    spans: list[tuple[str, int]] = []
    body = [
        [tex(method) + footnotes.mark(_caveats(curves.get(method)))]
        + [_cell(method, by_column[column], footnotes) for column in columns]
        for method in methods
    ]
    groups = [(name, [column for column in columns if column[0] == name]) for name in datasets]
    several = len({column[2] for column in columns}) > 1
    header = [""]
    for name, own in groups:
        titles = [_metric_title(by_column[column], labels, several) for column in own]
        if complexity and (costs := _costs(rows, name)):
            columns_of_costs = cost_columns(costs.values())
            titles += columns_of_costs
            at = 1 + sum(span for _, span in spans) + len(own)
            for line, method in zip(body, methods, strict=True):
                cost = costs.get(method, Complexity())
                line[at:at] = map(tex, cost_cells(cost, columns_of_costs))
        header += map(tex, titles)
        spans.append((labels.get(name, name), len(titles)))
    return "\n".join(
        [
            *(comment(text) for one in tables(comparisons) for text in (one.title, *one.notes)),
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{tex(_caption(rows, labels))}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
            r"\toprule",
            *_spanned(spans),
            tex_row(header),
            r"\midrule",
            *map(tex_row, body),
            r"\bottomrule",
            r"\end{tabular}",
            *([r"\par\smallskip\footnotesize", *footnotes.lines()] if footnotes.texts else []),
            r"\end{table}",
        ]
    )


def _column(row: Comparison) -> Column:
    return row.dataset, row.settings.metric.name, row.settings.method


def _cell(method: str, column: dict[str, Comparison], footnotes: _Footnotes) -> str:
    """The BD-rate of ``method``; that of the anchor is 0."""
    shown = {test: f"{row.value:+z.2f}" for test, row in column.items() if math.isfinite(row.value)}
    shown |= {row.anchor: "0.00" for row in column.values() if row.anchor_curve or row.datasets}
    row = column.get(method)
    if method not in shown:
        text, said = tex("-"), [row.reason] if row else []
    else:
        text, said = tex(shown[method]), list(doubts(row).values()) if row else []
        if float(shown[method]) == min(map(float, shown.values())):
            text = rf"\textbf{{{text}}}"
    mark = footnotes.mark(said)
    return text + (rf"\rlap{{{mark}}}" if mark else "")  # digits stay below each other


def _caveats(curve: Curve | None) -> list[str]:
    return caveats(curve) if curve else []


def _costs(rows: Sequence[Comparison], dataset: str) -> dict[str, Complexity]:
    """What the curves of a dataset cost; empty for a mean over several."""
    found: dict[str, Complexity] = {}
    for row in rows:
        if row.dataset == dataset and not row.datasets:
            pairs = zip((row.anchor, row.test), row.complexities, strict=True)
            found |= {title: cost for title, cost in pairs if title not in found}
    return found


def _metric_title(column: dict[str, Comparison], labels: Labels, several: bool) -> str:
    settings = next(iter(column.values())).settings
    title = labels.get(settings.metric.name, settings.metric.label)
    return f"{title}, {settings.method}" if several else title


def _caption(rows: Sequence[Comparison], labels: Labels) -> str:
    """What the numbers are, with how each metric is averaged over how many images."""
    methods = ", ".join(dict.fromkeys(row.settings.method for row in rows))
    averaged = dict.fromkeys(
        "; ".join(s.stated)
        if s.convention
        else f"{labels.get(s.metric.name, s.metric.quantity)}: "
        + "; ".join((averaging_text(s.metric, s.averaging), *s.stated))
        for s in (row.settings for row in rows)
    )
    counts: dict[str, dict[int, None]] = {}
    for row in rows:
        if row.image_count:
            counts.setdefault(labels.get(row.dataset, row.dataset), {})[row.image_count] = None
    images = [f"{name}: {' or '.join(map(str, of))} images" for name, of in counts.items()]
    return (
        f"BD-rate [%] against {rows[0].anchor}, lower is better ({methods}); the best in bold. "
        + "; ".join((*averaged, *images))
        + "."
    )


def _spanned(spans: Sequence[tuple[str, int]]) -> list[str]:
    """The line with the datasets, and the rules below them."""
    rules, start = [], 2
    for _, count in spans:
        rules.append(rf"\cmidrule(lr){{{start}-{start + count - 1}}}")
        start += count
    cells = [rf"\multicolumn{{{count}}}{{c}}{{{tex(name)}}}" for name, count in spans]
    return [tex_row(["", *cells]), " ".join(rules)]


def _letter(place: int) -> str:
    letters = string.ascii_lowercase
    return letters[place % len(letters)] * (place // len(letters) + 1)
