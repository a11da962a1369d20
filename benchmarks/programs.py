"""What driving a program costs, and whether the pool stays busy with programs.

Overhead: a codec whose encoder and decoder are ``ln``, which gives its input another name and does
nothing else, over Kodak with PSNR as the only metric. The time of a task and core in the steady
state of the pool, less the time of the two bare commands (posix_spawn and wait, from a loop that
does nothing else): this is all that rdbench does, conversion to PPM and back, temporary folders,
starting and watching two processes, hashes of stream and decoded image, PSNR and the row.

Efficiency: of ``rdbench run`` with OpenJPEG's programs on Kodak, what the same encodings,
decodings and metrics need in one process without the pool, divided by the number of workers, over
the wall time of the whole command.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from common import JOBS, kodak, markdown, report, spread, wall_s

PAGE = Path(__file__).parent / "programs.md"
SHOWN = ("numpy", "opencv-python-headless")
POINTS = 20
NOTHING = """
name = "nothing"
summary = "gives the file another name"
parameter = "point"
ladder = [1]
lossless = true
[pixels]
input = "pnm"
output = "pnm"
[encode]
program = "ln"
version = ["--version"]
pattern = 'coreutils. (\\S+)'
arguments = ["{input}", "{stream}"]
[decode]
program = "ln"
version = ["--version"]
pattern = 'coreutils. (\\S+)'
arguments = ["{stream}", "{output}"]
"""


def bare_s(repeats: int = 300) -> float:
    """The two commands of a task, from nothing but a loop."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        names = [str(Path(folder) / name) for name in ("input", "stream", "output")]
        Path(names[0]).write_bytes(bytes(3 * 768 * 512))
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            for pair in (names[:2], names[1:]):
                pid = os.posix_spawn("/bin/ln", ["ln", *pair], os.environ)
                os.waitpid(pid, 0)
            times.append(time.perf_counter() - start)
            for name in names[1:]:
                Path(name).unlink()
    return statistics.median(times)


def steady_task_s(jobs: int) -> float:
    """Time of a task and core between the first and the last row of a run."""
    from rdbench import experiment, runner

    with tempfile.TemporaryDirectory() as folder:
        definition = Path(folder) / "nothing.toml"
        definition.write_text(NOTHING)
        points = tuple(range(1, POINTS + 1))
        arrivals: list[float] = []

        def arrived(*_: Any) -> None:
            arrivals.append(time.perf_counter())

        with runner.LocalPool(runner.Limits(jobs)) as pool:
            plan = experiment.plan(
                "nothing",
                datasets=[str(kodak())],
                codecs=[experiment.CodecRequest(str(definition), points=points)],
                metric_names=["psnr_db"],
            )
            outcome = runner.run(plan, Path(folder) / "run", pool=pool, progress=arrived)
        assert not outcome.failures
    # The first rows wait for the workers to start.
    settled = arrivals[2 * jobs :]
    return (settled[-1] - settled[0]) * jobs / (len(settled) - 1)


def overhead(rounds: int) -> list[dict[str, str]]:
    rows = []
    for jobs in (1, JOBS):
        tasks, bares = [], []
        for _ in range(rounds):
            bares.append(1000 * bare_s())
            tasks.append(1000 * steady_task_s(jobs))
        rows.append(
            {
                "workers": str(jobs),
                "task and core [ms]": spread(tasks, 2),
                "two bare commands [ms]": spread(bares, 2),
                "overhead [ms]": spread(
                    [task - bare for task, bare in zip(tasks, bares, strict=True)], 2
                ),
            }
        )
    return rows


def alone_s(codec_name: str) -> float:
    """All encodings, decodings and metrics of Kodak at the codec's ladder in this process."""
    import cv2

    from rdbench import images, metrics
    from rdbench.codecs import registry

    cv2.setNumThreads(1)
    codec = registry.load(codec_name)
    pairs = [(codec(point), codec(point)) for point in codec.ladder]
    total = 0.0
    for ref in images.resolve(str(kodak())).images:
        pixels = ref.load()
        start = time.perf_counter()
        for encoder, decoder in pairs:
            decoded = decoder.decode(encoder.encode(pixels))
            metrics.psnr(pixels, decoded)
            metrics.ms_ssim(pixels, decoded)
        total += time.perf_counter() - start
    return total


def efficiency(rounds: int) -> list[dict[str, str]]:
    import sys

    program = str(Path(sys.executable).with_name("rdbench"))
    rows = []
    for codec in ("openjpeg", "cjpeg", "x265"):
        walls, works = [], []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                command = [program, "run", "--codecs", codec, "--dataset", "kodak"]
                command += ["--metrics", "psnr_db,ms_ssim_db", "--jobs", str(JOBS)]
                walls.append(wall_s([*command, "--out", str(Path(folder) / "run")]))
            works.append(alone_s(codec))
        rows.append(
            {
                "codec": codec,
                "rdbench run [s]": spread(walls),
                "codec and plain metrics alone [s]": spread(works),
                "efficiency": spread(
                    [work / JOBS / wall for work, wall in zip(works, walls, strict=True)], 2
                ),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    arguments = parser.parse_args()
    kodak()
    about = (__doc__ or "").split("\n\n")
    sections = []
    for title, text, measure in (
        ("Overhead", about[1], overhead),
        ("Efficiency", about[2], efficiency),
    ):
        table = markdown(measure(arguments.rounds))
        sections.append([title, " ".join(text.replace("``", "`").split()), table])
        print(f"{title}\n{table}\n", flush=True)
    if arguments.write:
        PAGE.write_text(
            report("Programs as codecs", "benchmarks/programs.py", SHOWN, sections),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
