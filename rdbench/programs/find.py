"""Finding and identifying a program: path, version, SHA-256."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rdbench import files
from rdbench.errors import CodecError, MissingBackendError
from rdbench.programs.process import output_of
from rdbench.schema import one_line

VERSION_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True)
class ProgramSpec:
    """A program, as named by a codec's definition."""

    name: str
    """Such as ``"bpgenc"``; with it comes the variable ``RDBENCH_BPGENC``."""
    candidates: tuple[str, ...]
    """File names to look for on PATH, in this order. A name with a slash is a path, and an existing
    file takes precedence over the variable."""
    version_arguments: tuple[str, ...] | None = None
    """Arguments that print its version; None to not start it for that."""
    version_pattern: str = ""
    """Regular expression to search in the program's output; its groups are the version. An empty
    one is for a program without a version, which is then its SHA-256."""
    install: str = ""
    """What to do if it is missing."""
    environment: tuple[tuple[str, str], ...] = ()
    """Set for it, and so also when it is asked for its version."""


@dataclass(frozen=True)
class Program:
    """A program that was found."""

    name: str
    path: str
    version: str

    @property
    def sha256(self) -> str:
        """SHA-256 of the program's file."""
        return files.sha256(Path(self.path))

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version or 'sha256:' + self.sha256[:12]}"


def variable(name: str) -> str:
    """The environment variable that names the program's file: ``RDBENCH_TAPPENCODER``."""
    return "RDBENCH_" + re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")


def find(spec: ProgramSpec) -> Program:
    """The program of ``spec``: the file that it names by a path, else the value of its variable,
    else the first on PATH with the right version. The result is kept until the file, the variable
    or PATH changes; adopted programs are kept for good. Raises :class:`MissingBackendError`, with
    the problem and what to install.
    """
    if spec in _adopted:
        return _adopted[spec]
    surroundings = os.environ.get(variable(spec.name)), os.environ.get("PATH")
    if (kept := _kept.get(spec)) is None or kept.surroundings != surroundings or kept.changed:
        program = _looked_up(spec, surroundings[0])
        kept = _kept[spec] = _Kept(program, surroundings, files.stamp(Path(program.path)))
    return kept.program


def found() -> dict[ProgramSpec, Program]:
    """The programs that were found so far in this process."""
    return {**{spec: kept.program for spec, kept in _kept.items()}, **_adopted}


def adopt(programs: Mapping[ProgramSpec, Program]) -> None:
    """Have :func:`find` answer with what another process has found."""
    _adopted.update(programs)


@dataclass(frozen=True)
class _Kept:
    program: Program
    surroundings: tuple[str | None, str | None]
    """The variable and PATH with which it was found."""
    stamp: tuple[int, int]

    @property
    def changed(self) -> bool:
        """Whether the file is another one by now, or gone."""
        try:
            return files.stamp(Path(self.program.path)) != self.stamp
        except OSError:
            return True


_kept: dict[ProgramSpec, _Kept] = {}
_adopted: dict[ProgramSpec, Program] = {}


def _looked_up(spec: ProgramSpec, named: str | None) -> Program:
    return _named(spec, named) if named and not _names_a_file(spec) else _on_path(spec)


def _names_a_file(spec: ProgramSpec) -> bool:
    return any("/" in name and Path(name).is_file() for name in spec.candidates)


def _named(spec: ProgramSpec, named: str) -> Program:
    path = Path(named).expanduser()
    if "/" not in named:
        path = Path(shutil.which(named) or path)
    where = f"{variable(spec.name)} names {named!r}, which"
    if not path.is_file():
        raise MissingBackendError(f"{where} is not a file; set it to the program {spec.name!r}")
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
    other = "name another file" if _names_a_file(spec) else f"set {variable(spec.name)} to it"
    raise MissingBackendError(f"program {spec.name!r} is missing ({reason}): {advice} {other}")


def _identified(spec: ProgramSpec, path: Path) -> Program:
    if spec.version_arguments is None:
        return Program(spec.name, str(path), "")
    try:
        command = [str(path), *spec.version_arguments]
        text = output_of(command, VERSION_TIMEOUT_S, dict(spec.environment))
    except CodecError as error:
        raise MissingBackendError(f"{path} cannot be used: {error}") from error
    if not spec.version_pattern:
        return Program(spec.name, str(path), "")
    match = re.search(spec.version_pattern, text, re.MULTILINE)
    if match is None:
        asked = " ".join([path.name, *spec.version_arguments])
        printed = repr(one_line(text, 80)) if text.strip() else "nothing"
        raise MissingBackendError(
            f"{path} is not the expected program {spec.name!r}, or has an unknown version: "
            f"`{asked}` prints {printed}, which the pattern {spec.version_pattern!r} of its "
            "definition does not match"
        )
    return Program(spec.name, str(path), one_line(" ".join(filter(None, match.groups()))))
