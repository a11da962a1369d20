"""One measurement: encode, count, decode with a fresh instance, verify and score.

This is the only place where codecs are timed and their numbers are made.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rdbench import files, programs, provenance, returned
from rdbench.errors import OutOfTimeError, RdbenchError, UnsupportedImageError, file_notes
from rdbench.images import pixel_sha256
from rdbench.images.loading import imagemagick
from rdbench.metrics import Reference, Scores
from rdbench.programs import Usage, supervised
from rdbench.provenance import differences
from rdbench.runner import elsewhere, kept
from rdbench.runner.elsewhere import Elsewhere
from rdbench.runner.resources import PeakMemory, cpu_time_s, load
from rdbench.runner.rows import Job, Measured, Settings
from rdbench.runner.warming import WarmUp
from rdbench.sample_format import SampleFormat
from rdbench.schema import FAILED, OK, TIMEOUT, UNSUPPORTED, Measurement, one_line

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec
    from rdbench.experiment import CodecPlan, Task
    from rdbench.images import ImageRef
    from rdbench.network_cost import NetworkCost
    from rdbench.sample_format import Image

MAX_INSTANCES: Final = 64

Notify = Callable[[tuple[str, ...]], None]
"""Tells the parent which metrics of somebody else's are computed next."""


@dataclass
class _Original:
    ref: ImageRef
    pixels: Image
    sha256: str
    references: dict[tuple[str, ...], Reference]
    """By the metrics that are asked for."""

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


class _Clock:
    """Wall time and processor time since it was made."""

    def __init__(self) -> None:
        programs.prepare()
        self._cpu_s = cpu_time_s()
        self._start = time.perf_counter()

    def read(self) -> tuple[float, float]:
        wall_s = time.perf_counter() - self._start
        return wall_s, cpu_time_s() - self._cpu_s


