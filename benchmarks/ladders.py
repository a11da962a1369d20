"""How far Bjøntegaard deltas of few points are from those of dense curves, and how often the range
stated for their points contains the latter.

Measures four codecs at many points on eight images of Kodak, takes ladders of a few of these points
for each of two codecs, and compares the BD-rate of the ladders with that of the dense curves over
the same interval of quality, for single images and for the mean curves, in PSNR and in MS-SSIM.

    RDBENCH_DATA=... python benchmarks/ladders.py --write
"""

from __future__ import annotations

import argparse
import itertools
import math
from pathlib import Path
from typing import Final

import numpy as np
from common import kodak, markdown, report
from numpy.typing import NDArray

import rdbench
from rdbench.bd import METHODS, Fit, Points, differences, fit
from rdbench.bd.ladders import FEWEST_POINTS, choices
from rdbench.curves.selection import gather

Array = NDArray[np.float64]

PAGE: Final = Path(__file__).with_suffix(".md")
RUN: Final = Path(__file__).parent.parent / "results" / "runs" / "ladders"
IMAGES: Final = ("01", "05", "08", "13", "15", "19", "20", "23")
RATIOS: Final = "100/84/70/59/50/42/35/29/25/21/18/15/12.5/10.5/9/7.5/6.2/5.2/4.4/3.7"
CODECS: Final = (
    "jpeg:points=6..96:3",
    "webp:points=6..96:3",
    "avif:speed=8,points=6..96:3",
    f"jpeg2000:points={RATIOS}",
)
VARIANTS: Final = ("jpeg:chroma=444,points=6..96:3", "webp:method=0,points=6..96:3")
"""Variants of the first two codecs, which are compared with these at the same points."""
METRICS: Final = ("psnr_db", "ms_ssim_db")
KINDS: Final = ("even", "anywhere", "even, of one codec")
DRAWS: Final = 1000
LEAST_OVERLAP: Final = 30.0


def dense() -> dict[str, list[tuple[Array, Array]]]:
    """The curves by label, (points,) each: for each metric the curves of images, then the mean."""
    pattern = f"{kodak()}/kodim{{}}.png"
    rdbench.run(
        codecs=(*CODECS, *VARIANTS),
        datasets=[pattern.format(image) for image in IMAGES],
        metrics=METRICS,
        out=RUN,
    )
    found: dict[str, list[tuple[Array, Array]]] = {}
    curves = gather([RUN])
    for metric in METRICS:
        for label in dict.fromkeys(curve.label for curve in curves):
            own = [(c.mean("bpp"), c.mean(metric)) for c in curves if c.label == label]
            means = [np.mean(part, axis=0) for part in zip(*own, strict=True)]
            found.setdefault(label, []).extend([*own, (means[0], means[1])])
    return found


