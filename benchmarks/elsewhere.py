"""What it costs to decode the first stream of a curve in another process as well.

A codec in Python that takes about a tenth of a second an image, on Kodak at five points, one
worker: the time of the run, and that of the check within it.

    RDBENCH_DATA=... python benchmarks/elsewhere.py
"""

from __future__ import annotations

import tempfile
import textwrap
import time
from pathlib import Path

from common import kodak, markdown

import rdbench

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
from rdbench.runner import elsewhere

known = elsewhere.reason_against


def timed(*arguments):
    start = time.perf_counter()
    try:
        return known(*arguments)
    finally:
        Path({log!r}).write_text(str(time.perf_counter() - start))


elsewhere.reason_against = timed
"""


def main() -> None:
    images = kodak()
    rows = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            log, file = Path(folder) / "log", Path(folder) / "slow.py"
            file.write_text(CODEC + TIMED.format(log=str(log)))
            start = time.perf_counter()
            outcome = rdbench.run(
                codecs=f"{file}:Slow",
                datasets=str(images),
                metrics="psnr_db",
                jobs=1,
                out=Path(folder) / "run",
            )
            wall_s = time.perf_counter() - start
            assert not outcome.failures
            check_s = float(log.read_text())
            rows.append(
                {
                    "rows": str(outcome.measured),
                    "run [s]": f"{wall_s:.2f}",
                    "check [s]": f"{check_s:.2f}",
                    "of the run [%]": f"{100 * check_s / wall_s:.1f}",
                }
            )
    print(markdown(rows))


if __name__ == "__main__":
    main()
