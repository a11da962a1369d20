"""What planning costs: a million tasks from nothing, a finished run of 100,000 rows that is asked
for again, and the memory of the main process as rows come.

    python benchmarks/planning.py [--tasks 1000000] [--rows 100000]

No codec is run: what is counted is what the main process does before,
beside and after measuring. Times are of the processor, beside that of a loop of Python of as many
steps in the same process, since machines differ.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rdbench.codecs.request import parse_codec
from rdbench.experiment import Experiment, plan_codec
from rdbench.images import Dataset, ImageRef, pixel_sha256
from rdbench.metrics import choose
from rdbench.results import RunDirectory
from rdbench.runner.executor import Answer, Limits
from rdbench.runner.planning import Asked, Work
from rdbench.runner.rows import Measured
from rdbench.runner.run import run
from rdbench.runner.told import plain_metrics

PIXELS = np.zeros((8, 8, 3), np.uint8)
SHA256 = pixel_sha256(PIXELS)
POINTS = "/".join(map(str, range(5, 55, 5)))


def experiment(tasks: int, folder: Path) -> Experiment:
    """One of so many tasks: 100 for each image of ``folder``, of ten curves."""
    requests = [parse_codec(f"avif:speed={speed},points={POINTS}") for speed in range(10)]
    images = tuple(
        ImageRef("many", f"image{number}", folder / f"{number}.png")
        for number in range(tasks // 100)
    )
    return Experiment(
        "many",
        (Dataset("many", images, folder),),
        tuple(plan_codec(request) for request in requests),
        choose(["psnr_db"]),
    )


def memory_mb() -> float:
    """Peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def loop_s(steps: int) -> float:
    """Of a plain loop."""
    start = time.process_time()
    made = [(number, str(number)) for number in range(steps)]
    return (time.process_time() - start) * len(made) / steps


class Instant:
    """An executor whose workers take no time."""

    def __init__(self) -> None:
        self.limits = Limits(2)

    def run(self, jobs: Sequence[Any], settings: Any) -> Iterator[Answer[Any]]:  # noqa: ARG002
        for job in jobs:
            core = {
                "status": "ok",
                "image_sha256": SHA256,
                "stream_sha256": "0" * 64,
                "decoded_sha256": "0" * 64,
                "width": 8,
                "height": 8,
                "channels": 3,
                "color": "rgb",
                "size_bytes": 1000,
                "bpp": 0.02 * job.task.point,
                "encode_s": 0.1,
                "decode_s": 0.1,
                "timing": "shared",
            }
            yield Answer(job, Measured(core, {"mse": 3.0, "psnr_db": 40.0}))

    def close(self) -> None: ...
    def __enter__(self) -> Instant:
        return self

    def __exit__(self, *_: object) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--part", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.part in ("", "plan"):
            before, loop = memory_mb(), loop_s(given.tasks)
            start = time.process_time()
            asked = experiment(given.tasks, folder)
            with RunDirectory(
                folder / "plan", asked.identity(), plain_metrics(asked.metrics)
            ) as directory:
                work = Work.of(asked, asked.tasks(), directory, Asked(), 64)
            taken = time.process_time() - start
            print(
                f"planning {len(work.todo)} tasks: {taken:.1f} s, {taken / loop:.1f} times the "
                f"loop; {memory_mb() - before:.0f} MiB"
            )
        if given.part in ("", "rows"):
            images = folder / "images"
            images.mkdir()
            asked = experiment(given.rows, images)
            for number in range(given.rows // 100):
                Image.fromarray(PIXELS).save(images / f"{number}.png")
            for what in ("measuring", "asking again for"):
                before, loop = memory_mb(), loop_s(given.rows)
                start = time.process_time()
                outcome = run(asked, folder / "rows", executor=Instant())
                taken = time.process_time() - start
                print(
                    f"{what} {len(outcome.rows)} rows ({outcome.measured} measured): "
                    f"{taken:.1f} s, {taken / loop:.0f} times the loop; "
                    f"{memory_mb() - before:.0f} MiB more"
                )


if __name__ == "__main__":
    sys.exit(main())
