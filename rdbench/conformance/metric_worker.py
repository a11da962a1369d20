"""Metrics are tried in a process of their own, which an alarm ends where one does not come back.

:func:`answer` starts it with :func:`main`, which writes ``doing`` into a folder before each call of
the metric, and ``answer.json`` at the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rdbench.conformance.jobs import ending
from rdbench.errors import RdbenchError
from rdbench.programs import supervised

_GRACE_S: Final = 1.0
_START: Final = f"import sys; from {__name__} import main; main(*sys.argv[1:])"


def answer(kind: str, name: str, timeout_s: float) -> dict[str, Any]:
    """What came of trying the metric ``name``: ``kind`` is ``gather`` or ``photograph``.

    Raises :class:`RdbenchError` with what it was doing where a call takes longer than
    ``timeout_s``, or ends the process.
    """
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


class Bounds:
    """Bounds for calls of a metric, in this process, whose end is the alarm's default action."""

    def __init__(self, timeout_s: float, folder: Path) -> None:
        self._timeout_s = timeout_s
        self._doing = folder / "doing"

    @contextlib.contextmanager
    def __call__(self, doing: str) -> Iterator[None]:
        self._doing.write_text(doing, encoding="utf-8")
        # A program is ended in time; the alarm is for what runs in this process.
        signal.setitimer(signal.ITIMER_REAL, self._timeout_s + _GRACE_S)
        try:
            with supervised(time.monotonic() + self._timeout_s):
                yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def main(kind: str, name: str, seconds: str, folder: str) -> None:
    """What :func:`answer` asks for, written into ``folder``."""
    from rdbench.conformance import metric_doctor, metric_evidence
    from rdbench.metrics import find

    tried = {"gather": metric_evidence.gather, "photograph": metric_doctor.score_photograph}
    found = tried[kind](find(name), Bounds(float(seconds), Path(folder)))
    Path(folder, "answer.json").write_text(json.dumps(found), encoding="utf-8")
