"""Runs that are killed at any moment lose no row, leave nothing behind, and end as if they had not
been.

    python -m tests.robustness.kills [--kills 50] [--seed 0] [--seconds 600]

A run of two workers is started, and killed while it goes on: the whole of it, its first process
alone, a worker, or interrupted once or again and again. The same command then goes on with it,
until it is done and a new one begins. After each kill the rows that had been there must be there,
nothing that was started may run, and no temporary file be left; the table at the end must be that
of a run that nobody killed, but for what was timed.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from rdbench.errors import RdbenchError
from rdbench.programs.scratch import RAM_VARIABLE
from rdbench.results import MEASUREMENTS, read_rows
from rdbench.schema import TIMINGS, Measurement, MeasurementKey
from tests.processes import below, hears, running

PATIENCE_S: Final = 120.0
CODEC: Final = '''
import time, zlib
import numpy as np
import rdbench

class Slow(rdbench.Codec):
    """Uniform quantization and DEFLATE, in no hurry."""

    name, parameter, ladder = "slow", "step", (64, 48, 32, 24, 16, 12, 8, 4)

    def encode(self, image):
        time.sleep(0.02)
        levels = np.round(image / self.point).astype(np.uint8)
        return np.array(image.shape, "<u2").tobytes() + zlib.compress(levels.tobytes())

    def decode(self, data):
        shape = np.frombuffer(data[:6], "<u2")
        levels = np.frombuffer(zlib.decompress(data[6:]), np.uint8).reshape(shape)
        return np.clip(levels * float(self.point), 0, 255).astype(np.uint8)
'''


class Place:
    """Folders of a series of runs, and the command that makes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images = folder / "images"
        self.disk, self.ram = folder / "disk", folder / "ram"
        for made in (self.images, self.disk, self.ram):
            made.mkdir(parents=True)
        (folder / "slow.py").write_text(CODEC)
        generator = np.random.default_rng(1)
        for name in "abcdef":
            pixels = generator.integers(0, 256, (24, 32, 3), np.uint8)
            Image.fromarray(pixels).save(self.images / f"{name}.png")

    def start(self, out: Path, *workers: str) -> subprocess.Popen[bytes]:
        """A run, by two worker processes of its own or those that options name."""
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "rdbench", "run", "--codec", f"{self.folder}/slow.py:Slow"),
                *("--codec", "jpeg:points=10/30/50/70/90", "--dataset", str(self.images)),
                *("--out", str(out), "--repeat", "2", "--metrics", "psnr_db", "--keep-streams"),
                *(workers or ("--jobs", "2")),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(self.disk), RAM_VARIABLE: str(self.ram)},
        )

    def whole(self) -> list[dict[str, str]]:
        """The table of a run that nobody kills."""
        out = self.folder / "whole"
        process = self.start(out)
        said = process.communicate()[0].decode()
        if process.returncode:
            raise RdbenchError(f"the run fails by itself: {said}")
        return table(out)

    def left(self) -> list[Path]:
        return [path for folder in (self.disk, self.ram) for path in folder.rglob("*")]


def table(out: Path) -> list[dict[str, str]]:
    """The table but for what was timed."""
    with (out / MEASUREMENTS).open(newline="", encoding="utf-8") as file:
        return [
            {name: cell for name, cell in row.items() if name not in TIMINGS}
            for row in csv.DictReader(file)
        ]


def rows_of(out: Path) -> dict[MeasurementKey, Measurement]:
    if not (out / MEASUREMENTS).exists():
        return {}
    return {row.key: row for row in read_rows(out)}


