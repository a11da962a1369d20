"""Where a program is, and which one it is: path, version, SHA-256."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rdbench.errors import CodecError, MissingBackendError
from rdbench.programs.process import output_of
from rdbench.schema import one_line

VERSION_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True)
class ProgramSpec:
    """A program as a codec's definition names it."""

    name: str
    """Such as ``"bpgenc"``; with it comes the variable ``RDBENCH_BPGENC``."""
    candidates: tuple[str, ...]
    """File names that are looked for on PATH, in this order; one with a slash is a path."""
    version_arguments: tuple[str, ...] = ()
    version_pattern: str = ""
    """Regular expression, searched in what the program prints; its groups are the version. An
    empty one stands for a program that does not tell: its SHA-256 is its version."""
    install: str = ""
    """What to do where it is missing."""


@dataclass(frozen=True)
class Program:
    """A program that was found."""

    name: str
    path: str
    version: str

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the program's file."""
        with Path(self.path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version or 'sha256:' + self.sha256[:12]}"


def variable(name: str) -> str:
    """The environment variable that names the program's file: ``RDBENCH_TAPPENCODER``."""
    return "RDBENCH_" + re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")


def find(spec: ProgramSpec) -> Program:
    """The program of ``spec``: what its variable names, else the first on PATH that is the right
    one by its version. It is looked up once in a process.

    Raises :class:`MissingBackendError` with what was wrong and what to install.
    """
    return _find(spec, os.environ.get(variable(spec.name)), os.environ.get("PATH"))


_found: dict[str, str] = {}


def found() -> dict[str, str]:
    """The programs that were found so far in this process: variables and paths."""
    return dict(_found)


@functools.cache
def _find(spec: ProgramSpec, named: str | None, _path: str | None) -> Program:
    program = _named(spec, named) if named else _on_path(spec)
    _found[variable(spec.name)] = program.path
    return program


def _named(spec: ProgramSpec, named: str) -> Program:
    path = Path(named).expanduser()
    if "/" not in named:
        path = Path(shutil.which(named) or path)
    where = f"{variable(spec.name)} names {named!r}, which"
    if not path.is_file():
        raise MissingBackendError(f"{where} is no file; set it to the program {spec.name!r}")
    if not os.access(path, os.X_OK):
        raise MissingBackendError(f"{where} is not executable; try `chmod +x`")
    return _identified(spec, path.absolute())


def _on_path(spec: ProgramSpec) -> Program:
    refused = []
    for candidate in spec.candidates:
        path = shutil.which(candidate)
        if path is None:
            path = shutil.which(candidate, mode=os.F_OK)
            if path is not None:
                refused.append(f"{path} is not executable")
            continue
        try:
            return _identified(spec, Path(path).absolute())
        except MissingBackendError as error:
            refused.append(str(error))
    names = " or ".join(map(repr, spec.candidates))
    place = "there" if any("/" in candidate for candidate in spec.candidates) else "on PATH"
    reason = "; ".join(refused) or f"{names} is not {place}"
    advice = f"{spec.install}; or" if spec.install else "install it, or"
    raise MissingBackendError(
        f"program {spec.name!r} is missing ({reason}): {advice} set {variable(spec.name)} to it"
    )


def _identified(spec: ProgramSpec, path: Path) -> Program:
    try:
        text = output_of([str(path), *spec.version_arguments], VERSION_TIMEOUT_S)
    except CodecError as error:
        raise MissingBackendError(f"{path} cannot be used: {error}") from error
    if not spec.version_pattern:
        return Program(spec.name, str(path), "")
    match = re.search(spec.version_pattern, text, re.MULTILINE)
    if match is None:
        asked = " ".join([path.name, *spec.version_arguments])
        printed = repr(one_line(text, 80)) if text.strip() else "nothing"
        raise MissingBackendError(
            f"{path} is not the program {spec.name!r} that is meant, or of a version that is not "
            f"known: `{asked}` prints {printed}"
        )
    return Program(spec.name, str(path), one_line(" ".join(filter(None, match.groups()))))
