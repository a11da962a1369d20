"""Checks of the contract of metrics: ``rdbench conformance metric NAME``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from rdbench.conforming import metric_worker
from rdbench.conforming.metric_evidence import ITSELF, NOISE, SIGMAS, Evidence, Trial
from rdbench.conforming.verdicts import CheckResult, Status, Verdict, judged, skipped
from rdbench.errors import RdbenchError
from rdbench.metrics import find, registry
from rdbench.metrics.table import is_own

_ALONE: Final = "it looks at the decoded image alone"
_DIGITS: Final = 6
_ROUNDING: Final = 1e-6
"""Largest relative difference of two values that are equal except for rounding."""


def run_metric_checks(name: str, *, timeout_s: float = 120.0) -> list[CheckResult]:
    """All checks of the metric ``name`` (a name, ``path/to/file.py:Class`` or ``.toml``).

    It is tried in a process of its own, and ``timeout_s`` bounds each call of it. Raises
    :class:`rdbench.UsageError` for an unknown metric, and
    :class:`rdbench.errors.MissingBackendError` with what to install.
    """
    evidence = _evidence(name, timeout_s)
    broken = evidence.first is None or evidence.changed
    return [
        CheckResult(
            check, *(skipped("see above") if broken and check in _LATER else judge(evidence))
        )
        for check, judge in METRIC_CHECKS.items()
    ]


def _evidence(name: str, timeout_s: float) -> Evidence:
    record = find(name)
    version = registry.version(record)
    try:
        found = metric_worker.answer("gather", name, timeout_s)
    except RdbenchError as error:
        return Evidence(record, version, fault=str(error))
    return Evidence.of(record, version, found)


def check_record(evidence: Evidence) -> Verdict:
    """The record says what the number is."""
    record = evidence.record
    faults = [] if record.definition else ["definition is empty: say what it is, with its source"]
    return judged(faults, f"{record.axis}, on {record.computed_on}")


def check_version(evidence: Evidence) -> Verdict:
    """The metric says what computes it, unless it is rdbench's own or a file, whose digest does."""
    if evidence.version:
        return judged([], evidence.version)
    return skipped("rdbench's own" if is_own(evidence.record) else "it has none")


def check_number(evidence: Evidence) -> Verdict:
    """A number comes back."""
    return judged([evidence.fault] if evidence.fault else [], _text(evidence.first))


def check_input_kept(evidence: Evidence) -> Verdict:
    """Arrays are left as they were."""
    return judged(f"the {role} was changed" for role in evidence.changed)


def check_gray(evidence: Evidence) -> Verdict:
    """Gray images of all sizes from the shortest side on have a value, which noise makes worse."""
    return _sizes_judged(evidence, 1)


def check_color(evidence: Evidence) -> Verdict:
    """The same of color."""
    return _sizes_judged(evidence, 3)


def _sizes_judged(evidence: Evidence, channels: int) -> Verdict:
    trials = [t for t in (*evidence.small, *evidence.photographs) if t.channels == channels]
    if not trials:
        return skipped("it does not take them")
    faults = [fault for trial in trials for fault in trial.faults]
    for trial in trials if not evidence.record.no_reference else ():
        found = _oriented(evidence, trial)
        if found.keys() >= {ITSELF, NOISE} and found[NOISE] >= found[ITSELF]:
            faults.append(f"{trial.size}: {_told(trial, NOISE)}, {_told(trial, ITSELF)}")
    return judged(faults, ", ".join(trial.size for trial in trials))


def check_flat(evidence: Evidence) -> Verdict:
    """Flat images have a value: nothing is divided by their variance."""
    faults = [fault for trial in evidence.flat for fault in trial.faults]
    return judged([*faults, *_better_than_itself(evidence, evidence.flat)])


def check_identity(evidence: Evidence) -> Verdict:
    """Nothing scores better than the original itself."""
    if not evidence.record.best_is_original:
        return skipped("others may score better than it")
    told = [_told(trial, ITSELF) for trial in evidence.photographs if ITSELF in trial.values]
    return judged(_better_than_itself(evidence, evidence.photographs), ", ".join(told[:1]))


def _better_than_itself(evidence: Evidence, trials: Sequence[Trial]) -> Iterator[str]:
    for trial in trials if evidence.record.best_is_original else ():
        found = _oriented(evidence, trial)
        for version, value in found.items():
            if value > found.get(ITSELF, value):
                yield f"{trial.size}: {_told(trial, version)}, {_told(trial, ITSELF)}"


def check_noise(evidence: Evidence) -> Verdict:
    """The stronger noise is, the worse it scores."""
    if evidence.record.no_reference:
        return skipped(_ALONE)
    faults, told = [], []
    versions = [f"noise {sigma}" for sigma in SIGMAS]
    for trial in evidence.photographs:
        found = _oriented(evidence, trial)
        there = [version for version in versions if version in found]
        told.append(f"{trial.channels} channels: {' '.join(_text(trial.values[v]) for v in there)}")
        faults += [
            f"{trial.size}: {_told(trial, weak)}, {_told(trial, strong)}"
            for weak, strong in itertools.pairwise(there)
            if found[strong] >= found[weak]
        ]
    return judged(faults, ", ".join(told))


def check_repeatable(evidence: Evidence) -> Verdict:
    """The same images give the same number, whatever was scored before."""
    (_, expected), *others = evidence.again
    return judged(
        f"{_text(value, 17)} {circumstance}, {_text(expected, 17)} first"
        for circumstance, value in others
        if value != expected
    )


def check_symmetry(evidence: Evidence) -> Verdict:
    """Whether original and decoded image can be exchanged, which a metric need not allow."""
    differing = [pair for pair in evidence.turned if not math.isclose(*pair[1:], rel_tol=_ROUNDING)]
    if not differing:
        return Status.PASSED, "original and decoded image can be exchanged"
    where, straight, turned = differing[0]
    return Status.PASSED, f"not symmetric: {where} {_text(straight)}, exchanged {_text(turned)}"


def _oriented(evidence: Evidence, trial: Trial) -> dict[str, float]:
    """Values, oriented so that more is better."""
    return {version: evidence.record.sign * value for version, value in trial.values.items()}


def _told(trial: Trial, version: str) -> str:
    return f"{version} scores {_text(trial.values[version])}"


def _text(value: float | None, digits: int = _DIGITS) -> str:
    return "nothing" if value is None else f"{value:.{digits}g}"


METRIC_CHECKS: Final[Mapping[str, Callable[[Evidence], Verdict]]] = {
    "record": check_record,
    "version": check_version,
    "number": check_number,
    "input-kept": check_input_kept,
    "gray": check_gray,
    "color": check_color,
    "flat": check_flat,
    "identity": check_identity,
    "noise": check_noise,
    "repeatable": check_repeatable,
    "symmetry": check_symmetry,
}
"""All checks by name, in the order in which they are reported."""
_LATER: Final = frozenset({"gray", "color", "flat", "identity", "noise", "repeatable", "symmetry"})
"""Those that ask for more than one number."""
