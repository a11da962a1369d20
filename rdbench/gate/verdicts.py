"""The verdicts on all curves of a run, compared with a baseline: from rows to plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rdbench.curves.records import NAME_IT, other_measure
from rdbench.errors import UsageError, unknown
from rdbench.gate.baseline import Table
from rdbench.gate.curve import CurveJudge, appeared, gone
from rdbench.gate.pairs import (
    MeasuredCurve,
    Pair,
    close,
    pairs,
    same_decoded,
    same_original,
)
from rdbench.gate.report import CurveVerdict, Limits, Report, by_weight
from rdbench.metrics import BUILT_IN, MetricRecord, find
from rdbench.metrics.record import of_each_quantity
from rdbench.metrics.registry import FILE_HINT, is_file, names
from rdbench.schema import point_text


def compare(run: Table, baseline: Table, limits: Limits) -> Report:
    """The verdicts on all curves of both tables.

    Raises :class:`UsageError` if the baseline lacks what the limits need: one of their metrics, or
    times.
    """
    metrics, unknown_ones = _metrics(run, baseline, limits)
    if limits.max_slowdown is not None and not any(
        row.encode_s is not None or row.decode_s is not None for row in baseline.rows
    ):
        raise UsageError(
            f"{baseline.where} has no times; write it again with `max_slowdown` and `update`"
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
    notes = [*baseline.notes, *run.notes]
    notes += [f"column {name!r} is not judged: {NAME_IT}" for name in unknown_ones]
    return Report(run.where, baseline.where, limits, metrics, tuple(curves), tuple(notes))


def _metrics(
    run: Table, baseline: Table, limits: Limits
) -> tuple[tuple[MetricRecord, ...], tuple[str, ...]]:
    """The metrics to look at, by the run's records before the baseline's; and the columns of which
    nothing says what they measure."""
    scores = dict.fromkeys(name for row in baseline.rows for name in row.scores)
    known = {**baseline.records, **run.records}
    have = [name for name in BUILT_IN if name in scores]
    have += [name for name in scores if name not in BUILT_IN]
    if limits.metrics:
        asked = [_asked(name, known, have, baseline) for name in limits.metrics]
        return tuple({record.name: record for record in asked}.values()), ()
    found = [known[name] for name in have if name in known]
    return (
        tuple(of_each_quantity(found)),
        tuple(name for name in have if name not in known),
    )


def _asked(
    name: str, known: Mapping[str, MetricRecord], have: Sequence[str], baseline: Table
) -> MetricRecord:
    record = find(name) if is_file(name) else known.get(name)
    column = record.name if record else name
    if column not in have and column not in known and column not in names():
        raise unknown("metric", name, {*names(), *have}, hint=FILE_HINT)
    if column not in have:
        raise UsageError(
            f"{baseline.where} has no {column}; it has {', '.join(have) or 'no metric'}"
        )
    if record is None:
        raise UsageError(f"{baseline.where} has a column {name!r}, but {NAME_IT}")
    return record


def _other_metrics(
    matched: Sequence[Pair],
    run: Table,
    baseline: Table,
    metrics: Sequence[MetricRecord],
) -> dict[str, str]:
    """The metrics that are another measure in the run than in the baseline, each with why.

    They are known by their revision, and by this: the same original and the same decoded image
    have another value.
    """
    other = {
        metric.name: f"the definition of {metric.label} has changed since the baseline was "
        f"written ({what})"
        for metric in metrics
        if (what := _other(metric.name, run, baseline))
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
                then, today = before.scores.get(metric.name), now.scores.get(metric.name)
                if then is None or today is None or metric.name in seen:
                    continue
                if not close(then, today):
                    seen[metric.name] = (
                        f"{metric.label} has changed: for the same decoded image ({place[0]} at "
                        f"{before.parameter} {point_text(place[1])} of {new.label}) it was "
                        f"{then:.6g} and is {today:.6g}"
                    )
    return other | seen


def _other(metric: str, run: Table, baseline: Table) -> str:
    if metric in baseline.undefined:
        return "as no known revision"
    now, before = run.records.get(metric), baseline.told.get(metric)
    return other_measure(now, before) if now and before else ""


def _titles(curves: Sequence[MeasuredCurve]) -> dict[tuple[str, str, str], str]:
    """What curves are called: by their label, with the options where that is not enough."""
    labels = {curve.key: curve.label for curve in curves}
    count = Counter((key[0], label) for key, label in labels.items())
    return {
        key: label if count[key[0], label] == 1 else f"{label} [{key[1]}:{key[2]}]"
        for key, label in labels.items()
    }
