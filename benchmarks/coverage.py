"""How often intervals of Bjøntegaard deltas contain the true value, and how often tables of equal
codecs show a difference.

Draws images with replacement from populations whose true value is known: curves on 100 images of
BSDS300 in results/dumas2018-fig5, and one whose rates differ by a skewed factor. It compares the
interval that rdbench gives, Student's alone, and the percentile bootstrap.

    python benchmarks/coverage.py --write
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from common import markdown, report
from numpy.typing import NDArray
from scipy.special import stdtrit

from rdbench.bd import batch, holm, image_weights, jackknife, mean_estimate
from rdbench.curves.selection import gather

Array = NDArray[np.float64]
Population = tuple[Array, Array, Array, Array]
"""Rates and qualities of anchor and test, (images, points) each."""
Ends = tuple[float, float]

PAGE: Final = Path(__file__).with_suffix(".md")
RUN: Final = Path(__file__).parent.parent / "results" / "dumas2018-fig5"
DATASET: Final = "bsds300-test:geometry=dumas2018"
PAIRS: Final = (
    ("case 2", "JPEG2000"),
    ("HM", "JPEG2000"),
    ("case 2", "case 3"),
    ("case 2", "case 1"),
)
DRAWS: Final = {5: 4000, 10: 4000, 24: 2000, 100: 800}
AT_ONCE: Final = 100
RESAMPLES: Final = 1000
# The bootstrap of mean curves takes a thousand times the time of the others.
BOOTSTRAPPED: Final = 400
CODECS, IMAGES, TABLES = 12, 24, 400


def populations() -> dict[str, Population]:
    curves = {curve.label: curve for curve in gather([RUN], []) if curve.dataset == DATASET}
    images = curves["JPEG2000"].images

    def arrays(label: str) -> tuple[Array, Array]:
        curve = curves[label]
        return curve.of_images("bpp", images), curve.of_images("psnr_db", images)

    found = {f"{test} over {anchor}": (*arrays(anchor), *arrays(test)) for test, anchor in PAIRS}
    rng = np.random.default_rng(7)
    rate, quality = (values[rng.integers(0, len(images), 1000)] for values in arrays("JPEG2000"))
    factor = np.exp(0.1 * (rng.gamma(0.5, 1, 1000) - 0.5) - 0.1)[:, None]
    found["skewed factor"] = rate, quality, factor * rate, quality
    return found


def logarithms(*curves: Array) -> Array:
    return np.asarray(np.log10(1 + batch(*curves) / 100))


def drawn(population: Population, images: int, draws: int) -> Iterator[NDArray[np.intp]]:
    rng = np.random.default_rng(images)
    for _ in range(0, draws, AT_ONCE):
        yield rng.integers(0, len(population[0]), (AT_ONCE, images))


def student(values: Array, center: float) -> Ends:
    half = -stdtrit(len(values) - 1, 0.025) * math.sqrt(np.var(values, ddof=1) / len(values))
    return center - half, center + half


def percentiles(values: Array) -> Ends:
    low, high = np.percentile(values, (2.5, 97.5))
    return low, high


def mean_curves(population: Population, images: int) -> dict[str, list[Ends]]:
    """Intervals of the logarithm of the ratio of mean curves."""
    found: dict[str, list[Ends]] = {"rdbench": [], "Student": [], "bootstrap": []}
    weights = image_weights(images, RESAMPLES, 0)
    for chosen in drawn(population, images, DRAWS[images]):
        sets = [curve[chosen] for curve in population]
        values = logarithms(*(curves.mean(axis=1) for curves in sets))
        without = [(c.sum(axis=1, keepdims=True) - c) / (images - 1) for c in sets]
        left_out = logarithms(*(c.reshape(-1, c.shape[2]) for c in without)).reshape(-1, images)
        for place, (value, left) in enumerate(zip(values, left_out, strict=True)):
            found["rdbench"].append(jackknife(float(value), left).interval())
            found["Student"].append(student(images * value - (images - 1) * left, float(value)))
            if len(found["bootstrap"]) < BOOTSTRAPPED:
                resampled = logarithms(*(weights @ curves[place] for curves in sets))
                found["bootstrap"].append(percentiles(resampled))
    return found


def means_of_images(population: Population, images: int) -> dict[str, list[Ends]]:
    """Intervals of the mean of the images' BD-rates in percent."""
    each = batch(*population)
    weights = image_weights(images, RESAMPLES, 0)
    methods: dict[str, Callable[[Array], Ends]] = {
        "rdbench": lambda values: mean_estimate(values).interval(),
        "Student": lambda values: student(values, float(values.mean())),
        "bootstrap": lambda values: percentiles(weights @ values),
    }
    samples = [each[row] for rows in drawn(population, images, DRAWS[images]) for row in rows]
    return {name: [method(values) for values in samples] for name, method in methods.items()}


