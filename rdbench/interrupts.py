"""Interrupts: the first one counts, and later ones are ignored during the cleanup. Pressing Ctrl-C
twice means the same as once. The second one must not stop what the first one has begun: ending
workers, removing their folders, closing the table.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

STATUS: Final = 130
"""Exit status of a program that was interrupted."""
PUT_AWAY_S: Final = 10.0
"""Interrupts are ignored for this long after the first one, and then accepted again in case the
cleanup hangs."""

_SIGNALS: Final = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # as the last is not on Windows
)
_NEVER: Final = -float("inf")
_heard: list[float] = [_NEVER]
_within: list[type[BaseException]] = []
_ending: list[bool] = []


@contextmanager
def raising(error: type[BaseException]) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise ``error`` inside, except those that follow right after
    another one. SIGHUP stays ignored where it already is, as under ``nohup``. Only the main thread
    gets signals; in other threads, nothing changes."""

    def hear(*_: object) -> None:
        now = time.monotonic()
        if now - _heard[0] > PUT_AWAY_S:
            _heard[0] = now
            raise error

    before: dict[signal.Signals, Any] = {}
    _within.append(error)
    try:
        try:
            for name in _SIGNALS:
                if name in (signal.SIGINT, signal.SIGTERM) or (
                    signal.getsignal(name) is not signal.SIG_IGN
                ):
                    before[name] = signal.signal(name, hear)
        except ValueError:  # not the main thread
            pass
        yield
    finally:
        _within.pop()
        if not _within:
            _heard[0] = _NEVER
        if not _ending:
            for name, handler in before.items():
                signal.signal(name, handler)


def ignore() -> None:
    """Ignore them from now on: the process is about to end."""
    _ending.append(True)
    # One that came while a text was executed, as where a dataclass is made, would have CPython end
    # by SIGINT, whatever the exit status: it forgets it where the next text is.
    exec("")  # noqa: S102
    for name in _SIGNALS:
        signal.signal(name, signal.SIG_IGN)