def ladder(rng: np.random.Generator, dense: int, count: int, even: bool) -> NDArray[np.intp]:
    """The places of ``count`` out of ``dense`` points: evenly spaced over three quarters of them or
    more, or anywhere over half of them or more."""
    if even:
        low, high = rng.integers(0, dense // 8 + 1, 2)
        return np.round(np.linspace(low, dense - 1 - high, count)).astype(int)
    while True:
        found = np.sort(rng.choice(dense, count, replace=False))
        if 2 * (found[-1] - found[0]) >= dense:
            return np.asarray(found)


def subsets(rate: Array, quality: Array) -> Fit:
    """A curve with all subsets of its inner points."""
    masks = np.array([*itertools.product((False, True), repeat=len(rate) - 2)])
    ends = np.zeros((len(masks), 1), bool)
    out = np.hstack([ends, masks, ends])
    return fit(np.where(out, np.nan, rate), np.where(out, np.nan, quality))


def _over(fits: Fit, low: float, high: float) -> Array:
    """The means of curves between two qualities."""
    ends = (np.full(len(fits.rates), end) for end in (low, high))
    return np.asarray(fits.pieces.integral(*ends) / (high - low))


def percent(logarithm: float) -> float:
    return 100 * abs(math.expm1(logarithm * math.log(10)))


def drawn(curves: dict[str, list[tuple[Array, Array]]], count: int, kind: str) -> list[list[float]]:
    """For each draw, the error in percent, and the ranges that the methods state for it."""
    rng = np.random.default_rng(count)
    by_codec: dict[str, list[str]] = {}
    for label in curves:
        by_codec.setdefault(label.split()[0], []).append(label)
    codecs = [labels[0] for labels in by_codec.values()]
    variants = [labels for labels in by_codec.values() if len(labels) > 1]
    one, even = kind == KINDS[2], kind != KINDS[1]
    found: list[list[float]] = []
    while len(found) < DRAWS:
        pair = rng.permutation(variants[rng.integers(2)] if one else codecs)[:2]
        place = rng.integers(0, len(curves[pair[0]]))
        wholes = [curves[codec][place] for codec in pair]
        rungs = [ladder(rng, len(whole[0]), count, even) for whole in wholes]
        rungs = rungs[:1] * 2 if one else rungs
        chosen = [tuple(part[rung] for part in w) for w, rung in zip(wholes, rungs, strict=True)]
        points = [Points.of("curve", *own) for own in chosen]
        if any(own.used < count for own in points):
            continue
        by_method = {
            method: differences(*(fit(r[None], q[None], method=method) for r, q in chosen))
            for method in METHODS
            if count >= METHODS[method].points
        }
        ours = by_method["pchip"]
        if not ours.overlap[0] > LEAST_OVERLAP:
            continue
        dense = [_over(fit(r[None], q[None]), ours.low[0], ours.high[0]) for r, q in wholes]
        truth = float((dense[1] - dense[0])[0])
        value = float(ours.mean[0])
        (choice,) = choices(points, [0], [1], together=[one])
        variance = sum(
            float(np.var(_over(subsets(*own), ours.low[0], ours.high[0]))) for own in chosen
        )
        values = [float(other.mean[0]) for other in by_method.values()]
        between = min(values) <= truth <= max(values)
        found.append(
            [
                percent(truth - value),
                percent(choice.spread),
                percent(choice.moved),
                percent(2 * math.sqrt(variance)),
                math.inf if between else 0.0,
                float(np.ptp(values)) * 100 * math.log(10),
            ]
        )
    return found


def table(curves: dict[str, list[tuple[Array, Array]]]) -> list[dict[str, str]]:
    rows = []
    for kind, count in itertools.product(KINDS, (FEWEST_POINTS, 5, 6, 8)):
        error, spread, moved, random, between, apart = np.array(drawn(curves, count, kind)).T
        rows.append(
            {
                "points": f"{count}, {kind}",
                "error [points]": f"{np.median(error):.2f} ({np.percentile(error, 95):.1f})",
                "within ± spread [%]": f"{100 * np.mean(error <= spread):.0f}",
                "± spread": f"{np.median(spread):.2f}",
                "within the largest d [%]": f"{100 * np.mean(error <= moved):.0f}",
                "within 2 σ of subsets [%]": f"{100 * np.mean(error <= random):.0f}",
                "2 σ of subsets": f"{np.median(random):.2f}",
                "between interpolations [%]": f"{100 * np.mean(error <= between):.0f}",
                "interpolations apart": f"{np.median(apart):.2f}",
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    arguments = parser.parse_args()
    found = markdown(table(dense()))
    print(found)
    if arguments.write:
        about = (
            f"{DRAWS} draws each of two out of {len(CODECS)} codecs, {len(IMAGES)} images and "
            "their mean, PSNR and MS-SSIM; of one codec: JPEG in both chroma formats or WebP with "
            "two methods, at the same points. The error is that of the BD-rate of the ladders: the "
            "median, and in parentheses the 95th percentile. The spread is that of "
            "`rdbench.bd.ladders`; the largest d is that of a single point left out; the subsets "
            "are all those of the inner points of both curves. Widths are medians, in points of "
            "BD-rate."
        )
        section = ["How often the delta of dense curves is within the range stated for few points"]
        page = report(
            "How much a delta depends on the choice of its points",
            "benchmarks/ladders.py",
            ("numpy", "pillow", "imagecodecs", "glymur"),
            [[*section, about, found]],
        )
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
