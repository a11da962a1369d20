"""Where things are: run directories by default, and the files of ``baselines/``, which lie beside
a clone's package and within an installed one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rdbench.errors import UsageError
from rdbench.text import quoted

RUNS: Final = Path("results") / "runs"
"""Where run directories are made that are not named."""

REPORTS: Final = Path("reports")
"""Where folders of reproductions are made that are not named."""

PREFIX: Final = "baselines:"
"""What a path within that folder begins with, wherever a path is an option: runs that name it so
are the same on every machine."""

RUN_PREFIX: Final = "run:"
"""What a path into the run directory begins with in the recipes of reproductions."""

_PACKAGE: Final = Path(__file__).resolve().parent
_FOLDERS: Final = (_PACKAGE / "_baselines", _PACKAGE.parent / "baselines")


def named(out: str | Path) -> Path:
    """The path that ``out`` names. Raises :class:`UsageError` for an empty one, which would be the
    working directory."""
    if not str(out).strip():
        raise UsageError("`out` is empty; name a path, as . for the working directory")
    return Path(out)


def inside(folder: Path, name: str, what: str) -> Path:
    """The path ``name`` within ``folder``. Raises :class:`UsageError`, with ``what`` it is the name
    of, for one that leads out of it or is none."""
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
            f"{text!r}: there is no such file or folder; the weights of baselines/ are in a clone "
            "of the repository alone"
        )
    return found
