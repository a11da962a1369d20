"""Throughput: rdbench beside CompressAI's own tools with the same weights, two workers against one,
and the cost of ten times as many images or points.

    RDBENCH_DATA=... python benchmarks/throughput.py [--images 3] [--rounds 2] [--write]

CompressAI's side is ``compressai.utils.eval_model`` with a file of weights (by default those of an
untrained network, which costs as much as a trained one except for its longer streams), and
``compressai.utils.bench`` with JPEG. Both sides measure the same images in this Python: they
encode, decode and score PSNR and MS-SSIM, as whole commands in turns, with one thread in each
process. Rates and PSNR of both must agree. Wall time depends on other work of the machine, so the
processor time of all processes is given, too.

It takes some eight minutes, on a machine without other work.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import ENVIRONMENT, JOBS, kodak, markdown, report, spread

ARCHITECTURE = "bmshj2018-factorized"
THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
QUALITIES = tuple(range(5, 100, 10))
SCALED = {"jpegxl": "jpegxl:points=1", "avif": "avif:points=60"}
LEAST = 0.85
"""Least efficiency of two workers."""
GROWN = 10
SHOWN = ("compressai", "torch", "imagecodecs", "pillow", "numpy")


@dataclass(frozen=True)
class Timed:
    """The times and the output of a command."""

    wall_s: float
    processor_s: float
    said: str


def timed(*command: object, **variables: str) -> Timed:
    """Run a command; its processor time is that of all its processes."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        [*map(str, command)],
        env={**ENVIRONMENT, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    wall_s, after = time.perf_counter() - start, os.times()
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stderr}")
    processor_s = after.children_user + after.children_system
    return Timed(wall_s, processor_s - before.children_user - before.children_system, done.stdout)


def rdbench(codec: str, images: Path, jobs: int, out: Path, *, fresh: bool = True) -> Timed:
    if fresh:
        shutil.rmtree(out, ignore_errors=True)
    return timed(
        *(sys.executable, "-m", "rdbench", "run", "--codec", codec, "--dataset", images),
        *("--metrics", "psnr_db,ms_ssim_db", "--jobs", jobs, "--out", out),
    )


