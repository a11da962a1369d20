"""What a curve costs: times and memory, beside what it saves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdbench.curves.curve import Curve


@dataclass(frozen=True)
class Complexity:
    """Times and memory of one curve; NaN where they were not measured."""

    encode_s: float = math.nan
    """Wall time for one image, the mean over images and points."""
    decode_s: float = math.nan
    memory_mb: float = math.nan
    """MiB: the most that the largest program took; for a codec without programs an upper bound,
    the peak of the worker on the image where that was least, as a worker also holds the harness
    and what codecs before it left."""
    timing: str = ""
    """``isolated``, ``shared`` or ``mixed`` for measured times; ``published`` for those that
    somebody else took on another machine; empty where there are none."""
    machines: tuple[str, ...] = ()
    """Where times were taken, as far as it is told: hosts, or devices of one host."""

    @classmethod
    def of(cls, curve: Curve | None, images: Sequence[str] = ()) -> Complexity:
        """The complexity of ``curve`` over ``images``, or over all of its images."""
        if curve is None:
            return cls()
        encode_s, decode_s = (
            _over(np.mean, curve, column, images) for column in ("encode_s", "decode_s")
        )
        memory_mb = _over(np.max, curve, "program_rss_mb", images)
        if math.isnan(memory_mb):
            memory_mb = _over(lambda table: table.max(axis=1).min(), curve, "peak_rss_mb", images)
        timed = math.isfinite(encode_s) or math.isfinite(decode_s)
        timing = "published" if curve.source == "published" else curve.timing
        if not timed:
            return cls(memory_mb=memory_mb)
        return cls(encode_s, decode_s, memory_mb, timing, curve.machines)


def _over(
    how: Callable[[np.ndarray], np.floating], curve: Curve, column: str, images: Sequence[str]
) -> float:
    """``how`` over a column's cells; NaN where not all of the images have it."""
    used = curve.images if curve.mean_of or not images else images
    table = curve.of_images(column, used) if used else curve.values[column]
    return float(how(table)) if table.size else math.nan


def cost_notes(complexities: Sequence[tuple[str, Complexity]]) -> list[str]:
    """What must be said beside the costs of curves (title, complexity): how times were taken, and
    what memory is."""
    groups: dict[str, list[str]] = {}
    for title, complexity in complexities:
        if complexity.timing and title not in groups.setdefault(complexity.timing, []):
            groups[complexity.timing].append(title)
    words = {
        "isolated": "isolated (nothing ran beside them)",
        "shared": "shared (other work ran beside them)",
        "mixed": "partly isolated, partly shared",
        "published": "their publisher's, of another machine",
    }
    said = []
    if groups:
        parts = [f"{words[timing]}: {', '.join(titles)}" for timing, titles in groups.items()]
        how = words[next(iter(groups))] if len(groups) == 1 else "; ".join(parts)
        said.append(f"times are means over points and images, {how}")
    said += _machines(dict(complexities))
    if any(math.isfinite(complexity.memory_mb) for _, complexity in complexities):
        said.append(
            "memory is the most of the largest program, or of a codec without one at most what the "
            "worker took, with rdbench and what is left of other codecs"
        )
    return said


def _machines(complexities: Mapping[str, Complexity]) -> list[str]:
    """What must be said of times that were taken on several machines."""
    places = {title: cost.machines for title, cost in complexities.items() if cost.machines}
    if len(set(places.values())) > 1:
        by_place: dict[str, list[str]] = {}
        for title, machines in places.items():
            by_place.setdefault(" and ".join(machines), []).append(title)
        parts = [f"{machines}: {', '.join(titles)}" for machines, titles in by_place.items()]
        return [f"times are of different machines, and not to be compared ({'; '.join(parts)})"]
    return [
        f"times are means over several machines ({' and '.join(machines)})"
        for machines in set(places.values())
        if len(machines) > 1
    ]
