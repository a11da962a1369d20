"""The metric that a name means for some curves, and its record."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rdbench.errors import UsageError, unknown
from rdbench.metrics import BUILT_IN, MetricRecord, find
from rdbench.metrics.published import PUBLISHED
from rdbench.metrics.registry import FILE_HINT, is_file, is_known, names

if TYPE_CHECKING:
    from rdbench.curves.curve import Curve

LITERATURE: Final = "literature"
NAME_IT: Final = (
    "its definition is unknown: name its metric as FILE.py:Class or FILE.toml, or install the "
    "package that provides it"
)


def records_of(
    columns: Iterable[str], own: Mapping[str, MetricRecord] | None = None
) -> dict[str, MetricRecord]:
    """The records of the metrics among ``columns``: first those stored with the numbers (``own``),
    then those of metrics known by name, then those of published metrics."""
    records = {}
    for name in columns:
        if own and name in own:
            records[name] = own[name]
        elif is_known(name):
            with contextlib.suppress(UsageError):  # the numbers are there nevertheless
                records[name] = find(name)
        if name in PUBLISHED:
            records.setdefault(name, PUBLISHED[name])
    return records


def resolve(name: str, curves: Sequence[Curve]) -> MetricRecord:
    """The record of the metric ``name`` of ``curves``: the one stored with their numbers, or else
    that of a metric known by name, FILE.py:Class or FILE.toml. Raises :class:`UsageError` for an
    unknown name, with similar ones; for a column whose metric is unknown; and if the curves have
    different metrics of that name.
    """
    given = find(name) if is_file(name) else None
    column = given.name if given else name
    own = [curve for curve in curves if column in curve.records]
    told = [(curve.title, curve.records[column]) for curve in own if curve.source == "measured"]
    several = [(name, given), *told] if given else told
    for title, record in several[1:]:
        if what := other_measure(several[0][1], record):
            raise UsageError(
                f"{column!r} is not one metric in {several[0][0]!r} and {title!r} ({what}); "
                "measure it again in one of them with `rdbench rescore`"
            )
    if several or own:
        return several[0][1] if several else own[0].records[column]
    if is_known(name):
        return find(name)
    columns = {column for curve in curves for column in curve.scores}
    if name in columns:
        raise UsageError(f"there is a column {name!r}, but {NAME_IT}")
    raise unknown("metric", name, {*names(), *columns}, hint=FILE_HINT)


def resolve_all(wanted: str | Sequence[str], curves: Sequence[Curve]) -> tuple[MetricRecord, ...]:
    """The records of one or several names, without repetitions."""
    listed = [wanted] if isinstance(wanted, str) else wanted
    found = (resolve(str(name), curves) for name in listed)
    return tuple({record.name: record for record in found}.values())


def other_measure(one: MetricRecord, other: MetricRecord) -> str:
    """Why the numbers of two records of one name cannot be compared; empty if they can."""
    if one.higher_is_better != other.higher_is_better:
        return "higher is better in one of them, lower in the other"
    if one.revision != other.revision:
        return f"revisions {other.revision} and {one.revision}"
    return ""


def of_identical(record: MetricRecord | None, value: float) -> bool:
    """Whether ``value`` is the infinity of decibels for identical images."""
    return record is not None and record.unit == "dB" and value * record.sign == math.inf


def distance_from_one(record: MetricRecord) -> str:
    """The column x of which ``record`` is -10 log10(1 - x), empty where there is none."""
    column = record.linear_column
    plain = BUILT_IN.get(column.partition(":")[0])
    return column if column in record.beside and plain and plain.higher_is_better else ""


def averaging_of(metric: MetricRecord, averaging: str) -> str:
    """What :data:`LITERATURE` means for ``metric``: the decibels of the mean for MS-SSIM, as papers
    on learned compression report it, and the mean of decibels otherwise. Other averagings stay as
    they are."""
    if averaging != LITERATURE:
        return averaging
    return "pooled" if distance_from_one(metric) else "mean"


def averaging_text(metric: MetricRecord, averaging: str) -> str:
    """How a curve's quality is averaged over images, in words."""
    if metric.averaging(averaging) == "mean":
        return f"mean of the images' {metric.label}" + (f" in {metric.unit}" if metric.unit else "")
    return f"{metric.label} of the mean {metric.linear}"
