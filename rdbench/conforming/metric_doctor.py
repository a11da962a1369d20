"""Which metrics work on this machine: each scores one degraded photograph."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rdbench.conforming import material, metric_worker
from rdbench.errors import MissingBackendError, RdbenchError, UsageError
from rdbench.metrics import MetricRecord, Reference, find, registry

if TYPE_CHECKING:
    from rdbench.conforming.metric_worker import Bounds

QUALITY: Final = 30
_LEAST_SIDES: Final = (192, 256)


@dataclass(frozen=True)
class MetricDiagnosis:
    """The findings on one metric."""

    name: str
    missing: str = ""
    """What is missing and what to install; empty if nothing is."""
    version: str = ""
    places: tuple[str, ...] = ()
    """Paths of its programs and files; none for one that rdbench ships or in a package."""
    told: str = ""
    """Value and time, or why there is no value."""
    usable: bool = False


def diagnose_metric(name: str, timeout_s: float) -> MetricDiagnosis:
    """Look up a metric and let it score a photograph of 256×192 (or as large as it needs) against
    its JPEG of quality 30, in a separate process and for at most ``timeout_s``. Raises
    :class:`rdbench.UsageError` for an unknown name, and for a file that is not a metric.
    """
    try:
        record = find(name)
        version = registry.version(record)
        places = tuple(program.path for program in registry.places(record))
    except MissingBackendError as error:
        return MetricDiagnosis(name, missing=str(error))
    except UsageError as error:
        if not registry.is_known(name):
            raise
        return MetricDiagnosis(name, told=str(error))  # a package's, which costs no others
    try:
        found = metric_worker.answer("photograph", name, timeout_s)
    except RdbenchError as error:
        found = {"told": str(error), "usable": False}
    return MetricDiagnosis(name, "", version, places, **found)


def score_photograph(record: MetricRecord, bounds: Bounds) -> dict[str, Any]:
    """What :func:`diagnose_metric` tells of a photograph, scored in ``bounds``."""
    channels = max(form.channels for form in record.formats)
    sides = (max(side, record.least_side) for side in _LEAST_SIDES)
    photograph = material.picture(channels, *sides)
    degraded = material.compressed(photograph, QUALITY)
    started = time.perf_counter()
    with bounds("a photograph"):
        scores = Reference(photograph, [record]).score(degraded)
    seconds = time.perf_counter() - started
    if record.name not in scores.values:
        return {"told": scores.reasons[record.name], "usable": False}
    unit = f" {record.unit}" if record.unit else ""
    told = f"{record.label} {scores.values[record.name]:.6g}{unit}, {seconds:.3f} s"
    return {"told": told, "usable": True}
