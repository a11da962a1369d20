"""A program codec: a pair of programs, as a TOML file defines it.

The form is described in ``form.toml`` beside this module, a definition with every key (``rdbench
codecs form`` prints it); the files in ``programs/`` are such definitions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from rdbench import formats
from rdbench.codecs.base import Axis, Option
from rdbench.commands import ProgramForm, filled, text_of
from rdbench.formats import Geometry, Layout
from rdbench.programs import Call, ProgramSpec
from rdbench.schema import point_text
from rdbench.toml import Channels, Form

if TYPE_CHECKING:
    from rdbench.sample_format import Image

IMAGE_FORMATS: Final = {"pnm": ".ppm", "png": ".png", "yuv": ".yuv", "y4m": ".y4m"}
RAW_FORMATS: Final = ("yuv", "y4m")
ImageFormat = Literal["pnm", "png", "yuv", "y4m"]
Byte = Annotated[int, Meta(ge=0, le=255)]
Side = Annotated[int, Meta(ge=1)]
"""Of an image, in pixels."""
GEOMETRIES: Final = ("hevc", "vvc", "header")

_FORMER: Final = {"gray_depth": "grey_depth", "gray": "grey"}
"""Former names of keys, by the current ones."""

Conditions = tuple[tuple[str, tuple[str, ...]], ...]
Settings = Mapping[str, Any]
"""Options with their values, and ``channels``."""


@dataclass(frozen=True)
class Argument:
    """One argument of a command, there under conditions."""

    text: str
    when: Conditions = ()
    unless: bool = False
    """Whether it is present if the conditions do not hold."""


@dataclass(frozen=True)
class Command:
    """A program with its arguments, in which ``{...}`` are placeholders."""

    program: ProgramSpec
    arguments: tuple[Argument, ...]
    files: tuple[Path, ...]
    """Files beside the definition, such as a configuration, that are linked into its folder."""
    reads: tuple[tuple[str, Path], ...] = ()
    """Files and folders that it reads in place, by their names in the definition."""
    environment: tuple[tuple[str, str], ...] = ()
    """Variables that are set for it, by name."""
    stdin: str = ""
    """The file that is its standard input, and the one that its standard output goes to."""
    stdout: str = ""

    def filled(self, settings: Settings, values: Mapping[str, object]) -> FilledCommand:
        """The command with ``values`` in its placeholders; others stay."""
        known = {**settings, **values}
        return FilledCommand(
            self,
            [filled(a.text, known) for a in self.arguments if holds(a.when, known) != a.unless],
            {name: filled(text, known) for name, text in self.environment},
            filled(self.stdin, known),
            filled(self.stdout, known),
        )


@dataclass(frozen=True)
class FilledCommand:
    """A command as it is called once."""

    command: Command
    arguments: list[str]
    environment: dict[str, str]
    stdin: str
    stdout: str

    def call(self, program: str, folder: Path) -> Call:
        """The call of ``program`` in a folder."""
        return Call([program, *self.arguments], folder, self.environment, self.stdin, self.stdout)

    @property
    def line(self) -> str:
        """The call in shell syntax."""
        return self.call(self.command.program.name, Path()).line


class GrayTest(Form, frozen=True):
    """How to detect a stream of a gray image, for decoders that always write color: bits of the
    byte at ``offset`` after the first occurrence of the text or bytes ``after``."""

    after: str | tuple[Byte, ...]
    """the text, or an array of bytes (0 to 255), whose first occurrence in the stream is looked
    for"""
    offset: int
    """the place of the byte after the end of ``after``; 0 for the next one"""
    mask: int
    """the bits of the byte that count, such as ``0xe0``"""
    value: int
    """what these bits are in the stream of a gray image"""

    def __call__(self, stream: bytes) -> bool:
        after = self.after.encode() if isinstance(self.after, str) else bytes(self.after)
        start = stream.find(after)
        place = start + len(after) + self.offset
        return start >= 0 and place < len(stream) and stream[place] & self.mask == self.value


class Multiples(Form, frozen=True, omit_defaults=True):
    """The number that sides must be a multiple of, by chroma format."""

    c400: Side = msgspec.field(name="400", default=1)
    """for gray images"""
    c420: Side = msgspec.field(name="420", default=1)
    """for 4:2:0"""
    c422: Side = msgspec.field(name="422", default=1)
    """for 4:2:2"""
    c444: Side = msgspec.field(name="444", default=1)
    """for 4:4:4"""


class Pixels(Form, frozen=True):
    """How images are passed to the encoder and read from the decoder."""

    input: ImageFormat
    """the format of the file that the encoder reads: ``pnm`` (.ppm, or .pgm for gray images),
    ``png``, ``yuv`` (raw planes), ``y4m``"""
    output: ImageFormat
    """the format of the file that the decoder writes: ``yuv`` and ``y4m`` go with one of them as
    the input"""
    geometry: Literal["", "hevc", "vvc", "header"] = ""
    """what tells the size of decoded images: the stream of ``hevc`` or ``vvc``, or a counted
    ``header`` of a few bytes that rdbench puts before the stream. ``yuv`` needs it; ``pnm`` and
    ``png`` may have a header"""
    chroma: str = "444"
    """the chroma format of color images in ``yuv`` and ``y4m``: ``400``, ``420``, ``422``, ``444``,
    or the ``{option}`` that tells it; gray images are always 400"""
    depth: str | int = "8"
    """bits per sample of color images in ``yuv`` and ``y4m``, 8 to 16, or the ``{option}`` that
    tells them"""
    gray_depth: int = 8
    """bits per sample of gray images in ``yuv`` and ``y4m``, 8 to 16"""
    matrix: str = "bt709"
    """the matrix of the conversion for ``yuv`` and ``y4m``: ``bt601``, ``bt709``, ``gbr`` (none),
    or an ``{option}``"""
    range: str = "full"
    """the range of color samples in ``yuv`` and ``y4m``: ``full``, ``limited``, or an
    ``{option}``"""
    siting: str = "left"
    """where the chroma samples of 4:2:0 and 4:2:2 are: ``left`` (what HEVC and VVC streams say by
    default), ``center`` (JPEG), ``topleft``, or an ``{option}``"""
    gray: GrayTest | None = None
    """the bits of the stream that tell that the image is gray, for a decoder that writes color all
    the same; by default nothing is looked for"""
    least: Side = 1
    """the shortest side in pixels that the encoder takes; smaller images are padded"""
    multiple: Multiples = Multiples()
    """the number that sides in pixels must be a multiple of, by chroma format; images with other
    sides are padded"""

    def plain(self, color: Layout | None) -> dict[str, Any]:
        """All of it as plain data; for color images with subsampled chroma, ``chroma`` says how."""
        values = {**msgspec.to_builtins(self), "depth": str(self.depth)}
        del values["siting"]
        # Rows are identified by this record, so it keeps the former names of these keys.
        for key, former in _FORMER.items():
            values[former] = values.pop(key)
        if color is not None and color.subsampled:
            values["chroma"] = f"{color.chroma}, {color.siting}, {formats.RESAMPLING}"
        return values

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
        """Whether rdbench converts colors, instead of the programs."""
        return self.input in RAW_FORMATS

    @staticmethod
    def suffix(image_format: str, channels: int) -> str:
        """That of a file in ``image_format``."""
        gray = (image_format, channels) == ("pnm", 1)
        return ".pgm" if gray else IMAGE_FORMATS[image_format]

    def written(self, image: Image, settings: Settings) -> Sequence[bytes | memoryview]:
        """The file for the encoder, in parts, so that the image need not be copied."""
        if self.input == "pnm":
            return formats.pnm_parts(image)
        if self.input == "png":
            return [formats.write_png(image)]
        write = formats.write_yuv if self.input == "yuv" else formats.write_y4m
        return [write(image, self.layout(settings))]

    def read(
        self, data: bytearray, settings: Settings, geometry: Geometry | None, max_pixels: int
    ) -> Image:
        """The image in the decoder's file; raises :class:`rdbench.errors.BitstreamError`."""
        if self.output == "pnm":
            return formats.read_pnm(data)
        if self.output == "png":
            return formats.read_png(bytes(data), max_pixels)
        layout = self.layout(settings)
        if self.output == "y4m":
            return formats.read_y4m(bytes(data), layout)
        assert geometry is not None
        return formats.read_yuv(bytes(data), geometry.width, geometry.height, layout)

    def layout(self, settings: Settings) -> Layout:
        """The sample layout under ``settings``; raises :class:`ValueError`."""

        def value(text: str) -> str:
            return filled(text, settings)

        if settings["channels"] == 1:
            return Layout("400", self.gray_depth, value(self.matrix), "full")
        depth = value(str(self.depth))
        if not depth.isdecimal():
            raise ValueError(f"layout: depth {depth!r} is not a whole number")
        return Layout(
            value(self.chroma), int(depth), *map(value, (self.matrix, self.range, self.siting))
        )


