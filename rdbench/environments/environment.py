"""Which environment a codec is in, and how to start a worker there. In a codec's target, the
environment follows the codec, as on the command line:
``mine.py:Mine,python=/path/to/env/bin/python``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rdbench import files
from rdbench.errors import UsageError
from rdbench.toml import Form

KINDS: Final = ("python", "conda", "command")
WORKER: Final = Path(__file__).parent / "worker.py"
PROTOCOL_TEXT: Final = Path(__file__).parents[1] / "worker_protocol.md"
_IN: Final = re.compile(rf"(?P<codec>.+?),(?P<kind>{'|'.join(KINDS)})=(?P<value>.*)", re.DOTALL)
_VERSION_S: Final = 10.0
OLDEST: Final = (3, 8)


@dataclass(frozen=True)
class Environment:
    """An environment; its existence is not checked yet."""

    kind: str
    """``python``, ``conda`` or ``command``"""
    value: str
    """The interpreter's path or name; the name or the folder of the conda environment; or a command
    line, as a shell takes it, that starts a worker."""

    @property
    def text(self) -> str:
        """It in a target, and in messages."""
        return f"{self.kind}={self.value}"

    def command(self) -> list[str]:
        """The command that starts a worker. Raises :class:`UsageError` if that is impossible."""
        if self.kind == "python":
            return [str(self._python()), str(WORKER)]
        if self.kind == "conda":
            where = "--prefix" if os.sep in self.value else "--name"
            # Without capturing, what goes in and out is the worker's own.
            run = [self._conda(), "run", "--no-capture-output", where, self.value]
            return [*run, "python", str(WORKER)]
        try:
            first, *others = shlex.split(self.value)
        except ValueError as error:
            raise UsageError(f"environment {self.text!r}: {error}; name a command line") from None
        return [_found(first, self.text), *others]

    def place(self) -> str:
        """:attr:`value` from any working directory. Symbolic links stay, which an environment's
        Python is told from another by."""
        if self.kind == "python" and os.sep in self.value:
            return str(_path(self.value).absolute())
        if self.kind == "command":
            words = shlex.split(self.value)
            return shlex.join(str(Path(w).absolute()) if Path(w).is_file() else w for w in words)
        return self.value

    def source(self) -> dict[str, str]:
        """The SHA-256 of the files that a command line names, the program first; nothing for an
        environment of Python, whose worker tells what it is."""
        if self.kind != "command":
            return {}
        named = [Path(word) for word in self.command()]
        return {path.name: files.sha256(path) for path in named if path.is_file()}

    def too_old(self) -> str:
        """The problem with the age of a Python that did not start a worker; "" for none."""
        if self.kind == "command":
            return ""
        ask = [*self.command()[:-1], "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        try:
            found = subprocess.run(
                ask, capture_output=True, text=True, timeout=_VERSION_S, stdin=subprocess.DEVNULL
            ).stdout.strip()
            version = tuple(map(int, found.split(".")))
        except (OSError, subprocess.TimeoutExpired, ValueError):
            return ""
        oldest = ".".join(map(str, OLDEST))
        return f"it is Python {found}, but {oldest} or later is needed" if version < OLDEST else ""

    def _python(self) -> Path:
        if os.sep not in self.value:
            return Path(_found(self.value, self.text))
        path = _path(self.value).absolute()
        inside = path / "bin" / "python"
        found = inside if path.is_dir() and inside.exists() else path
        if not found.is_file():
            raise UsageError(
                f"environment {self.text!r}: there is no such file; name the interpreter of the "
                "environment, such as python=/path/to/env/bin/python"
            )
        if not os.access(found, os.X_OK):
            raise UsageError(
                f"environment {self.text!r}: it is not a program; name the interpreter"
            )
        return found

    def _conda(self) -> str:
        named = os.environ.get("CONDA_EXE", "")
        for name in filter(None, (named, "conda", "mamba")):
            if found := shutil.which(name):
                return found
        raise UsageError(
            f"environment {self.text!r}: conda was not found; set $CONDA_EXE to it, or name the "
            "interpreter, such as python=/path/to/env/bin/python"
        )


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _found(name: str, where: str) -> str:
    """The program ``name``, by its path or as a shell finds it."""
    found = shutil.which(str(_path(name)))
    if found is None:
        raise UsageError(f"environment {where!r}: program {name!r} was not found; give its path")
    return str(Path(found).absolute())


class EnvironmentForm(Form, frozen=True):
    """An environment as the table of a TOML file: one of the three."""

    python: str = ""
    """the path of an interpreter, relative to this file if it has a slash, or its name on PATH"""
    conda: str = ""
    """the name or the folder of a conda environment"""
    command: tuple[str, ...] = ()
    """the words of a command that starts Python, such as that of a container"""

    def named(self, folder: Path) -> list[Environment]:
        """What is named. An interpreter with a slash, and arguments that are files, are meant as
        seen from ``folder``. Raises :class:`UsageError` where nothing is."""
        words = (str(folder / word) if (folder / word).is_file() else word for word in self.command)
        values = {
            "python": str(folder / self.python) if os.sep in self.python else self.python,
            "conda": self.conda,
            "command": shlex.join(words),
        }
        if not any(values.values()):
            raise UsageError(f"environment names no {', '.join(values)}; name one of them")
        return [Environment(kind, value) for kind, value in values.items() if value]


def split(target: str) -> tuple[str, Environment] | None:
    """Codec and environment of a target; None for a codec of this Python."""
    found = _IN.fullmatch(target)
    return (found["codec"], Environment(found["kind"], found["value"])) if found else None


def joined(codec: str, environment: Environment) -> str:
    """The target of a codec in an environment."""
    return f"{codec},{environment.text}"