def coverage() -> list[dict[str, str]]:
    rows: dict[tuple[str, str, int], dict[str, str]] = {}
    for name, population in populations().items():
        means = [curve.mean(axis=0)[None] for curve in population]
        kinds = {
            "mean curves": (float(logarithms(*means)[0]), mean_curves),
            "mean of images": (float(batch(*population).mean()), means_of_images),
        }
        for images, (kind, (truth, intervals)) in itertools.product(DRAWS, kinds.items()):
            for method, ends in intervals(population, images).items():
                held = np.mean([low <= truth <= high for low, high in ends])
                key = kind, method, images
                row = rows.setdefault(key, {"of": kind, "interval": method, "images": str(images)})
                row[name] = f"{100 * held:.1f}"
    return [
        rows[key]
        for key in sorted(rows, key=lambda key: (key[0], key[1] != "rdbench", key[1], key[2]))
    ]


def equal_codecs() -> list[dict[str, str]]:
    """How many tables show a difference if all codecs have the rates of one codec, multiplied by a
    random factor for each image."""
    rows = []
    pairs = list(itertools.combinations(range(CODECS), 2))
    everyone = populations()
    for name, population in everyone.items():
        noise = logarithms(*population)  # of single images
        rate, quality = population[:2]
        rng = np.random.default_rng(1)
        shown = np.zeros(2)
        for _ in range(TABLES):
            chosen = rng.integers(0, len(rate), IMAGES)
            factors = 10 ** noise[rng.integers(0, len(noise), (CODECS, IMAGES))]
            rates = factors[:, :, None] * rate[chosen]
            mean = quality[chosen].mean(axis=0)
            left = (quality[chosen].sum(axis=0) - quality[chosen]) / (IMAGES - 1)
            less = (rates.sum(axis=1, keepdims=True) - rates) / (IMAGES - 1)
            one, other = (list(side) for side in zip(*pairs, strict=True))
            whole = rates.mean(axis=1)
            values = logarithms(
                whole[one], np.tile(mean, (len(one), 1)), whole[other], np.tile(mean, (len(one), 1))
            )
            flat = [less[side].reshape(-1, less.shape[2]) for side in (one, other)]
            same = np.tile(left, (len(one), 1))
            left_out = logarithms(flat[0], same, flat[1], same).reshape(len(one), IMAGES)
            p = [jackknife(float(v), j).p_value() for v, j in zip(values, left_out, strict=True)]
            shown += min(p) < 0.05, min(holm(p)) < 0.05
        rows.append(
            {
                "images differ as in": name,
                "each pair by itself [%]": f"{100 * shown[0] / TABLES:.1f}",
                "with Holm's correction [%]": f"{100 * shown[1] / TABLES:.1f}",
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    arguments = parser.parse_args()
    draws = ", ".join(f"{count} of {images} images" for images, count in DRAWS.items())
    sections = [
        [
            "How often a 95 % interval contains the true value [%]",
            f"Draws: {draws}; for the bootstrap of mean curves {BOOTSTRAPPED} draws each, with "
            f"{RESAMPLES} resamples. Mean curves: the ratio of rates of the mean curves, on a "
            "logarithmic scale. Mean of images: the mean of their BD-rates in percent.",
            markdown(coverage()),
        ],
        [
            f"How many tables of {CODECS} equal codecs show a difference",
            f"{IMAGES} images, {CODECS * (CODECS - 1) // 2} pairs, {TABLES} tables each.",
            markdown(equal_codecs()),
        ],
    ]
    for title, _, table in sections:
        print(f"{title}\n{table}\n", flush=True)
    if arguments.write:
        PAGE.write_text(
            report("Intervals over images", "benchmarks/coverage.py", ("numpy", "scipy"), sections),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
