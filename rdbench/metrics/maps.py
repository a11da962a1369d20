"""Error maps: where a decoded image is wrong, by plain difference or according to a metric."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rdbench.errors import RdbenchError, UsageError
from rdbench.metrics import registry
from rdbench.metrics.record import MetricRecord
from rdbench.metrics.reference import unfit
from rdbench.metrics.table import BUILT_IN

if TYPE_CHECKING:
    from rdbench.sample_format import Image

DIFFERENCE: Final = MetricRecord(
    "difference",
    "Absolute difference",
    higher_is_better=False,
    definition="Mean absolute difference of the samples of a pixel, of 255.",
    map="absolute difference, of 255",
)
"""The map that needs no metric."""


def map_record(name: str) -> MetricRecord:
    """The record of the map ``name``: :data:`DIFFERENCE`, or a metric that has a map. Raises
    :class:`UsageError` for any other name."""
    if name == DIFFERENCE.name:
        return DIFFERENCE
    record = registry.find(name)
    if not record.map:
        known = ", ".join([DIFFERENCE.name, *(own.name for own in BUILT_IN.values() if own.map)])
        raise UsageError(f"the metric {name!r} has no error map; these have one: {known}")
    return record


def error_maps(
    record: MetricRecord, original: Image, decoded: Iterable[Image]
) -> list[NDArray[np.float32]]:
    """Where decoded versions of ``original`` are wrong: float32, (height, width), 0 where nothing
    is wrong and larger where the error is larger, in the unit of ``record.map``; NaN where it is
    undefined.

    Images: uint8, (height, width, channels), of one shape. Raises :class:`UsageError` if the metric
    does not take such images, and :class:`RdbenchError` if it returns anything else.
    """
    if record is DIFFERENCE:
        return [_difference(original, one) for one in decoded]
    if reason := unfit(record, original):
        raise UsageError(f"no error map: {record.name}: {reason}")
    side = registry.load(record)(original, [record.plain_name])
    return [
        _checked(side.error_map(record.plain_name, one), record, original).copy() for one in decoded
    ]


def _difference(original: Image, decoded: Image) -> NDArray[np.float32]:
    errors = np.abs(np.subtract(original, decoded, dtype=np.float32))
    return np.asarray(errors.mean(axis=2), np.float32)


def _checked(found: object, record: MetricRecord, original: Image) -> NDArray[np.float32]:
    shape = original.shape[:2]
    if not isinstance(found, np.ndarray) or found.dtype != np.float32 or found.shape != shape:
        told = f"{getattr(found, 'dtype', type(found).__name__)} {getattr(found, 'shape', '')}"
        raise RdbenchError(
            f"metric {record.name!r}: error_map returned {told.rstrip()}, not float32 {shape}"
        )
    if np.isinf(found).any() or (found < 0).any():
        raise RdbenchError(f"metric {record.name!r}: error_map has infinite or negative values")
    return found
