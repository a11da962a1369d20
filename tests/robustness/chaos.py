"""Runs on a cluster of which any part is killed at any moment lose no row, leave nothing behind,
and end as if nothing had been.

    python -m tests.robustness.chaos [--seconds 600] [--seed 0]

A run goes on, now by workers of its own and now by those of a Dask cluster of two. Meanwhile a
worker of the cluster, its scheduler, or the run itself is killed or interrupted, one of them at a
time and again and again; what was killed is started again. A run that has ended before its time is
gone on with by the same command. Rows that had been there must be there; the table at the end must
be that of a run that nobody disturbs, but for what was timed. When all is over no process that was
started may run, and no folder of rdbench's be left.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Final

from tests.processes import below, hears, running
from tests.runner.dask_cluster import Cluster

from .kills import PATIENCE_S, Found, Place, rows_of, table, told, until

MARK: Final = "RDBENCH_CHAOS"
"""A variable of all processes of a series, by which those that are left are found."""


class Actors:
    """The parts of the cluster, each of which is started again when it was killed."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.scheduler = cluster.scheduler()
        self.workers = {name: cluster.worker(name) for name in ("one", "two")}

    def again(self) -> None:
        if self.scheduler.poll() is not None:
            self.scheduler = self.cluster.scheduler()
        for name, process in self.workers.items():
            if process.poll() is not None:  # also since it has lost its scheduler
                self.workers[name] = self.cluster.worker(name)


class Run:
    """The run that is under way."""

    def __init__(self, place: Place, cluster: Cluster, rng: random.Random, found: Found) -> None:
        self._place, self._cluster, self._rng, self._found = place, cluster, rng, found
        self._expected = place.whole()
        self._number = 0
        self._may: tuple[int, ...] = ()
        """Further statuses that it may end with."""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def out(self) -> Path:
        return self._place.folder / f"run-{self._number}"

    def go_on(self) -> subprocess.Popen[bytes]:
        """The process of the run, started where it has ended."""
        if self.process is not None and self.process.poll() is not None:
            self._ended(self.process)
            self.process = None
        if self.process is None:
            by = self._rng.choice([(), ("--scheduler", self._cluster.address)])
            self.process = self._place.start(self.out, *by)
        return self.process

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        said = process.communicate()[0].decode()
        status = process.returncode
        if "Traceback" in said and not self._may:
            self._found.faults.append(f"run-{self._number}: {said[-2000:]}")
        if status == 0:
            if table(self.out) != self._expected:
                self._found.faults.append(f"run-{self._number} ends with another table")
            self._found.finished += 1
            self._number += 1
        elif status not in {1, 2, 130, *self._may} or (
            # A run that cannot go on without its cluster says which one.
            status == 2 and self._cluster.address not in said.rpartition("rdbench: error: ")[2]
        ):
            self._found.faults.append(f"run-{self._number} ends with {status}: {said[-500:]}")

    def kill(self, number: signal.Signals) -> None:
        """End it by a signal; nothing that it had started may go on, and no row be lost."""
        process = self.go_on()
        pids, seen = below(process.pid), rows_of(self.out)
        # While Python itself is being loaded any signal ends it.
        self._may = () if number != signal.SIGKILL and hears(process.pid) else (-number,)
        process.send_signal(number)
        process.wait(PATIENCE_S)
        what = f"{number.name} after {len(seen)} rows"
        if not until(lambda: not any(map(running, pids))):
            self._found.faults.append(f"{what}: {[p for p in pids if running(p)]} still run")
        if lost := seen.keys() - rows_of(self.out).keys():
            self._found.faults.append(f"{what}: {len(lost)} rows are lost")

    def finish(self) -> None:
        """To its end, undisturbed."""
        number, started = self._number, time.monotonic()
        while self._number == number and time.monotonic() - started < PATIENCE_S:
            self.go_on().wait(PATIENCE_S)
            self.go_on()
        if self._number == number:
            self._found.faults.append(f"run-{number} cannot be finished")
        if self.process is not None:
            self.kill(signal.SIGKILL)
            self.process.communicate()


def disturb(run: Run, actors: Actors, rng: random.Random, found: Found) -> None:
    """One part of it all, by chance."""
    what = rng.choice(["worker", "worker", "scheduler", "main", "interrupt"])
    found.kills[what] += 1
    if what == "main":
        run.kill(signal.SIGKILL)
    elif what == "interrupt":
        run.kill(rng.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))
    else:
        one = actors.scheduler if what == "scheduler" else rng.choice([*actors.workers.values()])
        pids = below(one.pid)
        one.kill()
        one.wait()
        if not until(lambda: not any(map(running, pids))):
            found.faults.append(f"{what}: {[pid for pid in pids if running(pid)]} still run")


def marked(token: str) -> list[int]:
    """The processes of a series that run."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{MARK}={token}".encode() in path.read_bytes().split(b"\0"):
                pids.append(int(path.parent.name))
    return [pid for pid in pids if pid != os.getpid() and running(pid)]


def run(seconds: float, seed: int, folder: Path) -> Found:
    """What comes of disturbing runs for so long, and of the last one when it is left alone."""
    rng, found, token = random.Random(seed), Found(), uuid.uuid4().hex
    place = Place(folder)
    (folder / "dask").mkdir()
    before = dict(os.environ)
    os.environ.update(
        {
            MARK: token,
            "TMPDIR": str(place.disk),
            "DASK_TEMPORARY_DIRECTORY": str(folder / "dask"),
        }
    )
    try:
        with Cluster(folder / "cluster") as cluster:
            actors = Actors(cluster)
            going = Run(place, cluster, rng, found)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                going.go_on()
                actors.again()
                time.sleep(rng.choice([0.2, 1.0, 3.0, 6.0]) * rng.random())
                disturb(going, actors, rng, found)
            actors.again()
            going.finish()
        if not until(lambda: not marked(token)):
            found.faults.append(f"{marked(token)} still run")
        if not until(lambda: not place.left()):
            found.faults.append(f"{place.left()[:3]} are left")
    finally:
        for pid in marked(token):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os.environ.clear()
        os.environ.update(before)
    return found


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--seconds", type=float, default=600.0)
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rdbench-chaos-") as folder:
        found = run(given.seconds, given.seed, Path(folder))
    return told(found, "disturbances", started)


if __name__ == "__main__":
    sys.exit(main())
