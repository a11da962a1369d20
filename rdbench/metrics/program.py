"""A metric that is a program, as a TOML file defines it::

    name = "phash"                        # the column
    label = "Perceptual hash"             # of axes and tables
    # unit = "dB"
    higher_is_better = false
    revision = 1                          # raised when the same images get another number
    definition = "Squared difference of the hashes of ImageMagick, sRGB and HCLp."
    # computed_on = "all samples of all channels"; channels = [1, 3]; least_side = 1
    input = "png"                         # what the program reads: png or pnm
    pattern = '^([0-9.e+-]+|inf)'         # finds the number in what it prints
    install = "apt-get install imagemagick"

    [score]
    program = "compare"                   # on PATH, or where RDBENCH_COMPARE points to
    version = ["-version"]                # how to ask it, and what to look for in the answer
    pattern = 'ImageMagick ([0-9.-]+)'
    arguments = ["-metric", "PHASH", "{original}", "{decoded}", "null:"]
    exit_codes = [0, 1]                   # those of success; [0] where it is not given

``[score]`` has the keys of a codec's ``[encode]``, ``names``, ``files`` and ``environment`` among
them, and ``exit_codes`` beside. The program runs in a temporary folder of its own, without a shell;
the number is in the group of ``pattern``, where it matches last in the last 16 KiB of what is
printed.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from msgspec import Meta

from rdbench import commands, files, formats
from rdbench.errors import RdbenchError, UsageError
from rdbench.metrics.base import Metric
from rdbench.metrics.record import MetricRecord
from rdbench.programs import Call, Printed, ProgramSpec, find, run, scratch, words_of
from rdbench.sample_format import MEASURED
from rdbench.schema import one_line
from rdbench.toml import Channels, Form, read_toml

if TYPE_CHECKING:
    from rdbench.sample_format import Image

ExitCode = Annotated[int, Meta(ge=0, le=255)]

_PLACES: Final = frozenset({"original", "decoded"})


class _ScoreForm(commands.ProgramForm, frozen=True, kw_only=True):
    arguments: tuple[str, ...]
    """the arguments, with ``{original}`` and ``{decoded}`` for the two files; there is no shell"""
    exit_codes: Annotated[tuple[ExitCode, ...], Meta(min_length=1)] = (0,)
    """the exit statuses that mean success, 0 to 255"""


class _MetricForm(Form, frozen=True, kw_only=True):
    name: str
    """its name, which is also that of its column"""
    higher_is_better: bool
    """whether a higher number is a better image"""
    label: str = ""
    """what axes and tables call it; by default its name"""
    unit: str = ""
    """the unit of its numbers, such as ``"dB"``; by default none"""
    definition: str = ""
    """how the number is defined, in a sentence"""
    computed_on: str = ""
    """the samples that it is computed on"""
    revision: int = 1
    """a number that is raised when the same images get another value"""
    least_side: int = 1
    """the shortest side in pixels of the images that it takes"""
    channels: Channels = (1, 3)
    """the numbers of channels of the images that it takes: 1 (gray), 3 (color)"""
    install: str = ""
    """what to do if the program is missing"""
    input: Literal["png", "pnm"] = "png"
    """the format of the files that the program reads: ``png`` or ``pnm``"""
    pattern: str
    """a regular expression with one group, for the number; the last match in the last 16 KiB that
    the program prints counts"""
    score: _ScoreForm
    """the program and how it is called"""


@dataclass(frozen=True)
class Definition:
    """A program that prints the number of a metric."""

    path: Path
    record: MetricRecord
    input: str
    """The file format of the images that it reads: ``png`` or ``pnm``."""
    pattern: str
    program: ProgramSpec
    arguments: tuple[str, ...]
    files: tuple[Path, ...]
    """Files beside the definition that are linked into the program's folder."""
    exit_codes: tuple[int, ...]


