"""A learned codec at work: rdbench beside CompressAI's own tools with the same weights, and what
start-up and ten times as many images and points cost.

    RDBENCH_DATA=... python benchmarks/throughput.py [--weights FILE] [--images 4]

CompressAI's side is ``compressai.utils.eval_model`` in this Python, on the same images and with the
same file of weights (or, without ``--weights``, an untrained network of which one is written): it
encodes with its range coder, decodes and scores PSNR and MS-SSIM. rdbench's is ``rdbench run`` with
``zoo`` and the same metrics. Both are whole commands, one after the other in turns, on one thread.
The first table is of wall times, whose ratio is what counts on a busy machine.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from common import kodak, markdown, wall_s

ARCHITECTURE = "bmshj2018-factorized"
THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
TURNS = 3


def untrained(path: Path) -> Path:
    """A file of weights that nobody has trained, with its tables."""
    import torch
    from compressai.models import FactorizedPrior

    torch.manual_seed(1)
    network = FactorizedPrior(128, 192)
    network.update()
    torch.save(network.state_dict(), path)
    return path


def theirs(weights: Path, images: Path) -> float:
    """Wall time of CompressAI's evaluation in seconds."""
    command = [
        *(sys.executable, "-m", "compressai.utils.eval_model", "checkpoint", str(images)),
        *("-a", ARCHITECTURE, "-p", str(weights), "-c", "ans"),
    ]
    return wall_s(command, **THREAD)


def ours(weights: Path, images: Path, folder: Path) -> float:
    """The same of rdbench in one worker."""
    shutil.rmtree(folder, ignore_errors=True)
    codec = f"zoo:arch={ARCHITECTURE},checkpoint={weights},quality=1"
    command = [
        *(sys.executable, "-m", "rdbench", "run", "--codec", codec, "--dataset", str(images)),
        *("--metrics", "psnr_db,ms_ssim", "--jobs", "1", "--out", str(folder)),
    ]
    return wall_s(command, **THREAD)


def growth(images: Path, points: int, folder: Path, fresh: bool = True) -> float:
    """Wall time of ``jpeg`` at so many points in two workers."""
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    listed = f"5..{4 + points}"
    command = [
        *(sys.executable, "-m", "rdbench", "run", "--codec", f"jpeg:points={listed}"),
        *("--dataset", str(images), "--metrics", "psnr_db", "--jobs", "2", "--out", str(folder)),
    ]
    return wall_s(command)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--images", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = given.weights or untrained(folder / "weights-1.pth.tar")
        sets = {}
        for count in sorted({1, given.images, 24}):
            sets[count] = folder / f"images{count}"
            sets[count].mkdir()
            for path in sorted(kodak().glob("*.png"))[:count]:
                (sets[count] / path.name).symlink_to(path)
        rows = []
        for count in (1, given.images):
            both = [
                (theirs(weights, sets[count]), ours(weights, sets[count], folder / "run"))
                for _ in range(TURNS)
            ]
            peer, own = (statistics.median(side) for side in zip(*both, strict=True))
            rows.append(
                {
                    "images": str(count),
                    "compressai.utils.eval_model [s]": f"{peer:.1f}",
                    "rdbench run [s]": f"{own:.1f}",
                    "ratio": f"{own / peer:.2f}",
                }
            )
        print(markdown(rows))
        print()
        base = growth(sets[1], 2, folder / "growth")
        cases = {
            "1 image, 2 points": base,
            "the same again": growth(sets[1], 2, folder / "growth", fresh=False),
            "24 images, 2 points": growth(sets[24], 2, folder / "growth"),
            "1 image, 20 points": growth(sets[1], 20, folder / "growth"),
            "24 images, 20 points": growth(sets[24], 20, folder / "growth"),
        }
        print(
            markdown(
                [
                    {"jpeg, two workers": what, "wall [s]": f"{s:.1f}", "ratio": f"{s / base:.2f}"}
                    for what, s in cases.items()
                ]
            )
        )


if __name__ == "__main__":
    main()
