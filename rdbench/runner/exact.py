"""An image coded again at a wanted rate or score, by the codecs that a run has measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdbench import provenance
from rdbench.codecs.request import CodecRequest
from rdbench.errors import RdbenchError, UsageError
from rdbench.experiment import CodecPlan, Experiment, plan_codec
from rdbench.goals import Goal
from rdbench.images import Dataset
from rdbench.manifest import read_manifest
from rdbench.metrics import choose
from rdbench.runner.executor import Executor
from rdbench.runner.rescore import Plans, originals, setting_of
from rdbench.runner.run import run as carry_out
from rdbench.schema import OK, Measurement, point_text


@dataclass(frozen=True)
class Exact:
    """What came of a curve."""

    row: Measurement
    goal: Goal
    note: str = ""
    """The note on it, if any."""


def exact(
    run: Path,
    rows: Sequence[Measurement],
    column: str,
    wanted: float,
    *,
    tolerance: str | float | None = None,
    metrics: Sequence[str] = (),
    out: Path,
    executor: Executor,
) -> list[Exact]:
    """Code the image of ``rows``, one of each curve of the run directory ``run``, at the settings
    at which ``column`` (bpp, or a metric) is ``wanted``, into the run directory ``out``, which
    keeps the decoded images.

    Raises :class:`UsageError` if a codec has changed since, is lossless or has no parameter to
    search, :class:`RdbenchError` if the target cannot be reached, and :class:`KeyboardInterrupt` if
    it was asked to stop.
    """
    manifest = read_manifest(run)
    plans, notes = [], []
    for row in rows:
        target, options = Plans(run, manifest).definition(row)
        notes.append(_refuse_another(manifest, row, target, options))
        request = CodecRequest(target, options, (point_text(wanted),), row.label, column, tolerance)
        plans.append(plan_codec(request))
    first = rows[0]
    ref = originals(run, manifest, {(first.dataset, first.image)})[first.dataset, first.image]
    experiment = Experiment(
        "exact",
        (Dataset(first.dataset, (ref,), str(ref.path)),),
        tuple(plans),
        choose([*metrics, *(goal.column for plan in plans if (goal := plan.goal) and goal.record)]),
        ref.color,
    )
    outcome = carry_out(experiment, out, executor=executor, keep_decoded=True)
    if outcome.interrupted:
        raise KeyboardInterrupt
    by_key = {(row.codec, row.options): row for row in outcome.rows}
    told = []
    for plan, note in zip(plans, notes, strict=True):
        row = by_key[plan.name, plan.options_text]
        if row.status != OK:
            raise RdbenchError(f"{row.label}: {row.message or row.status}")
        assert plan.goal
        said = "; ".join(filter(None, (note, row.message)))
        told.append(Exact(row, plan.goal, f"{row.label}: {said}" if said else ""))
    return told


def _refuse_another(
    manifest: Mapping[str, Any], row: Measurement, target: str, options: Mapping[str, Any]
) -> str:
    """Raise :class:`UsageError` if the current codec is not the one that made a row. Returns a note
    if that is unknown."""
    before = manifest.get("identities", {}).get(row.identity)
    if before is None:
        return "run.json does not record the codec that was measured; the current one was used"
    setting = setting_of(row)
    plan: CodecPlan = plan_codec(CodecRequest(target, options, (setting,), row.label))
    now = provenance.identity(plan, setting)
    if "opened" in before:
        now["opened"] = provenance.opened(before["opened"])
    then, now = (
        {key: value for key, value in json.loads(json.dumps(record)).items() if key != "search"}
        for record in (before, now)
    )
    if found := provenance.differences(then, now):
        raise UsageError(
            f"{row.label}: the codec has changed since the run ({'; '.join(found)}); measure the "
            "run again, or compare its nearest points (without `exact`)"
        )
    return ""
