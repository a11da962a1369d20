"""A worker process: takes jobs from a pipe, sends answers back. Started by the pool.

It is a plain new interpreter rather than a fork, so that nothing of the parent (threads, locks,
a GPU context, an unguarded main module) can reach it, and the leader of its own process group,
so that whatever a codec starts can be ended with it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path

# A worker's environment beside its user's; libraries read it when they are loaded. Programs do not
# get it.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    # glibc gives memory of this size back to the system at each free, and the pages of the next
    # image are then faulted in one by one: 8 % of the time of a JPEG measurement (mallopt(3)).
    "MALLOC_MMAP_THRESHOLD_": str(64 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
}


def command(descriptor: int) -> list[str]:
    """How a worker of this process is started, with the connection on ``descriptor``."""
    return [sys.executable, "-P", "-m", "rdbench.runner.worker", str(descriptor), str(os.getpid())]


def environment(user: dict[bytes, bytes], own: dict[str, str]) -> dict[bytes, bytes]:
    """A worker's environment: that of ``user`` with :data:`ENVIRONMENT`, what is the worker's own,
    and this rdbench to be imported."""
    users_path = os.fsdecode(user.get(b"PYTHONPATH", b""))
    paths = [str(Path(__file__).parents[2]), *filter(None, users_path.split(os.pathsep))]
    ours = {**ENVIRONMENT, **own, "PYTHONPATH": os.pathsep.join(paths)}
    return user | {os.fsencode(name): os.fsencode(value) for name, value in ours.items()}


def main(descriptor: int, parent: int) -> None:
    """Answer jobs from the connection on ``descriptor`` until it is closed; ``parent`` is the
    process that started this one."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    os.set_inheritable(descriptor, False)
    connection = Connection(descriptor)

    import cv2

    from rdbench import programs
    from rdbench.codecs import handed
    from rdbench.runner.resources import cap_memory

    cv2.setNumThreads(1)
    settings, user = connection.recv()
    programs.adopt(settings.programs)
    programs.adopt_environment(user)
    _give_back_pythonpath(user)
    handed.adopt(settings.classes)
    if settings.memory_mb is not None:
        cap_memory(settings.memory_mb)
    programs.account_memory()
    module, _, name = settings.bench.partition(":")
    bench = getattr(importlib.import_module(module), name)(
        settings, lambda doing: connection.send(("doing", doing))
    )
    connection.send(("ready", None))
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            job = connection.recv()
            # What a codec prints stays out of the way, and only the last job's is kept.
            with contextlib.suppress(OSError):
                os.ftruncate(1, 0)
            connection.send(("done", bench.answer(job)))


def _give_back_pythonpath(user: dict[bytes, bytes]) -> None:
    """Give PYTHONPATH back the value that it has for ``user``: the worker has read it, and another
    Python that a codec starts by itself must not import rdbench's packages in place of its own."""
    del os.environb[b"PYTHONPATH"]
    if (path := user.get(b"PYTHONPATH")) is not None:
        os.environb[b"PYTHONPATH"] = path


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent is killed (prctl(2), Linux only)."""
    if sys.platform != "linux":
        return
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed before the call
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
