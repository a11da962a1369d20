"""Reading a :class:`rdbench.codecs.program_definition.Definition` from a TOML file, and refusing
mistakes."""

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
    CommandForm,
    Conditions,
    Definition,
    OptionForm,
    Pixels,
    holds,
    plain_number,
)
from rdbench.commands import FOLDER, text_of
from rdbench.errors import UsageError
from rdbench.text import quoted
from rdbench.toml import Table, read_toml

_SAMPLE_KEYS: Final = ("chroma", "depth", "gray_depth", "matrix", "range", "siting")
_FILE_PLACES: Final = frozenset({"input", "stream", "output"})
_NUMBERS: Final = frozenset({"width", "height", "channels", "resolutions"})
_PLACES: Final = frozenset({"point", "chroma_format", "sample_bits", FOLDER}) | _NUMBERS
_TAKEN: Final = frozenset({"points", "label", "program", "decoder"})


def read(path: Path) -> Definition:
    """The definition in ``path``. Raises :class:`UsageError` with file, key and reason."""
    table = read_toml(path, "program codec")
    form = table.form(CodecForm)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", form.name):
        reason = f"{form.name!r} may only have letters, digits, '.', '_' and '-'"
        raise table.error("name", reason)
    if not re.fullmatch(r"\.[A-Za-z0-9]{1,16}", form.suffix):
        raise table.error("suffix", f"{form.suffix!r} is not a dot with letters and digits")
    options = dict(_options(table.table("options")))
    if len(efforts := [name for name, option in options.items() if option.effort]) > 1:
        reason = f"is true for {' and '.join(efforts)}; only one option can be the effort"
        raise table.table("options").table(efforts[1]).error("effort", reason)
    _check_pixels(table.table("pixels"), form.pixels, options)
    by_point = _by_point(table, form, options)
    places = {*options, *by_point, *_PLACES}
    # A decoder starts from the stream alone, and that may not tell what the image is like.
    known = places if form.pixels.geometry else {*options, *by_point, "point", FOLDER}
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
        encode=_commands(table, "encode", form, {*places, "input", "stream"}, options),
        decode=_commands(table, "decode", form, {*known, "stream", "output"}, options),
        by_point=by_point,
    )
    _check_layouts(table, definition)
    _check_forms(table, definition)
    return definition


def _options(table: Table) -> Iterator[tuple[str, Option]]:
    for name in table.values:
        _check_name(table, name, "an option's name")
        entry = table.table(name)
        form = entry.form(OptionForm)
        fields = msgspec.structs.asdict(form)
        if fields.pop("free") or form.path:
            kind = "path" if form.path else "free"
            if not isinstance(form.default, str) or form.choices:
                raise entry.error(kind, "needs a text as the default, and no choices")
        elif isinstance(form.default, str) and not form.choices:
            reason = (
                "is missing: an option with a text needs a list of choices, unless 'free' "
                "or 'path' is true"
            )
            raise entry.error("choices", reason)
        if form.path and form.default:
            folder = table.path.absolute().parent
            fields["default"] = str(folder / Path(str(form.default)).expanduser())
        option = Option(**fields)
        if option.choices and option.default not in option.choices:
            raise entry.error("default", f"{quoted(option.default)} is not among the choices")
        for index, choice in enumerate(option.choices):
            _value(entry, f"choices[{index}]", option, choice)
            commands.refuse_elsewhere(entry, f"choices[{index}]", str(choice))
        _value(entry, "default", option, option.default)
        if option.shown and len(option.shown) != len(option.choices):
            counts = f"{len(option.shown)} texts for {len(option.choices)} choices"
            raise entry.error("shown", counts)
        yield name, option


def _value(table: Table, key: str, option: Option, value: Any) -> Any:
    """``value`` as one of the option, which it must be."""
    whole = type(value) is int and isinstance(option.default, float)
    if type(value) is not type(option.default) and not whole:
        raise table.error(key, f"{quoted(value)} has another type than the default")
    try:
        return option.convert("", key, value)
    except UsageError as error:
        raise table.error(key, str(error).partition(": ")[2]) from None


