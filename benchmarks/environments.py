"""The cost of a measurement beside the codec's own work, in this environment and in another one.

One image of Kodak (768×512, color), one worker, a codec that keeps only the size of an image, and
no metrics: what remains is the harness. Processor time is that of all processes; it depends less on
other work of the machine. The peers do the same by hand: a loop in one process that calls the codec
and hashes its outputs; a process that is kept and gets image and stream as pickles over a
connection of `multiprocessing`; and a script that is started for each call. All take turns.

    RDBENCH_DATA=... python benchmarks/environments.py [--rounds N] [--write]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
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
from rdbench.runner.resources import cpu_time_s
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
            return np.array(image.shape, "<u4").tobytes()

        def decode(self, stream):
            return np.zeros(np.frombuffer(stream, "<u4"), np.uint8)
    """
)
LIMITS = {"in this environment": 3.0, "in another environment": 6.0}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    found: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nothing.py"
        file.write_text(CODEC)
        image = next(path for path in sorted(kodak().glob("*.png")) if size(path) == (768, 512))
        ways: dict[str, Callable[[], Cost]] = {
            "a loop by hand": lambda: by_hand(file, image),
            "in this environment": lambda: pool(f"{file}:Nothing", image),
            "a kept process by hand": lambda: kept(file, image),
            "in another environment": lambda: pool(
                f"{file}:Nothing,python={sys.executable}", image
            ),
            "a script for each call": lambda: started(file, image),
        }
        for _ in range(given.rounds):
            for way, measure in ways.items():
                found.setdefault(way, []).append(measure())
    rows = []
    for way, values in found.items():
        peer = {
            "in this environment": "a loop by hand",
            "in another environment": "a kept process by hand",
        }
        others = found[peer.get(way, way)]
        walls, processors = (
            [
                getattr(one, kind) / getattr(other, kind)
                for one, other in zip(values, others, strict=True)
            ]
            for kind in ("wall_ms", "processor_ms")
        )
        rows.append(
            {
                "way": way,
                "wall [ms a task]": spread([one.wall_ms for one in values], 2),
                "over its peer": spread(walls, 2) if way in peer else "",
                "processor [ms a task]": spread([one.processor_ms for one in values], 2),
                "over its peer's": spread(processors, 2) if way in peer else "",
                "limit [ms]": f"{LIMITS[way]:g}" if way in LIMITS else "",
            }
        )
    table = markdown(rows)
    print(table)
    if given.write:
        Path(__file__).with_suffix(".md").write_text(
            "# Overhead of a measurement\n\n"
            "Written by `RDBENCH_DATA=... python benchmarks/environments.py --write`: one image of "
            "768×512, encoded and decoded by a codec that keeps only its size; median (minimum "
            f"to maximum) of {given.rounds} rounds of {TASKS} tasks, in turns; load of the machine "
            f"{os.getloadavg()[1]:.1f}. A measurement in this environment is compared with the "
            "loop, one in another environment with the kept process, which gets pickles over a "
            "connection of `multiprocessing`. On a busy machine, wall time is mostly waiting time, "
            "so the limits apply to processor time."
            f"\n\nMachine: {machine(('numpy',))}\n\n{table}\n"
        )


@dataclass(frozen=True)
class Cost:
    """The cost of a task."""

    wall_ms: float
    processor_ms: float


class Clock:
    """Measures the body of a ``with`` statement; :attr:`cost` is per task."""

    def __init__(self, tasks: int) -> None:
        self._tasks = tasks

    def __enter__(self) -> Clock:
        self._start = time.perf_counter(), cpu_time_s()
        return self

    def __exit__(self, *exception: object) -> None:
        wall_s, processor_s = time.perf_counter() - self._start[0], cpu_time_s() - self._start[1]
        self.cost = Cost(1000 * wall_s / self._tasks, 1000 * processor_s / self._tasks)


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def pool(codec: str, image: Path) -> Cost:
    """A pool of one worker."""
    experiment = plan("one", datasets=[str(image)], codecs=[parse_codec(codec)], repeat=TASKS + 1)
    settings = Settings(
        (), shared=False, classes=registry.portable(c.target for c in experiment.codecs)
    )
    with LocalPool(Limits(1)) as executor:
        answers = executor.run([Job(task, ()) for task in experiment.tasks()], settings)
        assert next(answers).value.core["status"] == "ok"
        with Clock(TASKS) as clock:
            for answer in answers:
                assert answer.value.core["status"] == "ok"
        return clock.cost


def codec_of(file: Path) -> object:
    return registry.load(f"{file}:Nothing")(1)


def by_hand(file: Path, image: Path) -> Cost:
    codec, pixels = codec_of(file), np.asarray(Image.open(image))
    with Clock(TASKS) as clock:
        for _ in range(TASKS):
            stream = codec.encode(pixels)
            decoded = codec.decode(stream)
            hashlib.sha256(stream).hexdigest(), hashlib.sha256(decoded).hexdigest()
    return clock.cost


def _serve(connection: Connection, file: Path) -> None:
    codec = codec_of(file)
    while (asked := connection.recv()) is not None:
        connection.send(codec.decode(asked) if isinstance(asked, bytes) else codec.encode(asked))


def kept(file: Path, image: Path) -> Cost:
    pixels = np.asarray(Image.open(image))
    ours, theirs = Pipe()
    process = Process(target=_serve, args=(theirs, file))
    process.start()
    try:
        ours.send(pixels)
        ours.recv()
        with Clock(TASKS) as clock:
            for _ in range(TASKS):
                ours.send(pixels)
                stream = ours.recv()
                ours.send(stream)
                decoded = ours.recv()
                hashlib.sha256(stream).hexdigest(), hashlib.sha256(decoded).hexdigest()
        return clock.cost
    finally:
        ours.send(None)
        process.join()


def started(file: Path, image: Path) -> Cost:
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
    with Clock(STARTED) as clock:
        for _ in range(STARTED):
            data = pixels
            for code in (encode, decode):
                command = [sys.executable, "-c", code]
                data = subprocess.run(command, input=data, capture_output=True, check=True).stdout
            assert len(data) == len(pixels)
    return clock.cost


if __name__ == "__main__":
    main()