class AxisForm(Form, frozen=True):
    """The rate parameter of a codec."""

    parameter: str
    """what a point is: quality, qp, ratio"""
    ladder: Annotated[tuple[float, ...], Meta(min_length=1)]
    """the default points, in increasing rate"""
    low: float = -math.inf
    """the least point; by default there is none"""
    high: float = math.inf
    """the greatest point; by default there is none"""
    integer: bool = False
    """whether points are whole numbers"""


class FurtherAxisForm(AxisForm, frozen=True, kw_only=True):
    """An entry of ``[[axes]]``: another rate parameter under conditions."""

    when: dict[str, Any]
    """options with their values, or an array of them; the entry counts if all of them hold, and of
    several entries the first"""


class RefusalForm(Form, frozen=True):
    """An entry of ``[[refuse]]``: options that do not go together."""

    when: dict[str, Any]
    """options with their values, or an array of them; they are refused together"""
    reason: str
    """why, as the message says it"""


class OptionForm(Form, frozen=True):
    """A table ``[options.NAME]``."""

    default: str | int | float | bool
    """its value if none is given; fixes the type of the values. A path is relative to this file"""
    meaning: str
    """what it is, for help and reference"""
    choices: tuple[str | int | float | bool, ...] = ()
    """the values that it may have; an option whose default is text needs them, unless it is
    ``free`` or a ``path``"""
    low: float = -math.inf
    """its least value if it is a number; by default there is none"""
    high: float = math.inf
    """its greatest value if it is a number; by default there is none"""
    labeled: bool = False
    """whether the label of the curve has it at its default, too"""
    color: bool = False
    """whether it means nothing for gray images; their labels leave it out"""
    shown: tuple[str, ...] = ()
    """how each of ``choices`` reads in a label; by default as it is"""
    path: bool = False
    """whether it is a file or folder: its SHA-256 is recorded, and labels have its name alone"""
    free: bool = False
    """whether it may be any text"""
    effort: bool = False
    """whether it trades the encoder's time for rate, as a speed or a preset does; one option at
    most"""


