"""A Dask worker, as seen from the side that submits jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rdbench import __version__
from rdbench.host import package_digest
from rdbench.runner.cluster import station
from rdbench.runner.cluster.sending import Curve
from rdbench.runner.rows import Job
from rdbench.schema import one_line

if TYPE_CHECKING:
    from distributed import Future

TICK_S: Final = 0.5


@dataclass
class Remote:
    """A Dask worker, as far as this side knows it."""

    address: str
    name: str
    threads: int
    fits: bool = False
    """Whether its rdbench is the one here; False where what it said was lost."""
    ready: bool = False
    refused: dict[Curve, str] = field(default_factory=dict)
    reason: str = ""
    """Why it cannot be used."""
    group: Hashable = None
    flying: dict[Future, list[Job]] = field(default_factory=dict)
    images: dict[str, Future | None] = field(default_factory=dict)
    """Images that were sent: on their way, or None where they have arrived."""
    asked: Future | None = None
    """What it was asked first."""

    def heard(self, future: Future) -> Iterator[str]:
        """Process what it reported about itself or the run; yield what the user must know."""
        found = result(future)
        if isinstance(found, station.Report):
            self.reason, self.refused = found.reason, dict(found.refused)
            self.ready = not found.reason
            for (name, options), why in self.refused.items():
                curve = f"{name}:{options}" if options else name
                yield f"worker {self.name} leaves out {curve}: {why}"
        elif isinstance(found, dict):
            ours = {"version": __version__, "digest": package_digest()}
            self.fits = found == ours
            if any(found.get(key, told) != told for key, told in ours.items()):
                self.reason = (
                    f"it has a different rdbench: {_version(found)} there, {_version(ours)} here"
                )
            elif not self.fits:
                self.reason = found["error"]
        elif future.status == "error":
            self.reason = f"it failed: {one_line(str(future.exception()), 200)}"
        else:
            self.fits = False
        if self.reason:
            yield f"worker {self.name} is not used: {self.reason}"


def result(future: Future) -> Any | None:
    """The result of a job, fetched from its worker; None if it has none, or if it was lost with the
    worker. Dask then starts the job again, perhaps on a worker that never finishes it, so this does
    not wait for it."""
    if future.status != "finished":
        return None
    fetched = asyncio.run_coroutine_threadsafe(
        future.client.gather(future, asynchronous=True), future.client.loop.asyncio_loop
    )
    while True:
        try:
            return fetched.result(timeout=TICK_S)
        except TimeoutError:
            if future.status != "finished":
                return None
        except Exception:  # Dask has many for what is lost
            return None


def _version(told: dict[str, str]) -> str:
    return f"{told.get('version', '?')} ({told.get('digest', '?')})"


def probe() -> Callable[[], dict[str, str]]:
    """A function that asks for rdbench on a worker that may lack it or have a different one. It is
    a nested function, so that it is pickled by value."""

    def asked() -> dict[str, str]:
        try:
            import rdbench
        except Exception as error:
            return {"error": f"it has no rdbench ({type(error).__name__}: {error})"}
        try:
            from rdbench.host import package_digest

            found = {"version": rdbench.__version__, "digest": package_digest()}
        except Exception:
            return {"version": getattr(rdbench, "__version__", "?"), "digest": "?"}
        # What a worker cannot import when it is sent a message ends it, and says nothing here.
        try:
            import rdbench.runner.cluster.station
        except Exception as error:
            found["error"] = f"its rdbench cannot be used ({type(error).__name__}: {error})"
        return found

    return asked
