"""One measurement: encode, count, decode with a fresh instance, verify and score.

This is the only place where codecs are timed and their numbers are made.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rdbench import files, provenance
from rdbench.codecs.base import Codec
from rdbench.errors import OutOfTimeError, RdbenchError, UnsupportedImageError
from rdbench.experiment import CodecPlan, Task
from rdbench.images import ImageRef, pixel_sha256
from rdbench.metrics import Reference
from rdbench.programs import supervised
from rdbench.provenance import differences
from rdbench.runner.resources import PeakMemory, cpu_time_s
from rdbench.runner.rows import Answer, Settings, base_row
from rdbench.schema import FAILED, TIMEOUT, UNSUPPORTED, Measurement, one_line, point_text

WARM_UP_SIDE: Final = 64
MAX_INSTANCES: Final = 64

Image = NDArray[np.uint8]


@dataclass
class _Original:
    ref: ImageRef
    pixels: Image
    sha256: str
    reference: Reference


class _Clock:
    """Wall time and processor time since it was made."""

    def __init__(self) -> None:
        self._cpu_s = cpu_time_s()
        self._start = time.perf_counter()

    def read(self) -> tuple[float, float]:
        wall_s = time.perf_counter() - self._start
        return wall_s, cpu_time_s() - self._cpu_s


class Bench:
    """Makes measurements; keeps the original at hand with its side of the metrics, and the
    codecs that were built, so that the next point of the same image does not pay for them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._original: _Original | None = None
        self._codecs: OrderedDict[tuple[str, str, float], tuple[Codec, Codec]] = OrderedDict()
        self._opened: dict[tuple[str, str, float], dict[str, str]] = {}
        self._warm: set[tuple[str, str]] = set()
        self._classes: dict[tuple[str, str], type[Codec]] = {}
        self._versions: dict[tuple[str, str], str] = {}
        self._channels: dict[tuple[str, str], frozenset[int]] = {}
        self._memory = PeakMemory()

    def answer(self, task: Task) -> Answer:
        """The row of a task, with the weights that its codec has opened so far."""
        key = (task.codec.target, task.codec.options_text, task.point)
        opened = self._opened.setdefault(key, {})
        with files.noting(opened):
            row = self.measure(task)
        return Answer(row, opened)

    def measure(self, task: Task) -> Measurement:
        """The row of a task. Whatever is raised on the way becomes its status and message."""
        row: dict[str, Any] = base_row(task)
        row["timing"] = "shared" if self.settings.shared else "isolated"
        self._memory.reset()
        try:
            with supervised(time.monotonic() + self.settings.timeout_s) as programs:
                row.update(self._measure(task, row))
        except OutOfTimeError as error:
            row.update(status=TIMEOUT, message=self._out_of_time(error))
        except UnsupportedImageError as error:
            row.update(status=UNSUPPORTED, message=str(error))
        except RdbenchError as error:
            row.update(status=FAILED, message=str(error))
        except MemoryError:
            cap = self.settings.memory_mb
            row.update(
                status=FAILED,
                message=f"out of memory under the cap of {cap} MiB; raise --memory or lower --jobs"
                if cap
                else "out of memory",
            )
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a codec may raise anything, SystemExit included
            row.update(status=FAILED, message=f"{type(error).__name__}: {error}")
        row["message"] = one_line(row["message"])
        row["peak_rss_mb"] = self._memory.peak_mb()
        row["program_rss_mb"] = programs.peak_rss_mb
        return Measurement(**row)

    def _out_of_time(self, error: OutOfTimeError) -> str:
        limit = f"{self.settings.timeout_s:g} s"
        return f"not done after {limit}; raise --timeout if it needs more ({error})"

    def _measure(self, task: Task, row: dict[str, Any]) -> dict[str, Any]:
        original = self._load(task.image)
        pixels = original.pixels
        height, width, channels = pixels.shape
        # Into the row at once: it has them even if the codec fails later.
        row.update(image_sha256=original.sha256, width=width, height=height, channels=channels)
        codec_class = self._class(task.codec)
        row["codec_version"] = self._version(codec_class, task.codec)
        if channels not in (accepted := self._takes(codec_class, task.codec)):
            takes, hint = (
                ("grey images", "measure with --color luma")
                if accepted == {1}
                else ("RGB images", "convert it first")
            )
            raise UnsupportedImageError(
                f"codec {codec_class.name!r} takes {takes} only and this one has {channels} "
                f"channel{'s' * (channels > 1)}; {hint}, or measure another codec"
            )
        encoder, decoder = self._instances(task.codec, task.point)
        self._warm_up(task.codec, encoder, decoder, pixels)

        clock = _Clock()
        stream = encoder.encode(pixels)
        row["encode_s"], row["encode_cpu_s"] = clock.read()
        check_stream(stream)
        row.update(
            size_bytes=len(stream),
            bpp=8 * len(stream) / (width * height),
            payload_bytes=encoder.payload_bytes(stream),
            stream_sha256=hashlib.sha256(stream).hexdigest(),
        )
        if self.settings.streams:
            path = kept_path(self.settings.streams, task, codec_class.stream_suffix)
            path.write_bytes(stream)

        clock = _Clock()
        decoded = decoder.decode(stream)
        row["decode_s"], row["decode_cpu_s"] = clock.read()
        check_decoded(decoded, pixels)
        row["decoded_sha256"] = pixel_sha256(decoded)
        if self.settings.decoded:
            write_png(kept_path(self.settings.decoded, task, ".png"), decoded)

        scores = original.reference.score(decoded)
        bits = encoder.estimated_bits(pixels)
        return {
            **scores.values,
            "message": "; ".join(scores.notes),
            "estimated_bpp": None if bits is None else bits / (width * height),
        }

    def _load(self, ref: ImageRef) -> _Original:
        if self._original is None or self._original.ref != ref:
            self._original = None
            pixels = ref.load()
            self._original = _Original(
                ref, pixels, pixel_sha256(pixels), Reference(pixels, self.settings.metrics)
            )
        return self._original

    def _class(self, plan: CodecPlan) -> type[Codec]:
        key = (plan.target, plan.options_text)
        if key not in self._classes:
            codec = plan.codec()
            here = provenance.source(plan)
            if found := differences(self.settings.sources.get(plan.target, here), here):
                raise RdbenchError(
                    f"codec {plan.name!r} was edited since the run began ({'; '.join(found)}); "
                    "run the same command again"
                )
            self._classes[key] = codec
        return self._classes[key]

    def _version(self, codec: type[Codec], plan: CodecPlan) -> str:
        key = (plan.target, plan.options_text)
        if key not in self._versions:
            self._versions[key] = one_line(codec.version())
        return self._versions[key]

    def _takes(self, codec: type[Codec], plan: CodecPlan) -> frozenset[int]:
        key = (plan.target, plan.options_text)
        if key not in self._channels:
            self._channels[key] = codec.takes(dict(plan.options))
        return self._channels[key]

    def _instances(self, plan: CodecPlan, point: float) -> tuple[Codec, Codec]:
        key = (plan.target, plan.options_text, point)
        if key not in self._codecs:
            if len(self._codecs) >= MAX_INSTANCES:
                for codec in self._codecs.popitem(last=False)[1]:
                    codec.close()
            build, options = self._class(plan), dict(plan.options)
            self._codecs[key] = build(point, **options), build(point, **options)
        self._codecs.move_to_end(key)
        return self._codecs[key]

    def _warm_up(self, plan: CodecPlan, encoder: Codec, decoder: Codec, pixels: Image) -> None:
        """Let a library load its tables before the clock runs; what fails will fail again, except
        that there is no time left for it where that ran out."""
        key = (plan.target, plan.options_text)
        if key in self._warm:
            return
        self._warm.add(key)
        corner = np.ascontiguousarray(pixels[:WARM_UP_SIDE, :WARM_UP_SIDE])
        try:
            decoder.decode(encoder.encode(corner))
        except OutOfTimeError:
            raise
        except Exception:
            return


