"""The image architectures of CompressAI as a codec: its pretrained weights or one's own.

Streams are rdbench's, with CompressAI's own entropy coder within; nothing is ever downloaded.
torch and CompressAI are imported when an instance is built, not when a run is planned.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Final

from rdbench.codecs.base import Axis, Option
from rdbench.codecs.learned import (
    BETA_RANGE,
    BETAS,
    EXECUTION,
    NetworkCodec,
    check_execution,
)
from rdbench.errors import MissingBackendError, UsageError
from rdbench.files import sha256
from rdbench.models.zoo import files
from rdbench.schema import point_text

_PACKAGES: Final = ("torch", "compressai", "safetensors")


class Zoo(NetworkCodec):
    """A network of CompressAI for each quality; or, with ``sweep=beta``, one network with its
    quantization steps multiplied."""

    name: ClassVar[str] = "zoo"
    parameter: ClassVar[str] = "quality"
    ladder: ClassVar[tuple[float, ...]] = (1, 2, 3, 4, 5, 6, 7, 8)
    channels: ClassVar[frozenset[int]] = frozenset({3})
    option_table: ClassVar[Mapping[str, Option]] = {
        "arch": Option(
            "bmshj2018-hyperprior",
            "the architecture, as CompressAI names it",
            choices=tuple(files.ARCHITECTURES),
            labelled=True,
        ),
        "metric": Option(
            "mse",
            "the distortion that the weights were trained for",
            choices=files.METRICS,
            shown=("MSE", "MS-SSIM"),
        ),
        "checkpoint": Option(
            "",
            "a file of weights, or a folder of one for each quality, told by names like "
            "net-quality-3.pth.tar; none: CompressAI's own, from the cache of torch.hub",
            path=True,
        ),
        "sweep": Option(
            "quality",
            "what a point is: quality, a network of its own for each; or beta, one network with "
            "its quantization steps multiplied",
            choices=("quality", "beta"),
        ),
        "quality": Option(
            0,
            "sweep=beta: the quality of the network; checkpoint=FILE: the number of its point, "
            "where its name does not tell",
            low=0,
        ),
        **EXECUTION,
    }

    def __init__(self, point: float, **options: Any) -> None:
        super().__init__(point, **options)
        path = self._file(self.options, self.point)
        from rdbench.models.compression.base import Execution
        from rdbench.models.zoo import loading

        execution = Execution(*(self.options[name] for name in EXECUTION))
        model = loading.load(path, self.options["arch"], execution)
        if self.options["sweep"] == "beta":
            self._beta = self.point
        else:
            self._beta = model.trained_beta(int(self.point))
        model.prepare(self._beta)
        self._models[model.channels] = model

    @classmethod
    def axis(cls, options: Mapping[str, Any]) -> Axis:
        if options["sweep"] == "beta":
            return Axis("beta", BETAS, *BETA_RANGE)
        architecture = files.named(options["arch"])
        checkpoint = Path(options["checkpoint"])
        if not options["checkpoint"] or architecture.variable:
            ladder = tuple(range(1, architecture.qualities + 1))
        elif checkpoint.is_dir():
            try:
                ladder = tuple(files.in_folder(checkpoint))
            except UsageError:  # which :meth:`require` raises again
                ladder = ()
        else:
            ladder = (options["quality"] or files.quality_of(checkpoint) or 1,)
        return Axis(cls.parameter, ladder or cls.ladder, integer=True, closed=True)

    @classmethod
    def require(cls, options: Mapping[str, Any]) -> None:
        for package in _PACKAGES:
            if importlib.util.find_spec(package) is None:
                raise MissingBackendError(
                    f"codec {cls.name!r} needs {package}; pip install 'rdbench[learned]'"
                )
        check_execution(cls.name, options)
        if options["sweep"] == "beta":
            cls._file(options, 1.0)
            return
        missing: MissingBackendError | None = None
        for point in cls.axis(options).ladder:
            try:
                cls._file(options, point)
            except MissingBackendError as error:
                missing = missing or error
            else:
                return
        if missing:
            raise missing

    @classmethod
    def _file(cls, options: Mapping[str, Any], point: float) -> Path:
        """The weights for ``point``. Raises :class:`UsageError` where there are none."""
        beta = options["sweep"] == "beta"
        quality = options["quality"] if beta else int(point)
        architecture = files.named(options["arch"])
        if architecture.variable:
            quality = 1
        path = Path(options["checkpoint"])
        if options["checkpoint"] and not path.is_dir():
            if not path.is_file():
                raise UsageError(f"checkpoint {str(path)!r}: there is no such file or folder")
            return path
        if not quality:
            raise UsageError(
                f"codec {cls.name!r}: sweep=beta takes one network; name it with quality= or "
                "checkpoint=FILE"
            )
        if not options["checkpoint"]:
            return files.pretrained(options["arch"], options["metric"], quality)
        if architecture.variable:
            raise UsageError(
                f"checkpoint {str(path)!r}: one network of {options['arch']!r} has all qualities; "
                "name its file"
            )
        found = files.in_folder(path)
        if quality not in found:
            raise UsageError(
                f"checkpoint {str(path)!r}: the folder has no file of quality {quality}, but of "
                f"{', '.join(map(str, found))}"
            )
        return found[quality]

    @classmethod
    def version(cls) -> str:
        return f"CompressAI {metadata.version('compressai')}, torch {metadata.version('torch')}"

    @classmethod
    def provenance(cls, options: Mapping[str, Any], points: Sequence[float]) -> dict[str, Any]:
        paths = {point: cls._file(options, point) for point in points}
        digests = {path: sha256(path) for path in set(paths.values())}
        return {
            "weights": {
                point_text(point): {"path": str(path.resolve()), "sha256": digests[path]}
                for point, path in paths.items()
            }
        }
