"""What files that describe programs have in common, of codecs and of metrics: which program is
meant, its arguments with places for what differs, and the files that it reads.

A place is a name in braces, ``{point}``, or with one of Python's format specifications behind a
colon, ``{point:02d}``. A brace that stands for itself is written twice.
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
from rdbench.toml import Form, Table

FOLDER: Final = "folder"
"""The place of the folder in which a command runs."""

_FORMATTER: Final = string.Formatter()
_ELSEWHERE: Final = re.compile(r"\.\.|~")
_RESERVED: Final = ("RDBENCH_DATA", "RDBENCH_CODECS", RAM_VARIABLE, MARK)
_OURS: Final = ("TMPDIR", RAM_VARIABLE, MARK)


class ProgramForm(Form, frozen=True):
    """What a table that describes a program holds, ``arguments`` apart."""

    program: str
    names: tuple[str, ...] | None = None
    version: tuple[str, ...] | None = None
    pattern: str = ""
    files: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    environment: dict[str, Any] = msgspec.field(default_factory=dict)


def program(
    table: Table, form: ProgramForm, install: str, places: Collection[str] = ()
) -> ProgramSpec:
    """The program of ``table``; ``install`` is what to do where it is missing. One with a slash is
    relative to the table's file. ``places`` may be in the values of ``environment``. Raises
    :class:`rdbench.UsageError` with file, key and reason."""
    folder = table.path.absolute().parent
    names = (form.program,) if form.names is None else form.names
    name = Path(form.program).name
    if not name:
        raise table.error("program", f"{form.program!r} names no program")
    if variable(name) in _RESERVED:
        raise table.error("program", f"{variable(name)} means something else; rename it")
    if not all(names) or not names:
        raise table.error("names", f"{list(names)} names no program")
    if form.pattern and form.version is None:
        raise table.error(
            "version",
            "is missing: 'pattern' is searched in what the program prints when it is asked; [] "
            "asks it without arguments",
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
            raise table.error(name, "is no name of a variable")
        if name in _OURS:
            raise table.error(name, "is set by rdbench; leave it out")
        if not isinstance(value, str):
            raise table.error(name, f"{value!r} is not text; write it in quotes")
        check_places(table, name, value, places)


def expression(table: Table, key: str, text: str) -> str:
    """``text``, a regular expression. Raises :class:`rdbench.UsageError` for what is none."""
    try:
        re.compile(text)
    except re.error as error:
        raise table.error(key, f"is no regular expression: {error}") from None
    return text


def places_in(text: str) -> list[str]:
    """The names of the places in a text. Raises :class:`ValueError` for braces that are none."""
    return [name for _, name, _, _ in _FORMATTER.parse(text) if name is not None]


def filled(text: str, values: Mapping[str, object]) -> str:
    """A text with ``values`` in its places; those that have none stay as they are. Raises
    :class:`ValueError` for a value that has not the form that its place asks for."""
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
    """An option's value as it stands in a command."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_places(table: Table, key: str, text: str, places: Collection[str]) -> None:
    """Raise :class:`rdbench.UsageError` for a text whose places are not among ``places``, or that
    no command can hold."""
    if "\0" in text:
        raise table.error(key, "has a null character, which no command can hold")
    try:
        found = list(_FORMATTER.parse(text))
    except ValueError:
        reason = f"{text!r} has a single brace; one that stands for itself is written twice"
        raise table.error(key, reason) from None
    for _, name, form, conversion in found:
        if name is None:
            continue
        if name not in places:
            known = f"one of {', '.join(sorted(places))}" if places else "known here"
            raise table.error(key, f"{{{name}}} is not {known}")
        if conversion or "{" in (form or ""):
            raise table.error(key, f"{text!r}: a place is a name, or a name, a colon and a form")


def check_argument(
    table: Table, key: str, text: str, places: Collection[str], own: Collection[str]
) -> str:
    """An argument, whose places are among ``places``. Those of ``own`` are files in the folder in
    which the command runs, which is not known before: they are named as they are, or behind
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
    """Raise :class:`rdbench.UsageError` for an argument with a path that leads elsewhere from the
    folder in which a command runs, or that a shell would have to read."""
    if _ELSEWHERE.search(text):
        raise table.error(
            key,
            f"{text!r} leads out of the temporary folder in which the program runs; list files "
            "beside the definition under 'files', and give others their whole path",
        )


def check_used(table: Table, texts: Iterable[str], needed: Collection[str]) -> None:
    """Raise :class:`rdbench.UsageError` where one of the places ``needed`` is in no argument."""
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
    """The files and folders of ``reads``, by the names that they have there: what a program reads
    from where it is. Raises :class:`rdbench.UsageError` for one that is not there."""
    folder = table.path.absolute().parent
    for index, name in enumerate(names):
        path = folder / Path(name).expanduser()
        if not name or not path.exists():
            raise table.error(f"reads[{index}]", f"{name!r} is no file or folder")
        yield name, path


def named_files(texts: Iterable[str]) -> Iterator[Path]:
    """The files that whole paths in arguments name, as they are or behind ``=``, ``:`` or ``,``."""
    for text in texts:
        for start in re.finditer(r"(?:^|[=:,])(?=/)", text):
            rest = text[start.end() :]
            for path in (rest, re.split("[=:,]", rest)[0]):
                if "\0" not in path and Path(path).is_file():
                    yield Path(path)
                    break


def put_beside(files: Iterable[Path], folder: Path) -> None:
    """Have files in the folder in which a program runs, as links."""
    for file in files:
        (folder / file.name).symlink_to(file)
