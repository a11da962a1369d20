"""Processes that outlived what started them, found by a mark in their environment.

A program can leave its process group and session, but what it starts inherits its environment.
Only Linux shows it (proc(5)); elsewhere nothing is found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Final

MARK: Final = "RDBENCH_MARK"
"""Names the variable with the mark; a mark that begins with another one is found by both."""
_ROUNDS: Final = 50
_PAUSE_S: Final = 0.01


def marked(mark: str) -> list[int]:
    """Processes other than this one with a mark that begins with ``mark``."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (folder / "environ").read_bytes().split(b"\0")
            if any(entry.startswith(wanted) for entry in environment):
                found.append(int(folder.name))
    return [pid for pid in found if pid != os.getpid()]


def kill_marked(mark: str) -> None:
    """Kill the processes with a mark that begins with ``mark``, until there are none."""
    for _ in range(_ROUNDS):
        pids = marked(mark)
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_S)
