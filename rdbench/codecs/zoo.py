"""The image architectures of CompressAI as a codec, with its pretrained weights or your own, and
your own networks that code images as CompressAI's do. Streams have rdbench's format with
CompressAI's own entropy coder inside. Nothing is ever downloaded. torch and CompressAI are imported
when an instance is built, not when a run is planned.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Final

from rdbench import plugins
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
from rdbench.models import container
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
            labeled=True,
        ),
        "metric": Option(
            "mse",
            "the distortion that the weights were trained for",
            choices=files.METRICS,
            shown=("MSE", "MS-SSIM"),
        ),
        "checkpoint": Option(
            "",
            "a file of weights, or a folder with a file for each quality, named like "
            "net-quality-3.pth.tar; by default CompressAI's own, from the cache of torch.hub",
            path=True,
        ),
        "key": Option(
            "",
            "where in a checkpoint the weights are, if it has several: state_dict, ema, ...",
            silent=True,
        ),
        "sweep": Option(
            "quality",
            "the rate parameter: quality, with a network for each; or beta, one network with its "
            "quantization steps multiplied",
            choices=("quality", "beta"),
        ),
        "quality": Option(
            0,
            "sweep=beta: the quality of the network; checkpoint=FILE: the number of its point, "
            "if its name does not give it",
            low=0,
        ),
        "model": Option(
            "",
            "FILE.py:NAME, your own network instead of arch=: a subclass of CompressAI's "
            "CompressionModel, or a function that returns one; it codes with its own compress "
            "and decompress",
            path=True,
            silent=True,
        ),
        "multiple": Option(
            0,
            "model=: the number to whose multiples sides are padded; 0: its downsampling_factor, "
            "else 64",
            low=0,
            silent=True,
        ),
        **EXECUTION,
    }

    def __new__(cls, point: float, **options: Any) -> Zoo:  # noqa: ARG004
        return super().__new__(cls.configured(options))

    @classmethod
    def configured(cls, options: Mapping[str, Any]) -> type[Zoo]:
        return OwnNetwork if options.get("model") else cls

    @classmethod
    def resolve_options(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        chosen = cls.configured(options)
        if chosen is not cls:
            return chosen.resolve_options(options)
        found = super().resolve_options(options)
        if found["multiple"] and not found["model"]:
            raise UsageError(f"codec {cls.name!r}: multiple= works only with model=")
        return found

    def __init__(self, point: float, **options: Any) -> None:
        super().__init__(point, **options)
        path = self._file(self.options, self.point)
        from rdbench.models.compression.base import Execution
        from rdbench.models.zoo import loading

        execution = Execution(*(self.options[name] for name in EXECUTION))
        model = loading.load(path, self.options["arch"], execution, self.options["key"])
        self._models[model.channels] = model
        self._weights_bytes[model.channels] = path.stat().st_size
        if self.options["sweep"] == "beta":
            self._beta = self.point
        else:
            self._beta = model.trained_beta(int(self.point))
        self._held.append(model.prepare(self._beta))

    @classmethod
    def axis(cls, options: Mapping[str, Any]) -> Axis:
        if options["sweep"] == "beta":
            return Axis("beta", BETAS, *BETA_RANGE)
        architecture = files.named(options["arch"])
        if not options["checkpoint"] or architecture.variable:
            ladder = tuple(range(1, architecture.qualities + 1))
        else:
            ladder = _qualities(options)
        return Axis(cls.parameter, ladder or cls.ladder, integer=True, closed=True)

    @classmethod
    def require(cls, options: Mapping[str, Any]) -> None:
        _require_packages(cls.name)
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
            return _one(path)
        if not quality:
            raise UsageError(
                f"codec {cls.name!r}: sweep=beta takes one network; name it with quality= or "
                "checkpoint=FILE"
            )
        if not options["checkpoint"]:
            return files.pretrained(options["arch"], options["metric"], quality)
        if architecture.variable:
            raise UsageError(
                f"checkpoint {str(path)!r}: one network of {options['arch']!r} covers all "
                "qualities; name its file"
            )
        return _of_quality(path, quality)

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


class OwnNetwork(Zoo):
    """``zoo`` with ``model=``: the user's network, with a file of weights for each quality. Images
    are padded and, with ``tile=``, cut into tiles that are coded independently. This may change the
    result of such networks, unlike that of rdbench's own, so it is off by default.
    """

    option_table: ClassVar[Mapping[str, Option]] = {
        **{name: Zoo.option_table[name] for name in ("model", "checkpoint", "key", "metric")},
        **{name: Zoo.option_table[name] for name in ("quality", "multiple", "device")},
        "tile": Option(0, "side of independently coded tiles in pixels; 0 for none", low=0),
    }

    def __init__(self, point: float, **options: Any) -> None:
        NetworkCodec.__init__(self, point, **options)
        from rdbench.models.compression.base import Execution
        from rdbench.models.zoo import loading

        execution = Execution(self.options["device"], tile=self.options["tile"])
        path = self._file(self.options, self.point)
        self._weights_bytes[3] = path.stat().st_size
        self._models[3] = loading.load_own(
            path,
            self.options["model"],
            execution,
            self.options["key"],
            self.options["multiple"],
        )

    @classmethod
    def resolve_options(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        for name in options:
            if name in Zoo.option_table and name not in cls.option_table:
                raise UsageError(
                    f"codec {cls.name!r}: option {name!r} is only for CompressAI's "
                    "architectures, and has no meaning with model="
                )
        return super().resolve_options(options)

    @classmethod
    def axis(cls, options: Mapping[str, Any]) -> Axis:
        return Axis(cls.parameter, _qualities(options) or cls.ladder, integer=True, closed=True)

    @classmethod
    def require(cls, options: Mapping[str, Any]) -> None:
        _require_packages(cls.name)
        check_execution(cls.name, options)
        named = plugins.split(options["model"])
        if named is None or not named[1] or not named[0].is_file():
            reason = "there is no such file" if named and named[1] else "it is not FILE.py:NAME"
            raise UsageError(f"codec {cls.name!r}: model {options['model']!r}: {reason}")
        cls._file(options, cls.axis(options).ladder[0])

    @classmethod
    def _file(cls, options: Mapping[str, Any], point: float) -> Path:
        if not options["checkpoint"]:
            raise UsageError(
                f"codec {cls.name!r}: model= needs its weights, checkpoint=FILE or DIR"
            )
        path = Path(options["checkpoint"])
        return _of_quality(path, int(point)) if path.is_dir() else _one(path)

    def payload_bytes(self, data: bytes) -> int | None:
        return len(container.read(data).payloads[-1])


def _require_packages(codec: str) -> None:
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingBackendError(
                f"codec {codec!r} needs {package}; pip install 'rdbench[learned]'"
            )


def _qualities(options: Mapping[str, Any]) -> tuple[int, ...]:
    """Those that the file or the folder of ``checkpoint`` has weights of."""
    checkpoint = Path(options["checkpoint"])
    if not checkpoint.is_dir():
        return (options["quality"] or files.quality_of(checkpoint) or 1,)
    try:
        return tuple(files.in_folder(checkpoint))
    except UsageError:  # which :meth:`Codec.require` raises again
        return ()


def _one(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"checkpoint {str(path)!r}: there is no such file or folder")
    return path


def _of_quality(folder: Path, quality: int) -> Path:
    found = files.in_folder(folder)
    if quality not in found:
        raise UsageError(
            f"checkpoint {str(folder)!r}: the folder has no file for quality {quality}, only for "
            f"{', '.join(map(str, found))}"
        )
    return found[quality]
