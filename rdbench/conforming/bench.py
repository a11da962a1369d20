"""The worker's part of the checks: one encoding or decoding, with an answer whatever the codec
does."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import numpy as np

from rdbench import returned
from rdbench.codecs import registry
from rdbench.conforming.conversion import conversion_db
from rdbench.errors import CodecError, OutOfTimeError, RdbenchError
from rdbench.programs import supervised
from rdbench.runner.rows import Settings
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec
    from rdbench.sample_format import Image

T = TypeVar("T")
BUILDING: Final = ("building",)
"""What a worker is doing while it builds the codec."""


@dataclass(frozen=True)
class Job:
    """Pictures and streams are passed as files, so that a job fits into any pipe: the pool sends
    the next one while a codec hangs in the last."""

    target: str
    options: Mapping[str, Any]
    point: float
    file: Path
    """The picture's samples, or the stream."""
    shape: tuple[int, ...]
    """That of the picture, if there is one."""
    kind: str
    """What it is like. A kind that has ended several processes is no longer tried, since each new
    process must load the codec's libraries."""
    most_s: float | None = None
    """Limit on its wall time in seconds once the codec is built, if it is lower than that of
    others."""
    ended: str = ""
    """Why there is no answer: how it ended a process, or that others of its kind did."""

    @property
    def group(self) -> float:
        """Jobs of one point follow each other, so that a codec is built once for each."""
        return self.point

    def limit_s(self, doing: tuple[str, ...]) -> float | None:
        """Limit on the wall time in seconds of what it is ``doing``; None for that of all jobs."""
        return self.most_s if doing == (self.kind,) else None

    def spared(self, doing: tuple[str, ...], reason: str) -> Self:
        """The job with nothing left to do but to say what happened."""
        mine = doing in ((self.kind,), BUILDING)
        return dataclasses.replace(self, ended=reason) if mine else self


class EncodeJob(Job):
    """Encode the picture twice: :class:`Encoded`."""


class DecodeJob(Job):
    """Decode the stream of a picture: :class:`Decoded`."""


class DamagedJob(Job):
    """Decode data that are not a stream of the codec; the answer describes what it returned."""


@dataclass(frozen=True)
class Encoded:
    """What came of an :class:`EncodeJob`."""

    stream: bytes
    repeatable: bool
    """Whether the second stream is identical to the first."""
    input_kept: bool
    """Whether the picture is unchanged afterwards."""
    payload_bytes: int | None
    estimated_bits: float | None
    conversion_db: float | None
    """PSNR of the codec's color and format conversions alone."""
    faults: Mapping[str, str]
    """By method: what ``payload_bytes``, ``estimated_bits`` or ``converted`` raised, or returned
    although it must not."""


@dataclass(frozen=True)
class Decoded:
    """What came of a :class:`DecodeJob`."""

    image: Image
    contiguous: bool
    """Whether it was contiguous in memory, row by row."""
    took_s: float


@dataclass(frozen=True)
class Failure:
    """A job without a result."""

    message: str
    clear: bool = False
    """Whether it was a :class:`rdbench.CodecError` (with a message), not any other end."""


class Bench:
    """Does the jobs, and keeps the codec that was built for the last one."""

    def __init__(self, settings: Settings, notify: Callable[[tuple[str, ...]], None]) -> None:
        self._timeout_s = settings.timeout_s
        self._notify = notify
        self._built: tuple[float, Codec] | None = None

    def answer(self, job: Job) -> Encoded | Decoded | str | Failure:
        """The result of a job. Whatever is raised on the way becomes a :class:`Failure`."""
        if job.ended:
            return Failure(job.ended)
        try:
            with supervised(time.monotonic() + self._timeout_s):
                codec = self._at(job)
            self._notify((job.kind,))
            with supervised(time.monotonic() + (job.most_s or self._timeout_s)):
                return self._do(job, codec)
        except BaseException as error:  # a codec may raise anything, SystemExit included
            clear = isinstance(error, CodecError) and not isinstance(error, OutOfTimeError)
            return Failure(_told(error), clear=clear and bool(str(error)))

    def _do(self, job: Job, codec: Codec) -> Encoded | Decoded | str:
        if isinstance(job, EncodeJob):
            return _encoded(codec, job)
        codec.max_pixels = math.prod(job.shape[:2]) if job.shape else type(codec).max_pixels
        start = time.monotonic()
        found = codec.decode(job.file.read_bytes())
        took_s = time.monotonic() - start
        if not isinstance(job, DecodeJob):
            return returned.described(found)
        image = returned.image(found, np.empty(job.shape, np.uint8), f"{_who(codec)} decode")
        return Decoded(np.ascontiguousarray(image), image.flags.c_contiguous, took_s)

    def _at(self, job: Job) -> Codec:
        """The codec at the point of the job."""
        if self._built is None or self._built[0] != job.point or not self._built[1].usable():
            self._notify(BUILDING)
            before, self._built = self._built, None
            if before is not None:
                before[1].close()
            codec = registry.load(job.target).configured(job.options)
            self._built = job.point, codec(job.point, **job.options)
        return self._built[1]


def _encoded(codec: Codec, job: Job) -> Encoded:
    given = np.frombuffer(job.file.read_bytes(), np.uint8).reshape(job.shape)  # read-only
    before = given.copy()
    who = _who(codec)
    stream, again = (returned.stream(codec.encode(given), f"{who} encode") for _ in range(2))
    faults: dict[str, str] = {}

    def asked(method: str, ask: Callable[[str], T]) -> T | None:
        try:
            return ask(f"{who} {method}")
        except Exception as error:
            told = _told(error)
            faults[method] = told if told.startswith(who) else f"{who} {method} raised {told}"
            return None

    payload = asked(
        "payload_bytes", lambda who: returned.payload(codec.payload_bytes(stream), len(stream), who)
    )
    bits = asked("estimated_bits", lambda who: returned.bits(codec.estimated_bits(given), who))
    ceiling = asked("converted", lambda who: conversion_db(codec, given, who))
    kept = np.array_equal(given, before)
    return Encoded(stream, stream == again, kept, payload, bits, ceiling, faults)


def _who(codec: Codec) -> str:
    return f"codec {codec.name!r}:"


def _told(error: BaseException) -> str:
    """An error in one line; that of a wrong return value says all by itself."""
    kind = "" if type(error) is RdbenchError else f"{type(error).__name__}: "
    return one_line(f"{kind}{error}", 300)
