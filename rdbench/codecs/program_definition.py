"""A program codec: a pair of programs, as a TOML file defines it.

The files in ``programs/`` are such definitions, and the place to learn the form from::

    name = "mine"                         # of the codec
    summary = "My codec"
    parameter = "quality"                 # what a point is
    ladder = [10, 30, 50, 70, 90]         # default points, in increasing rate
    low = 1                               # least and greatest point, and whether whole numbers
    high = 100
    integer = true
    suffix = ".mine"                      # of a stream's file
    install = "see example.org"           # what to do where a program is missing
    # channels = [1, 3]                   # grey, color; deterministic = true; lossless = false
    # longest_side = 16383                # in pixels; images with a longer one are not measured

    [options.effort]                      # any number of options, as {effort} in the commands
    default = 5
    low = 1
    high = 9
    meaning = "how hard the encoder tries"

    [pixels]
    input = "pnm"                         # what the encoder reads: pnm, png, yuv or y4m
    output = "pnm"                        # what the decoder writes

    [encode]
    program = "menc"                      # on PATH, or where RDBENCH_MENC points to
    version = ["--version"]               # how to ask it, and what to look for in the answer
    pattern = 'menc ([0-9.]+)'
    arguments = [
        "-q", "{point}", { when = { effort = 9 }, then = ["--slow"] },
        "{input}", "{stream}",
    ]

    [decode]
    program = "mdec"
    arguments = ["{stream}", "{output}"]

Commands are lists of arguments; there is no shell. They run in a temporary folder of their own,
with file names that rdbench chooses. ``when`` holds conditions on options, and on ``channels``.
For ``yuv`` and ``y4m``, ``[pixels]`` also says ``chroma`` (400, 420, 422, 444; grey images are
always 400), ``depth``, ``matrix`` (bt601, bt709, gbr) and ``range`` (full, limited), which may be
``{option}``; and with a ``yuv`` output, ``geometry``: where the decoder's image has its size
from: "hevc" and "vvc" are read from the stream, "header" is a few counted bytes before it.

An encoder that refuses some sizes says ``least`` (shortest side) and ``multiple`` (of what sides
must be, by chroma format, as ``{ 420 = 2 }``): such images are padded by repeating their last row
and column, and a counted header with the real size is put before their streams.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from rdbench.codecs.base import Axis, Option
from rdbench.commands import PLACE, ProgramForm
from rdbench.formats import Layout
from rdbench.programs import ProgramSpec
from rdbench.toml import Channels, Form

IMAGE_FORMATS: Final = {"pnm": ".ppm", "png": ".png", "yuv": ".yuv", "y4m": ".y4m"}
RAW_FORMATS: Final = ("yuv", "y4m")
ImageFormat = Literal["pnm", "png", "yuv", "y4m"]
Side = Annotated[int, Meta(ge=1)]
"""Of an image, in pixels."""
GEOMETRIES: Final = ("hevc", "vvc", "header")

Conditions = tuple[tuple[str, tuple[str, ...]], ...]
Settings = Mapping[str, Any]
"""Options with their values, and ``channels``."""


@dataclass(frozen=True)
class Argument:
    """One argument of a command, there under conditions."""

    text: str
    when: Conditions = ()


@dataclass(frozen=True)
class Command:
    """A program with its arguments, in which ``{...}`` stands for what differs."""

    program: ProgramSpec
    arguments: tuple[Argument, ...]
    files: tuple[Path, ...]
    """Files beside the definition, such as a configuration, that are put where it runs."""

    def filled(self, settings: Settings, values: Mapping[str, str]) -> list[str]:
        """The arguments that apply, with ``values`` in their places; others stay as they are."""

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            return values.get(name) or text_of(settings.get(name, match.group()))

        return [PLACE.sub(value, a.text) for a in self.arguments if holds(a.when, settings)]


class GreyTest(Form, frozen=True):
    """How a stream tells that it is of a grey image, for decoders that write color anyway:
    bits of the byte at ``offset`` behind the first place of the text ``after``."""

    after: str
    offset: int
    mask: int
    value: int

    def __call__(self, stream: bytes) -> bool:
        after = self.after.encode()
        start = stream.find(after)
        place = start + len(after) + self.offset
        return start >= 0 and place < len(stream) and stream[place] & self.mask == self.value


class Multiples(Form, frozen=True, omit_defaults=True):
    """What sides must be a multiple of, by chroma format."""

    c400: Side = msgspec.field(name="400", default=1)
    c420: Side = msgspec.field(name="420", default=1)
    c422: Side = msgspec.field(name="422", default=1)
    c444: Side = msgspec.field(name="444", default=1)


class Pixels(Form, frozen=True):
    """How images are handed to the encoder and taken from the decoder."""

    input: ImageFormat
    output: ImageFormat
    geometry: Literal["", "hevc", "vvc", "header"] = ""
    chroma: str = "444"
    depth: str | int = "8"
    grey_depth: int = 8
    matrix: str = "bt709"
    range: str = "full"
    grey: GreyTest | None = None
    least: Side = 1
    """Shortest side that the encoder takes; smaller images are padded."""
    multiple: Multiples = Multiples()
    """Others are padded."""

    @property
    def plain(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {**msgspec.to_builtins(self), "depth": str(self.depth)}

    @property
    def pads(self) -> bool:
        """Whether there are images that are padded."""
        return self.least > 1 or self.multiple != Multiples()

    def padded(self, height: int, width: int, settings: Settings) -> tuple[int, int]:
        """Height and width of what the encoder is given for an image of this size."""
        multiple = getattr(self.multiple, f"c{self.layout(settings).chroma}") if self.pads else 1

        def side(length: int) -> int:
            return -(-max(length, self.least) // multiple) * multiple

        return side(height), side(width)

    @property
    def converted(self) -> bool:
        """Whether colors are converted here, and not by the programs."""
        return self.input in RAW_FORMATS

    def layout(self, settings: Settings) -> Layout:
        """The sample layout under ``settings``; raises :class:`ValueError`."""

        def value(text: str) -> str:
            return PLACE.sub(lambda match: str(settings[match.group(1)]), text)

        if settings["channels"] == 1:
            return Layout("400", self.grey_depth, value(self.matrix), "full")
        depth = value(str(self.depth))
        if not depth.isdecimal():
            raise ValueError(f"layout: depth {depth!r} is not a whole number")
        return Layout(value(self.chroma), int(depth), value(self.matrix), value(self.range))


class AxisForm(Form, frozen=True):
    parameter: str
    ladder: Annotated[tuple[float, ...], Meta(min_length=1)]
    low: float = -math.inf
    high: float = math.inf
    integer: bool = False


class FurtherAxisForm(AxisForm, frozen=True, kw_only=True):
    when: dict[str, Any]


class RefusalForm(Form, frozen=True):
    when: dict[str, Any]
    reason: str


class OptionForm(Form, frozen=True):
    default: str | int | float | bool
    meaning: str
    choices: tuple[str | int | float | bool, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    labelled: bool = False
    color: bool = False
    shown: tuple[str, ...] = ()


class ArgumentForm(Form, frozen=True):
    when: dict[str, Any]
    then: tuple[str, ...]


class CommandForm(ProgramForm, frozen=True, kw_only=True):
    arguments: tuple[str | ArgumentForm, ...]


class CodecForm(AxisForm, frozen=True, kw_only=True):
    name: str
    summary: str = ""
    suffix: str = ".bin"
    install: str = ""
    channels: Channels = (1, 3)
    deterministic: bool = True
    lossless: bool = False
    longest_side: Side | None = None
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    axes: tuple[FurtherAxisForm, ...] = ()
    refuse: tuple[RefusalForm, ...] = ()
    pixels: Pixels
    encode: CommandForm
    decode: CommandForm


@dataclass(frozen=True)
class Definition:
    """A program codec. :func:`rdbench.codecs.program_file.read` makes it of a file."""

    path: Path
    form: CodecForm
    options: Mapping[str, Option]
    axes: tuple[tuple[Conditions, Axis], ...]
    refusals: tuple[tuple[Conditions, str], ...]
    encode: Command
    decode: Command

    def axis(self, options: Mapping[str, Any]) -> Axis:
        """The rate parameter under ``options``: that of the first conditions that hold."""
        return next(axis for when, axis in self.axes if holds(when, options))


def holds(when: Conditions, settings: Settings) -> bool:
    """Whether all conditions are met."""
    return all(text_of(settings.get(name)) in allowed for name, allowed in when)


def text_of(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
