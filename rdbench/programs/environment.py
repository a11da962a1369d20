"""The environment of programs: the user's own, plus variables set on purpose. A worker has
variables that are meant only for it: the path of rdbench, the threads of its libraries, the return
of memory. With them, a program in another Python would import rdbench's packages instead of its
own, so they are not passed on. The number of threads of a program is set by its definition or the
user's environment.
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
    MARK: "a mark by which processes left running are found",
    RAM_VARIABLE: "the folder in RAM of the worker, if there is one",
}
"""Variables set for programs, as ``run.json`` records them; all others are the user's."""
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
    """Give programs of this process the environment of another process's user."""
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
