"""What a reproduction writes beside its figures: a page to read, and the numbers behind both."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rdbench.curves import Complexity, Curve, summary_rows
from rdbench.curves.bd_tables import cost_cells, cost_columns
from rdbench.curves.complexity import cost_notes
from rdbench.curves.published import PREFIX, caveats
from rdbench.curves.records import records_of
from rdbench.curves.summary import summary_columns
from rdbench.errors import RdbenchError
from rdbench.files import write_atomically
from rdbench.reproducing import figures
from rdbench.reproducing.cast import Cast, Key
from rdbench.reproducing.claims import Checked, Value
from rdbench.reproducing.deltas import ImageDelta, csv_text, tables
from rdbench.reproducing.recipe import Claim, Recipe
from rdbench.tables import Table, from_sheet, markdown, number_cell, sheet

PAGE: Final = "README.md"
CURVES: Final = "curves.csv"
CLAIMS: Final = "claims.csv"
DELTAS: Final = "deltas.csv"

_CLAIM_COLUMNS: Final = (
    "kind",
    "dataset",
    "test",
    "anchor",
    "metric",
    "averaging",
    "method",
    "point",
    "unit",
    "paper",
    "published_points",
    "published_of_images",
    "difference",
    "measured",
    "low",
    "high",
    "measured_of_images",
    "overlap_percent",
    "measured_curves",
    "reason",
)


def write(
    recipe: Recipe,
    cast: Cast,
    checked: Sequence[Checked],
    found: Sequence[ImageDelta],
    drawn: Sequence[Path],
    out: Path,
    run: Path,
) -> list[Path]:
    """Write page and tables of ``recipe`` into ``out``; return their paths."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RdbenchError(f"cannot write to {str(out)!r}: {error.strerror}") from None
    files = {
        PAGE: _page(recipe, cast, checked, found, drawn, run),
        CURVES: _curves([*cast.measured.values(), *cast.recorded.values()]),
    }
    if checked:
        files[CLAIMS] = _claims(checked)
    if found:
        files[DELTAS] = csv_text(found)
    for name, text in files.items():
        write_atomically(out / name, text)
    return [out / name for name in files]


def measured(out: Path) -> list[Key]:
    """Dataset and label of the curves that were measured according to a report; none without a
    report."""
    try:
        text = (out / CURVES).read_text(encoding="utf-8")
    except OSError:
        return []
    rows = csv.DictReader(io.StringIO(text, newline=""))
    found = (
        (from_sheet(row["dataset"]), from_sheet(row["label"]))
        for row in rows
        if row["source"] == "measured"
    )
    return list(dict.fromkeys(found))


def _curves(curves: Sequence[Curve]) -> str:
    columns = ("source", *summary_columns(curves))
    rows = [
        {**row, "source": curve.origin or curve.source}
        for curve in curves
        for row in summary_rows([curve])
    ]
    return sheet([columns, *([row.get(column, "") for column in columns] for row in rows)])


def _claims(checked: Sequence[Checked]) -> str:
    rows: list[Sequence[str]] = [_CLAIM_COLUMNS]
    for entry in checked:
        claim, here = entry.claim, entry.measured
        best = here or entry.published or Value()
        interval = best.interval
        rows.append(
            [
                claim.kind,
                claim.dataset,
                claim.test,
                claim.anchor,
                claim.metric.name if claim.kind == "bd-rate" else "",
                claim.averaging if claim.kind == "bd-rate" else "",
                claim.method if claim.kind == "bd-rate" else "",
                f"{claim.point:g}" if claim.kind == "rate-gap" else "",
                unit(claim),
                number_cell(claim.paper),
                number_cell(entry.published.value if entry.published else None),
                number_cell(entry.published.of_images if entry.published else None),
                number_cell(_difference(entry)),
                number_cell(here.value if here else None),
                number_cell(interval.low if interval else None),
                number_cell(interval.high if interval else None),
                number_cell(here.of_images if here else None),
                number_cell(best.overlap),
                " | ".join(here.measured) if here else "",
                best.reason,
            ]
        )
    return sheet(rows)


def _page(
    recipe: Recipe,
    cast: Cast,
    checked: Sequence[Checked],
    found: Sequence[ImageDelta],
    drawn: Sequence[Path],
    run: Path,
) -> str:
    lines = [f"# {recipe.title}", "", f"`rdbench reproduce {recipe.name}`", ""]
    lines += [f"{recipe.paper}.", ""] if recipe.paper else []
    lines += [recipe.text, ""] if recipe.text else []
    pictures = dict(_comparisons(recipe, cast, run))
    for path in drawn:
        if path.suffix == ".png" and path.stem not in pictures:
            lines += [f"![{recipe.title}, {path.stem}]({path.name})", ""]
    told = None
    for name, table in pictures.items():
        lines += [f"![{recipe.title}, {name}]({name}.png)", ""]
        if table != told:  # several crops of one image have the same table
            lines += [markdown(table), ""]
        told = table
    if checked:
        lines += ["## In numbers", "", markdown(claim_table(checked)), ""]
    if found:
        lines += ["## Image by image", ""]
        for table in tables(found, recipe.deltas.note):
            lines += [markdown(table), ""]
        lines += [f"The BD-rates of all images are in `{DELTAS}`.", ""]
    lines += ["## Sources of the curves", "", markdown(_players(cast)), ""]
    if costs := cost_table(cast):
        lines += ["## What they cost", "", markdown(costs), ""]
    lines += [f"The points of all curves are in `{CURVES}`."]
    return "\n".join(lines) + "\n"


