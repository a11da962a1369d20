"""Encoding and decoding in processes of their own, with an answer whatever happens there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from rdbench.schema import one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rdbench.sample_format import Image


@dataclass(frozen=True)
class EncodeJob:
    """Encode ``picture`` at ``point``, twice."""

    picture: Image
    point: float

    def store(self, folder: Path, index: int) -> dict[str, Any]:
        np.save(folder / f"{index}.picture.npy", self.picture, allow_pickle=False)
        return {"kind": "encode", "point": self.point}


@dataclass(frozen=True)
class DecodeJob:
    """Decode ``stream`` with a codec at ``point``."""

    stream: bytes
    point: float

    def store(self, folder: Path, index: int) -> dict[str, Any]:
        (folder / f"{index}.stream").write_bytes(self.stream)
        return {"kind": "decode", "point": self.point}


@dataclass(frozen=True)
class Encoded:
    """What came of an :class:`EncodeJob`."""

    stream: bytes
    repeatable: bool
    """Whether the second stream was the first."""
    input_kept: bool
    """Whether the picture was afterwards as before."""
    payload_bytes: int | None
    estimated_bits: float | None
    conversion_db: float | None
    """PSNR of the codec's colour and format conversions alone."""

    @classmethod
    def read(cls, folder: Path, index: int, answer: Mapping[str, Any]) -> Encoded:
        return cls((folder / f"{index}.stream").read_bytes(), **answer)


@dataclass(frozen=True)
class Decoded:
    """What came of a :class:`DecodeJob`."""

    image: NDArray[Any]
    contiguous: bool

    @classmethod
    def read(cls, folder: Path, index: int, answer: Mapping[str, Any]) -> Decoded:
        return cls(np.load(folder / f"{index}.image.npy", allow_pickle=False), **answer)


@dataclass(frozen=True)
class Failure:
    """A job without a result."""

    message: str
    clear: bool
    """Whether it was a :class:`rdbench.CodecError` (with a message), not any other end."""


_Outcome = TypeVar("_Outcome", Encoded, Decoded)


def run_encode(
    target: str, options: Mapping[str, Any], jobs: Sequence[EncodeJob], timeout_s: float
) -> list[Encoded | Failure]:
    """The outcomes of ``jobs``, in order; ``timeout_s`` bounds each of them."""
    return _run(target, options, jobs, timeout_s, Encoded)


def run_decode(
    target: str, options: Mapping[str, Any], jobs: Sequence[DecodeJob], timeout_s: float
) -> list[Decoded | Failure]:
    """The outcomes of ``jobs``, in order; ``timeout_s`` bounds each of them."""
    return _run(target, options, jobs, timeout_s, Decoded)


def _run(
    target: str,
    options: Mapping[str, Any],
    jobs: Sequence[EncodeJob | DecodeJob],
    timeout_s: float,
    outcome_type: type[_Outcome],
) -> list[_Outcome | Failure]:
    with tempfile.TemporaryDirectory(prefix="rdbench-conformance-") as name:
        folder = Path(name)
        request = {
            "target": target,
            "options": dict(options),
            "timeout_s": timeout_s,
            "jobs": [job.store(folder, index) for index, job in enumerate(jobs)],
        }
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        outcomes: list[_Outcome | Failure] = []
        while len(outcomes) < len(jobs):
            # A worker that dies leaves its last job without an answer; another one goes on
            # behind that job.
            worker = subprocess.run(
                [sys.executable, "-m", "rdbench.conformance.worker", name, str(len(outcomes))],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            while (folder / f"{len(outcomes)}.json").exists():
                outcomes.append(_read(folder, len(outcomes), outcome_type))
            if len(outcomes) < len(jobs):
                errors = worker.stderr.decode(errors="replace")
                outcomes.append(Failure(ending(worker.returncode, errors, timeout_s), clear=False))
        return outcomes


def ending(status: int, errors: str, timeout_s: float) -> str:
    """How a process ended without an answer, by its exit ``status`` and what it printed last."""
    if status == -signal.SIGALRM:
        return f"did not come back within {timeout_s:g} s"
    if status < 0:
        return f"crashed with {signal.Signals(-status).name}"
    last = (errors.strip() or "no message").splitlines()[-1]
    return f"the process ended with status {status}: {one_line(last, 200)}"


def _read(folder: Path, index: int, outcome_type: type[_Outcome]) -> _Outcome | Failure:
    answer = json.loads((folder / f"{index}.json").read_text(encoding="utf-8"))
    if "message" in answer:
        return Failure(**answer)
    return outcome_type.read(folder, index, answer)
