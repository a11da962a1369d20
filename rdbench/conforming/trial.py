"""A program codec tried on one image, with everything that its author wants to see."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rdbench import images, metrics, returned
from rdbench.codecs import registry
from rdbench.codecs.program import ProgramCodec
from rdbench.conforming.conversion import conversion_db
from rdbench.conforming.material import photograph
from rdbench.errors import RdbenchError, UsageError
from rdbench.programs import Call, Ended, supervised, swept
from rdbench.runner.executor import check_timeout
from rdbench.schema import point_text

if TYPE_CHECKING:
    from rdbench.codecs.request import CodecRequest
    from rdbench.sample_format import Image


T = TypeVar("T")


class Trial:
    """One codec at one point: ``tell`` is called with each line of the report. What the programs
    leave is kept in the folders ``encode`` and ``decode`` of ``keep``.

    Raises :class:`UsageError` for a codec that is not a program codec, and
    :class:`rdbench.errors.MissingBackendError`."""

    def __init__(
        self, request: CodecRequest, point: float | None, keep: Path, tell: Callable[[str], None]
    ) -> None:
        codec = registry.load(request.target)
        if not issubclass(codec, ProgramCodec):
            raise UsageError(
                f"codec {codec.name!r} is not a program codec; try `rdbench codecs doctor`"
            )
        options = codec.resolve_options(request.options)
        self._codec = codec.configured(options)
        self._codec.require(options)
        ladder = codec.axis(options).ladder
        at = ladder[len(ladder) // 2] if point is None else point
        self._encoder, self._decoder = (codec(at, **options) for _ in range(2))
        self._keep, self._tell = keep, tell
        self._row(
            "codec", f"{codec.label(options)}, {codec.axis(options).parameter} {point_text(at)}"
        )
        self._row("file", str(codec.definition.path))
        self._row("version", self._codec.version())

    def run(self, image: str, timeout_s: float) -> bool:
        """Code and decode an image (a file; "": a photograph), each within ``timeout_s`` seconds.
        Returns whether both succeeded."""
        check_timeout(timeout_s)
        with swept():
            return self._run(image, timeout_s)

    def _run(self, image: str, timeout_s: float) -> bool:
        pixels = self._pixels(image)
        height, width, channels = pixels.shape
        self._decoder.max_pixels = height * width
        color = "color" if channels == 3 else "gray"
        self._row("image", f"{image or 'a photograph'}, {width}×{height}, {color}")
        try:
            stream, encode_times = self._timed(
                "encode", timeout_s, lambda: self._encoder.encode(pixels)
            )
            decoded, decode_times = self._timed(
                "decode", timeout_s, lambda: self._decoder.decode(stream)
            )
            returned.image(decoded, pixels, f"codec {self._codec.name!r}: decode")
        except RdbenchError as error:
            self._row("\nfailed", str(error))
            return False
        else:
            ceiling = conversion_db(self._encoder, pixels)
            told = "by the codec itself" if ceiling is None else f"{ceiling:.2f} dB by itself"
            self._row(
                "\nstream", f"{len(stream)} bytes, {8 * len(stream) / (width * height):.3f} bpp"
            )
            self._row("decoded", f"{metrics.psnr(pixels, decoded):.2f} dB")
            self._row("conversion", told.replace("inf dB", "no loss"))
            self._row("encode", encode_times)
            self._row("decode", decode_times)
        finally:
            self._row("kept", str(self._keep))
            for path in sorted(path for path in self._keep.rglob("*") if path.is_file()):
                self._row("", f"{path.relative_to(self._keep)}, {path.stat().st_size} bytes")
        return True

    def _pixels(self, image: str) -> Image:
        channels = self._codec.channels
        pixels = images.resolve(image).images[0].load() if image else photograph(max(channels))
        if pixels.shape[2] not in channels:
            taken = "color" if channels == {3} else "gray"
            raise UsageError(
                f"codec {self._codec.name!r} takes {taken} images, but {image!r} is not one"
            )
        return pixels

    def _timed(self, kind: str, timeout_s: float, work: Callable[[], T]) -> tuple[T, str]:
        """The result of ``work``, and the time that it took, in words."""
        spent_s = []

        def watch(call: Call, ended: Ended) -> None:
            shutil.copytree(call.folder, self._keep / kind, dirs_exist_ok=True)
            spent_s.append(ended.wall_s)
            self._show(kind, call, ended)

        started = time.monotonic()
        with supervised(started + timeout_s, watch):
            result = work()
        wall_s = time.monotonic() - started
        beside_s = wall_s - sum(spent_s)
        return result, f"{wall_s:.3f} s, of which {beside_s:.3f} s conversion and files"

    def _show(self, kind: str, call: Call, ended: Ended) -> None:
        self._tell("")
        self._row(kind, call.line)
        self._row("", f"{ended.words}, {ended.wall_s:.3f} s")
        for line in (ended.printed.tail.strip() or "(it printed nothing)").splitlines():
            self._row("", f"| {line}")

    def _row(self, name: str, text: str) -> None:
        start, name = name[: name.startswith("\n")], name.lstrip("\n")
        self._tell(f"{start}{name:10} {text}")