class Bench:
    """Makes measurements; keeps the original at hand with its side of the metrics, and the
    codecs that were built, so that the next point of the same image does not pay for them."""

    def __init__(self, settings: Settings, notify: Notify) -> None:
        self._elsewhere = Elsewhere(settings.timeout_s) if settings.elsewhere else None
        self.settings = settings
        self._notify = notify
        self._records = {record.name: record for record in settings.metrics}
        self._original: _Original | None = None
        self._codecs: OrderedDict[tuple[str, str, float], tuple[Codec, Codec]] = OrderedDict()
        self._opened: dict[tuple[str, str, float], dict[str, str]] = {}
        self._against: dict[tuple[str, str], str] = {}
        self._classes: dict[tuple[str, str], type[Codec]] = {}
        self._versions: dict[tuple[str, str], str] = {}
        self._takes: dict[tuple[str, str], frozenset[SampleFormat]] = {}
        self._notes: list[str] = []
        """What was said of files while codecs were built for the job that is under way."""
        self._cost: NetworkCost | None = None
        """That of the networks of the codec of the job that is under way."""
        self._memory = PeakMemory()
        self._usage = Usage()
        self._warm_up = WarmUp(not settings.shared, self._memory, lambda: self._begin(()))

    def answer(self, job: Job) -> Measured:
        """What comes of a job. Whatever is raised on the way becomes its status and message."""
        codec = job.task.codec
        opened = self._opened.setdefault((codec.target, codec.options_text, job.task.point), {})
        core: dict[str, Any] = {"timing": "shared" if self.settings.shared else "isolated"}
        self._memory.reset()
        self._notes.clear()
        self._cost = None
        deadline = time.monotonic() + self.settings.timeout_s
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
            decoded = self._measure(job.task, core)
        finally:  # before metrics run programs
            core["program_rss_mb"], core["load"] = self._usage.peak_rss_mb, load()
        # The same image may have come out again: then its row stays.
        same = there is not None and there.decoded_sha256 == core["decoded_sha256"]
        return self._score(job, decoded, job.missing if same else job.metrics), same

    def _failure(self, error: BaseException) -> tuple[str, str]:
        """Status and message of what was raised."""
        if isinstance(error, OutOfTimeError):
            limit = f"{self.settings.timeout_s:g} s"
            return (
                TIMEOUT,
                f"not done after {limit}; raise the time limit if it needs more ({error})",
            )
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
        return FAILED, f"{type(error).__name__}: {error}"

    def _measure(self, task: Task, core: dict[str, Any]) -> Image:
        """Encode and decode, into ``core`` at once: it has what is known even if the codec fails
        later. The decoded image."""
        original = self._load(task.image)
        pixels = original.pixels
        core.update(original.facts)
        codec_class = self._class(task.codec)
        core["codec_version"] = self._version(codec_class, task.codec)
        self._refuse_unfit(codec_class, task, pixels)
        encoder, decoder = self._instances(task.codec, task.point)
        core["device"] = one_line(str(encoder.device()))
        self._cost = encoder.network_cost(pixels.shape[2])
        core["added_rss_mb"] = self._warm_up.of(task.codec, encoder, decoder, pixels, self._usage)
        who = f"codec {codec_class.name!r}: "

        clock = _Clock()
        stream = encoder.encode(pixels)
        core["encode_s"], core["encode_cpu_s"] = clock.read()
        stream = returned.stream(stream, who + "encode")
        height, width, _ = pixels.shape
        core.update(
            size_bytes=len(stream),
            bpp=8 * len(stream) / (width * height),
            payload_bytes=returned.payload(
                encoder.payload_bytes(stream), len(stream), who + "payload_bytes"
            ),
            stream_sha256=hashlib.sha256(stream).hexdigest(),
        )
        if self.settings.keep_streams:
            core["stream_file"] = kept.place("streams", task, codec_class.stream_suffix)
            kept.write_stream(self.settings.out / core["stream_file"], stream)

        clock = _Clock()
        decoded = decoder.decode(stream)
        core["decode_s"], core["decode_cpu_s"] = clock.read()
        decoded = returned.image(decoded, pixels, who + "decode")
        core["decoded_sha256"] = pixel_sha256(decoded)
        if reason := self._reason_against(codec_class, task, stream, decoded):
            raise RdbenchError(who + reason)
        if self.settings.keep_decoded:
            core["decoded_file"] = kept.place("decoded", task, ".png")
            kept.write_image(self.settings.out / core["decoded_file"], decoded)
        bits = returned.bits(encoder.estimated_bits(pixels), who + "estimated_bits")
        core["estimated_bpp"] = None if bits is None else bits / (width * height)
        return decoded

    def _reason_against(self, codec: type[Codec], task: Task, stream: bytes, decoded: Image) -> str:
        """Why the streams of a curve are not enough to decode its images, as the first one has
        shown."""
        key = (task.codec.target, task.codec.options_text)
        if key not in self._against:
            self._against[key] = ""
            if self._elsewhere and elsewhere.by_others(codec, self.settings.sources.get(key)):
                self._begin(())  # it may take as long as a measurement
                self._against[key] = self._elsewhere.reason_against(
                    codec, task.codec, task.point, stream, decoded
                )
                self._begin(())
        return self._against[key]

    def _score(self, job: Job, decoded: Image, wanted: tuple[str, ...]) -> Scores:
        """The scores of a decoded image. Each metric of somebody else's has the time of a
        measurement for itself."""
        original = self._load(job.task.image)
        if wanted not in original.references:
            records = [self._records[name] for name in wanted]
            original.references[wanted] = Reference(original.pixels, records, self._begin)
        return original.references[wanted].score(decoded, job.without)

    def _begin(self, names: Sequence[str]) -> None:
        programs.extend(time.monotonic() + self.settings.timeout_s)
        self._notify(tuple(names))

    def _score_kept(self, job: Job, there: Measurement) -> Scores | None:
        """The scores of what was kept of a row; None where nothing was that can be used, and it
        may be encoded again."""
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
        decoded = self._instances(task.codec, task.point)[1].decode(stream)
        pixels = self._load(task.image).pixels
        decoded = returned.image(decoded, pixels, f"codec {task.codec.name!r}: decode")
        if pixel_sha256(decoded) != there.decoded_sha256:
            raise RdbenchError(
                "the kept stream decodes to another image than was measured, by its SHA-256"
            )
        return decoded

    def _load(self, ref: ImageRef) -> _Original:
        if self._original is None or self._original.ref != ref:
            self._original = None
            pixels = ref.load()
            self._original = _Original(ref, pixels, pixel_sha256(pixels), {})
        return self._original

    def _refuse_unfit(self, codec: type[Codec], task: Task, pixels: Image) -> None:
        height, width, _ = pixels.shape
        if codec.longest_side is not None and max(height, width) > codec.longest_side:
            whose = f" ({codec.longest_side_is})" if codec.longest_side_is else ""
            raise UnsupportedImageError(
                f"codec {codec.name!r} takes sides of at most {codec.longest_side} px{whose} and "
                f"this image is {width}x{height}; cut it into tiles, or measure another codec"
            )
        plan = task.codec
        key = (plan.target, plan.options_text)
        if key not in self._takes:
            self._takes[key] = codec.takes(plan.resolved())
        found, taken = SampleFormat.of(pixels), self._takes[key]
        if found in taken:
            return
        kinds = " or ".join(sorted(form.words for form in taken))
        as_color = imagemagick(task.image.path.name, "{} -define png:color-type=2")
        hint = "measure with color luma" if kinds == "grey" else f"convert it with {as_color}"
        raise UnsupportedImageError(
            f"codec {codec.name!r} takes {kinds} images only and this one is {found.words} "
            f"({found.text}); {hint}, or measure another codec (comparisons leave it out)"
        )

    def _class(self, plan: CodecPlan) -> type[Codec]:
        key = (plan.target, plan.options_text)
        if key not in self._classes:
            codec = plan.codec()
            here = provenance.source(plan)
            if found := differences(self.settings.sources.get(key, here), here):
                raise RdbenchError(
                    f"codec {plan.name!r} was edited since the run began ({'; '.join(found)}); "
                    "run the same command again"
                )
            self._classes[key] = codec
        return self._classes[key]

    def _version(self, codec: type[Codec], plan: CodecPlan) -> str:
        key = (plan.target, plan.options_text)
        if key not in self._versions:
            self._versions[key] = one_line(str(codec.version()))
        return self._versions[key]

    def _instances(self, plan: CodecPlan, point: float) -> tuple[Codec, Codec]:
        key = (plan.target, plan.options_text, point)
        if key not in self._codecs:
            if len(self._codecs) >= MAX_INSTANCES:
                for codec in self._codecs.popitem(last=False)[1]:
                    codec.close()
            build, options = self._class(plan), dict(plan.options)
            with file_notes(self._notes):
                self._codecs[key] = build(point, **options), build(point, **options)
        self._codecs.move_to_end(key)
        return self._codecs[key]
