"""The cost of the main process: planning a million tasks, taking in rows from 64 workers, and
repeating the command of a finished run.

    python benchmarks/planning.py [--tasks 1000000] [--rows 100000] [--write]

No codec is run. Workers are simulated: for each task, one sleeps as long as a real one would
measure. Everything else is a real run, with its plan, its queue, its table and its manifest. Each
part is a process of its own. Times are processor times unless wall time is stated. Since machines
differ, they are compared with a peer in the same process: planning with a plain loop that makes as
many pairs, a finished run with reading its table by Python's ``csv`` alone.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, markdown
from PIL import Image

from rdbench.codecs.request import parse_codec
from rdbench.experiment import Experiment, plan_codec
from rdbench.images import Dataset, ImageRef, pixel_sha256
from rdbench.metrics import choose
from rdbench.results import MEASUREMENTS, RunDirectory
from rdbench.runner.executor import Answer, Limits
from rdbench.runner.jobs import Queue
from rdbench.runner.planning import Asked, Work
from rdbench.runner.rows import Measured
from rdbench.runner.run import run
from rdbench.runner.told import plain_metrics
from rdbench.schema import Measurement

PIXELS = np.zeros((8, 8, 3), np.uint8)
SHA256 = pixel_sha256(PIXELS)
POINTS = "/".join(map(str, range(5, 55, 5)))
WORKERS = 64
TASK_S = 0.02
FEWER = {1: 500, 2: 1000, 4: 2000, 8: 4000}
"""Numbers of workers, and the rows that they measure in some ten seconds."""
LIMITS = {"plan_s": 10.0, "plan_mb": 1024.0, "rate": 1500.0, "again_s": 5.0}


def experiment(tasks: int, folder: Path) -> Experiment:
    """An experiment of ``tasks`` tasks: 100 for each image of ``folder``, from ten curves."""
    requests = [parse_codec(f"avif:speed={speed},points={POINTS}") for speed in range(10)]
    images = tuple(
        ImageRef("many", f"image{number}", folder / f"{number}.png")
        for number in range(tasks // 100)
    )
    return Experiment(
        "many",
        (Dataset("many", images, folder),),
        tuple(plan_codec(request) for request in requests),
        choose(["psnr_db"]),
    )


def memory_mb() -> float:
    """Resident memory of this process in MiB, without pages of files."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return float(status["RssAnon"].split()[0]) / 1024


class Sleeping:
    """An executor whose workers sleep."""

    def __init__(self, workers: int = WORKERS, task_s: float = TASK_S) -> None:
        self.limits = Limits(workers)
        self._task_s = task_s

    def run(self, jobs: Sequence[Any], settings: Any) -> Iterator[Answer[Any]]:  # noqa: ARG002
        queue: Queue[Any] = Queue(jobs)
        busy: list[tuple[float, int, Any]] = []
        groups: dict[int, Any] = {}

        def give(worker: int, start_s: float) -> None:
            if (job := queue.take(groups.get(worker))) is not None:
                groups[worker] = job.group
                heapq.heappush(busy, (start_s + self._task_s, worker, job))

        for worker in range(self.limits.jobs):
            give(worker, time.monotonic())
        while busy:
            due_s, worker, job = heapq.heappop(busy)
            if (left_s := due_s - time.monotonic()) > 0:
                time.sleep(left_s)
            give(worker, max(due_s, time.monotonic()))
            yield Answer(job, Measured(core(job.task.index, job.task.point), SCORES))

    def close(self) -> None: ...
    def __enter__(self) -> Sleeping:
        return self

    def __exit__(self, *_: object) -> None: ...


SCORES = {"mse": 3.0123456789, "psnr_db": 43.349876543}


def core(index: int, point: float) -> dict[str, Any]:
    """What a worker reports about a task."""
    digest = f"{index:064x}"
    return {
        "status": "ok",
        "image_sha256": SHA256,
        "stream_sha256": digest,
        "decoded_sha256": digest,
        "width": 8,
        "height": 8,
        "channels": 3,
        "color": "rgb",
        "sample_format": "rgb8",
        "codec_version": "libaom 3.12.1",
        "host": "machine",
        "size_bytes": 1000 + index % 1000,
        "bpp": 0.02 * point + index / 1e7,
        "encode_s": 0.1 + index / 1e8,
        "decode_s": 0.1,
        "encode_cpu_s": 0.1,
        "decode_cpu_s": 0.1,
        "task_s": 0.25,
        "peak_rss_mb": 120.0,
        "timing": "shared",
    }


def planning(tasks: int, folder: Path) -> dict[str, float]:
    before = memory_mb()
    start = time.process_time()
    made = [(number, str(number)) for number in range(tasks)]
    loop_s = time.process_time() - start
    del made
    start = time.process_time()
    asked = experiment(tasks, folder)
    with RunDirectory(folder / "plan", asked.identity(), plain_metrics(asked.metrics)) as directory:
        work = Work.of(asked, asked.tasks(), directory, Asked(), WORKERS)
        taken = time.process_time() - start
        assert len(work.todo) == tasks
        return {"s": taken, "of_loop": taken / loop_s, "mb": memory_mb() - before}


def scaling(workers: int, folder: Path) -> dict[str, float]:
    """The rows a second of so many workers, of the most that they can."""
    found = measuring(FEWER[workers], folder, workers)
    return {**found, "efficiency": found["rate"] * TASK_S / workers}


