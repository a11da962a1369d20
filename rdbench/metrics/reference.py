"""Scores of many decoded versions of one original."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdbench.errors import RdbenchError
from rdbench.metrics import registry
from rdbench.metrics.base import Metric
from rdbench.metrics.record import MetricRecord
from rdbench.metrics.table import is_own
from rdbench.returned import number
from rdbench.sample_format import SampleFormat, checked
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_Group = tuple[str, tuple[tuple[str, str], ...]]
"""What one class computes at once: its target, and the options chosen."""


@dataclass(frozen=True)
class Scores:
    """The scores of one decoded image, with the reasons for missing ones."""

    values: dict[str, float] = field(default_factory=dict)
    """By metric; one that is not available has no key."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why a metric is not available, by metric."""

    @property
    def notes(self) -> tuple[str, ...]:
        """One line for each reason, with the metrics that share it."""
        shared: dict[str, list[str]] = {}
        for name, reason in self.reasons.items():
            shared.setdefault(reason, []).append(name)
        return tuple(f"{', '.join(names)}: {reason}" for reason, names in shared.items())


class Reference:
    """An original with its part of every requested metric, which is computed once for all decoded
    versions.

    ``image``: uint8, (height, width, channels), 1 or 3 channels; it is not copied and must not
    change. ``records``: the metrics. ``about_to`` is called with the names of external metrics
    before they are computed, since they may hang or end the process. The object holds work space,
    so two threads cannot share it. Raises :class:`ValueError` for another array. A metric that
    raises, or returns anything but a number, only lacks its own value, with the reason.
    """

    def __init__(
        self,
        image: NDArray[np.generic],
        records: Iterable[MetricRecord],
        about_to: Callable[[Sequence[str]], None] = lambda _: None,
    ) -> None:
        self._image = checked(image, "the original")
        self._about_to = about_to
        self._sides: dict[_Group, Metric] = {}
        self._originals: dict[_Group, Image] = {}
        self._unfit: dict[str, str] = {}
        groups: dict[_Group, list[MetricRecord]] = {}
        for record in records:
            if reason := unfit(record, self._image):
                self._unfit[record.name] = reason
            else:
                groups.setdefault((record.target, record.chosen), []).append(record)
        # Those of others come last, so that whatever they do, the others have been computed.
        ordered = sorted(groups.items(), key=lambda group: not _own(group[1]))
        self._groups = {group: tuple(members) for group, members in ordered}
        self._foreign = {group for group, members in groups.items() if not _own(members)}

    def score(
        self, decoded: NDArray[np.generic], without: Mapping[str, str] | None = None
    ) -> Scores:
        """Scores of ``decoded``: uint8, the shape of the original; ``without`` names metrics to
        skip, with the reasons.

        Raises :class:`ValueError` for another array.
        """
        samples = checked(decoded, "the decoded image")
        if samples.shape != self._image.shape:
            raise ValueError(
                f"the decoded image is {samples.shape}, but the original is {self._image.shape}"
            )
        values: dict[str, float] = {}
        reasons = dict(self._unfit)
        for group, members in self._groups.items():
            names = [record.name for record in members]
            skipped = {name: why for name, why in (without or {}).items() if name in names}
            if skipped:
                reasons |= dict.fromkeys(names, next(iter(skipped.values())))
                continue
            try:
                values |= self._scored(group, members, samples)
            except RdbenchError as error:
                reasons |= dict.fromkeys(names, one_line(str(error), 200))
            except (Exception, SystemExit) as error:
                told = f"raised {type(error).__name__}: {error}".rstrip(": ")
                reasons |= dict.fromkeys(names, one_line(told, 200))
        return Scores(values, reasons)

    def _scored(
        self, group: _Group, members: Sequence[MetricRecord], decoded: Image
    ) -> dict[str, float]:
        if group in self._foreign:
            return self._scored_apart(group, members, decoded)
        side = self._sides.get(group)
        if side is None:
            side = self._sides[group] = _side(self._image, members)
        return dict(numbers(members, side.score(decoded)))

    def _scored_apart(
        self, group: _Group, members: Sequence[MetricRecord], decoded: Image
    ) -> dict[str, float]:
        """What somebody else's code does to its arrays must be seen, and must not reach ours."""
        self._about_to([record.name for record in members])
        original = self._originals.get(group)
        if original is None:
            original = self._originals[group] = _locked(self._image)
        given = _locked(decoded)
        # One that fails, or changes its images, starts anew the next time.
        side = self._sides.pop(group, None)
        try:
            if side is None:
                side = _side(original, members)
            found = dict(numbers(members, side.score(given)))
        finally:
            changed = not (np.array_equal(given, decoded) and np.array_equal(original, self._image))
            if changed:
                del self._originals[group]
        if changed:
            raise RdbenchError("it changed its input images")
        self._sides[group] = side
        return found


def _side(original: Image, members: Sequence[MetricRecord]) -> Metric:
    return registry.load(members[0])(original, [record.plain_name for record in members])


def _own(members: Iterable[MetricRecord]) -> bool:
    return all(is_own(record) for record in members)


def _locked(image: Image) -> Image:
    copied = image.copy()
    copied.flags.writeable = False
    return copied


def unfit(record: MetricRecord, image: Image) -> str:
    """Why a metric has no value for an image; empty if it has one."""
    height, width, _ = image.shape
    if min(height, width) < record.least_side:
        return f"sides must be at least {record.least_side} px, but the image is {width}x{height}"
    found = SampleFormat.of(image)
    if found not in record.formats:
        taken = " or ".join(sorted(form.text for form in record.formats))
        return f"takes {taken}, but the image is {found.text}"
    return ""


def numbers(members: Sequence[MetricRecord], returned: Any) -> Iterator[tuple[str, float]]:
    """The values of ``members`` in what :meth:`Metric.score` of their class returned, as floats, by
    name. Raises :class:`RdbenchError` for anything else."""
    if not isinstance(returned, Mapping):
        if len(members) > 1:
            names = " and ".join(record.name for record in members)
            raise RdbenchError(f"score returned one value for {names}")
        returned = {members[0].plain_name: returned}
    for record in members:
        if record.plain_name not in returned:
            raise RdbenchError(f"score returned no {record.plain_name}")
        yield record.name, number(returned[record.plain_name], "score")
