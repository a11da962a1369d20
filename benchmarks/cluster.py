"""The cost of sending jobs and rows through Dask: two workers of a Dask cluster on this machine
against two of the local pool, in turns, on Kodak.

The time per row is taken from the first row to the last, so that it excludes start-up, which is
shown separately. Rows of ``jpeg`` are measured six times over: in a shorter run, most of the time
passes before Dask's second worker has begun. Processor time is that of all processes over a whole
run. A round takes about three minutes.

    RDBENCH_DATA=... python benchmarks/cluster.py [--rounds N] [--codecs NAME ...] [--write]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from common import JOBS, kodak, machine, markdown, spread

import rdbench

CODECS = {
    "jpegxl": ("jpegxl:points=0.5/1/3", 1),
    "avif": ("avif:points=60", 1),
    "jpeg": ("jpeg:points=20/50/80", 6),
}
"""Codecs, and how often each row is measured."""
LIMIT = 1.15


@dataclass(frozen=True)
class Timed:
    """The times of a run."""

    row_ms: float
    start_s: float
    processor_s: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--codecs", nargs="+", choices=CODECS, default=[*CODECS])
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    rows = []
    for name in given.codecs:
        pairs = [
            (timed(*CODECS[name], None), timed(*CODECS[name], "local")) for _ in range(given.rounds)
        ]
        rows.append(
            {
                "codec": name,
                "pool [ms a row]": spread([here.row_ms for here, _ in pairs]),
                "Dask [ms a row]": spread([there.row_ms for _, there in pairs]),
                "Dask over the pool": spread([b.row_ms / a.row_ms for a, b in pairs], 2),
                "processor time over the pool's": spread(
                    [b.processor_s / a.processor_s for a, b in pairs], 2
                ),
                "limit": f"{LIMIT:g}",
                "first row, pool [s]": spread([here.start_s for here, _ in pairs]),
                "first row, Dask [s]": spread([there.start_s for _, there in pairs]),
            }
        )
    table = markdown(rows)
    print(table)
    if given.write:
        Path(__file__).with_suffix(".md").write_text(
            "# Dask on one machine\n\n"
            "Written by `RDBENCH_DATA=... python benchmarks/cluster.py --write`: 24 images of "
            f"Kodak, the default metrics, {JOBS} workers; median (minimum to maximum) of "
            f"{given.rounds} rounds, in turns; load of the machine {os.getloadavg()[2]:.1f}.\n\n"
            f"Machine: {machine(('distributed', 'numpy'))}\n\n{table}\n"
        )


def timed(codec: str, repeat: int, scheduler: str | None) -> Timed:
    times: list[float] = []
    before, start = os.times(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outcome = rdbench.run(
            codecs=codec,
            datasets=str(kodak()),
            repeat=repeat,
            jobs=JOBS,
            scheduler=scheduler,
            out=Path(folder) / "run",
            progress=lambda *_: times.append(time.perf_counter()),
        )
    if outcome.interrupted:
        raise KeyboardInterrupt
    assert not outcome.failures
    return Timed(
        1000 * (times[-1] - times[0]) / (len(times) - 1),
        times[0] - start,
        sum(os.times()[:4]) - sum(before[:4]),
    )


if __name__ == "__main__":
    main()
