"""The connection to a Dask cluster, and a cluster of this machine. It needs Dask."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import dask
from distributed import Client, LocalCluster, Security
from distributed.comm import connect

from rdbench.errors import UsageError
from rdbench.schema import one_line

CONNECT_S: Final = 4.0
"""For one try to reach a scheduler."""
UNWATCHED: Final = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "10s",
}
"""For workers here: Dask watches them less, since nobody sees its dashboard, and they share cores
with codecs."""


class LocalWorkers:
    """A cluster of this machine with ``workers`` workers of one thread each."""

    def __init__(self, workers: int) -> None:
        self._environment = dict(os.environ)
        try:
            with dask.config.set(UNWATCHED):
                self._cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    memory_limit=0,
                    dashboard_address=":0",
                    silence_logs=logging.CRITICAL,
                )
        finally:
            self._restore()
        self.address: str = self._cluster.scheduler_address

    def _restore(self) -> None:
        """Undo what Dask sets in this process whenever it starts a worker (the number of threads,
        the hash seed and others): rows may depend on it."""
        for name in os.environ.keys() - self._environment.keys():
            del os.environ[name]
        os.environ.update(self._environment)

    def close(self) -> None:
        """End the workers; those that cannot be ended in time are left to Dask."""
        with contextlib.suppress(Exception):
            self._cluster.close(timeout=5)
        self._restore()


def connected(address: str) -> Client:
    """A client of the scheduler at ``address``. Raises :class:`UsageError` if there is none."""
    try:
        _greet(address)
        return Client(address, timeout=CONNECT_S, set_as_default=False)
    except Exception as error:  # Dask raises OSError, ValueError, KeyError and others
        told = one_line(str(error), 160) or type(error).__name__
        advice = "start one with `dask scheduler`, or name tcp://HOST:8786"
        if address.startswith("tls://"):
            advice = "if it is running, name certificates it accepts in `distributed.comm.tls`"
        raise UsageError(f"there is no Dask scheduler at {address!r} ({told}); {advice}") from None


def _greet(address: str) -> None:
    """Raise unless a Dask scheduler answers at ``address`` in time. A client of Dask would wait for
    a silent address without end."""

    async def greeted() -> None:
        arguments = Security().get_connection_args("client")
        comm = await asyncio.wait_for(connect(address, CONNECT_S, **arguments), CONNECT_S)
        comm.abort()

    # In a thread, since a notebook has a loop of its own in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(greeted())).result()
