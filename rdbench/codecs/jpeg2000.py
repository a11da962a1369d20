"""JPEG 2000 (ITU-T T.800 | ISO/IEC 15444-1) by OpenJPEG, through glymur.

OpenJPEG is the system's library if there is one, else the one in Pillow's wheel; the version says
which. One tile, one quality layer, up to six resolutions, 64×64 code blocks, LRCP, and the multiple
component transform for color (ICT with 9/7, RCT with 5/3), as ``opj_compress`` has them.
``target=ratio`` is its ``-r``, ``target=psnr`` its ``-q``, and ``transform=9/7`` its ``-I``.

glymur works on files: times include writing and reading one in the temporary folder.
"""

from __future__ import annotations

import ctypes.util
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final
from unittest import mock

import numpy as np
import PIL

from rdbench.codecs.base import Axis, Codec, Option, threads_option
from rdbench.errors import BitstreamError, CodecError
from rdbench.sample_format import checked
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_PSNR_AXIS: Final = Axis("psnr", (24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44), low=1, high=100)
_MOST_RESOLUTIONS: Final = 6


def _in_pillow() -> str | None:
    """Path of the OpenJPEG that Pillow's wheel carries."""
    package = Path(PIL.__file__).parent
    places = ((package.parent, "pillow.libs/libopenjp2*.so*"), (package, ".dylibs/libopenjp2*"))
    return next((str(path) for folder, name in places for path in folder.glob(name)), None)


def _import_glymur() -> ModuleType:
    """glymur, which looks OpenJPEG up while it is imported and knows only the system's."""
    find = ctypes.util.find_library

    def find_also_in_pillow(name: str) -> str | None:
        return find(name) or (_in_pillow() if name == "openjp2" else None)

    with mock.patch("ctypes.util.find_library", find_also_in_pillow):
        import glymur
    if glymur.lib.openjp2.OPENJP2 is None:
        raise ImportError("OpenJPEG is neither among the system's libraries nor in Pillow's wheel")
    module: ModuleType = glymur
    return module


glymur = _import_glymur()


class Jpeg2000(Codec):
    """JPEG 2000 at a compression ratio (of raw 8-bit samples to file), or at a target PSNR in dB in
    the domain of its own transform."""

    name: ClassVar[str] = "jpeg2000"
    parameter: ClassVar[str] = "ratio"
    ladder: ClassVar[tuple[float, ...]] = (240, 160, 120, 80, 60, 40, 30, 20, 15, 10, 6)
    point_range: ClassVar[tuple[float, float]] = (1, 10000)
    option_table: ClassVar = {
        "transform": Option(
            "9/7",
            "wavelet: 9/7 is irreversible, 5/3 reversible (and worse in PSNR at the same rate)",
            choices=("9/7", "5/3"),
            labeled=True,
        ),
        "target": Option(
            "ratio",
            "the rate parameter: a compression ratio, or a PSNR in dB",
            choices=("ratio", "psnr"),
        ),
        "container": Option(
            "jp2",
            "jp2 file, or the bare codestream (j2k, 85 bytes smaller)",
            choices=("jp2", "j2k"),
        ),
        "threads": threads_option(),
    }
    stream_suffix: ClassVar[str] = ".jp2"

    @classmethod
    def axis(cls, options: Mapping[str, Any]) -> Axis:
        return _PSNR_AXIS if options["target"] == "psnr" else super().axis(options)

    @classmethod
    def version(cls) -> str:
        library = Path(glymur.lib.openjp2.OPENJP2._name)
        where = f"Pillow {PIL.__version__}" if str(library) == _in_pillow() else str(library)
        return f"OpenJPEG {glymur.version.openjpeg_version} ({where}; glymur {glymur.__version__})"

    def encode(self, image: Image) -> bytes:
        samples = np.ascontiguousarray(image[:, :, 0] if image.shape[2] == 1 else image)
        target = "psnr" if self.options["target"] == "psnr" else "cratios"
        with tempfile.TemporaryDirectory() as folder:
            path = self._path(folder)
            try:
                with self._library():
                    glymur.Jp2k(
                        path,
                        data=samples,
                        irreversible=self.options["transform"] == "9/7",
                        # OpenJPEG refuses more than the image can be halved.
                        numres=min(_MOST_RESOLUTIONS, min(samples.shape[:2]).bit_length()),
                        **{target: [self.point]},
                    )
            except (RuntimeError, OSError, ValueError) as error:
                raise CodecError(f"JPEG 2000 encoder: {one_line(str(error), 200)}") from error
            return path.read_bytes()

    def decode(self, data: bytes) -> Image:
        with tempfile.TemporaryDirectory() as folder:
            path = self._path(folder)
            path.write_bytes(data)
            try:
                with self._library():
                    picture = glymur.Jp2k(path)
                    self.check_size(picture.shape[1], picture.shape[0])
                    samples = picture[:]
            except BitstreamError:
                raise
            except Exception as error:  # glymur's parser of damaged boxes raises what it happens to
                raise BitstreamError(
                    f"JPEG 2000 decoder: {type(error).__name__}: {one_line(str(error), 200)}"
                ) from error
        image = samples[:, :, None] if samples.ndim == 2 else samples
        try:
            return checked(image)
        except ValueError as error:
            raise BitstreamError(f"JPEG 2000 stream with unexpected samples: {error}") from error

    def _path(self, folder: str) -> Path:
        """The suffix tells glymur which container to write."""
        return Path(folder) / f"image.{self.options['container']}"

    def _library(self) -> warnings.catch_warnings[None]:
        """OpenJPEG with this instance's threads, and without glymur's warnings about damage that
        is raised anyway."""
        glymur.set_option("lib.num_threads", self.options["threads"])
        return warnings.catch_warnings(action="ignore")
