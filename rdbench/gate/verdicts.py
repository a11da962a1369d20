"""The verdict on every curve of a run, held against a baseline: from rows to plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rdbench.errors import UsageError
from rdbench.gate.baseline import Table
from rdbench.gate.curve import CurveJudge, appeared, gone
from rdbench.gate.pairs import (
    MeasuredCurve,
    Pair,
    close,
    pairs,
    same_decoded,
    same_original,
    usable,
)
from rdbench.gate.report import CurveVerdict, Limits, Report, by_weight
from rdbench.metrics import DEFAULT_METRICS, METRICS
from rdbench.schema import point_text


def compare(run: Table, baseline: Table, limits: Limits) -> Report:
    """The verdicts on all curves of both tables.

    Raises :class:`UsageError` where the baseline lacks what the limits ask for: one of their
    metrics, or times.
    """
    metrics = _metrics(baseline, limits)
    if limits.max_slowdown is not None and not any(
        row.encode_s is not None or row.decode_s is not None for row in baseline.rows
    ):
        raise UsageError(
            f"{baseline.where} has no times; write it anew with --max-slowdown and --update"
        )
    matched = pairs(baseline.rows, run.rows)
    other = _other_metrics(matched, run, baseline, metrics)
    declared = {**baseline.deterministic, **run.deterministic}
    titles = _titles([curve for pair in matched for curve in pair if curve])
    curves = []
    for old, new in matched:
        if new is None:
            assert old is not None
            curve, found = old, gone(old)
        elif old is None:
            curve, found = new, appeared(new)
        else:
            said = declared.get(new.first.codec)
            curve, found = new, CurveJudge(old, new, limits, said).judge(metrics, other)
        curves.append(
            CurveVerdict(
                dataset=curve.first.dataset,
                title=titles[curve.key],
                codec=curve.first.codec,
                options=curve.first.options,
                findings=by_weight(found.findings),
                changed=found.changed,
                notes=tuple(dict.fromkeys(found.notes)),
                deltas=tuple(found.deltas),
                compared=found.compared,
                identical=found.identical,
            )
        )
    return Report(
        run.where, baseline.where, limits, metrics, tuple(curves), (*baseline.notes, *run.notes)
    )


def _metrics(baseline: Table, limits: Limits) -> tuple[str, ...]:
    have = [
        metric for metric in METRICS if any(usable(getattr(row, metric)) for row in baseline.rows)
    ]
    for metric in limits.metrics:
        if metric not in have:
            raise UsageError(
                f"{baseline.where} has no {metric}; it has {', '.join(have) or 'no metric'}"
            )
    return limits.metrics or tuple(metric for metric in DEFAULT_METRICS if metric in have)


def _other_metrics(
    matched: Sequence[Pair],
    run: Table,
    baseline: Table,
    metrics: Sequence[str],
) -> dict[str, str]:
    """The metrics that are another measure in the run than in the baseline, each with why.

    They are known by their definition, and by this: the same original and the same decoded image
    have another value.
    """
    other = {
        metric: f"{METRICS[metric].label} is defined otherwise than when the baseline was written"
        for metric in metrics
        if metric in baseline.definitions
        and metric in run.definitions
        and baseline.definitions[metric] != run.definitions[metric]
    }
    seen: dict[str, str] = {}
    for old, new in matched:
        if old is None or new is None:
            continue
        for place, cell in old.cells.items():
            before, now = cell.row, new.cells[place].row if place in new.cells else None
            if now is None or not (same_decoded(before, now) and same_original(before, now)):
                continue
            for metric in metrics:
                values = getattr(before, metric), getattr(now, metric)
                if values[0] == values[1] or metric in seen:
                    continue
                if all(map(usable, values)) and not close(*values):
                    seen[metric] = (
                        f"{METRICS[metric].label} is another measure now: for the same decoded "
                        f"image ({place[0]} at {before.parameter} {point_text(place[1])} of "
                        f"{new.label}) it was {values[0]:.6g} and is {values[1]:.6g}"
                    )
    return other | seen


def _titles(curves: Sequence[MeasuredCurve]) -> dict[tuple[str, str, str], str]:
    """What curves are called: by their label, with the options where that is not enough."""
    labels = {curve.key: curve.label for curve in curves}
    count = Counter((key[0], label) for key, label in labels.items())
    return {
        key: label if count[key[0], label] == 1 else f"{label} [{key[1]}:{key[2]}]"
        for key, label in labels.items()
    }
