"""Comparison of two codecs of one run, such as two builds of one program.

They were measured in turns, image by image and point by point, on one machine under one load, so
that their times can be judged as well as their bytes.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from rdbench.errors import UsageError, unknown
from rdbench.gate.baseline import read_run
from rdbench.gate.report import Limits, Report
from rdbench.gate.verdicts import compare
from rdbench.schema import Measurement


def check_labels(
    run: str | Path, baseline_label: str, label: str = "", limits: Limits | None = None
) -> Report:
    """Compare one codec of a run with another one; ``rdbench check --baseline-label``.

    Args:
        run: a run directory or CSV file.
        baseline_label: the label of the codec that serves as the baseline.
        label: the label of the other one; it may be left out if the run has two labels.
        limits: as for :func:`rdbench.check`.

    Returns:
        The verdicts, one for each dataset.

    Raises:
        UsageError: if the run has no such labels, or they belong to different codecs.
    """
    table = read_run(run)
    by_label: dict[str, list[Measurement]] = {}
    for row in table.rows:
        by_label.setdefault(row.label or row.codec, []).append(row)
    others = [name for name in by_label if name != baseline_label]
    if not label and len(others) == 1:
        label = others[0]
    for name, option in ((baseline_label, "`baseline_label`"), (label, "`label`")):
        if not name:
            raise UsageError(f"{table.where} has the labels {', '.join(by_label)}; name {option}")
        if name not in by_label:
            raise unknown("label", name, by_label, hint=f"of {table.where}")
    if label == baseline_label:
        raise UsageError(f"label {label!r} cannot be compared with itself; name another one")
    old, new = by_label[baseline_label], by_label[label]
    codecs = [" and ".join(dict.fromkeys(row.codec for row in rows)) for rows in (old, new)]
    if codecs[0] != codecs[1]:
        raise UsageError(
            f"label {baseline_label!r} belongs to the codec {codecs[0]} and {label!r} to "
            f"{codecs[1]}; `rdbench bd` compares codecs"
        )
    # The gate knows curves by codec and options, in which these differ on purpose.
    options = {row.dataset: row.options for row in new}
    same = [
        dataclasses.replace(row, label=label, options=options.get(row.dataset, row.options))
        for row in old
    ]
    baseline = dataclasses.replace(table, where=f"{baseline_label!r}", rows=tuple(same), notes=())
    return compare(
        dataclasses.replace(table, where=f"{label!r} of {table.where}", rows=tuple(new)),
        baseline,
        limits or Limits(),
    )
