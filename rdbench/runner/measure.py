"""One measurement: encode, count, decode with a fresh instance, verify and score. All times and
numbers of codecs are made here, and nowhere else.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import math
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdbench import files, programs, returned
from rdbench.errors import (
    OutOfTimeError,
    ProcessEndedError,
    RdbenchError,
    UnsupportedImageError,
)
from rdbench.goals import RATE
from rdbench.images import pixel_sha256
from rdbench.metrics import Reference, Scores
from rdbench.metrics.reference import unfit
from rdbench.programs import Usage, supervised
from rdbench.runner import elsewhere, kept
from rdbench.runner.built import Built
from rdbench.runner.elsewhere import Elsewhere
from rdbench.runner.resources import PeakMemory, load
from rdbench.runner.rows import Job, Measured, Settings
from rdbench.runner.search import Search
from rdbench.runner.timing import Timer, frequency_mhz, pin
from rdbench.runner.warming import WarmUp
from rdbench.sample_format import SampleFormat
from rdbench.schema import (
    CRASHED,
    FAILED,
    ISOLATED,
    OK,
    PINNED,
    SHARED,
    TIMEOUT,
    UNSUPPORTED,
    Measurement,
    one_line,
    options_text,
)

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec
    from rdbench.experiment import CodecPlan
    from rdbench.images import ImageRef
    from rdbench.network_cost import NetworkCost
    from rdbench.sample_format import Image

Notify = Callable[[tuple[str, ...]], None]
"""Tells the parent which external metrics are computed next."""


@dataclass
class _Original:
    ref: ImageRef
    pixels: Image
    sha256: str
    references: dict[tuple[str, ...], Reference] = field(default_factory=dict)
    """By the requested metrics."""
    tries: dict[tuple[str, str, float], dict[str, float | str]] = field(default_factory=dict)
    """By codec, its options and a setting of it: the rate and the scores that a search has found,
    or why there is none."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the row says of it."""
        height, width, channels = self.pixels.shape
        form = SampleFormat.of(self.pixels)
        return {
            "image_sha256": self.sha256,
            "width": width,
            "height": height,
            "channels": channels,
            "color": "luma" if self.ref.color == "luma" else form.color,
            "sample_format": form.text,
        }


def _bpp(stream: bytes, pixels: Image) -> float:
    height, width, _ = pixels.shape
    return float(8 * len(stream) / (width * height))


