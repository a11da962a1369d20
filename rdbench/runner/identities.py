"""Which rows may stay in a run that continues: those whose identity is unchanged."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rdbench import provenance
from rdbench.errors import RdbenchError, UsageError
from rdbench.experiment import CodecPlan, Experiment, Task
from rdbench.provenance import CONTENTS, Record, differences
from rdbench.results import RunDirectory
from rdbench.schema import Measurement, MeasurementKey

Place = tuple[str, str, float]
"""Codec, options and point, as rows have them."""


class Identities:
    """What decides the measurements of an experiment at present, by codec, options and point."""

    def __init__(self, experiment: Experiment) -> None:
        self.now: dict[Place, Record] = {
            (codec.name, codec.options_text, point): _now(codec, point)
            for codec in experiment.codecs
            for point in codec.points
        }
        told = {codec.label: _told(codec) for codec in experiment.codecs}
        self.provenance = {label: tells for label, tells in told.items() if tells}
        """What the codecs tell of all their points, by label."""

    def records(self) -> dict[str, Record]:
        """The records by their digests, as far as they are known before anything is measured."""
        return {provenance.digest(record): record for record in self.now.values()}

    def stamped(
        self, row: Measurement, opened: Mapping[str, str]
    ) -> tuple[Measurement, str, Record]:
        """A row that was made now, with its digest; the digest itself; and the record."""
        record = self.now[row.codec, row.options, row.point]
        if opened:
            record = {**record, "opened": dict(opened)}
        digest = provenance.digest(record)
        return dataclasses.replace(row, identity=digest), digest, record

    def replaced(
        self, directory: RunDirectory, tasks: Sequence[Task]
    ) -> dict[MeasurementKey, tuple[str, str]]:
        """The good rows of ``directory`` that must be measured again, each with its curve and the
        reason. Raises :class:`UsageError` if a row was made by another program or version than the
        current one.
        """
        verdicts: dict[tuple[Any, ...], str] = {}
        found: dict[MeasurementKey, tuple[str, str]] = {}
        rows = directory.rows
        ok, texts = rows.ok.tolist(), rows.table.texts
        makers, versions = (texts[name].codes.tolist() for name in ("identity", "codec_version"))
        for task in tasks if rows else ():
            place = rows.place(task.key)
            if place is None or not ok[place]:
                continue
            label = task.codec.label
            case = (label, makers[place], task.point, versions[place])
            if case not in verdicts:
                row = rows[place]
                now = self.now[row.codec, row.options, row.point]
                verdicts[case] = (
                    _verdict(directory, label, row, now)
                    if row.identity
                    else self._unidentified(directory, label, row, now)
                )
            if verdicts[case]:
                found[task.key] = label, verdicts[case]
        return found

    def _unidentified(
        self, directory: RunDirectory, label: str, row: Measurement, now: Record
    ) -> str:
        """The verdict on a row from before there were digests, by what its run recorded of its
        codec."""
        before = provenance.decisive(directory.manifest.get("provenance", {}).get(label, {}))
        told = json.loads(json.dumps(provenance.decisive(self.provenance.get(label, {}))))
        found = differences(before, provenance.shared(told, before))
        version = now.get("version", "")
        if row.codec_version and row.codec_version != version:
            found += differences({"version": row.codec_version}, {"version": version})
        _refuse(directory, label, found)
        return ""


def _now(plan: CodecPlan, point: float) -> Record:
    try:
        return provenance.identity(plan, point)
    except RdbenchError:
        raise
    except Exception as error:  # which is met again when it is measured: its rows will say so
        return {"version": f"not told: {type(error).__name__}"}


def _told(plan: CodecPlan) -> Record:
    try:
        return plan.codec().provenance(plan.resolved(), plan.settings)
    except RdbenchError:
        raise
    except Exception:
        return {}


def _verdict(directory: RunDirectory, label: str, row: Measurement, now: Record) -> str:
    """Why a row must be measured again; "" where it may stay."""
    before = directory.manifest.get("identities", {}).get(row.identity)
    if before is None:
        return "run.json does not record what made it"
    if "opened" in before:
        now = {**now, "opened": provenance.opened(before["opened"])}
    if provenance.digest(now) == row.identity:
        return ""
    told, tells = (
        {key: value for key, value in record.items() if key not in CONTENTS}
        for record in (before, now)
    )
    _refuse(directory, label, differences(told, tells))
    return "; ".join(differences(before, now)) or "its record in run.json was changed"


def _refuse(directory: RunDirectory, label: str, found: Sequence[str]) -> None:
    if found:
        raise UsageError(
            f"{str(directory.path)!r} has curve {label!r} from another program or version "
            f"({'; '.join(found)}); name another folder with `out`, start over with "
            "`fresh=True`, or add the new build as another codec (program=FILE,label=NEW)"
        )
