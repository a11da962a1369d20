"""Speed of MS-SSIM and SSIM on one thread, side by side with other packages.

    python benchmarks/ms_ssim.py

One pair of 768x512 RGB images: a photograph and its JPEG at quality 50. The photograph is kodim01
if RDBENCH_DATA has it, else one from scikit-image's wheel, tiled to the size. Each time is the
minimum over repeats, in which the ways take turns, so that drifts in the machine's speed affect all
of them.

What was tried on the way to rdbench/metrics/scale.py, in milliseconds for MS-SSIM of one decoded
image on a shared machine with two cores with AVX-512, where pytorch-msssim takes 104:

- the textbook form (window means of x, y, x^2, y^2 and xy), float32, cv2.sepFilter2D on
  interleaved channels, nothing kept of the original: 23;
- the difference form of scale.py (three window means, the original's side kept), planar, each
  window mean by cv2.sepFilter2D: 10.8 (cv2.GaussianBlur takes the same time);
- both passes as products with banded matrices: 7.3 at best, with the last columns left out;
  along the rows a product needs 16 columns at a time to be fast and then multiplies 15 zeros
  for each 11 weights;
- the vertical pass as such a product, the horizontal one by cv2.filter2D, as built: 6.9 with 4
  rows made at a time (0.30 ns for each sample, cv2's vertical filter 0.50), 7.2 with 8, 8.1 with
  16;
- strips of 2^13 samples 12.9, 2^14 9.4, 2^15 8.0, 2^16 7.5, 2^17 7.3, 2^18 7.0, 2^19 8.0 and
  2^20 8.7, on a slower day: small ones cost calls, large ones do not fit into the cache;
- integer and 16-bit filters of OpenCV: 2.3 ns for each sample in 16 bit, and 8-bit ones round
  their results, so neither was taken.
"""

from __future__ import annotations

import os

# BLAS reads these when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from rdbench.metrics import Reference, choose, ms_ssim, ssim

HEIGHT, WIDTH = 512, 768
REPEATS = 25


def pair() -> tuple[np.ndarray, np.ndarray]:
    """An original and its JPEG at quality 50, uint8, (512, 768, 3)."""
    kodak = Path(os.environ.get("RDBENCH_DATA", "")) / "kodak" / "kodim01.png"
    if kodak.is_file():
        original = np.asarray(Image.open(kodak).convert("RGB"))
    else:
        from skimage import data

        original = np.tile(data.astronaut(), (1, 2, 1))
    original = np.ascontiguousarray(original[:HEIGHT, :WIDTH])
    stream = io.BytesIO()
    Image.fromarray(original).save(stream, "JPEG", quality=50)
    return original, np.asarray(Image.open(stream))


def ways(original: np.ndarray, decoded: np.ndarray) -> dict[tuple[str, str], Callable[[], float]]:
    """By metric and way of computing it, a function that returns the value. The way with which the
    others of a metric are compared comes first."""
    from skimage.metrics import structural_similarity

    kept = Reference(original, choose(["psnr_db", "ms_ssim_db"]))
    kept_ssim = Reference(original, choose(["ssim"]))
    found: dict[tuple[str, str], Callable[[], float]] = {}
    try:
        import pytorch_msssim
        import torch
    except ImportError:
        pass
    else:
        torch.set_num_threads(1)
        x, y = (
            torch.from_numpy(np.ascontiguousarray(a.transpose(2, 0, 1)))[None].float()
            for a in (original, decoded)
        )
        found["MS-SSIM", "pytorch-msssim"] = lambda: float(
            pytorch_msssim.ms_ssim(x, y, data_range=255)
        )
    found["MS-SSIM", "rdbench, one pair"] = lambda: ms_ssim(original, decoded)
    found["MS-SSIM", "rdbench, original's side kept, and PSNR"] = lambda: kept.score(
        decoded
    ).values["ms_ssim"]
    found["SSIM", "scikit-image"] = lambda: float(
        structural_similarity(
            original,
            decoded,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=2,
        )
    )
    found["SSIM", "rdbench, one pair"] = lambda: ssim(original, decoded)
    found["SSIM", "rdbench, original's side kept"] = lambda: kept_ssim.score(decoded).values["ssim"]
    return found


def table(repeats: int = REPEATS) -> list[dict[str, str]]:
    """One row for each way: its metric, value, minimum time, and how many times faster than the
    other package it is. OpenCV and torch use one thread; torch keeps this setting."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        timed = ways(*pair())
        values = {key: way() for key, way in timed.items()}
        best = dict.fromkeys(timed, float("inf"))
        for _ in range(repeats):
            for key, way in timed.items():
                start = time.perf_counter()
                way()
                best[key] = min(best[key], time.perf_counter() - start)
    finally:
        cv2.setNumThreads(threads)
    others = {"MS-SSIM": "pytorch-msssim", "SSIM": "scikit-image"}
    rows = []
    for metric, way in timed:
        other = best.get((metric, others[metric]))
        rows.append(
            {
                "metric": metric,
                "way": way,
                "value": f"{values[metric, way]:.7f}",
                "time [ms]": f"{1e3 * best[metric, way]:.1f}",
                "times faster": f"{other / best[metric, way]:.1f}" if other else "",
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=REPEATS)
    rows = table(parser.parse_args().repeats)
    widths = {name: max(len(row[name]) for row in [{name: name}, *rows]) for name in rows[0]}
    for row in [{name: name for name in widths}, *rows]:
        print("  ".join(row[name].ljust(width) for name, width in widths.items()).rstrip())


if __name__ == "__main__":
    main()
