"""Speed of every metric on one thread, with the original's side kept.

    python benchmarks/metrics.py [--metrics NAME,...] [--rounds 9] [--write]

One pair of 768x512 RGB, that of ms_ssim.py. Times are of the processor, programs that a metric
starts included, the least of the rounds, in which the metrics take turns; what a machine that does
other things beside leaves comparable is the ratio to MS-SSIM. A metric whose package or program is
not there is left out, with the reason. ``--write`` puts the table into benchmarks/metrics.md.

What was tried for SSIMULACRA 2, milliseconds of the processor for one decoded image, on two cores
with AVX-512 that others had six times over, where MS-SSIM takes 12 and the C++ 110 with reading:

- blurs by cv2.sepFilter2D, with the eleven weights that the recursive filter comes to: 5 for all of
  them, where the recursion takes 37 of 65; but at 90 points the values are a third of a point above
  the C++, whose filter keeps its rounding errors;
- the recursion by NumPy, sum by sum, as it is done where products of matrices do not fuse: 130 in
  all, and other rounding errors;
- products of twelve rows and not of three, along the rows: 62 for 65, but with the kernels for
  Haswell they are summed otherwise from place to place;
- transposing by cv2.transpose and not by NumPy's assignment: 80 to 70;
- no blur of squares and products of X and B at the finest scale, where they have no weight, so that
  five planes are left of nine;
- strips of 4096 samples a step: 62; of 2560: 70, of 1024: 86; rows handed out by 8: 64, by 20: 62.
"""

from __future__ import annotations

import ms_ssim  # isort: skip  It asks for one thread.

import argparse
import os
import resource
from pathlib import Path

import cv2
from common import machine, markdown

from rdbench.metrics import BUILT_IN, Reference, find

PAGE = Path(__file__).with_suffix(".md")
PACKAGES = ("numpy", "opencv-python-headless", "scikit-image")
BESIDE = "ms_ssim"


def processor_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def table(names: list[str], rounds: int) -> list[dict[str, str]]:
    """A row for each metric: its value, its times, and how many times that of MS-SSIM it takes."""
    original, decoded = ms_ssim.pair()
    sides: dict[str, Reference] = {}
    values: dict[str, float] = {}
    first: dict[str, float] = {}
    for name in names:
        start = processor_s()
        side = Reference(original, [find(name)])
        scores = side.score(decoded)
        first[name] = processor_s() - start
        if name in scores.values:
            sides[name], values[name] = side, scores.values[name]
        else:
            print(f"{name} is left out: {scores.reasons[name]}")
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(rounds):
        for name, side in sides.items():
            start = processor_s()
            side.score(decoded)
            best[name] = min(best[name], processor_s() - start)
    return [
        {
            "metric": name,
            "value": f"{values[name]:.6g}",
            "first, with its libraries [ms]": f"{1e3 * first[name]:.0f}",
            "each further [ms]": f"{1e3 * best[name]:.1f}",
            "over MS-SSIM": f"{best[name] / best[BESIDE]:.2f}",
        }
        for name in sides
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--metrics", help="names with commas between; all that there are")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    asked = arguments.metrics.split(",") if arguments.metrics else list(BUILT_IN)
    text = markdown(table(list(dict.fromkeys([BESIDE, *asked])), arguments.rounds))
    print(text)
    if arguments.write:
        about = (
            "Written by `python benchmarks/metrics.py --write`: one pair of 768×512 RGB on one "
            f"thread, time of the processor, the least of {arguments.rounds} rounds. The load of "
            f"the machine was {os.getloadavg()[0]:.1f}: where it is above 1, times are longer than "
            "on a quiet one, and the last column is what compares."
        )
        page = f"# Metrics\n\n{about}\n\nMachine: {machine(PACKAGES)}\n\n{text}\n"
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
