"""From a TOML file to a :class:`rdbench.codecs.program_definition.Definition`, mistakes refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from rdbench import commands
from rdbench.codecs.base import Axis, Option
from rdbench.codecs.program_definition import (
    GEOMETRIES,
    RAW_FORMATS,
    Argument,
    ArgumentForm,
    AxisForm,
    CodecForm,
    Command,
    Conditions,
    Definition,
    OptionForm,
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
    form = table.form(CodecForm)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", form.name):
        reason = f"{form.name!r} is not made of letters, digits, '.', '_' and '-'"
        raise table.error("name", reason)
    if not re.fullmatch(r"\.[A-Za-z0-9]{1,16}", form.suffix):
        raise table.error("suffix", f"{form.suffix!r} is not a dot with letters and digits")
    options = dict(_options(table.table("options")))
    _check_pixels(table.table("pixels"), form.pixels, options)
    places = {*options, *_PLACES}
    # A decoder starts from the stream alone, and that may not tell what the image is like.
    known = places if form.pixels.geometry else {*options, "point"}
    definition = Definition(
        path=path,
        form=form,
        options=options,
        axes=(
            *(
                (_conditions(entry, options), _axis(entry, axis))
                for entry, axis in zip(table.tables("axes"), form.axes, strict=True)
            ),
            ((), _axis(table, form)),
        ),
        refusals=tuple(
            (_conditions(entry, options), refusal.reason)
            for entry, refusal in zip(table.tables("refuse"), form.refuse, strict=True)
        ),
        encode=_command(table, "encode", form, {*places, "input", "stream"}, options),
        decode=_command(table, "decode", form, {*known, "stream", "output"}, options),
    )
    _check_layouts(table, definition)
    return definition


def _options(table: Table) -> Iterator[tuple[str, Option]]:
    for name in table.values:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise table.error(name, "an option's name is made of a to z, 0 to 9 and '_'")
        if name in _PLACES | _FILE_PLACES | _TAKEN:
            raise table.error(name, "this name has a meaning of its own; choose another one")
        entry = table.table(name)
        option = Option(**msgspec.structs.asdict(entry.form(OptionForm)))
        if option.choices and option.default not in option.choices:
            raise entry.error("default", f"{option.default!r} is not among the choices")
        if isinstance(option.default, str) and not option.choices:
            raise entry.error("choices", "is missing: text is only taken from a list")
        for index, choice in enumerate(option.choices):
            _value(entry, f"choices[{index}]", option, choice)
            commands.refuse_path(entry, f"choices[{index}]", str(choice))
        _value(entry, "default", option, option.default)
        if option.shown and len(option.shown) != len(option.choices):
            counts = f"{len(option.shown)} texts for {len(option.choices)} choices"
            raise entry.error("shown", counts)
        yield name, option


def _value(table: Table, key: str, option: Option, value: Any) -> Any:
    """``value`` as one of the option, which it must be."""
    whole = type(value) is int and isinstance(option.default, float)
    if type(value) is not type(option.default) and not whole:
        raise table.error(key, f"{value!r} is not of the default's type")
    try:
        return option.convert("", key, value)
    except UsageError as error:
        raise table.error(key, str(error).partition(": ")[2]) from None


def _axis(table: Table, form: AxisForm) -> Axis:
    axis = Axis(form.parameter, form.ladder, form.low, form.high, form.integer)
    for point in axis.ladder:
        try:
            axis.check("", point)
        except UsageError as error:
            raise table.error("ladder", str(error).partition(": ")[2]) from None
    return axis


def _conditions(
    table: Table, options: Mapping[str, Option], places: Collection[str] = ()
) -> Conditions:
    """``{ option = value, other = [value, value] }``, all of which must be met."""
    conditions = table.table("when")
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


def _check_pixels(table: Table, pixels: Pixels, options: Mapping[str, Option]) -> None:
    if (pixels.input in RAW_FORMATS) != (pixels.output in RAW_FORMATS):
        raise table.error("output", "with yuv or y4m on one side, the other one must be so, too")
    if (pixels.output == "yuv") != bool(pixels.geometry):
        known = ", ".join(GEOMETRIES)
        raise table.error("geometry", f"goes with output = 'yuv', which needs it: {known}")
    raw = ("chroma", "depth", "matrix", "range", "multiple")
    if (given := [key for key in raw if key in table.values]) and not pixels.converted:
        raise table.error(given[0], "is for yuv and y4m only")
    for key in raw[:-1]:
        for place in PLACE.findall(str(getattr(pixels, key))):
            if place not in options:
                raise table.error(key, f"{{{place}}} is not an option")


def _check_layouts(table: Table, definition: Definition) -> None:
    """Refuse a layout that does not exist, with the defaults and with each choice."""
    if not definition.form.pixels.converted:
        return
    defaults = {name: option.default for name, option in definition.options.items()}
    varied = [
        {**defaults, name: choice}
        for name, option in definition.options.items()
        for choice in option.choices
    ]
    for options in (defaults, *varied):
        for channels in definition.form.channels:
            settings = {**options, "channels": channels}
            if any(holds(when, settings) for when, _ in definition.refusals):
                continue
            try:
                definition.form.pixels.layout(settings)
            except ValueError as error:
                reason = str(error).removeprefix("layout: ")
                key = reason.partition(" ")[0]
                if channels == 1 and key == "depth":
                    key = "grey_depth"
                key = key if key in _SAMPLE_KEYS else "chroma"
                raise table.table("pixels").error(key, reason) from None


def _command(
    parent: Table, key: str, codec: CodecForm, places: set[str], options: Mapping[str, Option]
) -> Command:
    table, form = parent.table(key), getattr(codec, key)
    program = commands.program(table, form, codec.install, places - _FILE_PLACES)
    arguments = tuple(_arguments(table, form.arguments, places, options))
    commands.check_used(table, (a.text for a in arguments), _FILE_PLACES & places)
    return Command(
        program,
        arguments,
        tuple(commands.files_beside(table, form.files)),
        tuple(form.environment.items()),
    )


def _arguments(
    table: Table,
    items: Iterable[str | ArgumentForm],
    places: set[str],
    options: Mapping[str, Option],
) -> Iterator[Argument]:
    for index, item in enumerate(items):
        key = f"arguments[{index}]"
        when: Conditions = ()
        texts = {key: item} if isinstance(item, str) else {}
        if isinstance(item, ArgumentForm):
            when = _conditions(table.within(key, table.values["arguments"][index]), options, places)
            texts = {f"{key}.then[{number}]": text for number, text in enumerate(item.then)}
        for text_key, text in texts.items():
            yield Argument(commands.check_argument(table, text_key, text, places), when)
