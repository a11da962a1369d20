"""Metrics by name. Listing them imports nothing that computes.

A metric is found by its name in :mod:`rdbench.metrics.table`, through the entry-point group
``rdbench.metrics`` of an installed package (NAME = "module:Class"), or as
``path/to/file.py:Class`` or ``path/to/file.toml`` (a program, :mod:`rdbench.metrics.program`).
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rdbench import plugins
from rdbench.errors import MissingBackendError, UsageError, unknown
from rdbench.metrics.base import Metric
from rdbench.metrics.record import MetricRecord, with_beside
from rdbench.metrics.table import BUILT_IN, DEFAULT_METRICS
from rdbench.schema import one_line

ENTRY_POINT_GROUP: Final = "rdbench.metrics"
FILE_HINT: Final = "one of your own is named FILE.py:Class or FILE.toml"


def names() -> list[str]:
    """All metrics that have a name, built in or offered by installed packages."""
    return [*BUILT_IN, *(offer.name for offer in plugins.offers(ENTRY_POINT_GROUP))]


def is_file(wanted: str) -> bool:
    """Whether a metric is named by its file, and not by its name."""
    return plugins.split(wanted) is not None or wanted.endswith(".toml")


def find(wanted: str) -> MetricRecord:
    """The record of the metric ``wanted``, imported where it is not built in.

    Raises :class:`UsageError` for an unknown name (with those near it), a name that is offered
    twice, and a class or file that is no metric, and :class:`MissingBackendError` with what to
    install.
    """
    if is_file(wanted):
        return _of_class(load(wanted), wanted)
    plugins.refuse_twins("metric", ENTRY_POINT_GROUP, wanted, built_in=wanted in BUILT_IN)
    if wanted in BUILT_IN:
        return BUILT_IN[wanted]
    for offer in plugins.offers(ENTRY_POINT_GROUP):
        if offer.name == wanted:
            record = _of_class(load(offer.target), offer.target)
            if record.name != wanted:
                raise UsageError(
                    f"package {offer.package!r} offers the metric {record.name!r} as {wanted!r}; "
                    "its entry point must have the metric's name"
                )
            return record
    raise unknown("metric", wanted, names(), hint=FILE_HINT)


def choose(wanted: Iterable[str] | None) -> tuple[MetricRecord, ...]:
    """The records of the metrics to measure: those that are named (none: the default ones), with
    what comes beside them, each once; the mean squared error is always among them.

    Raises :class:`UsageError` as :func:`find`, and for two metrics of one name.
    """
    found: dict[str, MetricRecord] = {}
    for name in wanted or DEFAULT_METRICS:
        record = find(name)
        if found.setdefault(record.name, record).target != record.target:
            raise UsageError(
                f"two metrics are called {record.name!r}: {found[record.name].target} and "
                f"{record.target}; rename one"
            )
    return with_beside((BUILT_IN["mse"], *found.values()), BUILT_IN)


def load(target: str) -> type[Metric]:
    """The class of a record's ``target``. Raises :class:`UsageError` where it is none, and
    :class:`MissingBackendError` where its library is not installed."""
    if target.endswith(".toml"):
        from rdbench.metrics import program

        return program.load(Path(target))
    if file := plugins.split(target):
        path, name = file
        return _checked(
            plugins.pick(plugins.module(path, "metric file"), name, "metric", _is), target
        )
    module, _, name = target.partition(":")
    try:
        return _checked(getattr(importlib.import_module(module), name, None), target)
    except ImportError as error:
        raise MissingBackendError(
            f"metric {target!r} cannot be loaded ({one_line(str(error), 200)}); install what it needs"
        ) from error


@functools.cache
def version(target: str) -> str:
    """What :meth:`Metric.version` says, in one line."""
    return one_line(str(load(target).version()), 200)


def _is(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Metric) and found is not Metric


def _checked(found: object, target: str) -> type[Metric]:
    if not (isinstance(found, type) and issubclass(found, Metric)):
        raise UsageError(f"metric {target!r} is not a subclass of rdbench.Metric")
    if abstract := sorted(getattr(found, "__abstractmethods__", ())):
        raise UsageError(f"metric {target!r} lacks {', '.join(abstract)}")
    return found


def _of_class(found: type[Metric], target: str) -> MetricRecord:
    record = getattr(found, "record", None)
    if not isinstance(record, MetricRecord):
        raise UsageError(f"metric {target!r} lacks record = rdbench.MetricRecord(NAME, ...)")
    return dataclasses.replace(record, target=target)
