"""One curve of a run, compared with the same curve of the baseline."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rdbench.curves import RATE
from rdbench.curves.notes import listed
from rdbench.errors import RdbenchError
from rdbench.gate.deltas import Point, QualityJudge
from rdbench.gate.pairs import (
    MOST_NAMES,
    MeasuredCurve,
    Place,
    Shared,
    close,
    gain,
    same_decoded,
    same_original,
    usable,
)
from rdbench.gate.report import Delta, Finding, Limits, Verdict
from rdbench.gate.times import judge_times
from rdbench.metrics import MetricRecord
from rdbench.provenance import differences
from rdbench.schema import Measurement, one_line, point_text


@dataclass
class Found:
    """Findings on a curve; the fields are those of :class:`CurveVerdict`."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changed: str = ""
    deltas: list[Delta] = field(default_factory=list)
    compared: int = 0
    identical: int = 0


def gone(curve: MeasuredCurve) -> Found:
    """The verdict on a curve that only the baseline has."""
    cells = f"{len(curve.cells)} measurements in the baseline"
    return Found([Finding(Verdict.GONE, f"the run does not have it ({cells})")])


def appeared(curve: MeasuredCurve) -> Found:
    """The verdict on a curve that only the run has."""
    cells = f"{len(curve.cells)} measurements"
    findings = [Finding(Verdict.NEW, f"the baseline does not have it ({cells})")]
    if failing := [place for place, cell in curve.cells.items() if cell.failure]:
        findings.append(Finding(Verdict.NEWLY_FAILING, _failures(curve, failing)))
    return Found(findings)


class CurveJudge:
    """Judges a curve that both sides have."""

    def __init__(
        self, old: MeasuredCurve, new: MeasuredCurve, limits: Limits, declared: bool | None
    ) -> None:
        self.old, self.new, self.limits = old, new, limits
        self._declared = declared
        self.found = Found()
        self.shared: list[Shared] = []

    def judge(self, metrics: Sequence[MetricRecord], other: Mapping[str, str]) -> Found:
        """Judge everything about the curve; ``other`` are metrics with another definition, with the
        reasons."""
        found = self.found
        if self.old.key != self.new.key:
            self._find(Verdict.NOT_COMPARABLE, _other_codec(self.old.first, self.new.first))
            return found
        self._say_what_differs()
        self._cover(self._other_images())
        found.compared = len(self.shared)
        self._compare_bytes()
        self._require(RATE, lambda row: row.bpp)
        for metric in metrics:
            self._require(metric.name, functools.partial(gain, metric=metric))
            if metric.name in other and not self._agrees(metric):
                self._find(Verdict.NOT_COMPARABLE, other[metric.name])
            else:
                self._judge_quality(metric)
        if self.shared and not found.deltas and not found.findings:
            names = " or ".join(metric.name for metric in metrics)
            self._find(Verdict.NOT_COMPARABLE, f"no measurement has {names}")
        if self.limits.max_slowdown is not None and self.shared:
            findings, notes = judge_times(self.shared, self.limits.max_slowdown)
            found.findings += findings
            found.notes += notes
        return found

    def _say_what_differs(self) -> None:
        if self.old.label != self.new.label:
            self.found.notes.append(f"its label was {self.old.label!r}")
        if self.old.versions != self.new.versions and self.old.versions and self.new.versions:
            before, now = (" | ".join(c.versions) or "none" for c in (self.old, self.new))
            self.found.notes.append(f"codec version: {before} in the baseline, {now} in the run")

    def _other_images(self) -> set[str]:
        """The images whose samples or size are not those of the baseline; they are named."""
        other: dict[str, tuple[Measurement, Measurement]] = {}
        unknown: dict[str, None] = {}
        for (image, point), cell in self.old.cells.items():
            partner = self.new.cells.get((image, point))
            if partner is None:
                continue
            same = same_original(cell.row, partner.row)
            if same is False:
                other.setdefault(image, (cell.row, partner.row))
            elif same is None and cell.ok and partner.ok:
                unknown[image] = None
        if other:
            image, rows = next(iter(other.items()))
            many = "" if len(other) == 1 else f" and {len(other) - 1} more images"
            before, now = ((row.image_sha256 or "")[:12] for row in rows)
            self._find(
                Verdict.NOT_COMPARABLE,
                f"{image}{many}: not the image of the baseline (SHA-256 {before} there, {now} now)",
            )
        if unknown:
            images = listed(list(unknown), MOST_NAMES)
            self.found.notes.append(
                f"without SHA-256, these images cannot be compared with the baseline's: {images}"
            )
        return set(other)

    def _cover(self, other: set[str]) -> None:
        """Sort the cells of both sides: those that can be compared into :attr:`shared`."""
        gone, failing, known, mended = [], [], [], []
        for place, old in self.old.cells.items():
            new = self.new.cells.get(place)
            if place[0] in other:
                continue
            if new is None:
                gone.append(place)
            elif new.failure and (not old.failure or (old.ok and not new.ok)):
                failing.append(place)
            elif new.failure:
                known.append(place)
            elif old.failure:
                mended.append(place)
            if new and old.ok and new.ok:
                self.shared.append(Shared(*place, old, new))
        extra = [place for place in self.new.cells if place not in self.old.cells]
        failing += [place for place in extra if self.new.cells[place].failure]
        if gone:
            self._find(Verdict.GONE, f"not in the run: {self.old.places(gone)}")
        if failing:
            self._find(Verdict.NEWLY_FAILING, _failures(self.new, failing))
        for places, what in (
            (known, "failed in the baseline and still fails"),
            (mended, "failed in the baseline and no longer fails"),
            (
                [place for place in extra if not self.new.cells[place].failure],
                "not in the baseline",
            ),
        ):
            if places:
                self.found.notes.append(f"{what}: {self.new.places(places)}")

    def _compare_bytes(self) -> None:
        changes = {}
        for cell in self.shared:
            old, new = cell.old.row, cell.new.row
            change = _change(old, new)
            self.found.identical += not change and same_decoded(old, new)
            if change and old.codec_version == new.codec_version:
                changes[cell.image, cell.point] = change
        if changes and self.deterministic:
            parameter = self.new.first.parameter or "point"
            texts = [
                f"{image} at {parameter} {point_text(point)} ({change})"
                for (image, point), change in changes.items()
            ]
            self.found.changed = (
                f"the same version gives other results for {len(changes)} of {len(self.shared)} "
                f"measurements: {listed(texts, 3)}"
            )

    def _require(self, column: str, value: Callable[[Measurement], float | None]) -> None:
        """Name the cells that have lost a number, be it that it is empty now or NaN."""
        lost, unjudged = [], []
        for cell in self.shared:
            old, new = value(cell.old.row), value(cell.new.row)
            if usable(old) and not usable(new):
                lost.append((cell.image, cell.point))
            elif usable(new) and not usable(old):
                unjudged.append((cell.image, cell.point))
        if lost:
            self._find(Verdict.GONE, f"no longer any {column}: {self.new.places(lost)}")
        if unjudged:
            self.found.notes.append(
                f"no {column} in the baseline, so not judged: {self.new.places(unjudged)}"
            )

    def _judge_quality(self, metric: MetricRecord) -> None:
        """The deltas of one metric, between the cells that have it on both sides."""
        points = []
        for cell in self.shared:
            old, new = cell.old.row, cell.new.row
            before, now = gain(old, metric), gain(new, metric)
            if not (usable(before) and usable(now)) or usable(old.bpp) != usable(new.bpp):
                continue
            if same_decoded(old, new):
                now = before
            points.append(Point(cell.image, cell.point, old.bpp, new.bpp, before, now))
        if not points:
            return
        if all(p.old_rate == p.new_rate and p.old == p.new for p in points):
            self.found.deltas.append(Delta(metric.name, 0.0, 0.0, 0.0, identical=True))
            return
        judge = QualityJudge(
            metric,
            self.new.first.parameter,
            self.limits,
            deterministic=self.deterministic,
            images=len({point.image for point in points}),
        )
        delta = judge.judge(points)
        self.found.findings += judge.findings
        self.found.notes += judge.notes
        self.found.deltas.append(delta)

    def _agrees(self, metric: MetricRecord) -> bool:
        """Whether the metric is the baseline's wherever the decoded images are the same, and
        they are the same somewhere."""
        values = [
            (gain(cell.old.row, metric), gain(cell.new.row, metric))
            for cell in self.shared
            if same_decoded(cell.old.row, cell.new.row)
        ]
        seen = [close(old, new) for old, new in values if usable(old) and usable(new)]
        return bool(seen) and all(seen)

    @functools.cached_property
    def deterministic(self) -> bool:
        """Whether the codec declared itself deterministic when it was measured, or does so now;
        otherwise whether all repeats gave the same bytes."""
        said = self._declared
        if said is None:
            said = _declared_deterministic(self.new.first.codec)
        if said is not None:
            return said
        return all(cell.old.steady and cell.new.steady for cell in self.shared)

    def _find(self, verdict: Verdict, text: str) -> None:
        self.found.findings.append(Finding(verdict, text))


