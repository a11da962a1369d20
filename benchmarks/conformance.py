"""How long conformance of learned codecs takes, and how many processes it starts.

The codecs use torch, whose import makes a new process expensive: one that takes a tenth of a second
an image, the same with a decoder that crashes on every damaged stream (as unguarded range decoders
in C++ do), and two that rdbench ships. ``--before FOLDER`` also measures another version of
rdbench, in turns.

What was tried: forking a process for each damaged stream costs no import, but torch may hang in a
forked process, and a GPU's context does not survive forking. Therefore a new process is started
only where one has crashed, and no more than three times for one kind of job.

    python benchmarks/conformance.py [--before FOLDER] [--rounds N] [--write]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from common import machine, markdown, spread

HERE = Path(__file__).parents[1]
WEIGHTS = HERE / "baselines" / "weights" / "bmshj2018-factorized"
CODEC = textwrap.dedent(
    """
    import os
    import time
    import zlib

    import numpy as np

    import rdbench


    class Sleeping(rdbench.Codec):
        name = "sleeping"
        parameter = "level"
        ladder = (1, 2, 3, 4, 5, 6, 7, 8)
        learned = True

        @classmethod
        def version(cls):
            return "1"

        def __init__(self, point, **options):
            import torch

            super().__init__(point, **options)
            self._step = int(2 * (9 - point))

        def encode(self, image):
            time.sleep(0.1)
            steps = (image.astype(np.int32) // self._step).astype(np.uint8)
            header = np.array(image.shape, "<u4").tobytes() + bytes([self._step])
            body = header + zlib.compress(steps.tobytes())
            return body + zlib.crc32(body).to_bytes(4, "little")

        def decode(self, stream):
            if zlib.crc32(stream[:-4]) != int.from_bytes(stream[-4:], "little") or len(stream) < 17:
                return self.refuse()
            time.sleep(0.1)
            step = stream[12]
            steps = np.frombuffer(zlib.decompress(stream[13:-4]), np.uint8)
            image = steps.reshape(np.frombuffer(stream[:12], "<u4")).astype(np.int32) * step
            return np.clip(image + step // 2, 0, 255).astype(np.uint8)

        def refuse(self):
            raise rdbench.BitstreamError("damaged")


    class Dying(Sleeping):
        name = "dying"

        def refuse(self):
            os.abort()
    """
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", type=Path, help="folder with another version of rdbench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    places = {"before": given.before, "now": HERE} if given.before else {"now": HERE}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sleeping.py"
        file.write_text(CODEC)
        codecs = {
            "0.1 s an image": f"{file}:Sleeping",
            "0.1 s an image, dies of damaged streams": f"{file}:Dying",
            "dumas2018-case2": "dumas2018-case2",
            "bmshj2018-factorized": f"bmshj2018-factorized:checkpoints={WEIGHTS}",
        }
        found: dict[tuple[str, str], list[tuple[float, float, int, int]]] = {}
        for _ in range(given.rounds):
            for name, codec in codecs.items():
                for when, place in places.items():
                    found.setdefault((name, when), []).append(tried(codec, place))
    rows = []
    for (name, when), rounds in found.items():
        walls, processors, workers, lines = zip(*rounds, strict=True)
        rows.append(
            {
                "codec": name,
                "rdbench": when,
                "wall [s]": spread(list(walls)),
                "processor [s]": spread(list(processors)),
                "worker processes": str(max(workers)),
                "lines of progress": str(max(lines)),
            }
        )
    table = markdown(rows)
    print(table)
    if given.write:
        page = Path(__file__).with_suffix(".md")
        page.write_text(
            "# Conformance of learned codecs\n\n"
            "Written by `python benchmarks/conformance.py --write`; median (minimum to maximum) "
            f"over the rounds, of which there were {given.rounds}. The load of the machine was "
            f"{os.getloadavg()[2]:.1f}. If it is above 1, wall times are longer than on an idle "
            "machine, and only processor times and counts can be compared.\n\n"
            f"Machine: {machine(('numpy', 'torch'))}\n\n{table}\n"
        )


def tried(codec: str, place: Path) -> tuple[float, float, int, int]:
    """Wall and processor time in seconds, worker processes, and lines of progress."""
    start, before = time.perf_counter(), os.times()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "rdbench", "conformance", codec],
        env={**os.environ, "PYTHONPATH": str(place)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    workers: set[int] = set()
    while process.poll() is None:
        workers |= workers_of(process.pid)
        time.sleep(0.05)
    wall_s, after = time.perf_counter() - start, os.times()
    assert process.stderr
    lines = sum(" done (" in line for line in process.stderr)
    processor_s = sum(after[2:4]) - sum(before[2:4])
    return wall_s, processor_s, len(workers), lines


def workers_of(parent: int) -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(status[1]) == parent and b"rdbench.runner.worker" in (
                (folder / "cmdline").read_bytes()
            ):
                found.add(int(folder.name))
        except OSError:
            continue
    return found


if __name__ == "__main__":
    main()
