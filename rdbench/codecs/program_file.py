"""From a TOML file to a :class:`rdbench.codecs.program_definition.Definition`, mistakes refused."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rdbench import commands
from rdbench.codecs.base import Axis, Option
from rdbench.codecs.program_definition import (
    GEOMETRIES,
    IMAGE_FORMATS,
    RAW_FORMATS,
    Argument,
    Command,
    Conditions,
    Definition,
    GreyTest,
    Pixels,
    holds,
    text_of,
)
from rdbench.commands import PLACE
from rdbench.errors import UsageError
from rdbench.toml import Table, read_toml

_SAMPLE_KEYS: Final = ("chroma", "depth", "grey_depth", "matrix", "range")
_FILE_PLACES: Final = frozenset({"input", "stream", "output"})
_PLACES: Final = frozenset(
    {"point", "width", "height", "channels", "chroma_format", "sample_bits", "resolutions"}
)
_TAKEN: Final = frozenset({"points", "label", "program", "decoder"})


def read(path: Path) -> Definition:
    """The definition in ``path``. Raises :class:`UsageError` with file, key and reason."""
    table = read_toml(path, "program codec")
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
    if not channels or any(type(c) is not int or c not in (1, 3) for c in channels):
        raise table.error("channels", f"{list(channels)} is not [1], [3] or [1, 3]")
    options = dict(_options(table.table("options")))
    pixels = _pixels(table.table("pixels", required=True), options)
    places = {*options, *_PLACES}
    # A decoder starts from the stream alone, and that may not tell what the image is like.
    known = places if pixels.geometry else {*options, "point"}
    install = table.text("install", "")
    definition = Definition(
        path=path,
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
        if name in _PLACES | _FILE_PLACES | _TAKEN:
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
        if isinstance(default, str) and not choices:
            raise option.error("choices", "is missing: text is only taken from a list")
        found = Option(
            default,
            option.text("meaning"),
            choices,
            option.number("low", -math.inf),
            option.number("high", math.inf),
            option.truth("labelled", False),
            option.truth("colour", False),
            option.texts("shown", ()),
        )
        for index, choice in enumerate(choices):
            _value(option, f"choices[{index}]", found, choice)
            commands.refuse_path(option, f"choices[{index}]", str(choice))
        _value(option, "default", found, default)
        if found.shown and len(found.shown) != len(choices):
            raise option.error("shown", f"{len(found.shown)} texts for {len(choices)} choices")
        yield name, found


def _value(table: Table, key: str, option: Option, value: Any) -> Any:
    """``value`` as one of the option, which it must be."""
    whole = type(value) is int and isinstance(option.default, float)
    if type(value) is not type(option.default) and not whole:
        raise table.error(key, f"{value!r} is not of the default's type")
    try:
        return option.convert("", key, value)
    except UsageError as error:
        raise table.error(key, str(error).partition(": ")[2]) from None


def _axes(table: Table, options: Mapping[str, Option]) -> Iterator[tuple[Conditions, Axis]]:
    for entry in table.tables("axes"):
        entry.allow("when", "parameter", "ladder", "low", "high", "integer")
        yield _conditions(entry, options), _axis(entry)
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
        yield _conditions(entry, options), entry.text("reason")


def _conditions(
    table: Table, options: Mapping[str, Option], places: Collection[str] = ()
) -> Conditions:
    """``{ option = value, other = [value, value] }``, all of which must be met."""
    conditions = table.table("when", required=True)
    if not conditions.values:
        raise table.error("when", "has no conditions")
    conditions.allow(*(["channels"] if "channels" in places else []), *options)
    found = []
    for name, wanted in conditions.values.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        if not values:
            raise conditions.error(name, "has no values")
        if name in options:
            values = [_value(conditions, name, options[name], value) for value in values]
        for value in values:
            if name not in options and (type(value) is not int or value not in (1, 3)):
                raise conditions.error(name, f"{value!r} is not one of 1, 3")
        found.append((name, tuple(map(text_of, values))))
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
        if type(value) is not str and not (key == "depth" and type(value) is int):
            raise table.error(key, f"{value!r} is not text")
        sample[key] = str(value)
        for place in PLACE.findall(sample[key]):
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
        least=_length(table, "least", 1),
        multiple={chroma: _length(multiple, chroma) for chroma in multiple.values},
    )


def _length(table: Table, key: str, *default: int) -> int:
    value = table.whole(key, *default)
    if value < 1:
        raise table.error(key, f"{value} is not at least 1")
    return value


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
                reason = str(error).removeprefix("layout: ")
                key = reason.partition(" ")[0]
                if channels == 1 and key == "depth":
                    key = "grey_depth"
                key = key if key in _SAMPLE_KEYS else "chroma"
                raise table.table("pixels").error(key, reason) from None


def _command(
    parent: Table, key: str, places: set[str], options: Mapping[str, Option], install: str
) -> Command:
    table = parent.table(key, required=True)
    table.allow(*commands.KEYS)
    program = commands.program(table, install)
    arguments = tuple(_arguments(table, places, options))
    commands.check_used(table, (a.text for a in arguments), _FILE_PLACES & places)
    return Command(program, arguments, tuple(commands.files_beside(table)))


def _arguments(table: Table, places: set[str], options: Mapping[str, Option]) -> Iterator[Argument]:
    for index, item in enumerate(table.items("arguments")):
        key = f"arguments[{index}]"
        if isinstance(item, dict):
            entry = table.within(key, item)
            entry.allow("when", "then")
            when = _conditions(entry, options, places)
            texts: Sequence[tuple[Table, str, Any]] = [
                (entry, f"then[{number}]", text) for number, text in enumerate(entry.texts("then"))
            ]
        else:
            when, texts = (), [(table, key, item)]
        for place, text_key, text in texts:
            yield Argument(commands.check_argument(place, text_key, text, places), when)
