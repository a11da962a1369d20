"""The environment of programs: their user's own, and what is set for them on purpose.

A worker has variables that are meant for it alone: where it imports rdbench from, how many threads
its libraries use, how its memory is handed back. A program of another Python would import rdbench's
packages with them in place of its own, so none of them is handed on. How many threads a program
uses is for its definition to say, or for its user's environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rdbench.programs.scratch import OWN, RAM_VARIABLE
from rdbench.programs.strays import MARK

LOCALE: Final = "C"
SET: Final = {
    "LC_ALL": LOCALE,
    "TMPDIR": "the folder that the program runs in",
    MARK: "a mark by which what a program leaves running is found",
    RAM_VARIABLE: "the folder in RAM of the worker, where there is one",
}
"""What is set for programs, as ``run.json`` tells it; all else is as their user has it."""
_LIBRARIES: Final = b"LD_LIBRARY_PATH"

_adopted: list[Mapping[bytes, bytes]] = []  # none or one


def users_environment() -> dict[bytes, bytes]:
    """The environment of the user: the one that was adopted, or that of this process without the
    folder that OpenCV puts before ``LD_LIBRARY_PATH`` when it is imported."""
    if _adopted:
        return dict(_adopted[0])
    environment = dict(os.environb)
    opencv = getattr(sys.modules.get("cv2"), "__file__", None)
    if opencv and (before := environment.pop(_LIBRARIES, b"")):
        own = os.fsencode(Path(opencv).resolve().parent) + b"/"
        folders = before.split(b":")
        while folders and folders[0].startswith(own):
            del folders[0]
        if after := b":".join(folders):
            environment[_LIBRARIES] = after
    return environment


def adopt_environment(environment: Mapping[bytes, bytes]) -> None:
    """Have programs of this process get the environment of another one's user."""
    _adopted[:] = [environment]


def environment_in(folder: Path, environment: Mapping[str, str]) -> dict[bytes, bytes]:
    """What a program that runs in ``folder`` is started with; ``environment`` is what its
    definition sets."""
    ours = {os.fsencode(name) for name in (MARK, RAM_VARIABLE)}
    return {
        **users_environment(),
        **{name: os.environb[name] for name in ours if name in os.environb},
        **{os.fsencode(name): os.fsencode(value) for name, value in OWN.items()},
        b"LC_ALL": LOCALE.encode(),
        b"TMPDIR": os.fsencode(folder),
        **{os.fsencode(name): os.fsencode(value) for name, value in environment.items()},
    }
