"""What is known of a metric before anything of it is imported: a record of plain data.

Records travel with the numbers: ``run.json`` has those of a run, so that its table can be read,
compared and drawn where the metric itself is not installed.
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
    """What can be chosen of a metric, as the display of CVVDP: ``cvvdp:display=4k``."""

    name: str
    default: str
    choices: tuple[str, ...] = ()
    """Its values; empty for any text, or any file."""
    is_file: bool = False
    """Whether a value is the path of a file, which the column names by its digest; the default is
    empty then."""
    help: str = ""

    def checked(self, metric: str, value: str) -> str:
        """``value``, if it is one; a path is absolute then. Raises :class:`UsageError`."""
        where = f"metric {metric!r}: {self.name}"
        if self.is_file:
            path = Path(value).expanduser().absolute()
            if not path.is_file():
                raise UsageError(f"{where}: {value!r} is not a file")
            return str(path)
        if self.choices and value not in self.choices:
            raise UsageError(f"{where} is {' or '.join(self.choices)}, not {value!r}")
        if not _VALUE.fullmatch(value):
            raise UsageError(f"{where}: {value!r} is made of other than letters, digits and '_.+-'")
        return value

    def shown(self, value: str) -> str:
        """``value`` as names of columns have it: of a file the beginning of its SHA-256."""
        return sha256(Path(value))[:8] if self.is_file and value else value


def matrix_option(default: str = "601") -> tuple[MetricOption, ...]:
    """Whose luma and chroma: that of BT.601, as in JPEG/JFIF, or of BT.709."""
    return (MetricOption("matrix", default, ("601", "709"), help="BT.601 as in JPEG, or BT.709"),)


@dataclass(frozen=True, slots=True)
class MetricRecord:
    """One metric: what its column is called, what its numbers are, and where it is computed.

    Raises :class:`UsageError` for a name that is no column's (a to z, 0 to 9, ``_``) or is taken
    by another column, and for values of another type.
    """

    name: str
    """The column of the CSV; :meth:`with_options` adds those that are not their default."""
    label: str = ""
    """How axes and tables name it; the name where it is empty."""
    unit: str = ""
    """``"dB"``, ``"JOD"``, or empty for a number without a unit."""
    higher_is_better: bool = True
    """The direction: whether more is better (PSNR) or less (MSE, LPIPS)."""
    revision: int = 1
    """Raised when the same two images get another number than before; rewording does not."""
    definition: str = ""
    """What the number is, in a sentence, with its source. Of a metric with options it and
    ``computed_on`` may have their names in braces, ``BT.{matrix}``, for what is chosen."""
    computed_on: str = "all samples of all channels"
    """RGB, or which luma: matrix and range."""
    options: tuple[MetricOption, ...] = ()
    """What can be chosen."""
    chosen: tuple[tuple[str, str], ...] = ()
    """The value of each of the options; :meth:`with_options` sets them."""
    formats: frozenset[SampleFormat] = MEASURED
    """The samples that it takes; of other images it has no value."""
    no_reference: bool = False
    """Whether it looks at the decoded image alone."""
    best_is_original: bool = True
    """Whether nothing scores better than the original itself: more contrast does, in VMAF."""
    least_side: int = 1
    """Shortest side in pixels of the images that it takes."""
    linear: str = ""
    """The label of the quantity that its decibels are of (MSE); ``--averaging pooled`` gives the
    decibels of the mean of that. Empty: values are averaged as they are."""
    beside: tuple[str, ...] = ()
    """Metrics of the same class that are always given with it."""
    map: str = ""
    """What its error map shows, as a color bar is called; empty where it has none."""
    target: str = ""
    """``module:Class`` that computes it, ``path/to/file.py:Class`` or ``path/to/file.toml``; see
    :class:`rdbench.metrics.base.Metric`."""
    install: str = ""
    """What to install where that cannot be imported."""
    library: str = ""
    """The package that computes it, as it is installed by name."""
    tested: tuple[str, ...] = ()
    """The versions of :attr:`library` with which its numbers were tested: ``"0.8"`` stands for
    0.8.1 as well."""

    def __post_init__(self) -> None:
        name, *options = self.name.split(":") if isinstance(self.name, str) else [""]
        if not _NAME.fullmatch(name) or not all(map(_OPTION.fullmatch, options)):
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
    def plain_name(self) -> str:
        """The name without options: ``cvvdp``."""
        return self.name.partition(":")[0]

    def with_options(self, asked: Mapping[str, str]) -> MetricRecord:
        """The record of the metric with the options ``asked`` for, and the default of the others.

        Its name, those of :attr:`beside` and its label have what is not the default. Raises
        :class:`UsageError` for an unknown option, and for a value that is none of it.
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
        """What its values are multiplied by so that more is better."""
        return 1 if self.higher_is_better else -1

    def averaging(self, asked: str) -> str:
        """The averaging over images that it gets where ``asked`` is wanted: only what has a linear
        quantity pools."""
        return asked if self.linear else "mean"

    @property
    def linear_column(self) -> str:
        """The column of :attr:`linear`, as far as there is one: ``mse``."""
        _, *options = self.name.split(":")
        return ":".join([self.linear.lower().replace("-", "_"), *options]) if self.linear else ""

    def plain(self) -> dict[str, Any]:
        """All of it but where it is computed, as plain data for ``run.json``."""
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
        """The inverse of :meth:`plain`; what an older or newer rdbench had beside is left out.
        Raises :class:`UsageError` for data that is none."""
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
            f"metric {record.name!r}: {text!r} has braces around what is no option ({error})"
        ) from None


def of_each_quantity(records: Iterable[MetricRecord]) -> list[MetricRecord]:
    """One of each quantity: of two that are of the same, as MSE and PSNR, the one in decibels."""
    found = list(records)
    linear = {record.linear_column for record in found}
    return [record for record in found if record.name not in linear]