def untrained(path: Path) -> Path:
    """Write a file of the weights of an untrained network, with its tables; return its path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from compressai.models import FactorizedPrior

    torch.manual_seed(1)
    network = FactorizedPrior(128, 192)
    network.update()
    torch.save(network.state_dict(), path)
    return path


def means(out: Path) -> tuple[float, float]:
    """Mean rate and PSNR of a run."""
    from rdbench.results import read_rows

    rows = read_rows(out)
    return tuple(statistics.fmean(row.value(name) for row in rows) for name in ("bpp", "psnr_db"))


def eval_model(weights: Path, images: Path, out: Path) -> tuple[Timed, Timed]:
    """CompressAI's evaluation of a network, and rdbench's."""
    theirs = timed(
        *(sys.executable, "-W", "ignore", "-m", "compressai.utils.eval_model", "checkpoint"),
        *(images, "-a", ARCHITECTURE, "-p", weights, "-c", "ans"),
        **THREAD,
    )
    ours = rdbench(f"zoo:arch={ARCHITECTURE},checkpoint={weights},quality=1", images, 1, out)
    told = json.loads(theirs.said[theirs.said.index("{") :])["results"]
    bpp, psnr_db = means(out)
    # CompressAI does not round the decoded image.
    assert math.isclose(bpp, statistics.fmean(told["bpp"]), rel_tol=0.01), (bpp, told)
    assert abs(psnr_db - statistics.fmean(told["psnr-rgb"])) < 0.1, (psnr_db, told)
    return theirs, ours


def bench(images: Path, out: Path) -> tuple[Timed, Timed]:
    """CompressAI's bench and rdbench, both with Pillow's JPEG in the same number of processes."""
    qualities = ",".join(map(str, QUALITIES))
    theirs = timed(
        *(sys.executable, "-W", "ignore", "-m", "compressai.utils.bench", "jpeg", images),
        *("-j", JOBS, "-q", qualities),
        **THREAD,
    )
    ours = rdbench(f"jpeg:points={qualities.replace(',', '/')}", images, JOBS, out)
    return theirs, ours


def against(peer: str, what: str, pairs: Sequence[tuple[Timed, Timed]]) -> dict[str, str]:
    return {
        "peer": peer,
        "images": what,
        "peer [s]": spread([theirs.wall_s for theirs, _ in pairs]),
        "rdbench [s]": spread([ours.wall_s for _, ours in pairs]),
        "over the peer": spread([ours.wall_s / theirs.wall_s for theirs, ours in pairs], 2),
        "peer's processor [s]": spread([theirs.processor_s for theirs, _ in pairs]),
        "rdbench's [s]": spread([ours.processor_s for _, ours in pairs]),
        "over the peer's": spread(
            [ours.processor_s / theirs.processor_s for theirs, ours in pairs], 2
        ),
    }


def scaled(name: str, pairs: Sequence[tuple[Timed, Timed]]) -> dict[str, str]:
    return {
        "codec": name,
        "one worker [s]": spread([one.wall_s for one, _ in pairs]),
        f"{JOBS} workers [s]": spread([more.wall_s for _, more in pairs]),
        "efficiency": spread([one.wall_s / JOBS / more.wall_s for one, more in pairs], 2),
        "least": f"{LEAST:g}",
        "processor time over that of one worker": spread(
            [more.processor_s / one.processor_s for one, more in pairs], 2
        ),
    }


def grown(cases: dict[str, list[Timed]]) -> list[dict[str, str]]:
    base = next(iter(cases.values()))
    return [
        {
            "jpeg, two workers": what,
            "wall [s]": spread([one.wall_s for one in runs]),
            "over the first": spread(
                [one.wall_s / first.wall_s for one, first in zip(runs, base, strict=True)], 2
            ),
            "processor [s]": spread([one.processor_s for one in runs]),
            "over the first's": spread(
                [
                    one.processor_s / first.processor_s
                    for one, first in zip(runs, base, strict=True)
                ],
                2,
            ),
        }
        for what, runs in cases.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    rounds = range(given.rounds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "run"
        weights = given.weights or untrained(folder / "weights-1.pth.tar")

        def images(count: int) -> Path:
            found = folder / f"images{count}"
            if not found.exists():
                found.mkdir()
                for path in sorted(kodak().glob("*.png"))[:count]:
                    (found / path.name).symlink_to(path)
            return found

        own, most = images(given.images), images(min(24, GROWN * given.images))
        few, many = "5/95", "/".join(map(str, range(5, 5 + 2 * GROWN)))
        peers = [
            against(
                "compressai.utils.eval_model",
                str(given.images),
                [eval_model(weights, own, out) for _ in rounds],
            ),
            against("compressai.utils.bench", str(given.images), [bench(own, out) for _ in rounds]),
        ]
        print(markdown(peers), "\n", flush=True)
        workers = [
            scaled(
                codec,
                [(rdbench(text, most, 1, out), rdbench(text, most, JOBS, out)) for _ in rounds],
            )
            for codec, text in SCALED.items()
        ]
        print(markdown(workers), "\n", flush=True)
        counts = len(list(own.iterdir())), len(list(most.iterdir()))
        ways: dict[str, Callable[[], Timed]] = {
            f"images: {counts[0]}, points: 2": lambda: rdbench(
                f"jpeg:points={few}", own, JOBS, out
            ),
            "the same again": lambda: rdbench(f"jpeg:points={few}", own, JOBS, out, fresh=False),
            f"images: {counts[1]}, points: 2": lambda: rdbench(
                f"jpeg:points={few}", most, JOBS, out
            ),
            f"images: {counts[0]}, points: {2 * GROWN}": lambda: rdbench(
                f"jpeg:points={many}", own, JOBS, out
            ),
            f"images: {counts[1]}, points: {2 * GROWN}": lambda: rdbench(
                f"jpeg:points={many}", most, JOBS, out
            ),
        }
        growth = grown({what: [way() for _ in rounds] for what, way in ways.items()})
        print(markdown(growth))
    if given.write:
        about = (
            f"Median (minimum to maximum) of {given.rounds} rounds; load of the machine "
            f"{os.getloadavg()[2]:.1f}."
        )
        sections = [
            [
                "Beside CompressAI's tools",
                "Whole commands in turns with the same work: PSNR and MS-SSIM. The peer "
                f"`eval_model` measures `{ARCHITECTURE}` with the same weights in one process on "
                "one thread, and the peer `bench` measures JPEG at qualities "
                f"{', '.join(map(str, QUALITIES))} in {JOBS} processes. {about}",
                markdown(peers),
            ],
            [
                "Two workers against one",
                f"{counts[1]} images of Kodak, whole commands with their start-up. Efficiency is "
                f"the wall time of one worker, divided by {JOBS} and by that of {JOBS} workers.",
                markdown(workers),
            ],
            [
                "Ten times as much",
                "Whole commands with their start-up, the default metrics.",
                markdown(growth),
            ],
        ]
        Path(__file__).with_suffix(".md").write_text(
            report("Throughput", "benchmarks/throughput.py", SHOWN, sections), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
