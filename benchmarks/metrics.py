"""Speed of every metric on one thread, with the original's side kept.

    python benchmarks/metrics.py [--metrics NAME,...] [--rounds 9] [--write]

One pair of 768x512 RGB images, that of ms_ssim.py. Times are processor times, including programs
that a metric starts; each is the minimum over the rounds, in which the metrics take turns. On a
busy machine, only the ratio to MS-SSIM can be compared. A metric whose package or program is
missing is left out, with the reason. ``--write`` puts the table into benchmarks/metrics.md.

What was tried for SSIMULACRA 2, in milliseconds of processor time for one decoded image, on two
cores with AVX-512 under a load of six times their number, where MS-SSIM takes 12 and the C++ 110
with reading:

- blurs by cv2.sepFilter2D, with the eleven weights that the recursive filter amounts to: 5 for all
  of them, where the recursion takes 37 of 65; but at 90 points the values are a third of a point
  above those of the C++, whose filter accumulates its rounding errors;
- the recursion by NumPy, sum by sum, as it is done where matrix products do not use fused
  multiply-add: 130 in all, and other rounding errors;
- products of twelve rows instead of three, along the rows: 62 instead of 65, but with the kernels
  for Haswell the order of summation differs from place to place;
- transposing by cv2.transpose instead of NumPy's assignment: 80 to 70;
- no blur of squares and products of X and B at the finest scale, where they have no weight, so only
  five of nine planes remain;
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
    """A row for each metric: its value, its times, and the ratio of its time to that of MS-SSIM."""
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
    parser.add_argument("--metrics", help="names, separated by commas; all by default")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    asked = arguments.metrics.split(",") if arguments.metrics else list(BUILT_IN)
    text = markdown(table(list(dict.fromkeys([BESIDE, *asked])), arguments.rounds))
    print(text)
    if arguments.write:
        about = (
            "Written by `python benchmarks/metrics.py --write`: one pair of RGB images of 768×512 "
            f"on one thread; processor time, the minimum of {arguments.rounds} rounds. The load of "
            f"the machine was {os.getloadavg()[0]:.1f}. If it is above 1, times are longer than on "
            "an idle machine, and only the last column can be compared."
        )
        page = f"# Metrics\n\n{about}\n\nMachine: {machine(PACKAGES)}\n\n{text}\n"
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
