"""What is known of a metric before anything of it is imported: a record of plain data.

Records travel with the numbers: ``run.json`` has those of a run, so that its table can be read,
compared and drawn where the metric itself is not installed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rdbench.errors import UsageError
from rdbench.sample_format import MEASURED, SampleFormat
from rdbench.schema import COLUMNS, RESERVED

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class MetricRecord:
    """One metric: what its column is called, what its numbers are, and where it is computed.

    Raises :class:`UsageError` for a name that is no column's (a to z, 0 to 9, ``_``) or is taken
    by another column, and for values of another type.
    """

    name: str
    """The column of the CSV."""
    label: str = ""
    """How axes and tables name it; the name where it is empty."""
    unit: str = ""
    """``"dB"``, or empty for a number without a unit."""
    higher_is_better: bool = True
    """The direction: whether more is better (PSNR) or less (MSE, LPIPS)."""
    revision: int = 1
    """Raised when the same two images get another number than before; rewording does not."""
    definition: str = ""
    """What the number is, in a sentence, with its source."""
    computed_on: str = "all samples of all channels"
    """RGB, or which luma: matrix and range."""
    formats: frozenset[SampleFormat] = MEASURED
    """The samples that it takes; of other images it has no value."""
    least_side: int = 1
    """Shortest side in pixels of the images that it takes."""
    linear: str = ""
    """The label of the quantity that its decibels are of (MSE); ``--averaging pooled`` gives the
    decibels of the mean of that. Empty: values are averaged as they are."""
    beside: tuple[str, ...] = ()
    """Metrics of the same class that are always given with it."""
    target: str = ""
    """``module:Class`` that computes it, ``path/to/file.py:Class`` or ``path/to/file.toml``; see
    :class:`rdbench.metrics.base.Metric`."""
    install: str = ""
    """What to install where that cannot be imported."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise UsageError(f"metric {self.name!r}: a name is made of a to z, 0 to 9 and '_'")
        if self.name in RESERVED or any(column.name == self.name for column in COLUMNS):
            raise UsageError(f"metric {self.name!r}: a column of this name means something else")
        for field, kind in _KINDS.items():
            value = getattr(self, field)
            if type(value) is not kind:
                raise UsageError(
                    f"metric {self.name!r}: {field} is {value!r}, where {kind.__name__} is needed"
                )
        if self.revision < 1 or self.least_side < 1:
            raise UsageError(f"metric {self.name!r}: revision and least_side are at least 1")
        if not self.formats:
            raise UsageError(f"metric {self.name!r}: formats is empty; name what it takes")
        if not self.label:
            object.__setattr__(self, "label", self.name)

    @property
    def axis(self) -> str:
        """The text of an axis: ``PSNR [dB]``, ``LPIPS, less is better``."""
        return self.quantity if self.higher_is_better else f"{self.quantity}, less is better"

    @property
    def quantity(self) -> str:
        """The label with the unit: ``PSNR [dB]``, ``LPIPS``."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    @property
    def sign(self) -> int:
        """What its values are multiplied by so that more is better."""
        return 1 if self.higher_is_better else -1

    def averaging(self, asked: str) -> str:
        """The averaging over images that it gets where ``asked`` is wanted: only what has a linear
        quantity pools."""
        return asked if self.linear else "mean"

    @property
    def linear_column(self) -> str:
        """The column of :attr:`linear`, as far as there is one: ``mse``."""
        return self.linear.lower().replace("-", "_")

    def plain(self) -> dict[str, Any]:
        """All of it but where it is computed, as plain data for ``run.json``."""
        values = dataclasses.asdict(self)
        del values["target"], values["install"]
        return values | {
            "formats": sorted(form.text for form in self.formats),
            "beside": list(self.beside),
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> MetricRecord:
        """The inverse of :meth:`plain`; what an older or newer rdbench had beside is left out.
        Raises :class:`UsageError` for data that is none."""
        known = {field.name for field in dataclasses.fields(cls)}
        values = {name: value for name, value in plain.items() if name in known}
        try:
            formats = frozenset(map(SampleFormat.parse, values.get("formats", ())))
            beside = tuple(map(str, values.get("beside", ())))
            return cls(**{**values, "formats": formats or MEASURED, "beside": beside})
        except (TypeError, ValueError) as error:
            raise UsageError(f"the record of a metric cannot be read: {error}") from None


_KINDS: Final = {
    "label": str,
    "unit": str,
    "higher_is_better": bool,
    "revision": int,
    "definition": str,
    "computed_on": str,
    "formats": frozenset,
    "least_side": int,
    "linear": str,
    "beside": tuple,
    "target": str,
    "install": str,
}


def with_beside(
    records: Iterable[MetricRecord], known: Mapping[str, MetricRecord]
) -> tuple[MetricRecord, ...]:
    """``records`` and before each of them what is always given with it, each once."""
    found: dict[str, MetricRecord] = {}
    for record in records:
        for name in record.beside:
            found.setdefault(name, known[name])
        found.setdefault(record.name, record)
    return tuple(found.values())
