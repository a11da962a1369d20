"""What TOML files for program codecs and program metrics share: the program, its arguments with
placeholders, and the files that it reads.

A placeholder is a name in braces, ``{point}``, optionally with a Python format specification,
``{point:02d}``. A literal brace is doubled.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from rdbench.programs import ProgramSpec, variable
from rdbench.programs.scratch import RAM_VARIABLE
from rdbench.programs.strays import MARK
from rdbench.text import quoted
from rdbench.toml import Form, Table

FOLDER: Final = "folder"
"""The placeholder of the folder in which a command runs."""

_FORMATTER: Final = string.Formatter()
_ELSEWHERE: Final = re.compile(r"\.\.|~")
_RESERVED: Final = ("RDBENCH_DATA", "RDBENCH_CODECS", RAM_VARIABLE, MARK)
_OURS: Final = ("TMPDIR", RAM_VARIABLE, MARK)


class ProgramForm(Form, frozen=True):
    """The keys of a table that describes a program, without ``arguments``."""

    program: str
    """its name on PATH, or where the variable RDBENCH_NAME points to; with a slash, a path relative
    to this file"""
    names: tuple[str, ...] | None = None
    """names that it may have on PATH; by default ``program``"""
    version: tuple[str, ...] | None = None
    """the arguments that make it print its version; by default it is not started to ask, and is
    identified by its SHA-256 alone"""
    pattern: str = ""
    """a regular expression for what it then prints: its groups are the version"""
    files: tuple[str, ...] = ()
    """files beside this one that are linked into the folder in which it runs"""
    reads: tuple[str, ...] = ()
    """files and folders that it reads in place; their SHA-256 is recorded"""
    environment: dict[str, Any] = msgspec.field(default_factory=dict)
    """variables that are set for it, in addition to those of your shell; they are recorded"""


def program(
    table: Table, form: ProgramForm, install: str, places: Collection[str] = ()
) -> ProgramSpec:
    """The program of ``table``; ``install`` says what to do if it is missing. A path with a slash
    is relative to the table's file. The values of ``environment`` may contain ``places``. Raises
    :class:`rdbench.UsageError` with file, key and reason."""
    folder = table.path.absolute().parent
    names = (form.program,) if form.names is None else form.names
    name = Path(form.program).name
    if not name:
        raise table.error("program", f"{form.program!r} names no program")
    if variable(name) in _RESERVED:
        raise table.error("program", f"{variable(name)} has another meaning; rename the program")
    if not all(names) or not names:
        raise table.error("names", f"{list(names)} names no program")
    if form.pattern and form.version is None:
        raise table.error(
            "version",
            "is missing: 'pattern' is searched in the output of the program when it is run with "
            "these arguments; [] runs it without any",
        )
    _check_environment(table.table("environment"), form.environment, places)
    return ProgramSpec(
        name=name,
        candidates=tuple(str(folder / name) if "/" in name else name for name in names),
        version_arguments=form.version,
        version_pattern=expression(table, "pattern", form.pattern),
        install=install,
        environment=tuple(
            (name, value) for name, value in form.environment.items() if not places_in(value)
        ),
    )


def _check_environment(
    table: Table, environment: Mapping[str, Any], places: Collection[str]
) -> None:
    for name, value in environment.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise table.error(name, "is not a valid name of a variable")
        if name in _OURS:
            raise table.error(name, "is set by rdbench; leave it out")
        if not isinstance(value, str):
            raise table.error(name, f"{quoted(value)} is not text; write it in quotes")
        check_places(table, name, value, places)


def expression(table: Table, key: str, text: str) -> str:
    """Compile ``text`` as a regular expression. Raises :class:`rdbench.UsageError` if it is not
    one."""
    try:
        re.compile(text)
    except re.error as error:
        raise table.error(key, f"is not a regular expression: {error}") from None
    return text


def places_in(text: str) -> list[str]:
    """The names of the placeholders in a text. Raises :class:`ValueError` for unmatched braces."""
    return [name for _, name, _, _ in _FORMATTER.parse(text) if name is not None]


def filled(text: str, values: Mapping[str, object]) -> str:
    """A text with ``values`` in its placeholders; those without a value stay. Raises
    :class:`ValueError` for a value that does not fit the format of its placeholder."""
    parts = []
    for literal, name, form, _ in _FORMATTER.parse(text):
        parts.append(literal)
        if name is None:
            continue
        if name not in values:
            parts.append(f"{{{name}:{form}}}" if form else f"{{{name}}}")
        else:
            parts.append(format(values[name], form) if form else text_of(values[name]))
    return "".join(parts)


def text_of(value: object) -> str:
    """An option's value as written in a command."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_places(table: Table, key: str, text: str, places: Collection[str]) -> None:
    """Raise :class:`rdbench.UsageError` for a text with placeholders other than ``places``, or that
    no command can contain."""
    if "\0" in text:
        raise table.error(key, "has a null character, which no command can contain")
    try:
        found = list(_FORMATTER.parse(text))
    except ValueError:
        reason = f"{text!r} has a single brace; double it if it is literal"
        raise table.error(key, reason) from None
    for _, name, form, conversion in found:
        if name is None:
            continue
        if name not in places:
            known = f"one of {', '.join(sorted(places))}" if places else "known here"
            raise table.error(key, f"{{{name}}} is not {known}")
        if conversion or "{" in (form or ""):
            raise table.error(
                key, f"{text!r}: a placeholder is a name, or a name, a colon and a format"
            )


