"""Work that a growing run does: three codecs at five points on Kodak get one more metric, one more
point and one more codec.

    RDBENCH_DATA=... python benchmarks/growth.py

Prints how many rows existed, were measured and were only scored, and whether the grown table equals
that of a run made in one go, except for timings.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

from common import kodak, wall_s

import rdbench
from rdbench.schema import TIMINGS

METRIC = """
import numpy as np
import rdbench

class MeanError(rdbench.Metric):
    record = rdbench.MetricRecord("mean_error", "Mean error", higher_is_better=False)

    def score(self, decoded):
        return np.abs(decoded.astype(int) - self.original).mean()
"""
FIRST = [
    "jpeg:points=10/30/50/70/90",
    "webp:points=10/30/50/70/90",
    "jpeg2000:points=80/40/20/10/5",
]
MORE = ["jpeg:points=10/30/50/60/70/90", *FIRST[1:], "png"]


def table(path: Path) -> list[list[str]]:
    with (path / "measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [[row[name] for name in sorted(row) if name not in TIMINGS] for row in rows]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "mine.py"
        file.write_text(METRIC)
        metrics = ["psnr_db", "ssim", "ms_ssim_db", f"{file}:MeanError"]
        common = {"datasets": str(kodak())}
        grown, whole = folder / "grown", folder / "whole"
        first = rdbench.run(
            codecs=FIRST, metrics=metrics[:-1], out=grown, keep_decoded=True, **common
        )
        second = rdbench.run(codecs=MORE, metrics=metrics, out=grown, keep_decoded=True, **common)
        command = [*(sys.executable, "-m", "rdbench", "run"), *("--metrics", ",".join(metrics))]
        command += [part for codec in MORE for part in ("--codec", codec)]
        wall_s([*command, "--dataset", str(kodak()), "--out", str(whole), "--keep-decoded"])
        print(
            f"{len(first.rows)} rows existed; of {len(second.rows)}, {second.measured} were "
            f"measured and {second.rescored} scored by a further metric; the table "
            + ("equals" if table(grown) == table(whole) else "differs from")
            + " that of one run"
        )


if __name__ == "__main__":
    main()
