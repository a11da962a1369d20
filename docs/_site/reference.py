"""Pages of reference, made of what they describe: commands, columns, metrics, codecs, forms."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import griffe
import msgspec
import roles  # type: ignore[import-not-found]
from typer.main import get_command

import rdbench
from rdbench import experiment, metrics
from rdbench.cli import app
from rdbench.codecs import program_definition, registry
from rdbench.codecs.base import Axis, Option
from rdbench.environments import environment
from rdbench.errors import RdbenchError
from rdbench.metrics import program as program_metric
from rdbench.metrics.registry import names as metric_names
from rdbench.reproducing import recipe
from rdbench.schema import COLUMNS, point_text
from rdbench.tables import code, escaped, grid
from rdbench.training import configuration, configuration_file, start_table

Forms = tuple[type[msgspec.Struct], str]
"""A form, and the table of the file that it is: empty for the file itself."""

FORMS: Final[dict[str, tuple[str, tuple[Forms, ...]]]] = {
    "Experiment": (
        "What `rdbench run FILE.toml` measures.",
        (
            (experiment.ExperimentForm, ""),
            (experiment.CodecForm, "[[codecs]]"),
            (environment.EnvironmentForm, "[codecs.environment]"),
        ),
    ),
    "Program codec": (
        "An encoder and a decoder of the system as a codec. `rdbench codecs form` prints a file "
        "with everything in it, explained.",
        (
            (program_definition.CodecForm, ""),
            (program_definition.OptionForm, "[options.NAME]"),
            (program_definition.FurtherAxisForm, "[[axes]]"),
            (program_definition.RefusalForm, "[[refuse]]"),
            (program_definition.Pixels, "[pixels]"),
            (program_definition.GrayTest, "[pixels.gray]"),
            (program_definition.Multiples, "[pixels.multiple]"),
            (program_definition.CommandForm, "[encode], [decode]"),
            (program_definition.ArgumentForm, "a condition among arguments"),
        ),
    ),
    "Program metric": (
        "A program that compares two files as a metric.",
        ((program_metric._MetricForm, ""), (program_metric._ScoreForm, "[score]")),
    ),
    "Training": (
        "What `rdbench train FILE.toml` trains.",
        (
            (configuration_file.ConfigurationForm, ""),
            (start_table.StartForm, "start"),
            (configuration.Data, "[data]"),
            (configuration.Optimizer, "[optimizer]"),
            (configuration.Run, "[run]"),
        ),
    ),
    "Recipe": (
        "A figure or table of a paper for `rdbench reproduce FILE.toml`: an experiment with more.",
        (
            (recipe._RecipeForm, ""),
            (recipe._RoleForm, "[[codecs]]"),
            (recipe.Network, "[[networks]]"),
            (recipe._FigureForm, "[[figures]]"),
            (recipe._ClaimForm, "[[claims]]"),
            (recipe._DeltasForm, "[deltas]"),
        ),
    ),
}


# --- the command line


def command_line() -> str:
    """Every command with its arguments and options, as ``--help`` has them."""
    root = get_command(app)
    parts = ["# Command line", *_paragraphs(root.help or ""), prose(str(root.epilog))]
    parts += [part for name, command in _walk(root, "rdbench") for part in _command(name, command)]
    return "\n\n".join(parts) + "\n"


def _walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    for sub, child in sorted(getattr(command, "commands", {}).items()):
        yield f"{name} {sub}", child
        yield from _walk(child, f"{name} {sub}")


def _command(name: str, command: Any) -> Iterator[str]:
    if command.hidden:
        return
    yield f"## {name}"
    context = command.make_context(name, [], resilient_parsing=True)
    yield f"```text\n{' '.join([name, *command.collect_usage_pieces(context)])}\n```"
    yield from _paragraphs(inspect.cleandoc(command.help or ""))
    records = (parameter.get_help_record(context) for parameter in command.get_params(context))
    rows = [_parameter(*record) for record in filter(None, records) if "--help" not in record[0]]
    if rows:
        yield grid(("argument or option", "what it is", "default"), rows, 3)


def _parameter(shown: str, text: str) -> tuple[str, str, str]:
    """A row of what ``--help`` shows: the text ends with the default in brackets."""
    found = re.search(r"\s*\[(?:default: )?([^\[]*)\]$", text, re.DOTALL)
    said, default = (text[: found.start()], found[1]) if found else (text, "")
    if not shown.startswith("-"):
        shown = re.sub(r" <[^<]*>$", "", shown)
    return code(shown), prose(said), _marked(default)


def _marked(default: str) -> str:
    """A default as Markdown: its bounds (``0<=x<=100``) as code, whose signs need no escapes."""
    parts = [part.strip() for part in default.split(";")]
    return "; ".join(code(part) if re.search("[<>]=?", part) else prose(part) for part in parts)


def prose(text: str) -> str:
    """Text of help and docstrings as Markdown: what stands between backticks is code."""
    text = roles.ROLE.sub(r"`\1`", " ".join(text.split()))
    parts = re.split("(``?)(.+?)\\1", text)
    spans = (code(inside) for inside in parts[2::3])
    plain = (re.sub(r"\S(?:.*\S)?", lambda found: escaped(found[0]), part) for part in parts[0::3])
    return "".join(a + b for a, b in itertools.zip_longest(plain, spans, fillvalue=""))


def _paragraphs(text: str) -> Iterator[str]:
    """Those of a help text; lines that are indented are examples."""
    blocks: list[str] = []
    for part in re.split(r"\n\s*\n", text.replace("\b", "").strip("\n")):
        if part.startswith(" "):
            line = " ".join(part.split())
            if blocks and blocks[-1].startswith("```"):
                blocks[-1] = f"{blocks[-1][:-4]}\n{line}\n```"
            else:
                blocks.append(f"```text\n{line}\n```")
        elif part.strip():
            blocks.append(prose(part))
    yield from blocks


# --- tables of records


def columns() -> str:
    """The columns of ``measurements.csv``."""
    rows = [(code(column.name), prose(column.meaning), column.unit) for column in COLUMNS]
    return (
        "# Columns\n\n`measurements.csv` has one row for each codec, point, image and repeat, in "
        "these columns; behind `estimated_bpp` there is one for each metric that was measured "
        "([Metrics](metrics.md)).\n\n" + grid(("column", "meaning", "unit"), rows, 3) + "\n"
    )


def metrics_() -> str:
    """Every metric that has a name."""
    parts = [
        "# Metrics",
        "`rdbench metrics list` prints them, `rdbench metrics doctor` says which can be used here. "
        "An option follows the name: `cvvdp:display=4k`.",
    ]
    for name in sorted(metric_names()):
        record = metrics.find(name)
        parts += [f"## {name}", prose(f"{record.label or name}. {record.definition}")]
        facts = [
            ("unit", record.unit or "none"),
            ("better", "more" if record.higher_is_better else "less"),
            ("computed on", record.computed_on),
            ("shortest side", f"{record.least_side} px" if record.least_side > 1 else ""),
            ("revision", str(record.revision)),
            ("with it", ", ".join(record.beside)),
            ("library", record.library),
            ("install", record.install),
        ]
        for option in record.options:
            allowed = " or ".join(option.choices) or ("a file" if option.is_file else "text")
            default = f"; default {option.default}" if option.default else ""
            facts.append((f"option {option.name}", f"{option.help} ({allowed}{default})"))
        rows = [(what, prose(text)) for what, text in facts if text]
        parts.append(grid(("", ""), rows, 2))
    return "\n\n".join(parts) + "\n"


def codecs() -> str:
    """Every codec that rdbench has."""
    parts = [
        "# Codecs",
        "`rdbench codecs list` prints them, `rdbench codecs show NAME` says what one is on your "
        "machine, `rdbench codecs doctor` which can be used there.",
    ]
    for name, entry in sorted(registry.entries().items()):
        parts += [f"## {name}", prose(entry.summary)]
        try:
            codec = registry.load(name)
            axis = codec.axis(codec.resolve_options({}))
        except RdbenchError as error:
            parts.append(prose(f"Nothing more is known here: {error}"))
            continue
        parts.append(prose(_axis(axis)))
        rows = [_option(key, option) for key, option in codec.option_table.items()]
        if rows:
            parts.append(grid(("option", "what it is", "values", "default"), rows, 4))
    return "\n\n".join(parts) + "\n"


def _axis(axis: Axis) -> str:
    kind = ", whole numbers" if axis.integer else ""
    ladder = " ".join(map(point_text, axis.ladder)) or "what is in its folder of weights"
    bounds = _bounds(axis.low, axis.high)
    return f"A point is {axis.parameter}{kind}, {bounds}; by default {ladder}."


def _bounds(low: float, high: float) -> str:
    """What lies between two numbers, of which one or both may be infinite."""
    if math.isinf(low) and math.isinf(high):
        return "any number"
    if math.isinf(high):
        return f"from {low:g}"
    return f"up to {high:g}" if math.isinf(low) else f"from {low:g} to {high:g}"


def _option(name: str, option: Option) -> tuple[str, str, str, str]:
    if option.choices:
        values = ", ".join(map(str, option.choices))
    elif isinstance(option.default, int | float) and not isinstance(option.default, bool):
        values = _bounds(option.low, option.high)
    else:
        values = "a path" if option.path else ""
    return code(name), prose(option.meaning), escaped(values), escaped(str(option.default))


# --- forms of TOML files


def forms() -> str:
    """The keys of every kind of TOML file, from the types that read them."""
    parts = ["# TOML files", "A mistake in one of them is answered with file, key and reason."]
    for title, (text, tables) in FORMS.items():
        parts += [f"## {title}", text]
        if example := _example(tables[0][0]):
            parts.append(f"```toml\n{example}\n```")
        for form, place in tables:
            head = f"### {title}: `{place}`" if place else f"### {title}: keys"
            parts += [head, grid(("key", "type", "default", "what it is"), _keys(form), 4)]
    return "\n\n".join(parts) + "\n"


def _example(form: type[msgspec.Struct]) -> str:
    """The file that the docstring of the form's module shows."""
    text = inspect.getdoc(inspect.getmodule(form)) or ""
    found = re.search(r"::\n\n((?:(?:    .*)?\n)+)", text)
    return inspect.cleandoc(found[1]) if found else ""