def check_argument(
    table: Table, key: str, text: str, places: Collection[str], own: Collection[str]
) -> str:
    """An argument, whose placeholders are among ``places``. Those of ``own`` are files in the
    folder in which the command runs, which is not known in advance: they stand alone or after
    ``{folder}/``. Raises :class:`rdbench.UsageError`."""
    check_places(table, key, text, places)
    refuse_elsewhere(table, key, text)
    before = ""
    for literal, name, _, _ in _FORMATTER.parse(text):
        if name in own and literal.endswith("/") and (literal, before) != ("/", FOLDER):
            reason = f"{{{name}}} is a file in the folder in which the program runs; leave out"
            raise table.error(key, f"{text!r}: {reason} what is before it, or write {{folder}}/")
        before = name or ""
    return text


def refuse_elsewhere(table: Table, key: str, text: str) -> None:
    """Raise :class:`rdbench.UsageError` for an argument whose path would not resolve in the folder
    in which the command runs, or that needs a shell."""
    if _ELSEWHERE.search(text):
        raise table.error(
            key,
            f"{text!r} leads out of the temporary folder in which the program runs; list files "
            "beside the definition under 'files', and give the absolute path of others",
        )


def check_used(table: Table, texts: Iterable[str], needed: Collection[str]) -> None:
    """Raise :class:`rdbench.UsageError` if one of the placeholders ``needed`` is in no argument."""
    used = {place for text in texts for place in places_in(text)}
    if missing := sorted(set(needed) - used):
        raise table.error("arguments", f"{{{missing[0]}}} is not among them")


def files_beside(table: Table, names: Iterable[str]) -> Iterator[Path]:
    """The files of ``files``, which lie beside the table's file. Raises
    :class:`rdbench.UsageError` for one that does not."""
    folder = table.path.absolute().parent
    for index, name in enumerate(names):
        if Path(name).name != name or not (folder / name).is_file():
            raise table.error(f"files[{index}]", f"{name!r} is not a file beside the definition")
        yield folder / name


def files_read(table: Table, names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """The files and folders of ``reads``, by their names there: what a program reads in place.
    Raises :class:`rdbench.UsageError` for one that does not exist."""
    folder = table.path.absolute().parent
    for index, name in enumerate(names):
        path = folder / Path(name).expanduser()
        if not name or not path.exists():
            raise table.error(f"reads[{index}]", f"{name!r} is not a file or folder")
        yield name, path


def named_files(texts: Iterable[str]) -> Iterator[Path]:
    """The files that absolute paths in arguments name, alone or after ``=``, ``:`` or ``,``."""
    for text in texts:
        for start in re.finditer(r"(?:^|[=:,])(?=/)", text):
            rest = text[start.end() :]
            for path in (rest, re.split("[=:,]", rest)[0]):
                if "\0" not in path and Path(path).is_file():
                    yield Path(path)
                    break


def put_beside(files: Iterable[Path], folder: Path) -> None:
    """Link files into the folder in which a program runs."""
    for file in files:
        (folder / file.name).symlink_to(file)
