"""What a reproduction leaves beside its figures: a page to read, and the numbers behind both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rdbench.curves import Curve, summary_rows
from rdbench.curves.published import caveats
from rdbench.curves.summary import SUMMARY_COLUMNS
from rdbench.errors import RdbenchError
from rdbench.metrics import METRICS
from rdbench.reproduce.claims import Checked, Players, Value
from rdbench.reproduce.recipe import Claim, Recipe
from rdbench.results import csv_text, write_atomically

PAGE: Final = "README.md"
CURVES: Final = "curves.csv"
CLAIMS: Final = "claims.csv"

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
    "difference",
    "measured",
    "low",
    "high",
    "overlap_percent",
    "measured_curves",
    "reason",
)


def write(
    recipe: Recipe,
    measured: Players,
    recorded: Players,
    reasons: Mapping[tuple[str, str], str],
    checked: Sequence[Checked],
    drawn: Sequence[Path],
    out: Path,
) -> list[Path]:
    """Write page and tables of ``recipe`` into ``out``; return their paths."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RdbenchError(f"cannot write to {str(out)!r}: {error.strerror}") from None
    files = {
        PAGE: _page(recipe, measured, recorded, reasons, checked, drawn),
        CURVES: _curves([*measured.values(), *recorded.values()]),
    }
    if checked:
        files[CLAIMS] = _claims(checked)
    for name, text in files.items():
        write_atomically(out / name, text)
    return [out / name for name in files]


def _curves(curves: Sequence[Curve]) -> str:
    columns = ("source", *SUMMARY_COLUMNS)
    rows = [
        {**row, "source": curve.origin or curve.source}
        for curve in curves
        for row in summary_rows([curve])
    ]
    return csv_text([columns, *([row[column] for column in columns] for row in rows)])


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
                claim.metric if claim.kind == "bd-rate" else "",
                claim.averaging if claim.kind == "bd-rate" else "",
                claim.method if claim.kind == "bd-rate" else "",
                f"{claim.point:g}" if claim.kind == "rate-gap" else "",
                unit(claim),
                _number(claim.paper),
                _number(entry.published.value if entry.published else None),
                _number(_difference(entry)),
                _number(here.value if here else None),
                _number(interval.low if interval else None),
                _number(interval.high if interval else None),
                _number(best.overlap),
                " | ".join(here.measured) if here else "",
                best.reason,
            ]
        )
    return csv_text(rows)


def _page(
    recipe: Recipe,
    measured: Players,
    recorded: Players,
    reasons: Mapping[tuple[str, str], str],
    checked: Sequence[Checked],
    drawn: Sequence[Path],
) -> str:
    lines = [f"# {recipe.title}", "", f"`rdbench reproduce {recipe.name}`", ""]
    lines += [f"{recipe.paper}.", ""] if recipe.paper else []
    lines += [recipe.text, ""] if recipe.text else []
    for path in drawn:
        if path.suffix == ".png":
            lines += [f"![{recipe.title}, {path.stem}]({path.name})", ""]
    if checked:
        lines += ["## In numbers", "", *claim_table(checked), ""]
        notes = dict.fromkeys(entry.claim.note for entry in checked if entry.claim.note)
        lines += [*(f"- {note}" for note in notes), ""] if notes else []
    lines += [
        "## Who plays which role",
        "",
        "| curve | images | played by |",
        "| --- | --- | --- |",
    ]
    keys = dict.fromkeys((*measured, *recorded, *reasons))
    for dataset, label in keys:
        key = dataset, label
        if key in measured:
            player = f"measured: {'; '.join(measured[key].versions)}"
        elif key in recorded:
            player = f"published points, drawn without markers: {recorded[key].origin}"
        else:
            player = "nothing: it is not here and was not published"
        lines.append(f"| {_md(label)} | {_md(dataset)} | {_md(player)} |")
    known = [f"{curve.title}: {line}" for curve in recorded.values() for line in caveats(curve)]
    lines += ["", *(f"- {_md(line)}" for line in dict.fromkeys(known))] if known else []
    lines += ["", f"The points of all curves are in `{CURVES}`."]
    return "\n".join(lines) + "\n"


def claim_table(checked: Sequence[Checked]) -> list[str]:
    """The claims as lines of a Markdown table."""
    lines = [
        "| what | images | the paper | from published points | difference | measured here |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for entry in checked:
        claim = entry.claim
        cells = [
            what(claim),
            claim.dataset,
            "-" if claim.paper is None else _shown(claim, claim.paper),
            _value(claim, entry.published),
            "-" if (difference := _difference(entry)) is None else _shown(claim, difference),
            _value(claim, entry.measured),
        ]
        lines.append("| " + " | ".join(map(_md, cells)) + " |")
    return lines


def what(claim: Claim) -> str:
    """A claim in words."""
    if claim.kind == "rate-gap":
        return f"real less estimated rate of {claim.test} at {claim.point:g} [bit/px]"
    if claim.kind == "time-saving":
        return f"time of {claim.test} less than that of {claim.anchor} [%]"
    metric = METRICS[claim.metric].axis
    return f"BD-rate of {claim.test} over {claim.anchor}, {metric}, {claim.method} [%]"


def unit(claim: Claim) -> str:
    """The unit of a claim's number."""
    return "bit/px" if claim.kind == "rate-gap" else "%"


def _value(claim: Claim, value: Value | None) -> str:
    if value is None:
        return "-"
    if value.reason:
        return value.reason
    text = _shown(claim, value.value)
    if value.interval and math.isfinite(value.interval.low):
        low, high = value.interval.low, value.interval.high
        text += f" ({_shown(claim, low)}, {_shown(claim, high)})"
    return text


def _shown(claim: Claim, number: float) -> str:
    return f"{number:+.4f}" if claim.kind == "rate-gap" else f"{number:+.2f}"


def _difference(entry: Checked) -> float | None:
    paper, published = entry.claim.paper, entry.published
    if paper is None or published is None or published.reason:
        return None
    return published.value - paper


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else repr(float(value))


def _md(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
