"""The cost of running programs, and whether the pool stays busy with programs.

Overhead: a codec whose programs only make a file. The encoder is ``truncate``, for a stream of
20,000 bytes, and the decoder ``ln``, which gives an image another name. It runs on five images of
Kodak with PSNR as the only metric. The overhead is the time per task and core in the steady state
of the pool, minus the time of the two bare commands (posix_spawn and wait, from a loop that does
nothing else). This is all that rdbench does: conversion to PPM and back, temporary folders,
starting and watching two processes, hashes of stream and decoded image, PSNR and the row. The part
of encoding and decoding is also shown by itself.

What was tried for it: not copying the decoded PPM (1.2 ms), not reading the definition again for
each task, looking up the free memory only once a second, passing the environment as bytes (0.7 ms
together), removing a plain folder without walking it (0.4 ms). With ``ln`` as the encoder, too, the
stream is the raw image, and writing, reading and hashing its 1.2 MB add 1.3 ms.

Efficiency of ``rdbench run`` with programs on Kodak: the time that the same encodings, decodings
and metrics need in one process without the pool, divided by the number of workers and by the wall
time of the whole command.
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
POINTS = 200
STREAM_BYTES = 20_000
LANDSCAPE = "kodim2[0-4].png"
NOTHING = f"""
name = "nothing"
summary = "makes files and does nothing else"
parameter = "point"
ladder = [1]
channels = [3]
[pixels]
input = "pnm"
output = "pnm"
[encode]
program = "truncate"
version = ["--version"]
pattern = 'coreutils. (\\S+)'
arguments = ["--size=<{STREAM_BYTES}", "--reference={{input}}", "{{stream}}"]
[decode]
program = "ln"
version = ["--version"]
pattern = 'coreutils. (\\S+)'
files = ["image.ppm"]
arguments = ["--suffix={{stream}}", "image.ppm", "{{output}}"]
"""


def bare_s(repeats: int = 300) -> float:
    """Time in seconds of the two commands of a task, from a plain loop."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        given, stream, output = (str(Path(folder) / name) for name in ("in", "stream", "out"))
        Path(given).write_bytes(bytes(3 * 768 * 512))
        commands = (
            ["/bin/truncate", f"--size=<{STREAM_BYTES}", f"--reference={given}", stream],
            ["/bin/ln", given, output],
        )
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            for command in commands:
                os.waitpid(os.posix_spawn(command[0], command, os.environ), 0)
            times.append(time.perf_counter() - start)
            for name in (stream, output):
                Path(name).unlink()
    return statistics.median(times)


def steady_task_s(jobs: int) -> tuple[float, float]:
    """Time per task and core between the first and the last row of a run, and the part of it that
    encoding and decoding take, in seconds."""
    from rdbench import experiment, formats, images, runner
    from rdbench.codecs.request import CodecRequest

    with tempfile.TemporaryDirectory() as folder:
        definition = Path(folder) / "nothing.toml"
        definition.write_text(NOTHING)
        pictures = str(kodak() / LANDSCAPE)
        picture = images.resolve(pictures).images[0].load()
        (Path(folder) / "image.ppm").write_bytes(formats.write_pnm(picture))
        points = tuple(range(1, POINTS + 1))
        arrivals: list[float] = []

        def arrived(*_: Any) -> None:
            arrivals.append(time.perf_counter())

        with runner.LocalPool(runner.Limits(jobs)) as pool:
            plan = experiment.plan(
                "nothing",
                datasets=[pictures],
                codecs=[CodecRequest(str(definition), points=points)],
                metrics=["psnr_db"],
            )
            outcome = runner.run(plan, Path(folder) / "run", executor=pool, progress=arrived)
        assert not outcome.failures
        codec = [(row.encode_s or 0) + (row.decode_s or 0) for row in outcome.rows]
    # The first rows wait for the workers to start.
    settled = arrivals[2 * jobs :]
    return (settled[-1] - settled[0]) * jobs / (len(settled) - 1), statistics.median(codec)


def overhead(rounds: int) -> list[dict[str, str]]:
    rows = []
    for jobs in (1, JOBS):
        tasks, codecs, bares = [], [], []
        for _ in range(rounds):
            bares.append(1000 * bare_s())
            task_s, codec_s = steady_task_s(jobs)
            tasks.append(1000 * task_s)
            codecs.append(1000 * codec_s)
        rows.append(
            {
                "workers": str(jobs),
                "two bare commands [ms]": spread(bares, 2),
                "encode and decode [ms]": spread(codecs, 2),
                "per task and core [ms]": spread(tasks, 2),
                "overhead of encode and decode [ms]": spread(
                    [codec - bare for codec, bare in zip(codecs, bares, strict=True)], 2
                ),
                "overhead of the whole task [ms]": spread(
                    [task - bare for task, bare in zip(tasks, bares, strict=True)], 2
                ),
            }
        )
    return rows


def alone_s(codec_name: str) -> float:
    """Time in seconds of all encodings, decodings and metrics of Kodak along the codec's ladder, in
    this process."""
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
    for codec in ("openjpeg", "cjpeg"):
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
        ("Efficiency", about[3], efficiency),
    ):
        table = markdown(measure(arguments.rounds))
        sections.append([title, " ".join(text.replace("``", "`").split()), table])
        print(f"{title}\n{table}\n", flush=True)
    if arguments.write:
        PAGE.write_text(
            report("Program codecs", "benchmarks/programs.py", SHOWN, sections),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
