"""What files that describe programs have in common, of codecs and of metrics: which program is
meant, its arguments with places for what differs, and the files that it reads."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from rdbench.programs import ProgramSpec, variable
from rdbench.programs.scratch import RAM_VARIABLE
from rdbench.programs.strays import MARK
from rdbench.toml import Form, Table

PLACE: Final = re.compile(r"\{([^{}]*)\}")
"""What stands in an argument for something that differs."""

_PATH: Final = re.compile(r"\.\.|~|(?<![0-9])/|/(?![0-9])")
_RESERVED: Final = ("RDBENCH_DATA", RAM_VARIABLE, MARK)
_OURS: Final = ("TMPDIR", RAM_VARIABLE, MARK)


class ProgramForm(Form, frozen=True):
    """What a table that describes a program holds, ``arguments`` apart."""

    program: str
    names: tuple[str, ...] | None = None
    version: tuple[str, ...] = ()
    pattern: str = ""
    files: tuple[str, ...] = ()
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
    _check_environment(table.table("environment"), form.environment, places)
    return ProgramSpec(
        name=name,
        candidates=tuple(str(folder / name) if "/" in name else name for name in names),
        version_arguments=form.version,
        version_pattern=expression(table, "pattern", form.pattern),
        install=install,
        environment=tuple(
            (name, value) for name, value in form.environment.items() if not PLACE.search(value)
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
        if "\0" in value:
            raise table.error(name, "has a null character, which no variable can hold")
        check_places(table, name, value, places)


def expression(table: Table, key: str, text: str) -> str:
    """``text``, a regular expression. Raises :class:`rdbench.UsageError` for what is none."""
    try:
        re.compile(text)
    except re.error as error:
        raise table.error(key, f"is no regular expression: {error}") from None
    return text


def check_argument(table: Table, key: str, text: str, places: Collection[str]) -> str:
    """An argument, whose places are among ``places``. A command reads and writes where it
    runs; what it needs beside that is in ``files``, so that paths are refused. Raises
    :class:`rdbench.UsageError`."""
    check_places(table, key, text, places)
    refuse_path(table, key, text)
    return text


def check_places(table: Table, key: str, text: str, places: Collection[str]) -> None:
    """Raise :class:`rdbench.UsageError` for a place in ``text`` that is not among ``places``."""
    for name in PLACE.findall(text):
        if name not in places:
            known = f"one of {', '.join(sorted(places))}" if places else "known here"
            raise table.error(key, f"{{{name}}} is not {known}")


def refuse_path(table: Table, key: str, text: str) -> None:
    """Raise :class:`rdbench.UsageError` for an argument that leads to another folder."""
    if text != "/dev/null" and _PATH.search(PLACE.sub("", text)):
        raise table.error(
            key,
            f"{text!r} leads out of the temporary folder in which the program runs; list files "
            "that it reads under 'files', and name them without a folder",
        )


def check_used(table: Table, texts: Iterable[str], needed: Collection[str]) -> None:
    """Raise :class:`rdbench.UsageError` where one of the places ``needed`` is in no argument."""
    used = {place for text in texts for place in PLACE.findall(text)}
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


def put_beside(files: Iterable[Path], folder: Path) -> None:
    """Copy files into the folder in which a program runs."""
    for file in files:
        shutil.copyfile(file, folder / file.name)
