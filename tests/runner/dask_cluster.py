"""A Dask cluster of processes that can be killed one by one."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

START_S = 120.0


class Wire:
    """A port that leads to another one, as a network does, until it is cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                near, _ = self._listening.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._port))
                except OSError:
                    near.close()
                    continue
                self._ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> int:
        """End what goes through it; what comes then is led on again. How many ends there were."""
        ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        return len(ends)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exception: object) -> None:
        self._listening.close()
        self.cut()


class Cluster:
    """A scheduler and workers, each a process of its own; leaving the ``with`` ends them."""

    def __init__(self, folder: Path, certificate: Path | None = None) -> None:
        self._folder = folder
        self._tls: list[str] = []
        if certificate:
            self._tls = ["--tls-ca-file", str(certificate), "--tls-cert", str(certificate)]
            self._tls += ["--tls-key", str(certificate)]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"{'tls' if certificate else 'tcp'}://127.0.0.1:{self.port}"
        self._processes: list[subprocess.Popen[bytes]] = []

    def scheduler(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start the scheduler, and wait until it listens."""
        host = f"{self.address.partition(':')[0]}://127.0.0.1"
        process = self._start(
            *("scheduler", "--host", host, "--port", str(self.port), "--no-dashboard"), *self._tls
        )
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return process
            assert process.poll() is None
            time.sleep(0.1)
        raise AssertionError("the scheduler does not listen")

    def worker(
        self, name: str, threads: int = 1, *, address: str = "", **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start a worker, in a folder of its own, that finds the scheduler at ``address``."""
        options = ["--no-nanny", "--no-dashboard", "--nthreads", str(threads), "--name", name]
        where = address or self.address
        return self._start("worker", where, *options, *self._tls, **environment)

    def wait_for(self, workers: int) -> None:
        """Wait until the scheduler knows so many workers."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=START_S)

    def _start(self, command: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        self._folder.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", command, *arguments],
            cwd=self._folder,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._processes.append(process)
        return process

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
