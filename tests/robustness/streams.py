"""Streams that were changed, their checksums put right: each is refused, or decoded within bounds.

    python -m tests.robustness.streams [--count 10000] [--seed 0] [--seconds 600] [--jobs 2]

A decoder may refuse a stream with a :class:`rdbench.CodecError`, or make an image of it that is no
larger than it was told. It must not raise anything else, end its process, take longer than
:data:`LONGEST_S`, or more memory than :data:`MOST_MB` beyond what it had. The same seed makes the
same streams; one that was found is made again with ``--seed`` and ``--only CODER``.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import random
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from rdbench.codecs import registry
from rdbench.errors import CodecError, MissingBackendError, RdbenchError
from rdbench.models import container
from rdbench.runner import Limits, LocalPool
from rdbench.runner.resources import PeakMemory
from rdbench.runner.rows import Settings
from rdbench.schema import OK, one_line

SIDES: Final = (40, 56)
LONGEST_S: Final = 30.0
MOST_MB: Final = 1024.0
BATCH: Final = 25
TRAINED: Final = Path(__file__).parents[1] / "models" / "trained"
CODECS: Final = {
    "jpeg": (10, 90),
    "webp": (10, 90),
    "avif": (20, 80),
    "jpeg2000": (60, 8),
    "hevc": (40, 20),
    "jpegxl": (5, 0.5),
    "png": (9,),
    "dct-block": (64, 8),
    "klt-block": (64, 8),
}
"""Codecs and points of theirs; the networks of minutes in ``tests/models/trained`` are beside
them."""

Mutation = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True)
class Batch:
    """Some streams of one coder."""

    coder: str
    seeds: tuple[int, ...]
    ended: Mapping[int, str] = field(default_factory=dict)
    """How streams ended their process, by their seeds."""

    @property
    def group(self) -> str:
        return self.coder

    def limit_s(self, doing: tuple[str, ...]) -> float | None:
        return LONGEST_S if doing else None

    def spared(self, doing: tuple[str, ...], reason: str) -> Self:
        seed = int(doing[0])
        if seed not in self.seeds:
            return self
        return dataclasses.replace(self, ended={**self.ended, seed: reason})


@dataclass
class Found:
    """What came of streams."""

    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    added_mb: float = 0.0

    def add(self, other: Found) -> None:
        self.ends += other.ends
        self.faults += other.faults
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.added_mb = max(self.added_mb, other.added_mb)


class Bench:
    """Decodes batches in a worker."""

    def __init__(self, settings: Settings, notify: Callable[[tuple[str, ...]], None]) -> None:
        self._notify = notify
        self._memory = PeakMemory()

    def answer(self, batch: Batch) -> Found:
        found = Found()
        try:
            decode, streams = coder(batch.coder)
        except MissingBackendError as error:
            found.ends[f"missing: {one_line(str(error), 60)}"] += len(batch.seeds)
            return found
        for seed in batch.seeds:
            where = f"{batch.coder} --seed {seed}"
            if seed in batch.ended:
                found.faults.append(f"{where}: {batch.ended[seed]}")
                continue
            rng = random.Random(f"{batch.coder} {seed}")
            data = mutated(rng, rng.choice(streams))
            self._notify((str(seed),))
            self._memory.begin()
            started = time.monotonic()
            try:
                found.ends[decoded(decode(data))] += 1
            except CodecError:
                found.ends["refused"] += 1
            except BaseException as error:
                found.faults.append(f"{where}: {type(error).__name__}: {one_line(str(error), 160)}")
            found.slowest_s = max(found.slowest_s, time.monotonic() - started)
            added_mb = self._memory.added_mb() or 0.0
            found.added_mb = max(found.added_mb, added_mb)
            if added_mb > MOST_MB:
                found.faults.append(f"{where}: {added_mb} MiB for {len(data)} bytes")
        return found


def decoded(image: Any) -> str:
    """What a decoder made, which must be an image within its limit. Raises :class:`TypeError`."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3:
        raise TypeError(f"it made {type(image).__name__}, no image")
    if image.shape[0] * image.shape[1] > SIDES[0] * SIDES[1] or image.shape[2] not in (1, 3):
        raise TypeError(f"it made an image of shape {image.shape}")
    return "decoded"


@functools.cache
def coder(name: str) -> tuple[Callable[[bytes], Any], list[bytes]]:
    """How streams are decoded, and some that are sound."""
    picture = _picture()
    pixels = SIDES[0] * SIDES[1]
    if name in CODECS:
        codec = registry.load(name)
        codec.require(codec.resolve_options({}))
        made = [codec(point) for point in CODECS[name]]
        for one in made:
            one.max_pixels = pixels
        return made[0].decode, [one.encode(picture) for one in made]
    import torch

    from rdbench.models import architectures

    torch.set_num_threads(1)
    file, _, lossless = name.partition("+")
    arguments = {"coder": lossless} if lossless else {}
    model = architectures.load(TRAINED / f"{file}.safetensors", "fuzzed", **arguments)
    image = picture if model.channels == 3 else picture[:, :, :1].copy()
    streams = [model.encode(image, beta)[0] for beta in (0.5, 1.0, 4.0)]
    return lambda data: model.decode(data, pixels), streams


def _picture() -> np.ndarray:
    rows, columns = np.mgrid[: SIDES[0], : SIDES[1]]
    waves = [100 + 60 * np.sin(rows / 7) * np.cos(columns / period) for period in (5, 6, 9)]
    noise = np.random.default_rng(3).integers(0, 60, (*SIDES, 3))
    return np.clip(np.stack(waves, axis=2) + noise, 0, 255).astype(np.uint8)


