"""The side of a Dask worker: a local pool with a process for each of its threads, so that a codec
can only end that process and not Dask's. Dask calls the functions here, with a token for the run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rdbench import environments, programs
from rdbench.codecs import registry
from rdbench.errors import RdbenchError
from rdbench.experiment import CodecPlan
from rdbench.programs import Janitor
from rdbench.provenance import Record, differences
from rdbench.runner.cluster.sending import Brief, Curve, decided_by, file_name, moved, records
from rdbench.runner.executor import Limits
from rdbench.runner.pool import LocalPool
from rdbench.runner.rows import Job
from rdbench.schema import one_line

IDLE_S: Final = 120.0
"""A run that asks for nothing for this long has ended."""


@dataclass(frozen=True)
class Report:
    """What a worker reports about a run."""

    refused: Mapping[Curve, str] = field(default_factory=dict)
    """Codecs that it lacks or has in a different version, and why."""
    reason: str = ""
    """Why it cannot take part in the run; "" if it can."""


@dataclass(frozen=True)
class Result:
    """The result of a job."""

    value: Any
    status: str
    message: str
    files: Mapping[str, bytes]
    """What was kept, by name within the run directory."""


class ForgottenError(Exception):
    """This worker does not know the run: it was idle for long, or was restarted."""


class Station:
    """The pools of a run on this worker, and the folder of its files."""

    def __init__(self, brief: Brief) -> None:
        self._janitor = Janitor()
        self._folder = self._janitor.folders[0]
        self.out, self.images = self._folder / "out", self._folder / "images"
        for folder in (self.out, self.images):
            folder.mkdir()
        self.settings = dataclasses.replace(brief.settings, out=self.out)
        self._idle: list[LocalPool] = []
        self._pools: list[LocalPool] = []
        self._lock = threading.Lock()
        self.used_s = time.monotonic()
        self.busy = 0

    @contextlib.contextmanager
    def pool(self) -> Iterator[LocalPool]:
        """A pool that no other thread has."""
        with self._lock:
            self.busy += 1
            found = self._idle.pop() if self._idle else None
        try:
            if found is None:
                limits = Limits(1, self.settings.timeout_s, self.settings.memory_mb)
                found = LocalPool(limits)
                self._pools.append(found)
            yield found
            self._idle.append(found)
        finally:
            with self._lock:
                self.busy -= 1
                self.used_s = time.monotonic()

    def close(self) -> None:
        with contextlib.ExitStack() as each:  # also where one of them cannot be closed
            each.callback(self._janitor.close)
            for pool in self._pools:
                each.callback(pool.close)


_stations: Final[dict[str, Station]] = {}
_lock: Final = threading.Lock()


def prepare(brief: Brief) -> Report:
    """Get ready for a run, as far as this worker can carry it out."""
    if brief.image is not None and not brief.image.is_file():
        return Report(
            reason=f"it has no {str(brief.image)!r}; leave out `shared_data` to have images sent"
        )
    for record in brief.settings.metrics:
        there = brief.metrics[record.name]
        try:
            found = differences(there, decided_by(record))
        except Exception as error:
            found = [one_line(str(error), 200)]
        if found:
            return Report(reason=f"metric {record.name!r} differs: {'; '.join(found)}")
    # Codecs of other environments are asked for what they are here.
    classes = brief.settings.classes.items()
    registry.adopt({key: data for key, data in classes if not environments.split(key)})
    refused = {
        curve: reason
        for curve, plan in brief.plans.items()
        if (reason := _reason_against(plan, brief.records[curve]))
    }
    settings = dataclasses.replace(brief.settings, programs=programs.found())
    with _lock:
        if not _stations:
            threading.Thread(target=_watch, daemon=True).start()
        if brief.token not in _stations:
            _stations[brief.token] = Station(dataclasses.replace(brief, settings=settings))
    return Report(refused)


def _reason_against(plan: CodecPlan, there: Sequence[Record]) -> str:
    """Why this worker may not measure a codec."""
    try:
        registry.load(plan.target).require(plan.resolved())
        here = records(plan)
    except Exception as error:  # a codec may raise anything
        kind = "" if isinstance(error, RdbenchError) else f"{type(error).__name__}: "
        return one_line(f"{kind}{error}", 300)
    for one, other in zip(there, here, strict=True):
        if found := differences(one, other):
            return "; ".join(found)
    return ""


def answer(
    token: str,
    jobs: Sequence[Job],
    images: Mapping[str, bytes],
    kept: Mapping[str, bytes],
) -> tuple[list[Result], float]:
    """Carry out ``jobs``; return their results, in their order, and the time that this took in
    seconds. ``images`` and ``kept`` are files that were sent."""
    station = _stations.get(token)
    if station is None:
        raise ForgottenError(token)
    for name, data in images.items():
        _put(station.images / name, data)
    for name, data in kept.items():
        _put(station.out / name, data)
    here = [_here(job, station) for job in jobs]
    # One that was spared something is another job, of the same task.
    places = {id(job.task): place for place, job in enumerate(here)}
    found: dict[int, Result] = {}
    started = time.monotonic()
    with station.pool() as pool:
        for one in pool.run(here, station.settings):
            files = _taken(one.value, station.out) if one.value is not None else {}
            found[places[id(one.job.task)]] = Result(one.value, one.status, one.message, files)
    for name in kept:
        (station.out / name).unlink(missing_ok=True)
    return [found[place] for place in range(len(jobs))], time.monotonic() - started


def _here(job: Job, station: Station) -> Job:
    path = station.images / file_name(job.task.image.path)
    return moved(job, path) if path.is_file() else job


def _put(path: Path, data: bytes) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{threading.get_ident()}")
        part.write_bytes(data)
        part.replace(path)


def _taken(value: Any, out: Path) -> dict[str, bytes]:
    """The files of an answer, which are not kept on this machine."""
    files = {}
    for name in filter(None, (value.core.get("stream_file"), value.core.get("decoded_file"))):
        with contextlib.suppress(OSError):
            files[name] = (out / name).read_bytes()
            (out / name).unlink()
    return files


def release(token: str) -> None:
    """End everything that was started for a run."""
    with _lock:
        station = _stations.pop(token, None)
    if station is not None:
        station.close()


def _watch() -> None:
    """End what is left of runs that no longer ask for anything, while there are any."""
    while _stations:
        time.sleep(IDLE_S / 10)
        for token, station in list(_stations.items()):
            if not station.busy and time.monotonic() - station.used_s > IDLE_S:
                release(token)
