"""The contract of a metric: an original once, then a number for each decoded version of it."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from rdbench.errors import RdbenchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rdbench.metrics.record import MetricRecord
    from rdbench.programs import ProgramSpec
    from rdbench.sample_format import Image


class Metric(abc.ABC):
    """A metric against one original.

    One of your own sets :attr:`record` and defines :meth:`score`::

        class MeanError(rdbench.Metric):
            record = rdbench.MetricRecord(
                "mean_error",
                "Mean error",
                higher_is_better=False,
                definition="Mean absolute difference of all samples.",
            )

            def score(self, decoded):
                return np.abs(decoded.astype(int) - self.original).mean()

    Compute in ``__init__`` what depends only on the original; this is done once for all its decoded
    versions.
    """

    record: ClassVar[MetricRecord]
    options: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """The values of the record's options: those that were chosen, or their defaults."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        """``original``: uint8, (height, width, channels), of one of the record's formats, no side
        shorter than its ``least_side``; read-only. ``names``: the requested metrics of a class that
        has several, without their options."""
        self.original = original
        self.names = names

    @abc.abstractmethod
    def score(self, decoded: Image) -> float | Mapping[str, float]:
        """The value of ``decoded``, which has the original's shape and dtype and is read-only; a
        class of several metrics returns a value for each requested name. ``inf`` is a value; NaN
        means no value."""

    def error_map(self, name: str, decoded: Image) -> NDArray[np.float32]:  # noqa: ARG002
        """Where ``decoded``, as in :meth:`score`, is wrong according to the metric ``name``:
        float32, (height, width), 0 where nothing is wrong and larger where the error is larger, in
        the unit of :attr:`MetricRecord.map`; NaN where it is undefined. Needed for metrics whose
        record has a ``map``."""
        raise RdbenchError(
            f"metric {name!r}: its record has a map, but its class has no `error_map`"
        )

    @classmethod
    def version(cls) -> str:
        """The library that computes it, with its version; empty if rdbench computes it."""
        return ""

    @classmethod
    def program(cls) -> ProgramSpec | None:
        """The program that computes it, if any."""
        return None