def _comparisons(recipe: Recipe, cast: Cast, run: Path) -> Iterator[tuple[str, Table]]:
    """The file name of each comparison, with a table of what it shows. The files are drawn only
    where images and codecs are available."""
    for figure in recipe.figures:
        labels = figures.compared(figure, cast) if figure.kind == "comparison" else []
        if not labels:
            continue
        rows = figures.shown_rows(figure, labels, run)
        names = dict.fromkeys(name for row in rows for name in row.scores if name != "mse")
        records = records_of(names)
        header = ("curve", "rate [bit/px]", *(record.quantity for record in records.values()))
        cells = [
            (
                row.label,
                "-" if row.bpp is None else f"{row.bpp:.4f}",
                *(f"{row.scores.get(name, math.nan):.5g}" for name in records),
            )
            for row in rows
        ]
        note = f"{figure.image}, the points nearest to {figure.bpp:g} bit/px"
        yield (
            figures.comparison_name(figure, rows[0]),
            Table("", header, tuple(cells), (note,), text_columns=1),
        )


def _players(cast: Cast) -> Table:
    rows = []
    for key in cast.keys:
        if key in cast.measured:
            player = f"measured: {'; '.join(cast.measured[key].versions)}"
        elif key in cast.recorded:
            player = f"published points, drawn dashed: {cast.recorded[key].origin}"
        else:
            player = "none: it is not available here and was not published"
        rows.append((key[1], key[0], player))
    known = [f"{c.title}: {line}" for c in cast.recorded.values() for line in caveats(c)]
    notes = tuple(dict.fromkeys(known))
    return Table("", ("curve", "images", "source"), tuple(rows), notes, text_columns=3)


def cost_table(cast: Cast) -> Table | None:
    """Times, memory and operations of the measured curves; None if no curve has the costs of its
    networks."""
    costs = {key: Complexity.of(cast.measured[key]) for key in cast.keys if key in cast.measured}
    if not any(cost.networks for cost in costs.values()):
        return None
    columns = cost_columns(costs.values())
    rows = [
        (label, dataset, *cost_cells(cost, columns)) for (dataset, label), cost in costs.items()
    ]
    said = cost_notes([(label, cost) for (_, label), cost in costs.items()])
    return Table("", ("curve", "images", *columns), tuple(rows), tuple(said), text_columns=2)


def claim_table(checked: Sequence[Checked]) -> Table:
    """The claims: what the paper says, what its published points give, and what was measured, for
    the mean curves, and beside them the means over the curves of single images."""
    rows: list[tuple[str, ...]] = []
    for entry in checked:
        claim, difference = entry.claim, _difference(entry)
        rows.append(
            (
                what(claim),
                claim.dataset,
                "-" if claim.paper is None else _shown(claim, claim.paper),
                _value(claim, entry.published),
                "-" if difference is None else _shown(claim, difference),
                _value(claim, entry.measured),
                _of_images(claim, entry.published),
                _of_images(claim, entry.measured),
            )
        )
    header: tuple[str, ...] = (
        "what",
        "images",
        "the paper",
        "from published points",
        "difference",
        "measured here",
        "published, image by image",
        "measured, image by image",
    )
    filled = [
        place for place in range(len(header)) if place < 2 or any(row[place] != "-" for row in rows)
    ]
    values = [value for entry in checked for value in (entry.published, entry.measured) if value]
    marks = {sign: text for value in values for sign, text in value.doubts.items()}
    notes = dict.fromkeys(entry.claim.note for entry in checked if entry.claim.note)
    said = (f"{sign}: {text}" for sign, text in marks.items())
    cells = (tuple(row[place] for place in filled) for row in (header, *rows))
    return Table("", next(cells), tuple(cells), (*said, *notes))


def what(claim: Claim) -> str:
    """A claim in words."""
    if claim.kind == "rate-gap":
        return f"real minus estimated rate of {claim.test} at {claim.point:g} [bit/px]"
    if claim.kind == "time-saving":
        return f"time saved by {claim.test} over {claim.anchor} [%]"
    test, anchor = (_named(name) for name in (claim.test, claim.anchor))
    return f"BD-rate of {test} over {anchor}, {claim.metric.axis}, {claim.method} [%]"


def _named(name: str) -> str:
    return f"the published {name.removeprefix(PREFIX)}" if name.startswith(PREFIX) else name


def unit(claim: Claim) -> str:
    """The unit of a claim's number."""
    return "bit/px" if claim.kind == "rate-gap" else "%"


def _value(claim: Claim, value: Value | None) -> str:
    if value is None:
        return "-"
    if value.reason:
        return value.reason
    text = _shown(claim, value.value) + "".join(value.doubts)
    if value.interval and math.isfinite(value.interval.low):
        low, high = value.interval.low, value.interval.high
        text += f" ({_shown(claim, low)}, {_shown(claim, high)})"
    return text


def _of_images(claim: Claim, value: Value | None) -> str:
    return "-" if value is None or math.isnan(value.of_images) else _shown(claim, value.of_images)


def _shown(claim: Claim, number: float) -> str:
    return f"{number:+z.4f}" if claim.kind == "rate-gap" else f"{number:+z.2f}"


def _difference(entry: Checked) -> float | None:
    paper, published = entry.claim.paper, entry.published
    if paper is None or published is None or published.reason:
        return None
    return published.value - paper