def _keys(form: type[msgspec.Struct]) -> list[tuple[str, str, str, str]]:
    meanings = _meanings(form)
    hints = typing.get_type_hints(form)
    rows = []
    for field in msgspec.structs.fields(form):
        if not field.required:
            default = _written(field.default) if field.default is not msgspec.NODEFAULT else "none"
        else:
            default = "must be given"
        meaning = prose(meanings.get(field.name, ""))
        rows.append((code(field.encode_name), _type(hints[field.name]), default, meaning))
    return rows


def _meanings(form: type[msgspec.Struct]) -> dict[str, str]:
    """Docstrings of the fields, those inherited too."""
    found: dict[str, str] = {}
    for part in reversed(form.__mro__):
        if not part.__module__.startswith("rdbench."):
            continue
        source = _module(part.__module__)[part.__name__]
        found |= {
            name: member.docstring.value
            for name, member in source.members.items()
            if member.is_attribute and member.docstring
        }
    return found


@functools.cache
def _module(name: str) -> griffe.Object:
    package = griffe.load("rdbench", search_paths=[Path(rdbench.__file__).parents[1]])
    return package[name.removeprefix("rdbench.")]


def _written(value: Any) -> str:
    """A value as TOML has it."""
    if value in ("", ()) or value is None:
        return "none"
    if isinstance(value, msgspec.Struct):
        return "those of its keys"
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, str):
        return code(f'"{value}"')
    if isinstance(value, tuple):
        return code(f"[{', '.join(map(str, value))}]")
    return "none" if value in (float("inf"), -float("inf")) else code(f"{value}")


_PLURALS: Final = {
    "table": "tables",
    "number": "numbers",
    "whole number": "whole numbers",
    "any value": "any values",
}


def _type(hint: Any) -> str:
    """What a value may be, in words."""
    if typing.get_origin(hint) is typing.Annotated:
        return _type(typing.get_args(hint)[0])
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(code(_bare(value)) for value in typing.get_args(hint))
    arguments = [part for part in typing.get_args(hint) if part not in (type(None), ...)]
    origin = typing.get_origin(hint)
    if origin in (tuple, list):
        kinds = dict.fromkeys(_type(part) for part in arguments)
        return f"array of {' or '.join(_PLURALS.get(kind, kind) for kind in kinds)}"
    if origin is dict or (inspect.isclass(hint) and issubclass(hint, msgspec.Struct)):
        return "table"
    if arguments:
        return " or ".join(dict.fromkeys(_type(part) for part in arguments))
    words = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}
    return words.get(hint, "any value")


def _bare(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


PAGES: Final = {
    "reference/cli.md": command_line,
    "reference/columns.md": columns,
    "reference/metrics.md": metrics_,
    "reference/codecs.md": codecs,
    "reference/toml.md": forms,
}
"""The pages that are made when the site is built."""
