"""A metric's record: plain data, available before anything of the metric is imported. Records are
stored with the numbers: ``run.json`` has those of a run, so that its table can be read, compared
and drawn even if the metric is not installed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rdbench.errors import UsageError, unknown
from rdbench.files import sha256
from rdbench.sample_format import MEASURED, SampleFormat
from rdbench.schema import COLUMNS, RESERVED

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VALUE: Final = re.compile(r"[A-Za-z0-9_.+-]{1,64}")
_OPTION: Final = re.compile(rf"{_NAME.pattern}={_VALUE.pattern}")


@dataclass(frozen=True, slots=True)
class MetricOption:
    """An option of a metric, such as the display of CVVDP: ``cvvdp:display=4k``."""

    name: str
    default: str
    choices: tuple[str, ...] = ()
    """Its values; empty for any text, or any file."""
    is_file: bool = False
    """Whether a value is the path of a file, which appears in the column's name as a digest; its
    default is empty."""
    help: str = ""

    def checked(self, metric: str, value: str) -> str:
        """``value``, if it is valid; a path becomes absolute. Raises :class:`UsageError`."""
        where = f"metric {metric!r}: {self.name}"
        if self.is_file:
            path = Path(value).expanduser().absolute()
            if not path.is_file():
                raise UsageError(f"{where}: {value!r} is not a file")
            return str(path)
        if self.choices and value not in self.choices:
            raise UsageError(f"{where} is {' or '.join(self.choices)}, not {value!r}")
        if not _VALUE.fullmatch(value):
            raise UsageError(f"{where}: {value!r} may only have letters, digits and '_.+-'")
        return value

    def shown(self, value: str) -> str:
        """``value`` in names of columns; for a file, the beginning of its SHA-256."""
        return sha256(Path(value))[:8] if self.is_file and value else value


def matrix_option(default: str = "601") -> tuple[MetricOption, ...]:
    """Whose luma and chroma: that of BT.601, as in JPEG/JFIF, or of BT.709."""
    return (MetricOption("matrix", default, ("601", "709"), help="BT.601 as in JPEG, or BT.709"),)


@dataclass(frozen=True, slots=True)
class MetricRecord:
    """One metric: the name of its column, the meaning of its numbers, and the code that computes
    it. Raises :class:`UsageError` for an invalid name (only a to z, 0 to 9 and ``_``), for the name
    of another column, and for values of another type.
    """

    name: str
    """The column of the CSV; :meth:`with_options` adds those that are not their default."""
    label: str = ""
    """Its name in axes and tables; by default :attr:`name`."""
    unit: str = ""
    """``"dB"``, ``"JOD"``, or empty for a number without a unit."""
    higher_is_better: bool = True
    """The direction: whether higher is better (PSNR) or lower (MSE, LPIPS)."""
    revision: int = 1
    """To be raised when the same two images get another number than before, but not for
    rewording."""
    definition: str = ""
    """The definition in a sentence, with its source. For a metric with options, this and
    ``computed_on`` may have their names in braces, ``BT.{matrix}``, for the chosen value."""
    computed_on: str = "all samples of all channels"
    """RGB, or luma with its matrix and range."""
    options: tuple[MetricOption, ...] = ()
    """Its options."""
    chosen: tuple[tuple[str, str], ...] = ()
    """The value of each of the options; :meth:`with_options` sets them."""
    formats: frozenset[SampleFormat] = MEASURED
    """The sample formats that it takes; for other images it has no value."""
    no_reference: bool = False
    """Whether it uses only the decoded image."""
    best_is_original: bool = True
    """Whether nothing scores better than the original itself; in VMAF, more contrast does."""
    least_side: int = 1
    """Shortest side in pixels of the images that it takes."""
    linear: str = ""
    """The label of the quantity behind its decibels (MSE); ``--averaging pooled`` gives the
    decibels of the mean of that quantity. If empty, values are averaged as they are."""
    beside: tuple[str, ...] = ()
    """Metrics of the same class that are always given with it."""
    map: str = ""
    """The label of its error map's color bar; empty if it has no map."""
    target: str = ""
    """``module:Class`` that computes it, ``path/to/file.py:Class`` or ``path/to/file.toml``; see
    :class:`rdbench.metrics.base.Metric`."""
    install: str = ""
    """What to install if that cannot be imported."""
    library: str = ""
    """The name of the package that computes it."""
    tested: tuple[str, ...] = ()
    """The versions of :attr:`library` with which its numbers were tested: ``"0.8"`` stands for
    0.8.1 as well."""

    def __post_init__(self) -> None:
        name, *options = self.name.split(":") if isinstance(self.name, str) else [""]
        if not _NAME.fullmatch(name) or not all(map(_OPTION.fullmatch, options)):
            raise UsageError(f"metric {self.name!r}: a name may only have a to z, 0 to 9 and '_'")
        if self.name in RESERVED or any(column.name == self.name for column in COLUMNS):
            raise UsageError(f"metric {self.name!r}: a column of this name has another meaning")
        for field, kind in _KINDS.items():
            value = getattr(self, field)
            if type(value) is not kind:
                raise UsageError(
                    f"metric {self.name!r}: {field} is {value!r}, where {kind.__name__} is needed"
                )
        if self.revision < 1 or self.least_side < 1:
            raise UsageError(f"metric {self.name!r}: revision and least_side must be at least 1")
        if not self.formats:
            raise UsageError(
                f"metric {self.name!r}: formats is empty; list the formats that it takes"
            )
        if not self.label:
            object.__setattr__(self, "label", self.name)

    @property
    def plain_name(self) -> str:
        """The name without options: ``cvvdp``."""
        return self.name.partition(":")[0]

    def with_options(self, asked: Mapping[str, str]) -> MetricRecord:
        """The record of the metric with the options ``asked`` for, and the others at their
        defaults. Its name, its label and the names in :attr:`beside` include values that are not
        the default. Raises :class:`UsageError` for an unknown option or an invalid value.
        """
        known = {option.name: option for option in self.options}
        if not (known or asked):
            return self
        for name in asked:
            if name not in known:
                raise unknown(f"option of metric {self.name}:", name, known)
        values = {
            name: option.checked(self.name, asked[name]) if name in asked else option.default
            for name, option in known.items()
        }
        other = {
            name: known[name].shown(value)
            for name, value in values.items()
            if value != known[name].default
        }
        suffix = "".join(f":{name}={value}" for name, value in other.items())
        told = ", ".join(f"{name} {value}" for name, value in other.items())
        return dataclasses.replace(
            self,
            name=self.name + suffix,
            label=f"{self.label} ({told})" if told else self.label,
            definition=_filled(self, self.definition, values),
            computed_on=_filled(self, self.computed_on, values),
            beside=tuple(name + suffix for name in self.beside),
            chosen=tuple(values.items()),
        )

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
        """The sign with which higher is better."""
        return 1 if self.higher_is_better else -1

    def averaging(self, asked: str) -> str:
        """The averaging over images if ``asked`` is requested: only metrics with a linear quantity
        can be pooled."""
        return asked if self.linear else "mean"

    @property
    def linear_column(self) -> str:
        """The column of :attr:`linear`, if there is one: ``mse``."""
        _, *options = self.name.split(":")
        return ":".join([self.linear.lower().replace("-", "_"), *options]) if self.linear else ""

    def plain(self) -> dict[str, Any]:
        """Everything except the code that computes it, as plain data for ``run.json``."""
        values = dataclasses.asdict(self)
        for key in ("map", "target", "install", "library", "tested", "chosen"):
            del values[key]
        return values | {
            "formats": sorted(form.text for form in self.formats),
            "beside": list(self.beside),
            "options": dict(self.chosen),
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> MetricRecord:
        """The inverse of :meth:`plain`; unknown keys of an older or newer rdbench are ignored.
        Raises :class:`UsageError` for invalid data."""
        known = {field.name for field in dataclasses.fields(cls)}
        values = {name: value for name, value in plain.items() if name in known}
        try:
            formats = frozenset(map(SampleFormat.parse, values.get("formats", ())))
            beside = tuple(map(str, values.get("beside", ())))
            chosen = tuple((str(name), str(v)) for name, v in values.pop("options", {}).items())
            read = {"formats": formats or MEASURED, "beside": beside, "chosen": chosen}
            return cls(**{**values, **read})
        except (AttributeError, TypeError, ValueError) as error:
            raise UsageError(f"the record of a metric cannot be read: {error}") from None


_KINDS: Final = {
    "label": str,
    "unit": str,
    "higher_is_better": bool,
    "revision": int,
    "definition": str,
    "computed_on": str,
    "formats": frozenset,
    "no_reference": bool,
    "best_is_original": bool,
    "least_side": int,
    "linear": str,
    "beside": tuple,
    "map": str,
    "target": str,
    "install": str,
    "options": tuple,
    "chosen": tuple,
    "library": str,
    "tested": tuple,
}


def _filled(record: MetricRecord, text: str, values: Mapping[str, str]) -> str:
    """``text`` with what was chosen in place of the names in braces."""
    try:
        return text.format(**values)
    except (IndexError, KeyError, ValueError) as error:
        raise UsageError(
            f"metric {record.name!r}: {text!r} has braces around a name that is not an option "
            f"({error})"
        ) from None


def of_each_quantity(records: Iterable[MetricRecord]) -> list[MetricRecord]:
    """One of each quantity: of two that are of the same, as MSE and PSNR, the one in decibels."""
    found = list(records)
    linear = {record.linear_column for record in found}
    return [record for record in found if record.name not in linear]
