"""Messages to a worker and from it, by a deadline: the harness's side of ``worker_protocol.md``."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import select
import struct
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

PROTOCOL: Final = 1
MAGIC: Final = b"RDBW"
HEAD: Final = struct.Struct("<4sIQ")
"""MAGIC, and the lengths of header and payload in bytes."""
LONGEST_HEADER: Final = 16 * 2**20
LONGEST_PAYLOAD: Final = 4 * 2**30
_PIPE_BYTES: Final = 2**20
_CHUNK: Final = 2**20
_LAST_WORDS: Final = 4096


class NonsenseError(Exception):
    """The data received are not a message."""


class EndedError(Exception):
    """The worker has closed its side; ``str`` gives the position in a message."""


class LateError(Exception):
    """The deadline has passed."""


class Channel:
    """The three pipes of a worker. Its output is read continuously, and its end is kept."""

    def __init__(self, stdin: int, stdout: int, stderr: int) -> None:
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self.words = b""
        """The last that it printed since :meth:`ask`."""
        for descriptor in (stdin, stdout, stderr):
            os.set_blocking(descriptor, False)
        if sys.platform == "linux":
            for descriptor in (stdin, stdout):
                with contextlib.suppress(OSError):  # beyond the user's limit (pipe(7))
                    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._silent = False
        """Whether nothing is printed any more."""

    def ask(
        self, header: Mapping[str, Any], payload: bytes | memoryview, deadline: float
    ) -> tuple[dict[str, Any], bytearray]:
        """Send a message and take the answer. ``deadline`` is one of :func:`time.monotonic`. Raises
        :class:`NonsenseError`, :class:`EndedError` and :class:`LateError`."""
        self.words = b""
        text = json.dumps(header).encode()
        payload = memoryview(payload).cast("B")
        self._send(HEAD.pack(MAGIC, len(text), payload.nbytes) + text, deadline)
        self._send(payload, deadline)
        return self.receive(deadline)

    def receive(self, deadline: float) -> tuple[dict[str, Any], bytearray]:
        """The next message. Raises as :meth:`ask`."""
        head = bytes(self._received(HEAD.size, deadline, "before it answered"))
        magic, header_bytes, payload_bytes = HEAD.unpack(head)
        if magic != MAGIC or header_bytes > LONGEST_HEADER or payload_bytes > LONGEST_PAYLOAD:
            raise NonsenseError(f"it begins with {head!r}")
        text = self._received(header_bytes, deadline, "in the middle of a message")
        try:
            header = json.loads(bytes(text))
        except ValueError:
            raise NonsenseError(f"its header is not JSON: {bytes(text[:60])!r}") from None
        if not isinstance(header, dict):
            raise NonsenseError(f"its header is not an object: {bytes(text[:60])!r}")
        return header, self._received(payload_bytes, deadline, "in the middle of a message")

    def _send(self, data: bytes | memoryview, deadline: float) -> None:
        view = memoryview(data)
        try:
            while view.nbytes:
                try:
                    view = view[os.write(self._stdin, view[:_CHUNK]) :]
                except BlockingIOError:
                    self._wait(self._stdin, select.POLLOUT, deadline)
        except BrokenPipeError:
            pass  # what it says last is read where an answer is waited for

    def _received(self, size: int, deadline: float, where: str) -> bytearray:
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size:
            try:
                count = os.readv(self._stdout, [view[done : done + _CHUNK]])
            except BlockingIOError:
                self._wait(self._stdout, select.POLLIN, deadline)
                continue
            if not count:
                raise EndedError(where if not done else "in the middle of a message")
            done += count
        return data

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        """Wait until a pipe is ready."""
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise LateError
            poll = select.poll()
            poll.register(descriptor, event)
            if not self._silent:
                poll.register(self._stderr, select.POLLIN)
            ready = dict(poll.poll(None if math.isinf(left_s) else math.ceil(1000 * left_s)))
            if self._stderr in ready:
                self.drain()
            if descriptor in ready:
                return

    def drain(self) -> None:
        """Read what it has printed."""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._stderr, _CHUNK)
            self.words = (self.words + data)[-_LAST_WORDS:]
            self._silent = not data