def coders() -> list[str]:
    files = sorted(path.stem for path in TRAINED.glob("*.safetensors"))
    return [*CODECS, *files, *(f"{name}+binary" for name in files if name.startswith("dumas"))]


def mutated(rng: random.Random, data: bytes) -> bytes:
    """``data`` changed, by its parts or by its bytes, with checksums put right most of the time."""
    changed = data
    if data.startswith(b"rdb") and rng.random() < 0.5:
        changed = _other_parts(rng, data)
    else:
        for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
            changed = rng.choice(BYTES)(rng, changed)
    return changed if rng.random() < 0.1 else checked(changed)


def _other_parts(rng: random.Random, data: bytes) -> bytes:
    """A stream of a learned codec whose header says other things, and whose payloads are others."""
    stream = container.read(data)
    payloads = list(stream.payloads)
    change = rng.randrange(6)
    if change == 0:
        height, width = (rng.choice([1, 2, 16, 40, 63, 64, 65, 1 << 14, 1 << 20]) for _ in range(2))
        stream = dataclasses.replace(stream, height=height, width=min(width, (1 << 28) // height))
    elif change == 1:
        beta = rng.choice([5e-324, 1e-3, 0.1, 1.5, 100.0, 1e300, 2.0 ** rng.uniform(-9, 9)])
        stream = dataclasses.replace(stream, beta=beta)
    elif change == 2:
        stream = dataclasses.replace(stream, channels=4 - stream.channels)
    elif change == 3:
        payloads = [rng.randbytes(rng.choice([0, 1, 4, len(part)])) for part in payloads]
    elif change == 4:
        payloads = [*payloads, b""][: rng.randint(1, len(payloads) + 1)]
        rng.shuffle(payloads)
    else:
        place = rng.randrange(len(payloads))
        for _ in range(rng.choice([1, 3, 30])):
            payloads[place] = rng.choice(BYTES)(rng, payloads[place])
    return container.pack(dataclasses.replace(stream, payloads=tuple(payloads)))


def checked(data: bytes) -> bytes:
    """``data`` with its checksums put right, as far as its format has any."""
    if data.startswith((b"rdb", b"DCT8", b"KLT8")) and len(data) > 8:
        return data[:-4] + zlib.crc32(data[:-4]).to_bytes(4, "big")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data[:8] + b"".join(_chunks(data))
    return data


def _chunks(data: bytes) -> Iterator[bytes]:
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        part = data[at + 4 : at + 8 + length]
        yield data[at : at + 4] + part + zlib.crc32(part).to_bytes(4, "big")
        at += 12 + length


def _flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    if changed:
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _put(rng: random.Random, data: bytes) -> bytes:
    """Values on which decoders decide, anywhere but most of all at the beginning."""
    at = rng.randrange(min(len(data), rng.choice([32, 1 << 30])) + 1)
    new = rng.choice([b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\x7f", bytes(4), b"\xff" * 8])
    return data[:at] + new + data[at + len(new) :]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice([1, 2, 9])) + data[at:]


def _delete(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice([1, 2, 9, 100]) :]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    at, size = rng.randrange(len(data) + 1), rng.choice([1, 8, 64])
    return data[: at + size] + data[at : at + size] * rng.choice([1, 3, 50]) + data[at + size :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


BYTES: Final[tuple[Mutation, ...]] = (
    _flip,
    _flip,
    _flip,
    _put,
    _put,
    _insert,
    _delete,
    _repeat,
    _cut,
)


def run(
    count: int, seed: int, seconds: float, jobs: int, only: str = ""
) -> tuple[dict[str, Found], int]:
    """What came of ``count`` streams, or of as many as there was time for, by coder; and how many
    that were."""
    names = [only] if only else coders()
    seeds = range(seed, seed + -(-count // len(names)))
    batches = [
        Batch(name, tuple(seeds[start : start + BATCH]))
        for start in range(0, len(seeds), BATCH)
        for name in names
    ]
    found = {name: Found() for name in names}
    limits = Limits.of_machine(jobs, timeout_s=LONGEST_S * BATCH)
    settings = Settings(
        (),
        shared=True,
        timeout_s=limits.timeout_s,
        memory_mb=limits.memory_mb,
        bench=f"{Bench.__module__}:Bench",
    )
    end, done = time.monotonic() + seconds, 0
    with LocalPool(limits) as pool:
        for answer in pool.run(batches, settings):
            batch, told = answer.job, answer.value
            if answer.status != OK:
                told = Found(faults=[f"{batch.coder} --seed {batch.seeds[0]}: {answer.message}"])
            found[batch.coder].add(told)
            done += len(batch.seeds)
            if time.monotonic() > end:
                break
    return found, done


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--count", type=int, default=10_000)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--seconds", type=float, default=600.0)
    asked.add_argument("--jobs", type=int, default=2)
    asked.add_argument("--only", default="", metavar="CODER", choices=["", *coders()])
    given = asked.parse_args()
    started = time.monotonic()
    try:
        found, done = run(given.count, given.seed, given.seconds, given.jobs, given.only)
    except RdbenchError as error:
        sys.exit(str(error))
    for name, one in found.items():
        ends = ", ".join(f"{count} {end}" for end, count in sorted(one.ends.items()))
        print(f"{name:28} {ends}; slowest {one.slowest_s:.2f} s, at most {one.added_mb:.0f} MiB")
    faults = [fault for one in found.values() for fault in one.faults]
    print(f"{done} streams in {time.monotonic() - started:.0f} s, {len(faults)} faults")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    # What workers are sent must be of the module by its name, not of ``__main__``.
    from tests.robustness import streams

    sys.exit(streams.main())
