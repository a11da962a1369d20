"""The time and memory that reading a large table of measurements takes.

    python benchmarks/tables.py [--rows 1000000]

The table is like that of a large benchmark: 5 datasets, 20 codecs, 10 points and as many images as
the rows need. Every column is filled, versions contain a comma, messages contain quotes and line
ends, and one row in a hundred failed. The table is generated from a seed. Each way of reading it
has a process of its own on one core; the memory is the peak of that process, including Python and
its libraries.

A million rows are 573 MiB. Processor time in seconds with all imports, and peak MiB, on a core that
other work used for more than half of the time:

| | rows as objects, as before | as built |
| --- | --- | --- |
| summary of the curves | 67.7 s, 5335 MiB | 10.2 s, 947 MiB |
| rdbench.load | 40.3 s, 5375 MiB | 11.2 s, 1551 MiB |

In the summary, parsing takes 8.3 s, leaving out rows that were measured again 0.4 s, curves 0.6 s
and their means 0.6 s. What was tried for parsing:

- the csv module, and NumPy on the columns of each block: 20 s;
- pandas.read_csv by blocks, typed, texts as categories: 17 s; texts as objects, numbered by a dict:
  13 s, of which 1.5 s to import pandas and 1.4 s to find rows that are too short, which pandas
  fills up silently;
- Arrow by blocks, as built: on an undisturbed core 2.5 s for the blocks, where pandas takes 6.8 s;
  row by row, which is the cost of a block with an invalid row, 29 s;
- numbering texts by a dict with `__missing__` in Python instead of a defaultdict: 1.4 s more, since
  every hash of a stream is a new text.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import machine, markdown

from rdbench.files import csv_text
from rdbench.metrics import BUILT_IN
from rdbench.schema import header

DATASETS, CODECS, POINTS = 5, 20, 10
CURVES = DATASETS * CODECS
SIDES = (768, 512)
SEED = 0
PACKAGES = ("numpy", "pandas", "pyarrow")
HEADER = header(BUILT_IN)

# What each process does with the path of the table; it prints the number of the things.
WAYS = {
    "summary of the curves": (
        "from rdbench.curves import load_curves, summary_rows\n"
        "things = summary_rows(load_curves([path]))"
    ),
    "rdbench.load and means by groupby": (
        "import rdbench\n"
        "things = rdbench.load(path).groupby(['dataset', 'codec', 'point'])"
        "[['bpp', 'psnr_db']].mean()"
    ),
    "the csv module alone": (
        "import csv\nfile = open(path, encoding='utf-8', newline='')\n"
        "things = range(sum(1 for cells in csv.reader(file)))"
    ),
    "pandas.read_csv alone": "import pandas\nthings = pandas.read_csv(path)",
    "pyarrow.csv alone": (
        "import pyarrow.csv as csv\nthings = csv.read_csv(\n"
        "    path, csv.ReadOptions(use_threads=False), csv.ParseOptions(newlines_in_values=True)\n)"
    ),
}
MEASURE = """
import resource, sys, time
path = sys.argv[1]
start = time.perf_counter()
{way}
taken = time.perf_counter() - start
use = resource.getrusage(resource.RUSAGE_SELF)
print(taken, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024, len(things))
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measurements.csv"
        write_table(path, images=max(1, arguments.rows // (CURVES * POINTS)))
        print(f"{path.stat().st_size / 2**20:.0f} MiB of CSV.", machine(PACKAGES))
        print(markdown([measured(name, way, path) for name, way in WAYS.items()]))


def write_table(path: Path, images: int) -> None:
    """A table of ``CURVES * POINTS * images`` rows."""
    random = np.random.default_rng(SEED)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(csv_text([HEADER]))
        for curve in range(CURVES):
            file.write(csv_text(rows_of_curve(curve, images, random)))


def rows_of_curve(curve: int, images: int, random: np.random.Generator) -> Iterator[list[str]]:
    """The rows of one curve as texts, with all points of an image in sequence."""
    dataset, codec = divmod(curve, CODECS)
    width, height = SIDES
    fixed = {
        "dataset": f"dataset{dataset}",
        "width": str(width),
        "height": str(height),
        "channels": "3",
        "codec": f"codec{codec}",
        "options": "chroma=444;effort=7",
        "label": f"codec{codec} 4:4:4",
        "parameter": "quality",
        "codec_version": f"libcodec 3.1.{codec}, Binding 12.0",
        "identity": "7f1c0a5be2d94c36",
        "sample_format": "rgb8",
        "repeat": "0",
        "timing": "isolated",
        "host": "machine",
        "device": "cpu",
    }
    for image in range(images):
        sha = random.bytes(32).hex()
        for point in range(POINTS):
            size = int(20_000 * 1.3**point * random.uniform(0.5, 2))
            quality = 28 + 2 * point + random.normal()
            ms_ssim = 1 - random.uniform(0.5, 1) * 0.7**point / 10
            seconds = random.uniform(0.01, 0.2, 4).tolist()
            failed = random.random() < 0.01
            cells = fixed | {
                "image": f"image{image:04d}",
                "image_sha256": sha,
                "point": str(10 * point + 5),
                "status": "failed" if failed else "ok",
                "message": 'DecodeError: "end of data",\nexpected more' if failed else "",
                "size_bytes": str(size),
                "payload_bytes": str(size - 600),
                "bpp": repr(8 * size / (width * height)),
                "estimated_bpp": repr(7.9 * size / (width * height)),
                "mse": repr(255**2 / 10 ** (quality / 10)),
                "psnr_db": repr(quality),
                "psnr_y_db": repr(quality + 0.7),
                "ssim": repr(ms_ssim - 0.01),
                "ms_ssim": repr(ms_ssim),
                "ms_ssim_db": repr(-10 * float(np.log10(1 - ms_ssim))),
                "encode_s": repr(seconds[0]),
                "decode_s": repr(seconds[1]),
                "encode_cpu_s": repr(seconds[2]),
                "decode_cpu_s": repr(seconds[3]),
                "peak_rss_mb": repr(150 + seconds[0]),
                "program_rss_mb": repr(30 + seconds[1]),
                "stream_sha256": random.bytes(32).hex(),
                "decoded_sha256": random.bytes(32).hex(),
            }
            yield [cells.get(name, "") for name in HEADER]


def measured(name: str, way: str, path: Path) -> dict[str, str]:
    command = [sys.executable, "-c", MEASURE.format(way=way), str(path)]
    cpu = min(os.sched_getaffinity(0))
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    )
    taken, processor, peak, things = map(float, done.stdout.split())
    return {
        "way": name,
        "wall [s]": f"{taken:.1f}",
        "processor [s]": f"{processor:.1f}",
        "peak [MiB]": f"{peak:.0f}",
        "things": f"{things:.0f}",
    }


if __name__ == "__main__":
    main()
