"""Speed of `rdbench bd --matrix`: 12 curves, 24 images, 8 points, 3 interpolations, intervals.

    python benchmarks/bd.py

All 132 ordered pairs, in rate and in quality, each with the interval of the mean curves, the deltas
of single images and the interval of their mean. Times are seconds of processor time on one thread,
the minimum of several, on a shared machine with two cores.

What was tried on the way to rdbench/bd/fits.py and rdbench/curves/pairs.py:

- each pair on its own, as in `compare` of two curves: 14.9, of which PCHIP 3.7, Akima 4.1 and the
  cubic fit 7.1, whose least squares take a singular value decomposition for each resample;
- as built, with each curve resampled and interpolated once for all pairs, so that a pair is only
  the difference of two integrals: 0.55;
- the same with the mean curves computed one pair at a time: 0.45 more; for all pairs at once, with
  shorter curves padded with NaN, they take 0.015;
- with the images drawn again for each interval, since equal seeds draw the same images: 2.0 more;
- with both directions of a pair computed: 0.17 more. The mean difference of log rates in one
  direction is the negative of the other, to the last bit; the percentages of single images are
  taken from it in each direction, since their mean has no such inverse;
- QR or normal equations for the cubic fit: not built. All 72 fits take 0.17 (1 ms for 1024 curves
  by PCHIP or Akima, 5 by the cubic), and the decomposition copes with points that nearly coincide.
"""

from __future__ import annotations

import os

# BLAS reads these when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import cProfile
import pstats
import time

import numpy as np

from rdbench.bd import METHODS
from rdbench.curves import Comparison, Curve, Settings, compare_pairs, curves_of
from rdbench.schema import Measurement

CURVES, IMAGES, POINTS, RESAMPLES = 12, 24, 8, 1000


def curves(seed: int = 0) -> list[Curve]:
    """Curves like those of codecs on photographs. A busy image takes several times the rate of a
    calm one at several dB less. A codec saves or costs up to a third, more on some images than on
    others, and its points lie where its own parameter puts them."""
    rng = np.random.default_rng(seed)
    busy = rng.normal(0, 0.5, IMAGES)
    rows: list[Measurement] = []
    for codec in range(CURVES):
        saving = rng.uniform(-0.4, 0.3) + rng.normal(0, 0.06, IMAGES)
        bend = rng.normal(0, 0.15)
        for point, base in enumerate(np.linspace(-2.2, 0.9, POINTS) + rng.normal(0, 0.1)):
            log_rate = base + busy + saving
            quality = 33 - 5 * busy + 3.9 * (base + bend * base**2 / 10)
            quality += rng.normal(0, 0.05, IMAGES)
            rows += (
                Measurement(
                    dataset="synthetic",
                    image=f"image{image:02}",
                    channels=3,
                    codec=f"codec{codec}",
                    label=f"codec{codec}",
                    parameter="quality",
                    point=float(point),
                    bpp=float(np.exp(log_rate[image])),
                    scores={"psnr_db": float(quality[image])},
                )
                for image in range(IMAGES)
            )
    return curves_of(rows)


def matrix(found: list[Curve], resamples: int = RESAMPLES) -> list[Comparison]:
    pairs = [(one, other) for one in found for other in found if one is not other]
    return compare_pairs(pairs, Settings(resamples=resamples), tuple(METHODS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    arguments = parser.parse_args()
    found = curves()
    if arguments.profile:
        profile = cProfile.Profile()
        profile.runcall(matrix, found)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    times = []
    for _ in range(arguments.repeats):
        start = time.process_time()
        rows = matrix(found)
        times.append(time.process_time() - start)
    print(
        f"{CURVES} curves, {IMAGES} images, {POINTS} points, {RESAMPLES} resamples: {len(rows)} "
        f"deltas (both kinds, {len(METHODS)} interpolations, ordered pairs) in {min(times):.2f} s "
        f"of processor time (the slowest of {len(times)}: {max(times):.2f} s)"
    )
    print(f"values {np.nansum([row.value for row in rows]):.6f}")


if __name__ == "__main__":
    main()
