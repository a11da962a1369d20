"""How long measurements will take, judged by earlier ones: seconds per megapixel by codec, options
and point."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from warnings import catch_warnings

import numpy as np

from rdbench.errors import RdbenchError
from rdbench.experiment import Task
from rdbench.files import open_file
from rdbench.images import ImageRef
from rdbench.measurements import Measurements
from rdbench.results import MEASUREMENTS, read_table
from rdbench.runner.timing import FEWEST, LONGEST_S
from rdbench.schema import OK

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEGA: Final = 1e6
MOST_BYTES: Final = 16 * 2**20
"""Of tables of other runs that are read, the newest first."""

Curve = tuple[str, str]
"""Codec and options, as rows have them."""


class Costs:
    """What measurements took, as far as ``tables`` tell it, each coded once; with ``timing``, as
    often as times for publication need, or at least as often if no table has such times."""

    def __init__(self, tables: Iterable[Measurements] = (), *, timing: bool = False) -> None:
        self.rows = 0
        """The number of rows it is learned from."""
        self._by_curve: dict[Curve, dict[float, float]] = {}
        self._megapixels: dict[ImageRef, float] = {}
        self._found: dict[tuple[Curve, float], float | None] = {}
        taken: dict[tuple[Curve, float], list[float]] = {}
        for table in tables:
            seconds = _seconds_per_megapixel(table, timing)
            for rows in table.groups(("codec", "options", "point")):
                known = seconds[rows][np.isfinite(seconds[rows])]
                if len(known):
                    first = rows[0]
                    curve = table.texts["codec"][first], table.texts["options"][first]
                    point = float(table.numbers["point"][first])
                    taken.setdefault((curve, point), []).append(float(np.median(known)))
                    self.rows += len(known)
        for (curve, point), medians in taken.items():
            self._by_curve.setdefault(curve, {})[point] = statistics.median(medians)

    def of(self, task: Task) -> float | None:
        """The seconds that a task will take; None if nothing is known about its curve. A point that
        was not measured takes as long as the nearest one that was."""
        per_megapixel = self._per_megapixel((task.codec.name, task.codec.options_text), task.point)
        return None if per_megapixel is None else per_megapixel * self._size(task.image)

    def _per_megapixel(self, curve: Curve, point: float) -> float | None:
        key = curve, point
        if key not in self._found:
            known = self._by_curve.get(curve)
            self._found[key] = (
                known[min(known, key=lambda other: (abs(other - point), other))] if known else None
            )
        return self._found[key]

    def _size(self, ref: ImageRef) -> float:
        """Megapixels of an image by its header; 1 if the header does not say."""
        if ref not in self._megapixels:
            from PIL import Image

            try:
                with (
                    catch_warnings(action="ignore"),
                    open_file(ref.path) as file,
                    Image.open(file) as image,
                ):
                    self._megapixels[ref] = math.prod(image.size) / MEGA
            except Exception:  # whatever a file is that is none
                self._megapixels[ref] = 1.0
        return self._megapixels[ref]


def _seconds_per_megapixel(table: Measurements, timing: bool) -> NDArray[np.float64]:
    """Of each row, NaN where it tells no time or is not ok."""
    numbers = table.numbers
    encode, decode = numbers["encode_s"], numbers["decode_s"]
    # Where times are medians of runs, the whole task says nothing of one that codes once.
    repeated = np.nan_to_num(numbers["encode_runs"]) > 1
    coding = _fewest_runs_s(encode) + _fewest_runs_s(decode) if timing else encode + decode
    whole = (repeated == timing) & np.isfinite(numbers["task_s"])
    seconds = np.where(whole, numbers["task_s"], coding)
    ok = table.texts["status"].equal(np.arange(len(table)), OK)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = seconds * MEGA / (numbers["width"] * numbers["height"])
    return np.where(ok & np.isfinite(found), found, np.nan)


def _fewest_runs_s(once_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The time that the fewest runs take of which a time for publication is made."""
    return np.maximum(once_s, np.minimum(FEWEST * once_s, LONGEST_S))


def earlier(out: Path) -> list[Measurements]:
    """The tables of a run directory and of those beside it, as far as they can be read."""
    files = [out / MEASUREMENTS, *out.parent.glob(f"*/{MEASUREMENTS}")]
    there = {path.resolve(): path.stat() for path in files if path.is_file()}
    own = (out / MEASUREMENTS).resolve()
    newest = sorted(there, key=lambda path: (path != own, -there[path].st_mtime_ns))
    found: list[Measurements] = []
    size = 0
    for path in newest:
        size += there[path].st_size
        if found and size > MOST_BYTES:
            break
        try:
            found.append(read_table(path))
        except (RdbenchError, OSError):
            continue
    return found


LONG: Final = 0.02
"""The share of one worker's work from which a task counts as long."""


def in_order(
    tasks: Sequence[tuple[Task, float | None]], workers: int
) -> tuple[list[int], frozenset[int]]:
    """The indices of tasks (given their expected times) in the order of work, and which of them are
    long. If several workers share the tasks, those that take more than :data:`LONG` of a worker's
    share come first, the longest at the front, so that no worker is left alone with one at the end
    (Graham 1969, doi 10.1137/0117039). The other tasks keep their order, image by image with codecs
    in turns, which keeps their times comparable. So do all tasks if there is one worker or nothing
    is known.
    """
    seconds = [one or 0.0 for _, one in tasks]
    if workers < 2 or not any(seconds):
        return list(range(len(tasks))), frozenset()
    long_s = LONG * sum(seconds) / workers
    long = sorted(
        (place for place, one in enumerate(seconds) if one > long_s),
        key=lambda place: -seconds[place],
    )
    apart = frozenset(long)
    return long + [place for place in range(len(tasks)) if place not in apart], apart