class ArgumentForm(Form, frozen=True, kw_only=True):
    """Arguments under conditions."""

    when: dict[str, Any]
    """options, ``channels`` (1 or 3) or ``point`` with their values, or an array of them; all must
    hold"""
    then: tuple[str, ...] = ()
    """the arguments if all conditions hold"""
    unless: tuple[str, ...] = msgspec.field(name="else", default=())
    """the arguments if one of them does not"""


class CommandForm(ProgramForm, frozen=True, kw_only=True):
    """A table ``[encode]`` or ``[decode]``."""

    arguments: tuple[str | ArgumentForm, ...]
    """the arguments, with placeholders such as ``{input}``, ``{stream}``, ``{output}``,
    ``{point:02d}`` and ``{option}``; there is no shell"""
    stdin: str = ""
    """the file that is its standard input; by default none"""
    stdout: str = ""
    """the file that its standard output goes to; by default none"""


class CodecForm(AxisForm, frozen=True, kw_only=True):
    """A program codec as a TOML file has it."""

    name: str
    """the codec's name: letters, digits, ``.``, ``_`` and ``-``"""
    summary: str = ""
    """what it is, in a line of `rdbench codecs list`"""
    suffix: str = ".bin"
    """the suffix of a stream's file: a dot with 1 to 16 letters and digits"""
    install: str = ""
    """what to do if a program is missing"""
    channels: Channels = (1, 3)
    """the numbers of channels of the images that it takes: 1 (gray), 3 (color)"""
    deterministic: bool = True
    """whether the same image gives the same bytes again"""
    lossless: bool = False
    """whether decoded images are identical to the original ones"""
    longest_side: Side | None = None
    """the longest side in pixels; images with a longer one are not measured. By default there is no
    limit"""
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    """its options, a table for each"""
    axes: tuple[FurtherAxisForm, ...] = ()
    """other rate parameters under conditions on options"""
    refuse: tuple[RefusalForm, ...] = ()
    """options that do not go together"""
    by_point: dict[str, tuple[str | int | float, ...]] = msgspec.field(default_factory=dict)
    """texts or numbers by the names of their placeholders, one for each point of ``ladder``; there
    are then no other points, and no ``[[axes]]``"""
    timeout_s: Annotated[float, Meta(gt=0)] | None = None
    """the time in seconds that encoding, or decoding, may take; by default that of the run
    (``--timeout``)"""
    pixels: Pixels
    """how images are passed to the programs"""
    encode: CommandForm | Annotated[tuple[CommandForm, ...], Meta(min_length=1)]
    """the command that encodes; as ``[[encode]]``, several that run one after the other"""
    decode: CommandForm | Annotated[tuple[CommandForm, ...], Meta(min_length=1)]
    """the command that decodes; as ``[[decode]]``, several that run one after the other"""


@dataclass(frozen=True)
class Definition:
    """A program codec. :func:`rdbench.codecs.program_file.read` makes it of a file."""

    path: Path
    form: CodecForm
    options: Mapping[str, Option]
    axes: tuple[tuple[Conditions, Axis], ...]
    refusals: tuple[tuple[Conditions, str], ...]
    encode: tuple[Command, ...]
    decode: tuple[Command, ...]
    by_point: Mapping[str, Mapping[float, str | int | float]]
    """What places hold at each point of the ladder, beside ``{point}``."""

    def axis(self, options: Mapping[str, Any]) -> Axis:
        """The rate parameter under ``options``: that of the first conditions that hold."""
        return next(axis for when, axis in self.axes if holds(when, options))


def plain_number(point: float) -> int | float:
    """A point as in commands: as a whole number if possible, with at most 12 digits."""
    return int(point) if float(point).is_integer() else float(point_text(point))


def holds(when: Conditions, settings: Settings) -> bool:
    """Whether all conditions are met."""
    return all(text_of(settings.get(name)) in allowed for name, allowed in when)
