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

    What belongs to the original alone is computed in ``__init__``, once for all versions of it.
    """

    record: ClassVar[MetricRecord]
    options: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What was chosen of the record's options, or is their default."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        """``original``: uint8, (height, width, channels), of one of the record's formats, no side
        shorter than its ``least_side``; read-only. ``names``: the metrics that are asked for, of a
        class that has several, without their options."""
        self.original = original
        self.names = names

    @abc.abstractmethod
    def score(self, decoded: Image) -> float | Mapping[str, float]:
        """The value of ``decoded``, which has the original's shape and dtype and is read-only; a
        class of several metrics gives a value for each of the names that were asked for. ``inf``
        is a value, NaN is none."""

    def error_map(self, name: str, decoded: Image) -> NDArray[np.float32]:  # noqa: ARG002
        """Where ``decoded``, as :meth:`score` gets it, is wrong in the eyes of the metric ``name``:
        float32, (height, width), 0 where nothing is wrong and more where more is, in the unit that
        :attr:`MetricRecord.map` tells; NaN where it says nothing. Defined by metrics whose record
        has a ``map``."""
        raise RdbenchError(f"metric {name!r}: its record has a map, its class no `error_map`")

    @classmethod
    def version(cls) -> str:
        """The library that computes it, with its version; empty where it is rdbench's own."""
        return ""

    @classmethod
    def program(cls) -> ProgramSpec | None:
        """The program that computes it, where it is made of one."""
        return None
