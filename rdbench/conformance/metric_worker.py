"""Metrics of others are tried in a process of their own, which an alarm ends where one does not
come back.

:func:`answer` starts it with :func:`main`, which writes ``doing`` into a folder before each call of
the metric, and ``answer.json`` at the end.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from rdbench.conformance.jobs import ending
from rdbench.errors import RdbenchError
from rdbench.metrics import BUILT_IN, find
from rdbench.programs import supervised

_GRACE_S: Final = 1.0
_START: Final = f"import sys; from {__name__} import main; main(*sys.argv[1:])"


Bounds = Callable[[str], AbstractContextManager[None]]
"""Bounds for a call of a metric, made of what the call is."""


def answer(kind: str, name: str, timeout_s: float) -> dict[str, Any]:
    """What came of trying the metric ``name``: ``kind`` is ``gather`` or ``photograph``. Those that
    come with rdbench are tried here.

    Raises :class:`RdbenchError` with what it was doing where a call takes longer than
    ``timeout_s``, or ends the process.
    """
    if name in BUILT_IN:
        return _tried(kind, name, lambda _: contextlib.nullcontext())
    with tempfile.TemporaryDirectory(prefix="rdbench-conformance-") as folder:
        worker = subprocess.run(
            [sys.executable, "-c", _START, kind, name, str(timeout_s), folder],
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        written, doing = Path(folder, "answer.json"), Path(folder, "doing")
        if written.exists():
            found: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
            return found
        where = f"{doing.read_text(encoding='utf-8')}: " if doing.exists() else ""
        errors = worker.stderr.decode(errors="replace")
        raise RdbenchError(where + ending(worker.returncode, errors, timeout_s))


def main(kind: str, name: str, seconds: str, folder: str) -> None:
    """What :func:`answer` asks for, written into ``folder``."""
    found = _tried(kind, name, functools.partial(_bounded, float(seconds), Path(folder)))
    Path(folder, "answer.json").write_text(json.dumps(found), encoding="utf-8")


@contextlib.contextmanager
def _bounded(timeout_s: float, folder: Path, doing: str) -> Iterator[None]:
    """Bounds for what is done inside; the alarm's default action ends this process."""
    (folder / "doing").write_text(doing, encoding="utf-8")
    # A program is ended in time; the alarm is for what runs in this process.
    signal.setitimer(signal.ITIMER_REAL, timeout_s + _GRACE_S)
    try:
        with supervised(time.monotonic() + timeout_s):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _tried(kind: str, name: str, bounds: Bounds) -> dict[str, Any]:
    from rdbench.conformance import metric_doctor, metric_evidence

    tried = {"gather": metric_evidence.gather, "photograph": metric_doctor.score_photograph}
    return tried[kind](find(name), bounds)
