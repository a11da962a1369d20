"""Speed of `rdbench run`, compared with another version of rdbench.

    RDBENCH_DATA=... python benchmarks/versions.py PATH [--rounds 9] [--codec jpeg]

PATH is a clone or worktree of the other version; both run in this environment. They measure the 24
Kodak images at ten qualities with the default metrics in two processes. They take turns, so that
drifts in the machine's speed affect both; the ratio is that of each pair of runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from common import JOBS, kodak, spread, wall_s

QUALITIES = "/".join(map(str, range(5, 100, 10)))
HERE = Path(__file__).parents[1]


def run_s(version: Path, codec: str) -> float:
    with tempfile.TemporaryDirectory() as out:
        return wall_s(
            [
                *(sys.executable, "-m", "rdbench", "run", "--codec", f"{codec}:points={QUALITIES}"),
                *("--dataset", str(kodak()), "--jobs", str(JOBS), "--out", f"{out}/run"),
            ],
            PYTHONPATH=str(version),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--codec", default="jpeg")
    arguments = parser.parse_args()
    other = arguments.other.resolve()
    times: list[tuple[float, float]] = []
    for number in range(arguments.rounds):
        versions = (HERE, other) if number % 2 else (other, HERE)
        found = {version: run_s(version, arguments.codec) for version in versions}
        times.append((found[HERE], found[other]))
    ours, theirs = map(list, zip(*times, strict=True))
    ratios = [a / b for a, b in times]
    print(
        f"{arguments.codec}: here {spread(ours, 2)} s, there {spread(theirs, 2)} s, ratio "
        f"{spread(ratios, 3)}"
    )


if __name__ == "__main__":
    main()