def until(condition: Callable[[], object], seconds: float = PATIENCE_S) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def kill_all(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def kill_first(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    process.kill()


def is_janitor(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"rdbench.programs.janitor" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def kill_worker(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    """Which costs a row at most: the run goes on, and is killed a little later. The janitor is let
    live: where it and the run are killed, nobody is left to sweep up."""
    others = [pid for pid in below(process.pid)[1:] if not is_janitor(pid)]
    with contextlib.suppress(ProcessLookupError, IndexError):
        os.kill(rng.choice(others), signal.SIGKILL)
    time.sleep(rng.uniform(0, 0.2))
    process.kill()


def interrupt(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    process.send_signal(rng.choice([signal.SIGINT, signal.SIGTERM]))


def interrupt_again(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    """Further interrupts, close upon the first one."""
    number = rng.choice([signal.SIGINT, signal.SIGTERM])
    while process.poll() is None:
        process.send_signal(number)
        time.sleep(rng.uniform(0, 0.05))


WAYS: Final = (kill_all, kill_first, kill_worker, interrupt, interrupt_again)


@dataclass
class Found:
    """What came of kills."""

    kills: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    """Runs that came to their end between them."""
    faults: list[str] = field(default_factory=list)


def told(found: Found, what: str, started: float) -> int:
    """Print what came of it since ``started``; the exit status."""
    ways = ", ".join(f"{count} {way}" for way, count in sorted(found.kills.items()))
    print(
        f"{found.kills.total()} {what} ({ways}) and {found.finished} finished runs in "
        f"{time.monotonic() - started:.0f} s, {len(found.faults)} faults"
    )
    for fault in found.faults:
        print(fault, file=sys.stderr)
    return 1 if found.faults else 0


def killed(place: Place, out: Path, rng: random.Random, found: Found) -> bool:
    """Start a run or go on with one, and kill it at any moment; whether it was done before."""
    process = place.start(out)
    try:
        before = len(rows_of(out))
        more = rng.choice([0, 0, 1, 3, 10, 40])
        file = out / MEASUREMENTS

        def far_enough() -> bool:
            there = file.exists() and file.read_bytes().count(b"\n") - 1 >= before + more
            return there or process.poll() is not None

        if more:
            until(far_enough)
        time.sleep(rng.uniform(0, 0.1 if more else 2.0))  # any moment is one
        pids = below(process.pid)
        seen = rows_of(out) if out.exists() else {}
        if process.poll() is not None:
            return process.returncode == 0
        way, heard = rng.choice(WAYS), hears(process.pid)
        way(process, rng)
        said = process.communicate(timeout=PATIENCE_S)[0].decode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    if process.returncode == 0:
        return True
    found.kills[way.__name__] += 1
    where = f"{way.__name__} after {len(seen)} rows"
    if lost := seen.keys() - rows_of(out).keys():
        found.faults.append(f"{where}: {len(lost)} rows are lost")
    if "Traceback" in said and heard:
        found.faults.append(f"{where}: {said[-2000:]}")
    if way in (interrupt, interrupt_again) and heard:
        if process.returncode != 130:
            found.faults.append(f"{where}: exit status {process.returncode}: {said[-300:]}")
        if out.exists() and said.strip() and " kept" not in said:
            found.faults.append(f"{where}: it does not say what is kept: {said[-300:]}")
    if not until(lambda: not any(map(running, pids))):
        found.faults.append(f"{where}: {[pid for pid in pids if running(pid)]} still run")
    if not until(lambda: not place.left()):
        found.faults.append(f"{where}: {place.left()[:3]} are left")
        for folder in (place.disk, place.ram):
            for path in folder.iterdir():
                shutil.rmtree(path, ignore_errors=True)
    return False


def run(kills: int, seed: int, seconds: float, folder: Path) -> Found:
    """What came of ``kills``, or of as many as there was time for."""
    rng, found = random.Random(seed), Found()
    place = Place(folder)
    expected = place.whole()
    end, number = time.monotonic() + seconds, 0
    while found.kills.total() < kills and time.monotonic() < end:
        out = folder / f"run-{number}"
        done = killed(place, out, rng, found)
        if done or rng.random() < 0.1:
            # To its end, whatever has happened to it.
            process = place.start(out)
            said = process.communicate()[0].decode()
            if process.returncode:
                found.faults.append(f"run-{number} cannot be finished: {said[-300:]}")
            elif table(out) != expected:
                found.faults.append(f"run-{number} ends with another table")
            found.finished += 1
            number += 1
    return found


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--kills", type=int, default=50)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--seconds", type=float, default=600.0)
    given = asked.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rdbench-kills-") as folder:
        found = run(given.kills, given.seed, given.seconds, Path(folder))
    return told(found, "kills", started)


if __name__ == "__main__":
    sys.exit(main())
