"""A worker in another environment: started, asked, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from rdbench import processes, programs, workers
from rdbench.environments.environment import Environment
from rdbench.environments.messages import PROTOCOL, Channel, EndedError, LateError, NonsenseError
from rdbench.errors import (
    BitstreamError,
    CodecError,
    OutOfTimeError,
    ProcessEndedError,
    RdbenchError,
    UnsupportedImageError,
    UsageError,
)
from rdbench.programs.scratch import OWN, RAM_VARIABLE
from rdbench.programs.strays import MARK
from rdbench.schema import one_line

START_TIMEOUT_S: Final = 120.0
PATIENCE_S: Final = 2.0
"""For a worker to end by itself, so that it is known how it ends."""
_INHERITED: Final[tuple[str, ...]] = ("TMPDIR", MARK, RAM_VARIABLE)
_RAISED: Final[Mapping[str, type[Exception]]] = {
    "BitstreamError": BitstreamError,
    "CodecError": CodecError,
    "MemoryError": MemoryError,
    "UnsupportedImageError": UnsupportedImageError,
}
"""By the kinds of errors that workers answer."""


class Server:
    """A process in an environment, for one codec. It has its own process group, the memory limit of
    its parent, and one thread, as far as environment variables can set that. Raises
    :class:`UsageError`, with what to change, if a worker cannot be started.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._where = f"environment {environment.text!r}"
        self._who = ""
        self._ended = ""
        """How it ended, once it has."""
        around: dict[str, str] = {**os.environ, **OWN}
        own = {name: around[name] for name in _INHERITED if name in around}
        try:
            self._process = subprocess.Popen(
                environment.command(),
                env=workers.environment(programs.users_environment(), own),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(f"{self._where}: cannot be started: {error.strerror}") from None
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._channel = Channel(*(pipe.fileno() for pipe in pipes if pipe))
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def _greet(self) -> None:
        """Take the worker's first message."""
        deadline = min(time.monotonic() + START_TIMEOUT_S, programs.deadline())
        try:
            hello, _ = self._channel.receive(deadline)
        except LateError:
            self._kill()
            raise UsageError(
                f"{self._where}: no worker answered within {START_TIMEOUT_S:g} s"
            ) from None
        except NonsenseError as error:
            self._kill()
            raise UsageError(
                f"{self._where}: the data received are not a message of a worker, as {error}; "
                "`rdbench codecs protocol` describes the messages"
            ) from None
        except EndedError:
            how = self.environment.too_old() or f"it started no worker: {self._ending()}"
            raise UsageError(f"{self._where}: {how}") from None
        if (spoken := hello.get("protocol")) != PROTOCOL:
            raise UsageError(
                f"{self._where}: it speaks version {spoken!r} of the worker protocol, but this "
                f"rdbench speaks {PROTOCOL}; renew the copy of its worker (`rdbench codecs "
                "worker`)"
            )
        if wrong := hello.get("error"):
            if wrong.get("kind") == "NumPy":
                told = f"it has no NumPy ({wrong.get('message')}); install it there"
            else:
                told = one_line(str(wrong.get("message")), 200)
            raise UsageError(f"{self._where}: {told}")
        self.accounted = processes.is_below(int(hello.get("pid", 0)))
        """Whether the worker is a descendant of this process, so that its use of resources is
        known; a container is not."""

    @property
    def alive(self) -> bool:
        return not self._ended and self._process.poll() is None

    def load(self, codec: str) -> dict[str, Any]:
        """The worker's description of ``codec``. Raises :class:`UsageError` if it does not have
        it."""
        try:
            deadline = min(time.monotonic() + START_TIMEOUT_S, programs.deadline())
            told, _ = self._ask({"do": "load", "codec": codec}, b"", deadline)
        except (UsageError, OutOfTimeError):
            raise
        except RdbenchError as error:
            raise UsageError(f"codec {codec!r} cannot be used in {self._where}: {error}") from None
        self._who = f"codec {told.get('name')!r}: "
        return told

    def ask(
        self, request: Mapping[str, Any], payload: bytes | memoryview = b""
    ) -> tuple[dict[str, Any], bytearray]:
        """Header and payload of what is answered to a request, by the deadline of the
        :func:`rdbench.programs.supervised` that is under way.

        Raises what the codec raised (:class:`CodecError`, :class:`UnsupportedImageError`,
        :class:`MemoryError`, anything else as :class:`RdbenchError`), :class:`OutOfTimeError` where
        the worker was ended in time, and :class:`ProcessEndedError` where it ended by itself.
        """
        return self._ask(request, payload, programs.deadline())

    def _ask(
        self, request: Mapping[str, Any], payload: bytes | memoryview, deadline: float
    ) -> tuple[dict[str, Any], bytearray]:
        if self._ended:
            raise ProcessEndedError(self._ended)
        try:
            header, data = self._channel.ask(request, payload, deadline)
        except LateError:
            self._kill()
            raise OutOfTimeError(f"the worker in {self._where} was ended") from None
        except NonsenseError as error:
            self._kill()
            raise RdbenchError(
                f"the answer of the worker in {self._where} is not a message: {error}"
            ) from None
        except EndedError as error:
            raise ProcessEndedError(f"{self._ending(f', {error}')} ({self._where})") from None
        except BaseException:  # an interrupt: what comes next would be the answer to this
            self._kill()
            raise
        if wrong := header.get("error"):
            self._raise(wrong)
        return header, data

    def _raise(self, error: Any) -> NoReturn:
        kind, message = str(error.get("kind", "")), one_line(str(error.get("message", "")))
        if kind == "UsageError":
            raise UsageError(message)
        if kind == "RequestError":
            raise UsageError(f"{self._where}: {message}")
        if kind == "ReturnedError":
            raise RdbenchError(self._who + message)
        raise _RAISED.get(kind, RdbenchError)(message)

    def _ending(self, where: str = "") -> str:
        """How the process ended by itself."""
        try:
            status = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._kill()
            self._ended = f"the worker has closed its output{where}"
            return self._ended
        self._channel.drain()
        words = self._channel.words.decode("utf-8", "replace").strip()
        self._ended = workers.ending(status, words) + where
        self._kill()
        return self._ended

    def _kill(self) -> None:
        """End the process and all of its group."""
        self._ended = self._ended or "the worker was ended"
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()

    def close(self) -> None:
        """End the worker, which sees the end of its requests first."""
        if self._ended:
            return
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE_S)
        self._kill()
