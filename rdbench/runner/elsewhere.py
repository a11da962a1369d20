"""Decoding in another process than the encoder's, which proves that the stream is enough. A codec
in Python could keep what it encoded in its class or its module and decode from that: one byte would
give a perfect image. The first stream of a curve is therefore also decoded by a process that has
encoded nothing. Starting an interpreter for it would cost half a second. It is forked instead, from
a process that the worker forked after it had imported its libraries and before it saw any codec.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import numpy as np

from rdbench import processes, returned, workers
from rdbench.images import pixel_sha256

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec
    from rdbench.experiment import CodecPlan
    from rdbench.sample_format import Image


@dataclass(frozen=True)
class Stream:
    """A stream, by what it is to be decoded, and the shape and dtype of the image."""

    plan: CodecPlan
    point: float
    data: bytes
    shape: tuple[int, ...]
    dtype: str


Sources = Mapping[tuple[str, str], Mapping[str, str]]


def by_others(codec: type[Codec], sources: object) -> bool:
    """Whether code from outside decodes in this process: from a file, or from another package."""
    owner = next(base for base in codec.__mro__ if "decode" in vars(base))
    return bool(sources) or not owner.__module__.startswith("rdbench.")


def wanted(plans: Iterable[CodecPlan], sources: Sources) -> bool:
    """Whether streams of any of the codecs must be decoded elsewhere."""
    return any(
        by_others(plan.codec(), sources.get((plan.target, plan.options_text))) for plan in plans
    )


class Elsewhere:
    """Other processes for decoding, to be made before this one has anything to do with codecs.
    They end with it. Decoding may take ``timeout_s``."""

    def __init__(self, timeout_s: float) -> None:
        self._connection, theirs = Pipe()
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            try:
                workers.die_with(parent)
                kept = theirs.fileno()
                os.closerange(3, kept)
                os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
                _serve(theirs, timeout_s)
            finally:
                os._exit(0)
        processes.leave_out(child)
        theirs.close()

    def reason_against(
        self, codec: type[Codec], plan: CodecPlan, point: float, data: bytes, image: Image
    ) -> str:
        """Why the stream ``data`` is not enough to decode ``image``; empty if it is. A codec that
        is not deterministic may give another image."""
        try:
            self._connection.send(Stream(plan, point, data, image.shape, str(image.dtype)))
            found, error = self._connection.recv()
        except (EOFError, OSError):
            found, error = "", "the process was killed"
        if error:
            return f"the stream cannot be decoded in another process than the encoder's: {error}"
        if codec.deterministic and found != pixel_sha256(image):
            return "the stream decodes to another image in another process than the encoder's"
        return ""


def _serve(connection: Connection, timeout_s: float) -> None:
    """Fork for each stream that comes, until the connection is closed. This process decodes nothing
    itself, so that each finds it as the last one did."""
    while True:
        try:
            stream = connection.recv()
        except (EOFError, OSError):
            return
        server = os.getpid()
        child = os.fork()
        if child == 0:
            workers.die_with(server)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            if timeout_s < math.inf:
                signal.setitimer(signal.ITIMER_REAL, timeout_s)
            connection.send(_decoded(stream))
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == -signal.SIGALRM:
            connection.send(("", f"it is not done after {timeout_s:g} s"))
        elif status:
            connection.send(("", f"the process ended with status {status}"))


def _decoded(job: Stream) -> tuple[str, str]:
    """The SHA-256 of the decoded image, or why there is none."""
    try:
        decoder = job.plan.build(job.point)
        decoder.max_pixels = job.shape[0] * job.shape[1]
        decoded = decoder.decode(job.data)
        return pixel_sha256(returned.image(decoded, np.empty(job.shape, job.dtype))), ""
    except BaseException as error:  # a codec may raise anything, SystemExit included
        return "", f"{type(error).__name__}: {error}"
