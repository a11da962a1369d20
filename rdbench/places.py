"""Default locations: those of run directories, and of the files of ``baselines/``, which are beside
the package in a clone and inside an installed one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rdbench.errors import UsageError
from rdbench.text import quoted

RUNS: Final = Path("results") / "runs"
"""The default folder of run directories."""

REPORTS: Final = Path("reports")
"""The default folder of reproductions."""

PREFIX: Final = "baselines:"
"""The prefix of a path within that folder, wherever a path is an option: such runs are the same on
every machine."""

RUN_PREFIX: Final = "run:"
"""The prefix of a path into the run directory, in the recipes of reproductions."""

_PACKAGE: Final = Path(__file__).resolve().parent
_FOLDERS: Final = (_PACKAGE / "_baselines", _PACKAGE.parent / "baselines")


def named(out: str | Path) -> Path:
    """The path that ``out`` names. Raises :class:`UsageError` for an empty one, which would be the
    working directory."""
    if not str(out).strip():
        raise UsageError("`out` is empty; name a path, such as . for the working directory")
    return Path(out)


def inside(folder: Path, name: str, what: str) -> Path:
    """The path ``name`` within ``folder``. Raises :class:`UsageError`, which says ``what`` it is
    the name of, for a name that leads out of it or is invalid."""
    steps = Path(name)
    if not steps.parts or steps.anchor or ".." in steps.parts or "\0" in name:
        raise UsageError(f"{what} {quoted(name)} is not the name of a file within {str(folder)!r}")
    return folder / name


def baselines() -> Path:
    """The folder, whether it exists or not."""
    return next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])


def path(text: str) -> Path:
    """The path that ``text`` stands for: ``baselines:NAME``, or a path as it is. Raises
    :class:`UsageError` for an unknown NAME."""
    if not text.startswith(PREFIX):
        return Path(text)
    found = baselines() / text.removeprefix(PREFIX)
    if not found.exists():
        raise UsageError(
            f"{text!r}: there is no such file or folder; only a clone of the repository has the "
            "weights of baselines/"
        )
    return found
