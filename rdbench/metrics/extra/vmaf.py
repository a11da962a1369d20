"""VMAF, VMAF NEG and CAMBI by libvmaf in FFmpeg.

https://github.com/Netflix/vmaf: models vmaf_v0.6.1 and vmaf_v0.6.1neg, feature cambi with its
defaults. All three use only luma.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rdbench import programs
from rdbench.errors import RdbenchError
from rdbench.formats import Layout
from rdbench.metrics import luma
from rdbench.metrics.base import Metric
from rdbench.metrics.extra import ffmpeg

if TYPE_CHECKING:
    from rdbench.programs import ProgramSpec
    from rdbench.sample_format import Image

_MODELS: Final = {"vmaf": "vmaf_v0.6.1", "vmaf_neg": "vmaf_v0.6.1neg"}
_LAYOUT: Final = Layout(chroma="420", depth=8, matrix="bt709", range="limited")
_NO_CHROMA: Final = b"\x80"
_LOG: Final = "vmaf.json"


class Vmaf(Metric):
    """``vmaf``, ``vmaf_neg`` and ``cambi`` against one original, by one call."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        self._graph = _graph(names)
        self._planes = self._written(original)

    def score(self, decoded: Image) -> dict[str, float]:
        """The requested values for ``decoded``: uint8, shape of the original. Raises
        :class:`rdbench.errors.MissingBackendError`, and :class:`RdbenchError` if FFmpeg fails or
        gives no value."""
        program = programs.find(self.program())
        height, width, _ = decoded.shape
        text = ffmpeg.compare(
            program,
            self._graph,
            self._written(decoded),
            self._planes,
            width,
            height,
            _LAYOUT,
            written=_LOG,
        )
        found = json.loads(text)["frames"][0]["metrics"]
        if lacking := [name for name in self.names if name not in found]:
            raise RdbenchError(f"libvmaf gave no {' and no '.join(lacking)}")
        return {name: found[name] for name in self.names}

    @classmethod
    def version(cls) -> str:
        """FFmpeg with its version. Raises :class:`rdbench.errors.MissingBackendError`."""
        return programs.find(cls.program()).title

    @classmethod
    def program(cls) -> ProgramSpec:
        """An FFmpeg that has libvmaf."""
        return ffmpeg.having("libvmaf")

    def _written(self, image: Image) -> bytes:
        height, width, _ = image.shape
        full = self.options["range"] == "full"
        samples = luma.plane(image, self.options["matrix"], full=full).tobytes()
        return samples + _NO_CHROMA * (_LAYOUT.frame_bytes(width, height) - len(samples))


def _graph(names: Sequence[str]) -> str:
    """The filter. It has a model in any case, as none means FFmpeg's default one."""
    models = [
        f"version={model}\\:name={name}" for name, model in _MODELS.items() if name in names
    ] or ["version=vmaf_v0.6.1"]
    feature = ":feature=name=cambi" if "cambi" in names else ""
    return f"libvmaf=n_threads=1:log_fmt=json:log_path={_LOG}:model='{'|'.join(models)}'{feature}"