def measuring(rows: int, folder: Path, workers: int = WORKERS) -> dict[str, float]:
    """Taking in the rows of a whole run."""
    images = folder / "images"
    images.mkdir()
    asked = experiment(rows, images)
    for number in range(rows // 100):
        Image.fromarray(PIXELS).save(images / f"{number}.png")
    seen: dict[int, float] = {}

    def progress(_: Measurement, done: int, total: int) -> None:
        if done in {total // 10, total}:
            seen[done] = memory_mb()

    started, cpu = time.perf_counter(), time.process_time()
    outcome = run(asked, folder / "rows", executor=Sleeping(workers), progress=progress)
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    assert outcome.measured == rows
    early, late = seen.values()
    return {
        "wall_s": wall_s,
        "rate": rows / wall_s,
        "ms_a_row": 1000 * cpu_s / rows,
        "early_mb": early,
        "late_mb": late,
        "bytes_a_row": (late - early) * 2**20 / (0.9 * rows),
        "end_mb": memory_mb(),
    }


def again(rows: int, folder: Path) -> dict[str, float]:
    """The same command for a finished run."""
    asked = experiment(rows, folder / "images")
    start = time.process_time()
    with (folder / "rows" / MEASUREMENTS).open(newline="") as file:
        assert sum(1 for _ in csv.reader(file)) == rows + 1
    read_s = time.process_time() - start
    before = memory_mb()
    wall, start = time.perf_counter(), time.process_time()
    outcome = run(asked, folder / "rows", executor=Sleeping())
    taken, wall_s = time.process_time() - start, time.perf_counter() - wall
    assert (outcome.measured, len(outcome.rows)) == (0, rows)
    return {"s": taken, "wall_s": wall_s, "of_csv": taken / read_s, "mb": memory_mb() - before}


PARTS = {"planning": planning, "scaling": scaling, "measuring": measuring, "again": again}


def apart(part: str, count: int, folder: Path) -> dict[str, float]:
    """The results of a part in a process of its own."""
    command = [sys.executable, __file__, "--part", part, "--rows", str(count)]
    done = subprocess.run(
        [*command, "--folder", str(folder)], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.part:
        print(json.dumps(PARTS[given.part](given.rows, given.folder)))
        return
    counts = [given.rows // 10, given.rows]
    found: dict[str, list[dict[str, float]]] = {part: [] for part in PARTS}
    with tempfile.TemporaryDirectory() as name:
        found["planning"].append(apart("planning", given.tasks, Path(name)))
    for workers in FEWER:
        with tempfile.TemporaryDirectory() as name:
            found["scaling"].append(apart("scaling", workers, Path(name)))
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            for part in ("measuring", "again"):
                found[part].append(apart(part, count, Path(name)))
    (plan,), last = found["planning"], found["measuring"][-1]
    tables = {
        "Planning": [
            {
                "tasks": f"{given.tasks:,}",
                "processor [s]": f"{plan['s']:.1f}",
                "limit [s]": f"{LIMITS['plan_s']:g}",
                "over a loop that makes as many pairs": f"{plan['of_loop']:.1f}",
                "memory [MiB]": f"{plan['mb']:.0f}",
                "limit [MiB]": f"{LIMITS['plan_mb']:g}",
            }
        ],
        f"Workers that sleep for {1000 * TASK_S:g} ms a task": [
            {
                "workers": str(workers),
                "rows": f"{rows:,}",
                "rows a second of wall time": f"{one['rate']:.0f}",
                "most that the workers can": f"{workers / TASK_S:.0f}",
                "efficiency": f"{one['efficiency']:.2f}",
            }
            for workers, rows, one in [
                *(
                    (count, FEWER[count], one)
                    for count, one in zip(FEWER, found["scaling"], strict=True)
                ),
                (WORKERS, counts[-1], last | {"efficiency": last["rate"] * TASK_S / WORKERS}),
            ]
        ],
        f"{WORKERS} workers that sleep for {1000 * TASK_S:g} ms a task": [
            {
                "rows": f"{count:,}",
                "rows a second of wall time": f"{one['rate']:.0f}",
                "limit": f"{LIMITS['rate']:g}",
                "maximum of the workers": f"{WORKERS / TASK_S:.0f}",
                "processor [ms a row]": f"{one['ms_a_row']:.3f}",
                "memory at a tenth of the rows [MiB]": f"{one['early_mb']:.0f}",
                "at the last row [MiB]": f"{one['late_mb']:.0f}",
                "growth [bytes a row]": f"{one['bytes_a_row']:.0f}",
                "after the run [MiB]": f"{one['end_mb']:.0f}",
            }
            for count, one in zip(counts, found["measuring"], strict=True)
        ],
        "The same command again": [
            {
                "rows": f"{count:,}",
                "processor [s]": f"{one['s']:.2f}",
                "wall [s]": f"{one['wall_s']:.2f}",
                "limit [s]": f"{LIMITS['again_s']:g}",
                "over reading the table by csv": f"{one['of_csv']:.1f}",
                "memory [MiB]": f"{one['mb']:.0f}",
            }
            for count, one in zip(counts, found["again"], strict=True)
        ],
    }
    text = "\n\n".join(f"## {title}\n\n{markdown(rows)}" for title, rows in tables.items())
    print(text)
    if given.write:
        Path(__file__).with_suffix(".md").write_text(
            "# What the main process costs\n\n"
            "Written by `python benchmarks/planning.py --write`: no codec is run, and the "
            "workers are simulated by sleeping; everything else is a real run. Memory is resident "
            "memory of the process without pages of files; load of the machine "
            f"{os.getloadavg()[2]:.1f}.\n\n"
            f"Machine: {machine(('numpy', 'pyarrow'))}\n\n{text}\n"
        )


if __name__ == "__main__":
    main()