def check_stream(stream: object) -> None:
    """Raise :class:`RdbenchError` unless this is what ``encode`` must return."""
    if not isinstance(stream, bytes):
        raise RdbenchError(f"encode returned {type(stream).__name__}, not bytes")


def check_decoded(decoded: object, original: Image) -> None:
    """Raise :class:`RdbenchError` unless this is what ``decode`` must return."""
    if not isinstance(decoded, np.ndarray):
        raise RdbenchError(f"decode returned {type(decoded).__name__}, not a NumPy array")
    if decoded.dtype != np.uint8:
        raise RdbenchError(f"decode returned {decoded.dtype} samples, not uint8")
    if decoded.shape != original.shape:
        raise RdbenchError(f"decode returned shape {decoded.shape}, the image is {original.shape}")


def kept_path(folder: Path, task: Task, suffix: str) -> Path:
    """Where a stream or decoded image is kept: label/point/image, in names any system takes."""
    image = f"{task.image.dataset}-{task.image.name}"
    if task.repeat:
        image += f".repeat{task.repeat}"
    path = folder / slug(task.codec.label) / slug(point_text(task.point)) / (slug(image) + suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def slug(text: str) -> str:
    """``text`` as a file name of letters, digits, dots, dashes and underscores; where anything
    else had to go a hash tells it apart from texts that would read the same."""
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.")
    if plain and plain == text and len(plain) <= 100:
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{plain[:100]}-{digest[:6]}"


def write_png(path: Path, pixels: Image) -> None:
    """An image as PNG, grey or RGB."""
    import cv2

    if pixels.shape[2] == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise RdbenchError(f"cannot write {str(path)!r} as PNG")
    path.write_bytes(data.tobytes())
