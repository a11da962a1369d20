"""Decoding in another process than the encoder's: that a stream is enough.

A codec in Python may keep what it encoded in its class or its module, and decode from that: it
would get one byte and a perfect image. The first stream of a curve is therefore also decoded by
a worker that has encoded nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import subprocess
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any

import numpy as np

from rdbench import returned
from rdbench.errors import RdbenchError
from rdbench.images import pixel_sha256
from rdbench.programs import users_environment
from rdbench.runner import worker

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec
    from rdbench.experiment import CodecPlan
    from rdbench.runner.rows import Settings
    from rdbench.sample_format import Image


@dataclass(frozen=True)
class Stream:
    """A stream, by what it is to be decoded, and the shape and dtype of the image."""

    plan: CodecPlan
    point: float
    data: bytes
    shape: tuple[int, ...]
    dtype: str


class Decoder:
    """The bench of that worker: the SHA-256 of the decoded image, or why there is none."""

    def __init__(self, settings: Settings, notify: object) -> None:
        """Nothing of the run is needed."""

    def answer(self, job: Stream) -> tuple[str, str]:
        try:
            decoded = job.plan.build(job.point).decode(job.data)
            return pixel_sha256(returned.image(decoded, np.empty(job.shape, job.dtype))), ""
        except Exception as error:
            return "", f"{type(error).__name__}: {error}"


def by_others(codec: type[Codec], sources: object) -> bool:
    """Whether code of somebody else decodes in this process: of files, or of a package."""
    owner = next(base for base in codec.__mro__ if "decode" in vars(base))
    return bool(sources) or not owner.__module__.startswith("rdbench.")


def reason_against(
    settings: Settings, codec: type[Codec], plan: CodecPlan, point: float, data: bytes, image: Image
) -> str:
    """Why the stream ``data`` is not enough to decode ``image``; empty where it is. Of codecs that
    are not deterministic another image is taken, too."""
    found, error = _decode(settings, Stream(plan, point, data, image.shape, str(image.dtype)))
    if error:
        return f"the stream cannot be decoded in another process than it was encoded in: {error}"
    if codec.deterministic and found != pixel_sha256(image):
        return "the stream gives another image in another process than it was encoded in"
    return ""


def _decode(settings: Settings, stream: Stream) -> tuple[str, str]:
    ours, theirs = Pipe()
    user, limit = users_environment(), settings.timeout_s
    with ours, theirs:
        process = subprocess.Popen(
            worker.command(theirs.fileno()),
            env=worker.environment(user, {}),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        try:
            own = dataclasses.replace(settings, bench=f"{__name__}:{Decoder.__name__}")
            answers: list[Any] = []
            with contextlib.suppress(EOFError, OSError):
                for message in ((own, user), stream):
                    ours.send(message)
                    if not ours.poll(None if limit == math.inf else limit):
                        raise RdbenchError(f"it is not done after {limit:g} s")
                    answers.append(ours.recv())
            if len(answers) < 2:
                return "", f"the process ended with status {process.wait()}"
            found: tuple[str, str] = answers[1][1]
            return found
        except RdbenchError as error:
            return "", str(error)
        finally:
            process.kill()
            process.wait()