class Bench:
    """Makes measurements. It keeps the original with its part of the metrics, and the codec
    instances, so that the next point of the same image does not compute them again."""

    def __init__(self, settings: Settings, notify: Notify) -> None:
        pin(settings.cores)
        self._elsewhere = Elsewhere(settings.timeout_s) if settings.elsewhere else None
        self.settings = settings
        self._notify = notify
        self._records = {record.name: record for record in settings.metrics}
        self._original: _Original | None = None
        self._opened: dict[tuple[str, str, float | None], dict[str, str]] = {}
        self._against: dict[tuple[str, str], str] = {}
        self._notes: list[str] = []
        """Notes on files while codecs were built for the current job."""
        self._cost: NetworkCost | None = None
        """That of the networks of the current job's codec."""
        self._built = Built(settings, self._notes)
        self._memory = PeakMemory()
        self._usage = Usage()
        self._accounted = True
        """Whether it is known what the current job's codec uses."""
        pinned = bool(settings.cores)
        self._warm_up = WarmUp(
            not settings.shared, self._memory, lambda: self._begin(()), programs=pinned
        )
        self._timer = Timer(repeating=pinned, more_time=lambda: self._begin(()))
        self._timing = PINNED if pinned else SHARED if settings.shared else ISOLATED

    def answer(self, job: Job) -> Measured:
        """The result of a job. An error becomes its status and message."""
        codec = job.task.codec
        # All settings of a search are of the files that one of them opened.
        point = None if codec.goal else job.task.point
        opened = self._opened.setdefault((codec.target, codec.options_text, point), {})
        core: dict[str, Any] = {"timing": self._timing, "host": platform.node()}
        self._memory.reset()
        self._notes.clear()
        self._cost, self._accounted = None, True
        start = time.monotonic()
        deadline = start + self.settings.timeout_s
        with supervised(deadline) as self._usage, files.noting(opened):
            try:
                scores, rescored = self._do(job, core)
                core["status"] = OK
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a codec may raise anything, SystemExit included
                core["status"], core["message"] = self._failure(error)
                scores, rescored = Scores(), False
        core["peak_rss_mb"] = self._memory.peak_mb()
        core["task_s"] = time.monotonic() - start
        notes = tuple(dict.fromkeys(self._notes))
        return Measured(core, scores.values, scores.reasons, opened, rescored, notes, self._cost)

    def _do(self, job: Job, core: dict[str, Any]) -> tuple[Scores, bool]:
        """The scores of a job, and whether its row stays; what else is found goes into ``core``."""
        there = job.there
        if there is not None:
            self._load(job.task.image)
            scores = self._score_kept(job, there)
            if scores is not None:
                return scores, True
        try:
            decoded, search = self._measure(job, core)
        finally:  # before metrics run programs
            core["program_rss_mb"], core["load"] = self._programs_mb(), load()
            if self.settings.cores:
                core["frequency_mhz"] = frequency_mhz(self.settings.cores[0])
        # The same image may have come out again: then its row stays.
        same = there is not None and there.decoded_sha256 == core["decoded_sha256"]
        scores = self._score(job, decoded, job.missing if same else job.metrics)
        if search and not same:
            reached = {**core, **scores.values}.get(search.goal.column, math.nan)
            core["message"] = search.remark(reached, core["tries"])
        return scores, same

    def _programs_mb(self) -> float | None:
        """Peak of the largest program of the codec, ended or alive."""
        living = self._memory.below_mb() if self._accounted else None
        return max(filter(None, (self._usage.peak_rss_mb, living)), default=None)

    def _failure(self, error: BaseException) -> tuple[str, str]:
        """Status and message of what was raised."""
        if isinstance(error, OutOfTimeError):
            limit = f"{self.settings.timeout_s:g} s"
            return (
                TIMEOUT,
                f"not done after {limit}; raise the time limit if it needs more ({error})",
            )
        if isinstance(error, ProcessEndedError):
            return CRASHED, str(error)
        if isinstance(error, UnsupportedImageError):
            return UNSUPPORTED, str(error)
        if isinstance(error, RdbenchError):
            return FAILED, str(error)
        if isinstance(error, MemoryError):
            cap = self.settings.memory_mb
            told = (
                f" under the cap of {cap} MiB; raise the memory limit or use fewer jobs"
                if cap
                else ""
            )
            return FAILED, f"out of memory{told}"
        told = f"{type(error).__name__}: {error}"
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            told += programs.no_room(Path(tempfile.gettempdir()))
        return FAILED, told

    def _measure(self, job: Job, core: dict[str, Any]) -> tuple[Image, Search | None]:
        """Encode and decode, into ``core`` at once: it has what is known even if the codec fails
        later. The decoded image, and the search for the setting of a task whose point is a
        target."""
        task, plan = job.task, job.task.codec
        original = self._load(task.image)
        pixels = original.pixels
        core.update(original.facts)
        codec_class = self._built.class_of(plan)
        core["codec_version"] = self._built.version(plan)
        self._built.refuse_unfit(task, pixels)
        first = plan.goal.axis.ladder[0] if plan.goal else task.point
        encoder, decoder = self._built.instances(plan, first, pixels)
        self._accounted = encoder.accounted()
        core["device"] = one_line(str(encoder.device()))
        core["added_rss_mb"] = self._warm_up.of(plan, encoder, decoder, pixels, self._usage)
        search = self._search(job, core)
        setting = core["setting"] if search else task.point
        encoder, decoder = self._built.instances(plan, setting, pixels)
        self._cost = encoder.network_cost(pixels.shape[2])
        who = f"codec {codec_class.name!r}: "

        def another(what: str, first: Any, later: Any) -> None:
            equal = np.array_equal(first, later) if what == "image" else first == later
            if codec_class.deterministic and not equal:
                raise RdbenchError(
                    f"{who}another {what} the second time, though the codec declares itself "
                    "deterministic; find the cause, or declare deterministic = False"
                )

        stream, times = self._timer.timed(
            lambda: encoder.encode(pixels), functools.partial(another, "stream")
        )
        core.update(times.columns("encode", encoder.accounted()))
        stream = returned.stream(stream, who + "encode")
        height, width, _ = pixels.shape
        core.update(
            size_bytes=len(stream),
            bpp=_bpp(stream, pixels),
            payload_bytes=returned.payload(
                encoder.payload_bytes(stream), len(stream), who + "payload_bytes"
            ),
            stream_sha256=hashlib.sha256(stream).hexdigest(),
        )
        if self.settings.keep_streams:
            core["stream_file"] = kept.place("streams", task, codec_class.stream_suffix)
            kept.write(kept.inside(self.settings.out, core["stream_file"]), stream)

        decoded, times = self._timer.timed(
            lambda: decoder.decode(stream), functools.partial(another, "image")
        )
        core.update(times.columns("decode", decoder.accounted()))
        decoded = returned.image(decoded, pixels, who + "decode")
        core["decoded_sha256"] = pixel_sha256(decoded)
        if reason := self._reason_against(codec_class, plan, setting, stream, decoded):
            raise RdbenchError(who + reason)
        if self.settings.keep_decoded:
            core["decoded_file"] = kept.place("decoded", task, ".png")
            kept.write_image(kept.inside(self.settings.out, core["decoded_file"]), decoded)
        bits = returned.bits(encoder.estimated_bits(pixels), who + "estimated_bits")
        core["estimated_bpp"] = None if bits is None else bits / (width * height)
        return decoded, search

    def _search(self, job: Job, core: dict[str, Any]) -> Search | None:
        """Find the setting of a task whose point is a target, into ``core``, unless the existing
        row has it; None for other tasks. Its cost is not counted in the row."""
        goal, there = job.task.codec.goal, job.there
        if goal is None:
            return None
        search = Search(goal, job.task.point, functools.partial(self._tried, job))
        core["tolerance"] = goal.allowed(job.task.point)
        if there is not None and there.setting is not None:
            core["setting"], core["tries"] = there.setting, there.tries
            return search
        if goal.record:
            pixels = self._load(job.task.image).pixels
            if reason := job.without.get(goal.column) or unfit(goal.record, pixels):
                raise RdbenchError(f"its target has no value here: {goal.column}: {reason}")
        try:
            core["setting"] = search.setting()
        finally:
            core["tries"] = search.tries
        self._begin(())
        self._memory.reset()
        self._usage.peak_rss_mb = None
        return search

    def _tried(self, job: Job, setting: float) -> float:
        """What an image reaches at a setting, which is tried once for all of its targets. Raises
        :class:`RdbenchError` where that failed."""
        plan = job.task.codec
        assert plan.goal
        key = (plan.target, options_text(dict(plan.options)), setting)
        known = self._load(job.task.image).tries.setdefault(key, {})
        if plan.goal.column not in known:
            try:
                known.update(self._coded(job, setting))
            except (OutOfTimeError, UnsupportedImageError):
                raise
            except Exception as error:
                known[plan.goal.column] = self._failure(error)[1]
            finally:
                self._built.give_up(plan, setting)
        found = known[plan.goal.column]
        if isinstance(found, str):
            raise RdbenchError(found)
        return found

    def _coded(self, job: Job, setting: float) -> dict[str, float]:
        """The rate of an image at a setting and, where it is wanted, its score. Each try has the
        time of a measurement."""
        plan, pixels = job.task.codec, self._load(job.task.image).pixels
        assert plan.goal
        column, who = plan.goal.column, f"codec {plan.name!r}: "
        self._begin(())
        encoder, decoder = self._built.instances(plan, setting, pixels)
        stream = returned.stream(encoder.encode(pixels), who + "encode")
        if column == RATE:
            return {RATE: _bpp(stream, pixels)}
        decoded = returned.image(decoder.decode(stream), pixels, who + "decode")
        scores = self._score(job, decoded, (column,))
        if column not in scores.values:
            raise RdbenchError(f"no {column}: {scores.reasons[column]}")
        return {RATE: _bpp(stream, pixels), **scores.values}

    def _reason_against(
        self, codec: type[Codec], plan: CodecPlan, setting: float, stream: bytes, decoded: Image
    ) -> str:
        """Why the streams of a curve are not enough to decode its images, as the first one has
        shown."""
        key = (plan.target, plan.options_text)
        if key not in self._against:
            self._against[key] = ""
            if self._elsewhere and elsewhere.by_others(codec, self.settings.sources.get(key)):
                self._begin(())  # it may take as long as a measurement
                self._against[key] = self._elsewhere.reason_against(
                    codec, plan, setting, stream, decoded
                )
                self._begin(())
        return self._against[key]

    def _score(self, job: Job, decoded: Image, wanted: tuple[str, ...]) -> Scores:
        """The scores of a decoded image. Each external metric has the time limit of a measurement
        for itself."""
        original = self._load(job.task.image)
        if wanted not in original.references:
            records = [self._records[name] for name in wanted]
            original.references[wanted] = Reference(original.pixels, records, self._begin)
        return original.references[wanted].score(decoded, job.without)

    def _begin(self, names: Sequence[str]) -> None:
        programs.extend(time.monotonic() + self.settings.timeout_s)
        self._notify(tuple(names))

    def _score_kept(self, job: Job, there: Measurement) -> Scores | None:
        """The scores of what was kept of a row; None if nothing usable was kept and the image may
        be encoded again."""
        try:
            decoded = self._kept(job, there)
        except Exception as error:
            if job.encode:
                return None
            reason = one_line(str(error), 200)
            return Scores(reasons=dict.fromkeys(job.missing, reason))
        return self._score(job, decoded, job.missing)

    def _kept(self, job: Job, there: Measurement) -> Image:
        out, task = self.settings.out, job.task
        if there.decoded_file:
            try:
                return kept.read_png(out / there.decoded_file, there.decoded_sha256)
            except RdbenchError:
                if not there.stream_file:
                    raise
        if not there.stream_file:
            raise RdbenchError("neither the decoded image nor the stream was kept")
        stream = kept.read_stream(out / there.stream_file, there.stream_sha256)
        setting = task.point if there.setting is None else there.setting
        pixels = self._load(task.image).pixels
        decoded = self._built.instances(task.codec, setting, pixels)[1].decode(stream)
        decoded = returned.image(decoded, pixels, f"codec {task.codec.name!r}: decode")
        if pixel_sha256(decoded) != there.decoded_sha256:
            raise RdbenchError(
                "the kept stream no longer decodes to the image that was measured, by its SHA-256"
            )
        return decoded

    def _load(self, ref: ImageRef) -> _Original:
        if self._original is None or self._original.ref != ref:
            self._original = None
            pixels = ref.load()
            self._original = _Original(ref, pixels, pixel_sha256(pixels))
        return self._original