@functools.cache
def _declared_deterministic(name: str) -> bool | None:
    from rdbench.codecs import registry

    # By name only: a table must not be able to name a file that is then executed.
    if name not in registry.entries():
        return None
    try:
        return registry.load(name).deterministic
    except RdbenchError:  # its backend is missing here
        return None


def _failures(curve: MeasuredCurve, places: Sequence[Place]) -> str:
    row = curve.cells[places[0]].failure
    assert row is not None
    reason = one_line(f"{row.status}: {row.message}" if row.message else row.status, 200)
    return f"{curve.places(places)} ({reason})"


def _other_codec(old: Measurement, new: Measurement) -> str:
    if old.codec != new.codec:
        return (
            f"another codec under this label: {old.codec} in the baseline, {new.codec} in the run"
        )
    before, now = (
        dict(part.partition("=")[::2] for part in row.options.split(";")) for row in (old, new)
    )
    found = differences(before, now)
    return f"other options under this label: {'; '.join(found)}"


def _change(old: Measurement, new: Measurement) -> str:
    """What differs in the bytes, as far as both sides know them; empty where nothing does."""
    if None not in (old.size_bytes, new.size_bytes) and old.size_bytes != new.size_bytes:
        return f"{old.size_bytes} → {new.size_bytes} bytes"
    streams = old.stream_sha256, new.stream_sha256
    if None not in streams and streams[0] != streams[1]:
        return f"another stream of {new.size_bytes} bytes"
    if None not in (old.decoded_sha256, new.decoded_sha256) and not same_decoded(old, new):
        return "the same stream decodes differently"
    return ""
