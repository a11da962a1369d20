"""What a measurement costs beside the codec's own work, in this environment and in another one.

One image of Kodak (768×512, color), one worker, a codec that returns what it is given, no metrics:
what is left is the harness. Its peers do the same by hand: a loop in one process that calls the
codec and hashes what comes out, and a process that is kept and gets image and stream as pickles
over a connection of `multiprocessing`; and a script that is started for each call. All take turns.

    RDBENCH_DATA=... python benchmarks/environments.py [--rounds N] [--write]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from common import kodak, machine, markdown, spread
from PIL import Image

from rdbench.codecs import registry
from rdbench.codecs.request import parse_codec
from rdbench.experiment import plan
from rdbench.runner import Limits, LocalPool
from rdbench.runner.rows import Job, Settings

TASKS = 100
STARTED = 5
CODEC = textwrap.dedent(
    """
    import numpy as np

    import rdbench


    class Nothing(rdbench.Codec):
        name = "nothing"
        parameter = "quality"
        ladder = (1,)

        def encode(self, image):
            return np.array(image.shape, "<u4").tobytes() + image.tobytes()

        def decode(self, stream):
            shape = np.frombuffer(stream[:12], "<u4")
            return np.frombuffer(stream[12:], np.uint8).reshape(shape)
    """
)
LIMITS = {"here": 3.0, "in another environment": 6.0}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nothing.py"
        file.write_text(CODEC)
        image = next(path for path in sorted(kodak().glob("*.png")) if size(path) == (768, 512))
        ways: dict[str, Callable[[], float]] = {
            "a loop by hand": lambda: by_hand(file, image),
            "here": lambda: pool(f"{file}:Nothing", image),
            "a kept process by hand": lambda: kept(file, image),
            "in another environment": lambda: pool(
                f"{file}:Nothing,python={sys.executable}", image
            ),
            "a script for each call": lambda: started(file, image),
        }
        for _ in range(given.rounds):
            for way, measure in ways.items():
                found.setdefault(way, []).append(1000 * measure())
    rows = []
    for way, values in found.items():
        peer = {"here": "a loop by hand", "in another environment": "a kept process by hand"}
        ratios = [one / other for one, other in zip(values, found[peer.get(way, way)], strict=True)]
        rows.append(
            {
                "way": way,
                "ms a task": spread(values, 2),
                "of its peer": spread(ratios, 2) if way in peer else "",
                "limit [ms]": f"{LIMITS[way]:g}" if way in LIMITS else "",
            }
        )
    table = markdown(rows)
    print(table)
    if given.write:
        Path(__file__).with_suffix(".md").write_text(
            "# Overhead of a measurement\n\n"
            "Written by `RDBENCH_DATA=... python benchmarks/environments.py --write`: one image of "
            "768×512, a codec that returns what it is given, encoded and decoded; median (minimum "
            f"to maximum) of {given.rounds} rounds of {TASKS} tasks, in turns; load of the machine "
            f"{os.getloadavg()[1]:.1f}. The peer of a measurement here is the loop, that of one in "
            "another environment the kept process, which has pickles over a connection of "
            f"`multiprocessing`.\n\nMachine: {machine(('numpy',))}\n\n{table}\n"
        )


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def pool(codec: str, image: Path) -> float:
    """Seconds a task of a pool of one worker."""
    experiment = plan("one", datasets=[str(image)], codecs=[parse_codec(codec)], repeat=TASKS + 1)
    settings = Settings(
        (), shared=False, classes=registry.portable(c.target for c in experiment.codecs)
    )
    with LocalPool(Limits(1)) as executor:
        answers = executor.run([Job(task, ()) for task in experiment.tasks()], settings)
        assert next(answers).value.core["status"] == "ok"
        start = time.perf_counter()
        for answer in answers:
            assert answer.value.core["status"] == "ok"
        return (time.perf_counter() - start) / TASKS


def codec_of(file: Path) -> object:
    return registry.load(f"{file}:Nothing")(1)


def by_hand(file: Path, image: Path) -> float:
    codec, pixels = codec_of(file), np.asarray(Image.open(image))
    start = time.perf_counter()
    for _ in range(TASKS):
        stream = codec.encode(pixels)
        decoded = codec.decode(stream)
        hashlib.sha256(stream).hexdigest(), hashlib.sha256(decoded).hexdigest()
    return (time.perf_counter() - start) / TASKS


def _serve(connection: Connection, file: Path) -> None:
    codec = codec_of(file)
    while (asked := connection.recv()) is not None:
        connection.send(codec.decode(asked) if isinstance(asked, bytes) else codec.encode(asked))


def kept(file: Path, image: Path) -> float:
    pixels = np.asarray(Image.open(image))
    ours, theirs = Pipe()
    process = Process(target=_serve, args=(theirs, file))
    process.start()
    try:
        times = []
        for _ in range(TASKS):
            start = time.perf_counter()
            ours.send(pixels)
            stream = ours.recv()
            ours.send(stream)
            decoded = ours.recv()
            hashlib.sha256(stream).hexdigest(), hashlib.sha256(decoded.tobytes()).hexdigest()
            times.append(time.perf_counter() - start)
        return statistics.fmean(times[1:])
    finally:
        ours.send(None)
        process.join()


def started(file: Path, image: Path) -> float:
    """Two scripts, one that encodes and one that decodes."""
    script = (
        f"import sys; sys.path.insert(0, {str(file.parent)!r}); import numpy as np; import types; "
        "m = types.ModuleType('rdbench'); m.Codec = object; sys.modules['rdbench'] = m; "
        "import nothing; c = nothing.Nothing(); data = sys.stdin.buffer.read(); "
        "sys.stdout.buffer.write({})"
    )
    encode = script.format("c.encode(np.frombuffer(data, np.uint8).reshape(512, 768, 3))")
    decode = script.format("c.decode(data).tobytes()")
    pixels = np.asarray(Image.open(image)).tobytes()
    start = time.perf_counter()
    for _ in range(STARTED):
        data = pixels
        for code in (encode, decode):
            command = [sys.executable, "-c", code]
            data = subprocess.run(command, input=data, capture_output=True, check=True).stdout
        assert data == pixels
    return (time.perf_counter() - start) / STARTED


if __name__ == "__main__":
    main()
