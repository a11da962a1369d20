"""A worker process: takes jobs from a pipe, sends answers back. Started by the pool.

It is a plain new interpreter rather than a fork, so that nothing of the parent (threads, locks,
a GPU context, an unguarded main module) can reach it, and the leader of its own process group,
so that whatever a codec starts can be ended with it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from rdbench import workers


def command(descriptor: int) -> list[str]:
    """How a worker of this process is started, with the connection on ``descriptor``."""
    return [sys.executable, "-P", "-m", "rdbench.runner.worker", str(descriptor), str(os.getpid())]


def environment(user: Mapping[bytes, bytes], own: Mapping[str, str]) -> dict[bytes, bytes]:
    """The environment in which it is started, with the folder of this rdbench among those that
    modules are imported from."""
    return workers.environment(user, own, [str(Path(__file__).parents[2])])


def main(descriptor: int, parent: int) -> None:
    """Answer jobs from the connection on ``descriptor`` until it is closed; ``parent`` is the
    process that started this one."""
    workers.begin(parent)
    os.set_inheritable(descriptor, False)
    connection = Connection(descriptor)

    from rdbench.codecs import registry

    settings, user = connection.recv()
    registry.adopt(settings.classes)
    workers.set_up(user, settings.memory_mb, settings.programs)
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


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
