"""A codec that is a pair of programs, as a TOML file defines it.

The files in ``binaries/`` are such definitions, and the place to learn the form from::

    name = "mine"                         # of the codec
    summary = "My codec"
    parameter = "quality"                 # what a point is
    ladder = [10, 30, 50, 70, 90]         # default points, in increasing rate
    low = 1                               # least and greatest point, and whether whole numbers
    high = 100
    integer = true
    suffix = ".mine"                      # of a stream's file
    install = "see example.org"           # what to do where a program is missing
    # channels = [1, 3]                   # grey, colour; deterministic = true; lossless = false

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

import hashlib
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rdbench.codecs.base import Axis, Option
from rdbench.errors import UsageError
from rdbench.formats import Layout
from rdbench.programs import ProgramSpec
from rdbench.toml import Table, read_toml

IMAGE_FORMATS: Final = {"pnm": ".ppm", "png": ".png", "yuv": ".yuv", "y4m": ".y4m"}
RAW_FORMATS: Final = ("yuv", "y4m")
GEOMETRIES: Final = ("hevc", "vvc", "header")

_FILE_PLACES: Final = frozenset({"input", "stream", "output"})
_PLACES: Final = frozenset(
    {"point", "width", "height", "channels", "chroma_format", "sample_bits", "resolutions"}
)
_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_PATH: Final = re.compile(r"\.\.|~|(?<![0-9])/|/(?![0-9])")

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
            return values.get(name) or str(settings.get(name, match.group()))

        return [_PLACE.sub(value, a.text) for a in self.arguments if holds(a.when, settings)]


@dataclass(frozen=True)
class GreyTest:
    """How a stream tells that it is of a grey image, for decoders that write colour anyway:
    bits of the byte at ``offset`` behind the first place of the text ``after``."""

    after: bytes
    offset: int
    mask: int
    value: int

    def __call__(self, stream: bytes) -> bool:
        start = stream.find(self.after)
        place = start + len(self.after) + self.offset
        return start >= 0 and place < len(stream) and stream[place] & self.mask == self.value


@dataclass(frozen=True)
class Pixels:
    """How images are handed to the encoder and taken from the decoder."""

    input: str
    output: str
    geometry: str
    chroma: str
    depth: str
    grey_depth: int
    matrix: str
    range: str
    grey: GreyTest | None
    least: int
    """Shortest side that the encoder takes; smaller images are padded."""
    multiple: Mapping[str, int]
    """By chroma format: what sides must be a multiple of; others are padded."""

    @property
    def pads(self) -> bool:
        """Whether there are images that are padded."""
        return self.least > 1 or any(number > 1 for number in self.multiple.values())

    def padded(self, height: int, width: int, settings: Settings) -> tuple[int, int]:
        """Height and width of what the encoder is given for an image of this size."""
        multiple = self.multiple.get(self.layout(settings).chroma, 1) if self.multiple else 1

        def side(length: int) -> int:
            return -(-max(length, self.least) // multiple) * multiple

        return side(height), side(width)

    @property
    def converted(self) -> bool:
        """Whether colours are converted here, and not by the programs."""
        return self.input in RAW_FORMATS

    def layout(self, settings: Settings) -> Layout:
        """The sample layout under ``settings``; raises :class:`ValueError`."""

        def value(text: str) -> str:
            return _PLACE.sub(lambda match: str(settings[match.group(1)]), text)

        if settings["channels"] == 1:
            return Layout("400", self.grey_depth, value(self.matrix), "full")
        depth = int(value(self.depth))
        return Layout(value(self.chroma), depth, value(self.matrix), value(self.range))


@dataclass(frozen=True)
class Definition:
    """A codec made of programs. :func:`read` makes it of a file."""

    path: Path
    sha256: str
    name: str
    summary: str
    suffix: str
    channels: frozenset[int]
    deterministic: bool
    lossless: bool
    options: Mapping[str, Option]
    axes: tuple[tuple[Conditions, Axis], ...]
    refusals: tuple[tuple[Conditions, str], ...]
    pixels: Pixels
    encode: Command
    decode: Command

    def axis(self, options: Mapping[str, Any]) -> Axis:
        """The rate parameter under ``options``: that of the first conditions that hold."""
        return next(axis for when, axis in self.axes if holds(when, options))


def holds(when: Conditions, settings: Settings) -> bool:
    """Whether all conditions are met."""
    return all(_text(settings.get(name)) in allowed for name, allowed in when)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def read(path: Path) -> Definition:
    """The definition in ``path``. Raises :class:`UsageError` with file, key and reason."""
    table = read_toml(path, "codec file")
    table.allow(
        *("name", "summary", "parameter", "ladder", "low", "high", "integer", "axes", "suffix"),
        *("install", "channels", "deterministic", "lossless", "options", "refuse"),
        *("pixels", "encode", "decode"),
    )
    name = table.text("name")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise table.error("name", f"{name!r} is not made of letters, digits, '.', '_' and '-'")
    suffix = table.text("suffix", ".bin")
    if not re.fullmatch(r"\.[A-Za-z0-9]{1,16}", suffix):
        raise table.error("suffix", f"{suffix!r} is not a dot with letters and digits")
    channels = table.items("channels", (1, 3))
    if not channels or not set(channels) <= {1, 3}:
        raise table.error("channels", f"{list(channels)} is not [1], [3] or [1, 3]")
    options = dict(_options(table.table("options")))
    pixels = _pixels(table.table("pixels", required=True), options)
    places = {*options, *_PLACES}
    # A decoder starts from the stream alone, and that may not tell what the image is like.
    known = places if pixels.geometry else {*options, "point"}
    install = table.text("install", "")
    definition = Definition(
        path=path,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        name=name,
        summary=table.text("summary", ""),
        suffix=suffix,
        channels=frozenset(channels),
        deterministic=table.truth("deterministic", True),
        lossless=table.truth("lossless", False),
        options=options,
        axes=tuple(_axes(table, options)),
        refusals=tuple(_refusals(table, options)),
        pixels=pixels,
        encode=_command(table, "encode", {*places, "input", "stream"}, options, install),
        decode=_command(table, "decode", {*known, "stream", "output"}, options, install),
    )
    _check_layouts(table, definition)
    return definition


def _options(table: Table) -> Iterator[tuple[str, Option]]:
    for name in table.values:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise table.error(name, "an option's name is made of a to z, 0 to 9 and '_'")
        if name in _PLACES | _FILE_PLACES | {"points", "label"}:
            raise table.error(name, "this name has a meaning of its own; choose another one")
        option = table.table(name)
        option.allow(
            *("default", "meaning", "choices", "low", "high", "labelled", "colour", "shown")
        )
        default = option.values.get("default")
        if not isinstance(default, (str, int, float)):
            raise option.error("default", "text, a number, true or false is needed")
        choices = option.items("choices", ())
        if choices and default not in choices:
            raise option.error("default", f"{default!r} is not among the choices")
        for index, choice in enumerate(choices):
            if type(choice) is not type(default):
                raise option.error(f"choices[{index}]", f"{choice!r} is not of the default's type")
            _refuse_path(option, f"choices[{index}]", str(choice))
        if isinstance(default, str) and not choices:
            raise option.error("choices", "is missing: text is only taken from a list")
        yield (
            name,
            Option(
                default,
                option.text("meaning"),
                choices,
                option.number("low", -math.inf),
                option.number("high", math.inf),
                option.truth("labelled", False),
                option.truth("colour", False),
                option.texts("shown", ()),
            ),
        )


def _axes(table: Table, options: Mapping[str, Option]) -> Iterator[tuple[Conditions, Axis]]:
    for entry in table.tables("axes"):
        entry.allow("when", "parameter", "ladder", "low", "high", "integer")
        yield _conditions(entry, "when", options), _axis(entry)
    yield (), _axis(table)


def _axis(table: Table) -> Axis:
    ladder = table.numbers("ladder")
    if not ladder:
        raise table.error("ladder", "has no points")
    axis = Axis(
        table.text("parameter"),
        ladder,
        table.number("low", -math.inf),
        table.number("high", math.inf),
        table.truth("integer", False),
    )
    for point in ladder:
        try:
            axis.check("", point)
        except UsageError as error:
            raise table.error("ladder", str(error).partition(": ")[2]) from None
    return axis


def _refusals(table: Table, options: Mapping[str, Option]) -> Iterator[tuple[Conditions, str]]:
    for entry in table.tables("refuse"):
        entry.allow("when", "reason")
        yield _conditions(entry, "when", options), entry.text("reason")


def _conditions(
    table: Table, key: str, options: Mapping[str, Option], places: Collection[str] = _PLACES
) -> Conditions:
    """``{ option = value, other = [value, value] }``, all of which must be met."""
    conditions = table.table(key, required=True)
    if not conditions.values:
        raise table.error(key, "has no conditions")
    conditions.allow(*(["channels"] if "channels" in places else []), *options)
    found = []
    for name, wanted in conditions.values.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        allowed = options[name].choices if name in options else (1, 3)
        for value in values:
            if allowed and value not in allowed:
                listed = ", ".join(map(str, allowed))
                raise conditions.error(name, f"{value!r} is not one of {listed}")
        found.append((name, tuple(map(_text, values))))
    return tuple(found)


def _pixels(table: Table, options: Mapping[str, Option]) -> Pixels:
    table.allow(
        *("input", "output", "geometry", "chroma", "depth", "grey_depth", "matrix", "range"),
        *("grey", "least", "multiple"),
    )
    given = table.choice("input", IMAGE_FORMATS)
    taken = table.choice("output", IMAGE_FORMATS)
    if (given in RAW_FORMATS) != (taken in RAW_FORMATS):
        raise table.error("output", "with yuv or y4m on one side, the other one must be so, too")
    geometry = table.choice("geometry", GEOMETRIES, "")
    if (taken == "yuv") != bool(geometry):
        known = ", ".join(GEOMETRIES)
        raise table.error("geometry", f"goes with output = 'yuv', which needs it: {known}")
    sample = {}
    for key, default in (
        ("chroma", "444"),
        ("depth", "8"),
        ("matrix", "bt709"),
        ("range", "full"),
    ):
        if key in table.values and given not in RAW_FORMATS:
            raise table.error(key, "is for yuv and y4m only")
        value = table.values.get(key, default)
        sample[key] = str(value)
        for place in _PLACE.findall(sample[key]):
            if place not in options:
                raise table.error(key, f"{{{place}}} is not an option")
    multiple = table.table("multiple")
    multiple.allow("400", "420", "422", "444")
    if multiple.values and given not in RAW_FORMATS:
        raise table.error("multiple", "is for yuv and y4m only")
    return Pixels(
        given,
        taken,
        geometry,
        **sample,
        grey_depth=table.whole("grey_depth", 8),
        grey=_grey(table),
        least=table.whole("least", 1),
        multiple={chroma: multiple.whole(chroma) for chroma in multiple.values},
    )


def _grey(table: Table) -> GreyTest | None:
    if "grey" not in table.values:
        return None
    grey = table.table("grey")
    grey.allow("after", "offset", "mask", "value")
    after = grey.text("after").encode()
    return GreyTest(after, grey.whole("offset"), grey.whole("mask"), grey.whole("value"))


def _check_layouts(table: Table, definition: Definition) -> None:
    """Refuse a layout that does not exist, with the defaults and with each choice."""
    if not definition.pixels.converted:
        return
    defaults = {name: option.default for name, option in definition.options.items()}
    varied = [
        {**defaults, name: choice}
        for name, option in definition.options.items()
        for choice in option.choices
    ]
    for options in (defaults, *varied):
        for channels in definition.channels:
            settings = {**options, "channels": channels}
            if any(holds(when, settings) for when, _ in definition.refusals):
                continue
            try:
                definition.pixels.layout(settings)
            except ValueError as error:
                raise table.table("pixels").error("chroma", str(error)) from None


def _command(
    parent: Table, key: str, places: set[str], options: Mapping[str, Option], install: str
) -> Command:
    table = parent.table(key, required=True)
    table.allow("program", "names", "version", "pattern", "arguments", "files")
    folder = _folder(parent)
    program = table.text("program")
    names = table.texts("names", (program,))
    candidates = tuple(str(folder / name) if "/" in name else name for name in names)
    pattern = table.text("pattern", "")
    try:
        re.compile(pattern)
    except re.error as error:
        raise table.error("pattern", f"is no regular expression: {error}") from None
    spec = ProgramSpec(
        name=Path(program).name,
        candidates=candidates,
        version_arguments=table.texts("version", ()),
        version_pattern=pattern,
        install=install,
    )
    arguments = tuple(_arguments(table, places, options))
    used = {place for a in arguments for place in _PLACE.findall(a.text)}
    needed = _FILE_PLACES & places
    if missing := sorted(needed - used):
        raise table.error("arguments", f"{{{missing[0]}}} is not among them")
    return Command(spec, arguments, tuple(_files(table, folder)))


def _folder(table: Table) -> Path:
    return table.path.absolute().parent


def _files(table: Table, folder: Path) -> Iterator[Path]:
    for index, name in enumerate(table.texts("files", ())):
        if Path(name).name != name or not (folder / name).is_file():
            raise table.error(f"files[{index}]", f"{name!r} is not a file beside the definition")
        yield folder / name


def _arguments(table: Table, places: set[str], options: Mapping[str, Option]) -> Iterator[Argument]:
    for index, item in enumerate(table.items("arguments")):
        key = f"arguments[{index}]"
        if isinstance(item, dict):
            entry = table.within(key, item)
            entry.allow("when", "then")
            when = _conditions(entry, "when", options, places)
            texts: Sequence[tuple[Table, str, Any]] = [
                (entry, f"then[{number}]", text) for number, text in enumerate(entry.texts("then"))
            ]
        else:
            when, texts = (), [(table, key, item)]
        for place, text_key, text in texts:
            if not isinstance(text, str):
                raise place.error(text_key, f"{text!r} is not text; write it in quotes")
            for name in _PLACE.findall(text):
                if name not in places:
                    listed = ", ".join(sorted(places))
                    raise place.error(text_key, f"{{{name}}} is not one of {listed}")
            _refuse_path(place, text_key, text)
            yield Argument(text, when)


def _refuse_path(table: Table, key: str, text: str) -> None:
    """A command reads and writes where it runs; what it needs beside that is in ``files``."""
    if text != "/dev/null" and _PATH.search(_PLACE.sub("", text)):
        raise table.error(
            key,
            f"{text!r} leads out of the temporary folder in which the program runs; list files "
            "that it reads under 'files', and name them without a folder",
        )
