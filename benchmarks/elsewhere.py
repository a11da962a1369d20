"""The cost of decoding the first stream of a curve in another process as well.

A codec in Python that takes about a tenth of a second for an image, on Kodak at five points, with
one worker. Runs alternate with and without the check. Measured are their wall and processor time,
and the wall time of the check within the run.

What was tried: a new interpreter for each curve of each worker took 0.8 s, 8 % of this run, nearly
all of it for imports. Started in parallel with the first encoding, it took as much processor time.
Now a process is forked from a worker that has its imports and has not loaded a codec.

    RDBENCH_DATA=... python benchmarks/elsewhere.py [--rounds N] [--write]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import textwrap
import time
from pathlib import Path

from common import kodak, machine, markdown, spread

import rdbench
from rdbench.runner import elsewhere

CODEC = textwrap.dedent(
    """
    import lzma
    import os
    import time
    from pathlib import Path

    import numpy as np

    import rdbench


    class Slow(rdbench.Codec):
        name = "slow"
        parameter = "preset"
        ladder = (0, 1, 2, 3, 4)

        def encode(self, image):
            small = np.ascontiguousarray(image[::2, ::2])
            header = np.array(image.shape, "<u4").tobytes()
            return header + lzma.compress(small.tobytes(), preset=0)

        def decode(self, stream):
            shape = np.frombuffer(stream[:12], "<u4")
            half = [-(-int(side) // 2) for side in shape[:2]]
            small = np.frombuffer(lzma.decompress(stream[12:]), np.uint8).reshape(*half, 3)
            return small.repeat(2, 0).repeat(2, 1)[: shape[0], : shape[1]].copy()
    """
)
TIMED = """
from rdbench.runner.elsewhere import Elsewhere

known = Elsewhere.reason_against


def timed(*arguments):
    start = time.perf_counter()
    try:
        return known(*arguments)
    finally:
        Path({log!r}).write_text(str(time.perf_counter() - start))


Elsewhere.reason_against = timed
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    checked, unchecked = [], []
    for _ in range(given.rounds):
        checked.append(measured(check=True))
        unchecked.append(measured(check=False))
    rows = []
    for what, runs in (("with the check", checked), ("without", unchecked)):
        walls, processors, _ = zip(*runs, strict=True)
        row = {"run": what, "wall [s]": spread(list(walls), 2)}
        rows.append(row | {"processor [s]": spread(list(processors), 2)})
    shares = [100 * check_s / wall_s for wall_s, _, check_s in checked]
    costs = [100 * (one[1] / other[1] - 1) for one, other in zip(checked, unchecked, strict=True)]
    table = markdown(rows)
    told = (
        f"The check takes {spread([1000 * run[2] for run in checked], 0)} ms of wall time, "
        f"{spread(shares)} % of its run. In pairs of runs, it takes {spread(costs)} % more "
        "processor time."
    )
    print(f"{table}\n\n{told}")
    if given.write:
        Path(__file__).with_suffix(".md").write_text(
            "# Decoding in another process\n\n"
            "Written by `RDBENCH_DATA=... python benchmarks/elsewhere.py --write`: 120 rows of a "
            "codec in Python on Kodak, one worker, alternately with and without the check; median "
            f"(minimum to maximum) of {given.rounds} rounds; load of the machine "
            f"{os.getloadavg()[2]:.1f}.\n\nMachine: {machine(('numpy',))}\n\n{table}\n\n{told}\n"
        )


def measured(*, check: bool) -> tuple[float, float, float]:
    """Wall and processor time of a run in seconds, and wall time of the check."""
    wanted = elsewhere.wanted
    if not check:
        elsewhere.wanted = lambda *_: False
    try:
        with tempfile.TemporaryDirectory() as folder:
            log, file = Path(folder) / "log", Path(folder) / "slow.py"
            file.write_text(CODEC + TIMED.format(log=str(log)))
            before, start = os.times(), time.perf_counter()
            outcome = rdbench.run(
                codecs=f"{file}:Slow",
                datasets=str(kodak()),
                metrics="psnr_db",
                jobs=1,
                out=Path(folder) / "run",
            )
            wall_s, after = time.perf_counter() - start, os.times()
            assert not outcome.failures
            check_s = float(log.read_text()) if check else 0.0
            assert log.exists() == check
            return wall_s, sum(after[:4]) - sum(before[:4]), check_s
    finally:
        elsewhere.wanted = wanted


if __name__ == "__main__":
    main()
