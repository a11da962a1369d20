"""What a curve costs in time and memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from rdbench.curves.curve import Curve
from rdbench.network_cost import COUNTED_SIZE, NetworkCost
from rdbench.schema import ISOLATED, PINNED

QUIET: Final = 1.5
"""The load of a machine on which one worker has a processor to itself: 1 for the worker, and less
than half a process beside it."""
MOST_WALL_OVER_CPU: Final = 1.25
"""If wall time exceeds processor time by a larger factor, something was waited for."""
_DOING: Final = ("encode", "decode")
PARTS: Final = ("transforms", "memory", "networks")
"""What may stand beside times: what of them transforms took, memory, and the size of networks."""
MEMORY: Final = {
    "program": "Peak memory of the program [MiB]",
    "process": "Memory added to the process [MiB]",
}
"""Kinds of memory: that of the largest program that the codec ran, or, for a codec without
programs, what it added to its process. The two are not compared with each other."""


Ends = tuple[float, float]
"""The minimum and the maximum over the points of a curve; NaN if any of them is unknown."""
UNTOLD: Final[Ends] = (math.nan, math.nan)


@dataclass(frozen=True)
class Networks:
    """What the networks of one curve cost (:class:`rdbench.network_cost.NetworkCost`)."""

    encode: Ends = UNTOLD
    """kMAC/px of analysis and entropy model."""
    decode: Ends = UNTOLD
    """kMAC/px of synthesis and entropy model."""
    entropy_encode: Ends = UNTOLD
    """The share of the entropy model in these."""
    entropy_decode: Ends = UNTOLD
    parameters: Ends = UNTOLD
    weights_bytes: Ends = UNTOLD
    """Of the file for one point."""
    reasons: tuple[str, ...] = ()
    """Why something is unknown."""

    @classmethod
    def of(cls, curve: Curve | None) -> Networks | None:
        """The cost of the networks of a learned codec for the images of ``curve``; None for other
        codecs, and if nothing is known."""
        if curve is None or not curve.network_costs:
            return None
        costs = [
            curve.network_costs.get((point, channels), NetworkCost(uncounted=_NOT_KEPT))
            for point in curve.points
            for channels in curve.channels
        ]

        def ends(*names: str) -> Ends:
            """Of the sum of some numbers."""
            parts = [[getattr(cost, name) for name in names] for cost in costs]
            sums = [math.nan if None in own else sum(own) for own in parts]
            return _all(np.min, np.array(sums)), _all(np.max, np.array(sums))

        return cls(
            ends("analysis_kmac_px", "entropy_encode_kmac_px"),
            ends("synthesis_kmac_px", "entropy_decode_kmac_px"),
            ends("entropy_encode_kmac_px"),
            ends("entropy_decode_kmac_px"),
            ends("parameters"),
            ends("weights_bytes"),
            tuple(dict.fromkeys(cost.uncounted for cost in costs if cost.uncounted)),
        )


_NOT_KEPT: Final = "run.json does not describe the networks of all points"


@dataclass(frozen=True)
class Complexity:
    """Times and memory of one curve; NaN where they were not measured."""

    encode_s: float = math.nan
    """Wall time for one image, the mean over images and points."""
    decode_s: float = math.nan
    encode_transform_s: float = math.nan
    """The share of it that the transforms of a learned codec took; the rest is entropy coding."""
    decode_transform_s: float = math.nan
    memory_mb: float = math.nan
    """MiB, the maximum over images; of a codec without programs, over those for which it is
    known (column ``added_rss_mb``)."""
    memory_is: str = ""
    """A key of :data:`MEMORY`, where there is any."""
    timing: str = ""
    """``pinned``, ``isolated``, ``shared`` or ``mixed`` for measured times; ``published`` for times
    that others took on another machine; empty if there are none."""
    machines: tuple[str, ...] = ()
    """Where times were taken, as far as known: hosts, devices of one host, or the publisher of
    published times."""
    load: float = math.nan
    """The median load of the machine meanwhile."""
    wall_over_cpu: float = math.nan
    """Wall time over processor time, the larger of encoding and decoding."""
    runs: Ends = UNTOLD
    """The number of runs whose median a time is."""
    spread: float = math.nan
    """Width of the widest 95 % interval of a time over its runs, as a share of it."""
    networks: Networks | None = None
    """The networks of a learned codec, as far as known."""

    @classmethod
    def of(cls, curve: Curve | None, images: Sequence[str] = ()) -> Complexity:
        """The complexity of ``curve`` over ``images``, or over all of its images."""
        if curve is None:
            return cls()
        known, key = _KNOWN.setdefault(curve, {}), tuple(images)
        if key not in known:
            known[key] = cls._of(curve, images)
        return known[key]

    @classmethod
    def _of(cls, curve: Curve, images: Sequence[str]) -> Complexity:
        def cells(column: str) -> np.ndarray:
            used = curve.images if curve.mean_of or not images else images
            return curve.of_images(column, used) if used else curve.values[column]

        memory_mb, memory_is = _all(np.max, cells("program_rss_mb")), "program"
        if math.isnan(memory_mb):
            memory_mb, memory_is = _told(np.max, cells("added_rss_mb")), "process"
        memory_is = "" if math.isnan(memory_mb) else memory_is
        walls = [_all(np.mean, cells(f"{what}_s")) for what in _DOING]
        if not any(map(math.isfinite, walls)):
            return cls(memory_mb=memory_mb, memory_is=memory_is, networks=Networks.of(curve))
        processor = [_all(np.mean, cells(f"{what}_cpu_s")) for what in _DOING]
        ratios = [wall / cpu for wall, cpu in zip(walls, processor, strict=True) if cpu > 0]
        published = curve.source == "published"
        runs = np.array([cells(f"{what}_runs") for what in _DOING])
        return cls(
            encode_s=walls[0],
            decode_s=walls[1],
            encode_transform_s=_all(np.mean, cells("encode_transform_s")),
            decode_transform_s=_all(np.mean, cells("decode_transform_s")),
            memory_mb=memory_mb,
            memory_is=memory_is,
            timing="published" if published else curve.timing,
            machines=(curve.origin or curve.title,) if published else curve.machines,
            load=_told(np.median, cells("load")),
            wall_over_cpu=max(ratios, default=math.nan),
            runs=(_told(np.min, runs), _told(np.max, runs)),
            spread=_all(np.max, np.array([cells(f"{what}_spread") for what in _DOING])),
            networks=Networks.of(curve),
        )

    @property
    def encode_kmac_px(self) -> float:
        """That of the networks, at the point with the largest cost; NaN if unknown."""
        return self.networks.encode[1] if self.networks else math.nan

    @property
    def decode_kmac_px(self) -> float:
        """The same of decoding."""
        return self.networks.decode[1] if self.networks else math.nan

    @property
    def place(self) -> tuple[str, ...]:
        """What times must share to be comparable: whether they were published, and the machine."""
        return ("published" if self.timing == "published" else "", *self.machines)

    @property
    def busy(self) -> bool:
        """Whether other programs are known to have run beside the worker."""
        return self.load >= QUIET

    @property
    def how(self) -> str:
        """How times were taken, in words; empty if there are none."""
        if self.timing == PINNED:
            low, high = (f"{end:.0f}" for end in self.runs)
            runs = low if low == high else f"{low} to {high}"
            told = f"alone, pinned to a core, medians of {runs} runs"
            if math.isfinite(self.spread):
                told += f" with 95 % intervals of at most {100 * self.spread:.2g} %"
            beside = (
                f", but other programs ran at the same time (load {self.load:.0f})"
                if self.busy
                else ""
            )
            return told + beside
        if self.timing != ISOLATED:
            return _TIMINGS[self.timing]
        if math.isnan(self.load):
            return "isolated (one worker; the load of the machine is not known)"
        if not self.busy:
            return "isolated (nothing else ran)"
        return f"with one worker, but other programs ran at the same time (load {self.load:.0f})"


# Tables ask for the same ones for each of their rows.
_KNOWN: Final[WeakKeyDictionary[Curve, dict[tuple[str, ...], Complexity]]] = WeakKeyDictionary()

_TIMINGS: Final = {
    "": "",
    "shared": "shared (other work ran at the same time)",
    "mixed": "taken in several ways",
    "published": "their publisher's, of another machine",
}


def _all(how: Callable[[np.ndarray], np.floating], table: np.ndarray) -> float:
    """``how`` over cells; NaN where one is empty."""
    return float(how(table)) if table.size else math.nan


def _told(how: Callable[[np.ndarray], np.floating], table: np.ndarray) -> float:
    """``how`` over the cells that have a value."""
    return _all(how, table[~np.isnan(table)])


def cost_notes(
    complexities: Sequence[tuple[str, Complexity]],
    times: str = "times are means over points and images,",
    shown: Container[str] = PARTS,
) -> list[str]:
    """Notes on the costs of curves (title, complexity): how times were taken, after the words
    ``times``, and what those of :data:`PARTS` mean that are ``shown`` beside them."""
    costs = dict(complexities)
    said = []
    if groups := _grouped({title: cost.how for title, cost in costs.items()}):
        parts = [f"{how}: {', '.join(titles)}" for how, titles in groups.items()]
        how = next(iter(groups)) if len(groups) == 1 else "; ".join(parts)
        said.append(f"{times} {how}")
    split = any(math.isfinite(cost.encode_transform_s) for cost in costs.values())
    if "transforms" in shown and split:
        said.append("in parentheses the time of the transforms; the rest is entropy coding")
    if waited := [
        f"{title} {cost.wall_over_cpu:.1f} times"
        for title, cost in costs.items()
        if cost.wall_over_cpu > MOST_WALL_OVER_CPU
    ]:
        said.append(
            f"wall time exceeds processor time, so something was waited for: {', '.join(waited)}"
        )
    said += _machines(costs)
    groups = _grouped({title: cost.memory_is for title, cost in costs.items()})
    if "memory" in shown and groups:
        words = {
            "program": "the peak of the largest program",
            "process": "what encoding and decoding added to the process",
        }
        parts = [f"{words[kind]} ({', '.join(titles)})" for kind, titles in groups.items()]
        others = ", not comparable with " if len(parts) > 1 else ""
        said.append(f"memory is {others.join(parts)}")
    return said + (_networks(costs) if "networks" in shown else [])


def _networks(costs: Mapping[str, Complexity]) -> list[str]:
    """What kMAC are, and why some are missing."""
    known = {title: cost.networks for title, cost in costs.items() if cost.networks}
    if not known:
        return []
    width, height = COUNTED_SIZE
    said = [
        f"kMAC/px: multiply-accumulates of the networks for an image of {width}x{height}, "
        "counted by torch, in parentheses those of the entropy model; for several networks the "
        "lowest to the highest"
    ]
    reasons = _grouped({title: "; ".join(found.reasons) for title, found in known.items()})
    return said + [f"{', '.join(titles)}: {reason}" for reason, titles in reasons.items()]


def _grouped(words: Mapping[str, str]) -> dict[str, list[str]]:
    """The titles by their words, where there are any."""
    groups: dict[str, list[str]] = {}
    for title, text in words.items():
        if text:
            groups.setdefault(text, []).append(title)
    return groups


def _machines(complexities: Mapping[str, Complexity]) -> list[str]:
    """The note on times that were taken on several machines."""
    places = {title: cost.machines for title, cost in complexities.items() if cost.machines}
    if len(set(places.values())) > 1:
        by_place: dict[str, list[str]] = {}
        for title, machines in places.items():
            by_place.setdefault(" and ".join(machines), []).append(title)
        parts = [f"{machines}: {', '.join(titles)}" for machines, titles in by_place.items()]
        return [f"times are of different machines and cannot be compared ({'; '.join(parts)})"]
    return [
        f"times are means over several machines ({' and '.join(machines)})"
        for machines in set(places.values())
        if len(machines) > 1
    ]
