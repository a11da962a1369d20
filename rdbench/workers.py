"""Setup of every process that measures, wherever it runs: one thread, a limit on its memory, an end
with its parent, and a mark and folders of its own, by which anything it leaves behind is found. The
parent calls :func:`environment`; the process itself calls :func:`begin` and :func:`set_up`.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterable, Mapping
from typing import Final

from rdbench import programs
from rdbench.programs import Program, ProgramSpec
from rdbench.schema import one_line

ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    # glibc gives memory of this size back to the system at each free, and the pages of the next
    # image are then faulted in one by one: 8 % of the time of a JPEG measurement (mallopt(3)).
    "MALLOC_MMAP_THRESHOLD_": str(64 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
}
"""Variables added to the user's environment for a worker. Libraries read them when they are loaded;
programs do not get them."""
_PATH: Final = "PYTHONPATH"


def environment(
    user: Mapping[bytes, bytes], own: Mapping[str, str], packages: Iterable[str] = ()
) -> dict[bytes, bytes]:
    """The environment that a worker is started with: that of ``user`` with :data:`ENVIRONMENT`, the
    worker's ``own`` variables (:meth:`rdbench.programs.Janitor.environment`), and the folders of
    ``packages`` at the front of Python's path."""
    ours = {**ENVIRONMENT, **own}
    if folders := [*packages]:
        users = os.fsdecode(user.get(_PATH.encode(), b""))
        ours[_PATH] = os.pathsep.join([*folders, *filter(None, users.split(os.pathsep))])
    return {**user, **{os.fsencode(name): os.fsencode(value) for name, value in ours.items()}}


def begin(parent: int) -> None:
    """The part of the setup that needs no message from ``parent``, which started this process: it
    ends with its parent, and leaves interrupts to it."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    import cv2

    cv2.setNumThreads(1)


def set_up(
    user: Mapping[bytes, bytes],
    memory_mb: int | None,
    found: Mapping[ProgramSpec, Program],
) -> None:
    """Set this process up for work: with the environment of its programs, the programs that were
    ``found`` for the run, and a limit on its private memory in MiB."""
    programs.adopt(found)
    programs.adopt_environment(user)
    _give_back_path(user)
    if memory_mb is not None:
        cap_memory(memory_mb)
    programs.account_memory()


def _give_back_path(user: Mapping[bytes, bytes]) -> None:
    """Give PYTHONPATH back the value that it has for ``user``: this process has read it, and
    another Python that a codec starts by itself must not import rdbench's packages in place of its
    own."""
    name = _PATH.encode()
    os.environb.pop(name, None)
    if (path := user.get(name)) is not None:
        os.environb[name] = path


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent is killed (prctl(2), Linux only)."""
    if sys.platform != "linux":
        return
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed before the call
        os._exit(1)


def cap_memory(memory_mb: int) -> None:
    """Limit the private memory of this process, and of each that it starts.

    The limit is RLIMIT_DATA, which Linux applies to the heap and to private anonymous mappings
    (setrlimit(2)): allocations beyond it fail, and address space that is only reserved is free.
    """
    import resource

    limit = memory_mb * 2**20
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def ending(status: int, text: str) -> str:
    """How a process ended, in words, with the end of its output."""
    lines = text.split("\n") or [""]
    if status == 1 and _ERROR.match(lines[-1]):
        return f"the worker ended with a Python error: {one_line(lines[-1], 300)}"
    words = " ".join(text.split())[-300:]
    told = f": {words}" if words else ""
    if status >= 0:
        return f"the process left with exit code {status}{told}"
    name = signal.Signals(-status).name
    if name == "SIGKILL":
        return f"the process was killed (SIGKILL: out of memory, or by a user){told}"
    return f"the process died of {name}{told}"


_ERROR: Final = re.compile(r"([A-Za-z_]\w*\.)*[A-Z]\w*(Error|Exception|Interrupt|Exit)\b")
