"""Speed of a whole run, side by side with CompressAI's bench, on this machine.

    RDBENCH_DATA=... python benchmarks/speed.py [--rounds 5] [--write]

Both tools measure the 24 Kodak images at ten qualities with PSNR and MS-SSIM in two processes. They
take turns round by round, so that drifts in the machine's speed affect both. Times are of the whole
process, start-up included. ``--write`` puts the tables into benchmarks/README.md.

CompressAI's bench is run with its defaults, and once more with OMP_NUM_THREADS=1: by default its
two processes start torch with two threads each, which get in each other's way.

Efficiency is the time that the codec library and plain metric functions (each pair on its own) need
for the same work in one process, divided by the number of processes and by the wall time of the
run. It may exceed 1, since a run keeps the original's side of the metrics. Strict efficiency is
computed with the time of metrics that keep it, too. In so short a run, start-up limits it (0.6 s:
two interpreters that import numpy and OpenCV, and the one that waits for them). What was tried for
it, on JPEG:

- starting workers before the experiment is planned, so that imports overlap: 2.7 to 2.6 s;
- telling glibc to keep freed memory, so that pages are not faulted in for each image: 14.4 to
  13.3 ms for each measurement, 2.6 to 2.4 s;
- giving a worker two tasks at a time, so that it never waits for the parent: no difference beyond
  noise; kept, since it costs nothing;
- importing libraries lazily in the parent: tasks start 0.1 s earlier, but the summary then waits
  for numpy at the end; not kept.

On WebP, libwebp takes 34 of the 43 ms of a measurement, so two processes cannot finish before
4.0 s. What was tried:

- libwebp by imagecodecs, not by Pillow, for the same bytes: 38.5 to 33.2 ms to encode and decode;
- libwebp called directly, without imagecodecs: 30.0 instead of 30.7 ms to encode; not kept.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import JOBS, kodak, markdown, report, spread, wall_s

# It asks for one thread; `common` keeps the previous environment for the tools that are timed.
import ms_ssim  # isort: skip

QUALITIES = tuple(range(5, 100, 10))
CODECS = ("jpeg", "webp")
README = Path(__file__).parent / "README.md"
OTHERS = [
    "Other pages",
    "The cost of each metric is in [metrics.md](metrics.md), that of JPEG AI's metrics in "
    "[jpeg_ai.md](jpeg_ai.md), and that of other work in the other pages of this folder.",
    "",
]
SHOWN = ("pillow", "imagecodecs", "opencv-python-headless", "numpy", "torch", "compressai")


def compressai_s(codec: str, **variables: str) -> float:
    qualities = ",".join(map(str, QUALITIES))
    module = [sys.executable, "-W", "ignore", "-m", "compressai.utils.bench"]
    command = [*module, codec, str(kodak()), "-j", str(JOBS), "-q", qualities]
    return wall_s(command, **variables)


def rdbench_s(codec: str, out: Path) -> float:
    points = "/".join(map(str, QUALITIES))
    program = str(Path(sys.executable).with_name("rdbench"))
    return wall_s(
        [
            *(program, "run", "--codec", f"{codec}:points={points}", "--dataset", "kodak"),
            *("--metrics", "psnr_db,ms_ssim_db", "--jobs", str(JOBS), "--out", str(out)),
        ]
    )


def kernel_s(codec: str, *, keep: bool) -> float:
    """Time of the work alone in seconds: encode, decode and score, in this process on one thread.
    With ``keep``, the original's side of the metrics is kept, and not timed."""
    import cv2

    from rdbench import images, metrics
    from rdbench.codecs import registry

    cv2.setNumThreads(1)
    chosen = registry.load(codec)
    pairs = [(chosen(quality), chosen(quality)) for quality in QUALITIES]
    total = 0.0
    for ref in images.resolve(str(kodak())).images:
        pixels = ref.load()
        reference = metrics.Reference(pixels, metrics.choose(["psnr_db", "ms_ssim_db"]))
        start = time.perf_counter()
        for encoder, decoder in pairs:
            decoded = decoder.decode(encoder.encode(pixels))
            if keep:
                reference.score(decoded)
            else:
                metrics.psnr(pixels, decoded)
                metrics.ms_ssim(pixels, decoded)
        total += time.perf_counter() - start
    return total


def side_by_side(rounds: int) -> list[dict[str, str]]:
    rows = []
    for codec in CODECS:
        theirs, theirs_1, ours, plain, kept, peaks = [], [], [], [], [], []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "run"
                ours.append(rdbench_s(codec, out))
                from rdbench.results import read_rows

                peaks.append(max(row.peak_rss_mb or 0 for row in read_rows(out)))
            plain.append(kernel_s(codec, keep=False))
            kept.append(kernel_s(codec, keep=True))
            theirs.append(compressai_s(codec))
            theirs_1.append(compressai_s(codec, OMP_NUM_THREADS="1"))
        ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
        ratios_1 = [a / b for a, b in zip(theirs_1, ours, strict=True)]
        efficiency, strict = (
            [work / JOBS / wall for work, wall in zip(works, ours, strict=True)]
            for works in (plain, kept)
        )
        rows.append(
            {
                "codec": codec,
                "rdbench [s]": spread(ours),
                "CompressAI's bench [s]": spread(theirs),
                "times faster": spread(ratios),
                "with OMP_NUM_THREADS=1 [s]": spread(theirs_1),
                "times faster than that": spread(ratios_1),
                "codec and plain metrics alone [s]": spread(plain),
                "efficiency": spread(efficiency, 2),
                "codec and kept metrics alone [s]": spread(kept),
                "strict efficiency": spread(strict, 2),
                "peak memory of a worker [MiB]": f"{max(peaks):.0f}",
            }
        )
    return rows


def help_s(rounds: int = 21) -> list[dict[str, str]]:
    program = str(Path(sys.executable).with_name("rdbench"))
    bare = [sys.executable, "-c", "import typer"]
    times = [wall_s([program, "--help"]) for _ in range(rounds)]
    typer_times = [wall_s(bare) for _ in range(rounds)]
    return [
        {"command": "`rdbench --help`", "median [s]": f"{statistics.median(times):.3f}"},
        {
            "command": "`python -c 'import typer'`",
            "median [s]": f"{statistics.median(typer_times):.3f}",
        },
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    arguments = parser.parse_args()
    kodak()
    parts: list[tuple[str, str, Callable[[], list[dict[str, str]]]]] = [
        ("MS-SSIM", "One pair of RGB images of 768×512 on one thread.", ms_ssim.table),
        ("Start-up", "Whole process, median of 21.", help_s),
        (
            "A whole run",
            f"24 Kodak images, qualities {', '.join(map(str, QUALITIES))}, PSNR and MS-SSIM, "
            f"{JOBS} processes, whole process including start-up; median (minimum to maximum) of "
            f"{arguments.rounds} rounds in which the tools take turns. CompressAI's bench runs two "
            "threads of torch in each of its processes. They get in each other's way, so its times "
            "vary; with OMP_NUM_THREADS=1 they do not. Efficiency: the time of the work alone in "
            "one process, divided by the number of processes and by the wall time.",
            lambda: side_by_side(arguments.rounds),
        ),
    ]
    sections = []
    for title, about, measure in parts:
        table = markdown(measure())
        sections.append([title, about, table])
        print(f"{title}\n{table}\n", flush=True)
    if arguments.write:
        README.write_text(
            report("Benchmarks", "benchmarks/speed.py", SHOWN, [*sections, OTHERS]),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
