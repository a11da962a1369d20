"""Speed of `rdbench rescore`, beside a plain loop over the same files.

    RDBENCH_DATA=... python benchmarks/rescore.py [--images 1000] [--rounds 3] [--metric ssim]

A run of JPEG on Kodak keeps its decoded images. In each round, the command adds the metric to a
copy of the run with one worker, and a plain loop in one process does the same: it reads the
original once, reads each decoded image, and scores it. Efficiency is the loop's time over the
command's, which includes start-up and writing the table.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from common import kodak, spread, wall_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000, help="number of decoded images")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--metric", default="ssim")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run, work = Path(name) / "run", Path(name) / "work"
        count = -(-arguments.images // 24)
        points = "/".join(str(100 - 2 * place) for place in range(count))
        command = [sys.executable, "-m", "rdbench"]
        wall_s(
            [
                *(*command, "run", "--codec", f"jpeg:points={points}", "--dataset", str(kodak())),
                *("--metrics", "psnr_db", "--keep-decoded", "--out", str(run)),
            ]
        )
        ours, plain = [], []
        for _ in range(arguments.rounds):
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(run, work)
            again = [*command, "rescore", str(work), "--metrics", arguments.metric, "--jobs", "1"]
            ours.append(wall_s(again))
            plain.append(loop_s(run, arguments.metric))
        ratios = [loop / command_s for loop, command_s in zip(plain, ours, strict=True)]
        print(
            f"{24 * count} images, {arguments.metric}: rescore {spread(ours)} s, plain loop "
            f"{spread(plain)} s, efficiency {spread(ratios, 2)}"
        )


def loop_s(run: Path, metric: str) -> float:
    """Time in seconds of the metric alone over all kept images of a run, in this process."""
    import cv2

    from rdbench.images.loading import read_image
    from rdbench.manifest import read_manifest
    from rdbench.metrics import Reference, find
    from rdbench.results import read_rows

    cv2.setNumThreads(1)
    files = read_manifest(run)["files"]
    start = time.perf_counter()
    original, reference = "", None
    for row in read_rows(run):
        if row.image != original:
            original = row.image
            reference = Reference(read_image(Path(files[row.dataset][row.image])), [find(metric)])
        assert reference is not None
        reference.score(read_image(run / row.decoded_file))
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
