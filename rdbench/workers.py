"""What every process that measures is set up with, wherever it runs: one thread, a cap on its
memory, an end with whoever started it, and a mark and folders of its own, by which what it leaves
behind is found.

:func:`environment` is for whoever starts such a process, :func:`begin` and :func:`set_up` are for
the process itself.
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
"""A worker's environment beside its user's; libraries read it when they are loaded. Programs do not
get it."""
_PATH: Final = "PYTHONPATH"


def environment(
    user: Mapping[bytes, bytes], own: Mapping[str, str], packages: Iterable[str] = ()
) -> dict[bytes, bytes]:
    """What a worker is started with: the environment of ``user`` with :data:`ENVIRONMENT`, what is
    the worker's ``own`` (:meth:`rdbench.programs.Janitor.environment`), and the folders of
    ``packages`` before others that Python imports from."""
    ours = {**ENVIRONMENT, **own}
    if folders := [*packages]:
        users = os.fsdecode(user.get(_PATH.encode(), b""))
        ours[_PATH] = os.pathsep.join([*folders, *filter(None, users.split(os.pathsep))])
    return {**user, **{os.fsencode(name): os.fsencode(value) for name, value in ours.items()}}


def begin(parent: int) -> None:
    """Set this process up as far as that needs no word of ``parent``, which started it: it ends
    with it, and leaves to it what an interrupt means."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    import cv2

    cv2.setNumThreads(1)


def set_up(
    user: Mapping[bytes, bytes],
    memory_mb: int | None,
    found: Mapping[ProgramSpec, Program],
) -> None:
    """Set this process up for work: with the environment that its programs get, the programs that
    were ``found`` for the run, and a cap on its private memory in MiB."""
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
    """Let this process, and each that it starts, have at most so much private memory.

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
    """How a process ended, in words, with the last of what it printed."""
    lines = text.split("\n") or [""]
    if status == 1 and _ERROR.match(lines[-1]):
        return f"the worker ended with a Python error: {one_line(lines[-1], 300)}"
    words = " ".join(text.split())[-300:]
    told = f": {words}" if words else ""
    if status >= 0:
        return f"the process left with exit code {status}{told}"
    name = signal.Signals(-status).name
    if name == "SIGKILL":
        return f"the process was killed (SIGKILL: out of memory, or by someone){told}"
    return f"the process died of {name}{told}"


_ERROR: Final = re.compile(r"([A-Za-z_]\w*\.)*[A-Z]\w*(Error|Exception|Interrupt|Exit)\b")
