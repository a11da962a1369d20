"""Warm-up before times are taken: a codec's first calls, which load tables and plan kernels."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rdbench.errors import OutOfTimeError
from rdbench.runner.resources import PeakMemory

if TYPE_CHECKING:
    from rdbench.codecs.base import Codec
    from rdbench.experiment import CodecPlan
    from rdbench.programs import Usage
    from rdbench.sample_format import Image

CORNER: Final = 64


class WarmUp:
    """Warms up codecs, each once with a corner of an image. If times are ``isolated``, it also uses
    a whole image of each size, on which memory, plans and kernels may depend. That call has the
    time limit of a measurement for itself, which ``more_time`` starts. An error here is ignored,
    since it will occur again, unless the time has run out.
    """

    def __init__(
        self,
        isolated: bool,
        memory: PeakMemory,
        more_time: Callable[[], None],
        *,
        programs: bool = False,
    ) -> None:
        self._isolated, self._memory, self._more_time = isolated, memory, more_time
        self._programs = programs
        """Whether codecs that run programs are warmed up with whole images as well."""
        self._runs_programs: dict[tuple[str, str], bool] = {}
        self._sizes: set[tuple[Any, ...]] = set()

    def of(
        self, plan: CodecPlan, encoder: Codec, decoder: Codec, pixels: Image, usage: Usage
    ) -> float | None:
        """Warm up a codec for an image, if needed. Returns what a whole image adds to the memory of
        this process, in MiB; None if none was needed, or if the codec works in another live
        process. Programs start anew each time, so only their files are warm."""
        key = (plan.target, plan.options_text)
        if key not in self._runs_programs:
            before = usage.started
            with _failing_again():
                corner = np.ascontiguousarray(pixels[:CORNER, :CORNER])
                self._sizes.add((*key, corner.shape))
                decoder.decode(encoder.encode(corner))
            self._runs_programs[key] = usage.started > before
        sized = (*key, pixels.shape)
        program = self._runs_programs[key]
        if not self._isolated or (program and not self._programs) or sized in self._sizes:
            return None
        self._sizes.add(sized)
        self._more_time()
        added_mb = None
        self._memory.begin()
        with _failing_again():
            decoder.decode(encoder.encode(pixels))
            if self._memory.below_mb() is None and encoder.accounted():
                added_mb = self._memory.added_mb()
        self._more_time()
        return None if program else added_mb


@contextlib.contextmanager
def _failing_again() -> Iterator[None]:
    try:
        yield
    except OutOfTimeError:
        raise
    except Exception:
        return