def _check_name(table: Table, name: str, kind: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise table.error(name, f"{kind} is made of a to z, 0 to 9 and '_'")
    if name in _PLACES | _FILE_PLACES | _TAKEN:
        raise table.error(name, "this name has another meaning; choose another one")


def _by_point(
    parent: Table, form: CodecForm, options: Mapping[str, Option]
) -> dict[str, dict[float, str | int | float]]:
    """What places hold at the points of the ladder, one value for each."""
    table = parent.table("by_point")
    if form.by_point and form.axes:
        raise parent.error("by_point", "needs a single ladder, but there are 'axes'")
    for name, values in form.by_point.items():
        _check_name(table, name, "a name")
        if name in options:
            raise table.error(name, "there is already an option of this name")
        if len(values) != len(form.ladder):
            counts = f"{len(values)} values for {len(form.ladder)} points of the ladder"
            raise table.error(name, counts)
    return {
        name: dict(zip(form.ladder, values, strict=True)) for name, values in form.by_point.items()
    }


def _axis(table: Table, form: AxisForm) -> Axis:
    closed = bool(getattr(form, "by_point", None))
    axis = Axis(form.parameter, form.ladder, form.low, form.high, form.integer, closed)
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
    conditions.allow(*({"channels", "point"} & {*places}), *options)
    found = []
    for name, wanted in conditions.values.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        if not values:
            raise conditions.error(name, "has no values")
        if name in options:
            values = [_value(conditions, name, options[name], value) for value in values]
        for value in values:
            if name == "channels" and (type(value) is not int or value not in (1, 3)):
                raise conditions.error(name, f"{quoted(value)} is not one of 1, 3")
            if name == "point" and type(value) not in (int, float):
                raise conditions.error(name, f"{quoted(value)} is not a number")
        values = [plain_number(value) if name == "point" else value for value in values]
        found.append((name, tuple(map(text_of, values))))
    return tuple(found)


def _check_pixels(table: Table, pixels: Pixels, options: Mapping[str, Option]) -> None:
    if (pixels.input in RAW_FORMATS) != (pixels.output in RAW_FORMATS):
        raise table.error("output", "if one side is yuv or y4m, the other must be, too")
    written = pixels.output not in RAW_FORMATS and pixels.geometry == "header"
    if (pixels.output == "yuv") != bool(pixels.geometry) and not written:
        known = ", ".join(GEOMETRIES)
        reason = f"is needed with output = 'yuv' and only there: {known}; pnm and png take header"
        raise table.error("geometry", reason)
    raw = ("chroma", "depth", "matrix", "range", "siting", "multiple")
    if (given := [key for key in raw if key in table.values]) and not pixels.converted:
        raise table.error(given[0], "is only for yuv and y4m")
    for key in raw[:-1]:
        try:
            places = commands.places_in(str(getattr(pixels, key)))
        except ValueError as error:
            raise table.error(key, f"{quoted(getattr(pixels, key))}: {error}") from None
        for place in places:
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
                    key = "gray_depth"
                key = key if key in _SAMPLE_KEYS else "chroma"
                raise table.table("pixels").error(key, reason) from None


def _commands(
    parent: Table, key: str, codec: CodecForm, places: set[str], options: Mapping[str, Option]
) -> tuple[Command, ...]:
    """One command, or several that run one after the other in the same folder."""
    given: CommandForm | tuple[CommandForm, ...] = getattr(codec, key)
    if isinstance(given, CommandForm):
        tables, forms = [parent.table(key)], [given]
    else:
        tables, forms = [*parent.tables(key)], [*given]
    own = _FILE_PLACES & places
    found = tuple(
        _command(table, form, codec.install, places, options)
        for table, form in zip(tables, forms, strict=True)
    )
    texts = [
        text for one in found for text in (*(a.text for a in one.arguments), one.stdin, one.stdout)
    ]
    # A program that is told the folder finds and names the files in it by itself.
    told = any(FOLDER in commands.places_in(text) for text in texts)
    commands.check_used(tables[-1], texts, own - {"stream", "output"} if told else own)
    return found


def _command(
    table: Table,
    form: CommandForm,
    install: str,
    places: set[str],
    options: Mapping[str, Option],
) -> Command:
    own = _FILE_PLACES & places
    for key in ("stdin", "stdout"):
        name = getattr(form, key)
        commands.check_argument(table, key, name, own, own)
        if "/" in name:
            raise table.error(key, f"{name!r} is not a file in the folder that it runs in")
    return Command(
        commands.program(table, form, install, places - own),
        tuple(_arguments(table, form.arguments, places, options)),
        tuple(commands.files_beside(table, form.files)),
        tuple(commands.files_read(table, form.reads)),
        tuple(form.environment.items()),
        form.stdin,
        form.stdout,
    )


def _arguments(
    table: Table,
    items: Iterable[str | ArgumentForm],
    places: set[str],
    options: Mapping[str, Option],
) -> Iterator[Argument]:
    own = _FILE_PLACES & places
    for index, item in enumerate(items):
        key = f"arguments[{index}]"
        if isinstance(item, str):
            yield Argument(commands.check_argument(table, key, item, places, own))
            continue
        entry = table.within(key, table.values["arguments"][index])
        when = _conditions(entry, options, places)
        if not (item.then or item.unless):
            raise entry.error("then", "is missing, and so is 'else'")
        for name, texts in (("then", item.then), ("else", item.unless)):
            for number, text in enumerate(texts):
                commands.check_argument(entry, f"{name}[{number}]", text, places, own)
                yield Argument(text, when, name == "else")


def _check_forms(table: Table, definition: Definition) -> None:
    """Refuse a place whose form its values cannot have, as ``{point:d}`` for points that are not
    whole numbers."""
    points = [
        plain_number(point)
        for _, axis in definition.axes
        for point in (axis.ladder if axis.integer or axis.closed else (*axis.ladder, 0.5))
    ]
    samples: dict[str, list[object]] = {
        "point": [*points],
        **{name: [1] for name in _NUMBERS},
        **{name: [*column.values()] for name, column in definition.by_point.items()},
        **{name: [o.default, *o.choices] for name, o in definition.options.items()},
    }
    for kind in ("encode", "decode"):
        for command in getattr(definition, kind):
            for text in (*(a.text for a in command.arguments), *dict(command.environment).values()):
                for name in {*commands.places_in(text)}:
                    for value in samples.get(name, ["text"]):
                        try:
                            commands.filled(text, {name: value})
                        except ValueError as error:
                            reason = (
                                f"{text!r} cannot be filled with {name} {quoted(value)}: {error}"
                            )
                            raise table.error(kind, reason) from None
