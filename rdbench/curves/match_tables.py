"""Matched pairs as tables, and as lists and DataFrames."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from rdbench.bd import LEVEL, Interval
from rdbench.curves.comparison import FEW_IMAGES
from rdbench.curves.complexity import Complexity, cost_notes
from rdbench.curves.curve import RATE
from rdbench.curves.matching import INTERPOLATED, MEASURED, RATIOS, Match, Mean, matches
from rdbench.curves.notes import counted, listed
from rdbench.curves.published import caveats
from rdbench.curves.selection import Labels
from rdbench.schema import point_text
from rdbench.tables import Table, markdown, number_cell, sheet, terminal

if TYPE_CHECKING:
    import pandas as pd

Form = Literal["terminal", "csv", "markdown"]
_RENDER: Final[dict[str, Callable[[Table], str]]] = {"terminal": terminal, "markdown": markdown}
COLUMNS: Final = (
    *("dataset", "anchor", "test", "at", "at_value", "how"),
    *("quantity", "unit", "value", "low", "high", "count"),
    *("images", "only_anchor", "only_test", "neither", "largest_deviation", "reason"),
)
_NUMBERS: Final = frozenset({"at_value", "value", "low", "high"})
_COUNTS: Final = frozenset({"count", "images", "only_anchor", "only_test", "neither"})


def match_table(
    runs: str | Path | Sequence[str | Path],
    *,
    anchor: str,
    at: str | Sequence[str],
    labels: Labels | str | Path | None = None,
) -> MatchTable:
    """Cost at equal quality, or quality at equal rate, against ``anchor``; ``rdbench match``.

    Curves are compared image by image. Means are over the images on which both curves reach the
    value: geometric for ratios (rate and times, test over anchor), arithmetic for differences (test
    minus anchor), with 95 % intervals over images (:mod:`rdbench.bd.estimates`) for 5 images or
    more.

    Args:
        runs: run directories or CSV files.
        anchor: the label or the codec of one curve.
        at: ``"ssimulacra2=70/80/90"`` for equal quality by a metric of the runs, ``"bpp=0.25"`` for
            equal rate; one or several.
        labels: names for the curves in the rows, as in :func:`rdbench.bd_table`.

    Returns:
        A list with a row for each dataset, curve and value, which tells whether points by target or
        interpolated curves were compared, and which images do not reach the value. ``to_frame()``
        makes it a DataFrame, with a row for each quantity.

    Raises:
        UsageError: for unknown or ambiguous names, and if there is nothing to compare.
    """
    listed_runs = [runs] if isinstance(runs, str | Path) else runs
    return MatchTable(matches(listed_runs, anchor, [at] if isinstance(at, str) else at, labels))


class MatchTable(list[Match]):
    """The rows of :func:`rdbench.match_table`, printed as the tables of ``rdbench match``."""

    def to_frame(self) -> pd.DataFrame:
        """The columns of ``rdbench match --csv`` as a DataFrame: texts, numbers (NaN if missing)
        and counts as ``Int64``."""
        import pandas as pd

        rows = records(self)
        columns = {}
        for name in COLUMNS:
            cells = [row[name] for row in rows]
            if name in _NUMBERS:
                columns[name] = pd.Series([float(cell or "nan") for cell in cells], dtype="float64")
            elif name in _COUNTS:
                counts = [int(cell) if cell else None for cell in cells]
                columns[name] = pd.Series(counts, dtype="Int64")
            else:
                columns[name] = pd.Series(cells, dtype="str")
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        return match_text(self).rstrip() if self else "MatchTable([])"

    def _repr_markdown_(self) -> str:
        """How notebooks show it."""
        return match_text(self, "markdown")


def match_text(rows: Sequence[Match], form: Form = "terminal") -> str:
    """Tables of ``rows``, one for each dataset and column, with a line end after the last."""
    if form == "csv":
        cells = [[record[column] for column in COLUMNS] for record in records(rows)]
        return sheet([COLUMNS, *cells])
    groups: dict[tuple[str, str], list[Match]] = {}
    for row in rows:
        groups.setdefault((row.dataset, row.column), []).append(row)
    return "\n\n".join(_RENDER[form](_table(group)) for group in groups.values()) + "\n"


def records(rows: Iterable[Match]) -> list[dict[str, str]]:
    """One row of text per match and quantity, with the keys :data:`COLUMNS`."""
    found = []
    for row in rows:
        common = dict.fromkeys(COLUMNS, "") | {
            "dataset": row.dataset,
            "anchor": row.anchor,
            "test": row.test,
            "at": row.column,
            "at_value": number_cell(row.value),
            "how": row.how,
            "images": str(len(row.images)),
            "only_anchor": str(len(row.only_anchor)),
            "only_test": str(len(row.only_test)),
            "neither": str(len(row.neither)),
            "largest_deviation": row.deviation,
            "reason": _reason(row),
        }
        quantities = [(f"{name} ratio", "", mean) for name, mean in _ratios(row)]
        quantities += [(n, row.records[n].unit, mean) for n, mean in row.differences.items()]
        found += [
            common
            | {
                "quantity": quantity,
                "unit": unit,
                "value": number_cell(mean.value),
                "low": number_cell(mean.interval.low if mean.interval else math.nan),
                "high": number_cell(mean.interval.high if mean.interval else math.nan),
                "count": str(mean.count),
            }
            for quantity, unit, mean in quantities
        ] or [common]
    return found


def _ratios(row: Match) -> list[tuple[str, Mean]]:
    return [(RATIOS[name], mean) for name, mean in row.ratios.items()]


def _table(rows: Sequence[Match]) -> Table:
    first = rows[0]
    ratios = [name for column, name in RATIOS.items() if first.record or column != RATE]
    metrics = {name: record for row in rows for name, record in row.records.items()}
    gains = [] if first.record else [*metrics]
    header = (
        "curve",
        "how",
        first.record.quantity if first.record else "rate [bit/px]",
        *(metrics[name].quantity for name in gains),
        *ratios,
        "images",
    )
    body, shown = [], ""
    for row in rows:
        means = dict(_ratios(row))
        cells = ["" if row.test == shown else row.test, row.how or "-", point_text(row.value)]
        cells += [
            _cell(row.differences.get(n, Mean()), f"{{:+z.{3 if metrics[n].unit else 4}f}}".format)
            for n in gains
        ]
        cells += [_cell(means.get(name, Mean()), _digits) for name in ratios]
        total = sum(map(len, (row.images, row.only_anchor, row.only_test, row.neither)))
        body.append((*cells, f"{len(row.images)} of {total}"))
        shown = row.test
    what = f"equal {first.record.label}" if first.record else "equal rate"
    title = (
        f"{first.dataset}, at {what}, against {first.anchor} (ratios: geometric mean of images"
        f"{'' if first.record else '; differences: mean'}; {LEVEL:g} % intervals over images)"
    )
    return Table(title, header, tuple(body), tuple(_notes(rows)))


def _digits(ratio: float) -> str:
    """Three digits, without an exponent where they are many."""
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:#.3g}"


def _cell(mean: Mean, text_of: Callable[[float], str]) -> str:
    if not math.isfinite(mean.value):
        return "-"
    text = text_of(mean.value)
    interval: Interval | None = mean.interval
    if interval and math.isfinite(interval.low):
        text += f" ({text_of(interval.low)}, {text_of(interval.high)})"
    return text


def _reason(row: Match) -> str:
    """Why nothing is compared; empty where something is."""
    if row.problem or row.images:
        return row.problem
    where = f"{row.column} {point_text(row.value)}"
    return f"no image on which both curves reach {where} ({_only(row)})"


def _only(row: Match) -> str:
    return (
        f"only {row.anchor} on {len(row.only_anchor)}, only {row.test} on {len(row.only_test)}, "
        f"neither on {len(row.neither)}"
    )


def _notes(rows: Sequence[Match]) -> list[str]:
    said = list(dict.fromkeys(f"{row.test}: {reason}" for row in rows if (reason := _reason(row))))
    for row in rows:
        where = f"{row.test} at {row.column} {point_text(row.value)}"
        missing = (*row.only_anchor, *row.only_test, *row.neither)
        if row.images and missing:
            said.append(f"{where}: not compared on {listed(sorted(missing))}: {_only(row)}")
        if row.how == MEASURED and row.images:
            said.append(f"{where}: largest deviation from the target {row.deviation}")
        said += [
            f"{where}: {row.records[name].label} is over {counted(mean.count, 'image')}; on "
            "others it is infinite, empty or out of reach"
            for name, mean in row.differences.items()
            if mean.count < len(row.images)
        ]
    if any(row.how == INTERPOLATED for row in rows):
        said.append(
            f"{INTERPOLATED}: each image's own curve, PCHIP between the logarithm of the rate and "
            "quality, and the logarithm of times linear in "
            + ("the quality" if rows[0].record else "the logarithm of the rate")
        )
    said += _cautions(rows)
    return said


def _cautions(rows: Sequence[Match]) -> list[str]:
    said = []
    counts = [len(row.images) for row in rows if row.images]
    if any(count < 5 for count in counts):
        said.append("no intervals over fewer than 5 images")
    if any(5 <= count < FEW_IMAGES for count in counts):
        said.append(f"intervals over fewer than {FEW_IMAGES} images are rough")
    curves = {c.title: c for row in rows if row.curves for c in row.curves if c is not None}
    costs = [(title, Complexity.of(curve)) for title, curve in curves.items()]
    said += cost_notes(costs, times="times are", shown=())
    said += [f"{title}: {text}" for title, curve in curves.items() for text in caveats(curve)]
    return said