def load(path: Path) -> type[ProgramMetric]:
    """The metric that the TOML file ``path`` defines. Raises :class:`UsageError` with file, key
    and reason."""
    try:
        stamp = files.stamp(path)
    except OSError as error:
        raise UsageError(f"program metric {str(path)!r}: {error.strerror}") from None
    return _loaded(path.absolute(), *stamp)


@functools.cache
def _loaded(path: Path, _changed_ns: int, _size_bytes: int) -> type[ProgramMetric]:
    definition = read(path)
    fields = {"definition": definition, "record": definition.record}
    return type(definition.record.name, (ProgramMetric,), fields)


class ProgramMetric(Metric):
    """A metric that is a program; :func:`load` makes one class for each definition."""

    definition: ClassVar[Definition]

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        self._written = self._file(original)

    def score(self, decoded: Image) -> float:
        """The number that the program prints. Raises :class:`rdbench.errors.MissingBackendError`,
        and :class:`RdbenchError` if the program fails or prints no number."""
        wanted = self.definition
        program = find(wanted.program)
        named = {place: place + self._suffix for place in _PLACES}
        arguments = [commands.filled(text, named) for text in wanted.arguments]
        with scratch(decoded.nbytes) as folder:
            commands.put_beside(wanted.files, folder)
            (folder / named["original"]).write_bytes(self._written)
            (folder / named["decoded"]).write_bytes(self._file(decoded))
            call = Call([program.path, *arguments], folder, dict(wanted.program.environment))
            printed = run(call, exit_codes=wanted.exit_codes)
        return _number(wanted.pattern, printed, program.name)

    @classmethod
    def version(cls) -> str:
        """The program with its version. Raises :class:`rdbench.errors.MissingBackendError`."""
        return find(cls.definition.program).title

    @classmethod
    def program(cls) -> ProgramSpec:
        """The program of the definition."""
        return cls.definition.program

    @property
    def _suffix(self) -> str:
        if self.definition.input == "png":
            return ".png"
        return ".pgm" if self.original.shape[2] == 1 else ".ppm"

    def _file(self, image: Image) -> bytes:
        png = self.definition.input == "png"
        return formats.write_png(image) if png else formats.write_pnm(image)


def _number(pattern: str, printed: Printed, program: str) -> float:
    """What the group of the last match of ``pattern`` says."""
    found = [match.group(1) for match in re.finditer(pattern, printed.tail, re.MULTILINE)]
    if not found:
        raise RdbenchError(f"the output of {program} does not match 'pattern'{words_of(printed)}")
    try:
        return float(found[-1])
    except (TypeError, ValueError):
        told = one_line(str(found[-1]), 60)
        raise RdbenchError(f"{program} printed {told!r}, where a number is needed") from None


def read(path: Path) -> Definition:
    """The definition in ``path``. Raises :class:`UsageError` with file, key and reason."""
    table = read_toml(path, "program metric")
    form = table.form(_MetricForm)
    pattern = commands.expression(table, "pattern", form.pattern)
    if re.compile(pattern).groups != 1:
        raise table.error("pattern", f"{pattern!r} needs exactly one group, for the number")
    score = table.table("score")
    for index, argument in enumerate(form.score.arguments):
        commands.check_argument(score, f"arguments[{index}]", argument, _PLACES, _PLACES)
    commands.check_used(score, form.score.arguments, _PLACES)
    fields = {field.name for field in dataclasses.fields(MetricRecord)} & {*table.values}
    formats = frozenset(taken for taken in MEASURED if taken.channels in form.channels)
    try:
        record = MetricRecord(**{name: getattr(form, name) for name in fields}, formats=formats)
    except UsageError as error:
        raise UsageError(f"program metric {str(path)!r}: {error}") from None
    return Definition(
        path=path,
        record=record,
        input=form.input,
        pattern=pattern,
        program=commands.program(score, form.score, form.install),
        arguments=form.score.arguments,
        files=tuple(commands.files_beside(score, form.score.files)),
        exit_codes=form.score.exit_codes,
    )
