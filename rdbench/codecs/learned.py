"""The papers' learned codecs: a ladder over trained weights, or one model over its step. Weights
come from a folder with one safetensors file for each network, as ``rdbench train`` writes them.
Each file is identified by its card, so names do not matter. torch is imported when an instance is
built, not when a run is planned.
"""

from __future__ import annotations

import abc
import dataclasses
import importlib.util
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

import rdbench
from rdbench import places
from rdbench.codecs.base import Axis, Codec, Option
from rdbench.errors import BitstreamError, MissingBackendError, UnsupportedImageError, UsageError
from rdbench.files import sha256
from rdbench.models import container, weights
from rdbench.sample_format import SampleFormat
from rdbench.schema import point_text

if TYPE_CHECKING:
    from rdbench.models.compression.base import Coder
    from rdbench.network_cost import NetworkCost
    from rdbench.sample_format import Image

BETAS: Final = (10, 8, 6, 4, 3, 2, 1.5, 1.25, 1)
"""Multipliers of the quantization steps by default: those of Dumas et al. 2018."""
BETA_RANGE: Final = (0.25, 100.0)

Found = tuple[Path, weights.Card]

EXECUTION: Final[Mapping[str, Option]] = {
    "device": Option(
        "cpu", "where transforms run: cpu, cuda, cuda:1; streams decode on any device"
    ),
    "precision": Option(
        "float32",
        "precision of the transforms; bfloat16 is autocast",
        choices=("float32", "bfloat16"),
    ),
    "tile": Option(
        1024, "side of the tiles of large images in pixels, a multiple of 64; 0: never", low=0
    ),
}
"""Options of all learned codecs: how transforms are computed."""


def check_execution(codec: str, options: Mapping[str, Any]) -> None:
    """Raise :class:`UsageError` for an unavailable device or an invalid tile. torch is imported
    only for devices other than the CPU."""
    if options["tile"] % 64:
        raise UsageError(f"codec {codec!r}: tile={options['tile']} is not a multiple of 64 pixels")
    if options["device"] != "cpu":
        from rdbench.models.compression.base import Execution

        Execution(*(options[name] for name in EXECUTION))


class NetworkCodec(Codec):
    """A codec of networks, one for each number of channels that images may have."""

    learned: ClassVar[bool] = True
    stream_suffix: ClassVar[str] = ".rdb"

    def __init__(self, point: float, **options: Any) -> None:
        super().__init__(point, **options)
        self.require(self.options)
        self._models: dict[int, Coder] = {}
        """by the number of channels; subclasses fill this and the following"""
        self._weights_bytes: dict[int, int] = {}
        self._beta = 1.0
        self._last: tuple[Image, Coder, Any] | None = None
        self._held: list[object] = []
        """The tables of its beta, one for each model."""

    def encode(self, image: Image) -> bytes:
        model = self._models.get(image.shape[2])
        if model is None:
            hint = "convert it to RGB" if image.shape[2] == 1 else "measure with color luma"
            raise UnsupportedImageError(
                f"codec {self.name!r} has no weights for images of {image.shape[2]} "
                f"channel{'s' * (image.shape[2] > 1)}; {hint}, or train some"
            )
        data, coded = model.encode(image, self._beta)
        self._last = (image.copy(), model, coded)
        return data

    def decode(self, data: bytes) -> Image:
        stream = container.read(data)
        self.check_size(stream.width, stream.height)
        channels = stream.channels
        if channels not in self._models:
            raise BitstreamError(
                f"the stream has an image of {channels} channels, for which codec {self.name!r} "
                "has no weights here"
            )
        return self._models[channels].decode(data, self.max_pixels)

    def payload_bytes(self, data: bytes) -> int | None:
        return sum(map(len, container.read(data).payloads))

    def estimated_bits(self, image: Image) -> float | None:
        if self._last is None or not np.array_equal(self._last[0], image):
            self.encode(image)
        assert self._last is not None
        _, model, coded = self._last
        return model.estimated_bits(coded, self._beta)

    def network_cost(self, channels: int) -> NetworkCost | None:
        model = self._models.get(channels)
        if model is None or model.cost is None:
            return None
        return dataclasses.replace(model.cost, weights_bytes=self._weights_bytes[channels])

    def device(self) -> str:
        if self.options["device"] == "cpu":
            return "cpu"
        from rdbench.models.compression.base import device_name

        return device_name(self.options["device"])

    def close(self) -> None:
        self._models.clear()
        self._held.clear()
        self._last = None


class LearnedCodec(NetworkCodec):
    """Base of the papers' codecs: weights with cards, betas."""

    architecture: ClassVar[str]
    """Its name: :func:`rdbench.models.architectures.find`."""
    configurations: ClassVar[str]
    """The configuration of ``rdbench train`` that makes weights for it."""

    def __init__(self, point: float, **options: Any) -> None:
        super().__init__(point, **options)
        from rdbench.models import architectures
        from rdbench.models.compression.base import Execution

        execution = Execution(*(self.options[name] for name in EXECUTION))
        self._beta = self.beta(self.options, self.point)
        for path, card in self.files(self.options, self.point):
            model = architectures.load(
                path, self._model_name(), execution, **self.arguments(self.options)
            )
            if model.channels in self._models:
                raise UsageError(
                    f"codec {self.name!r}: {str(path)!r} is the second file of weights for "
                    f"{_rate(card)}; name one with checkpoint=FILE, or sort them into folders"
                )
            self._held.append(model.prepare(self._beta))
            self._models[model.channels] = model
            self._weights_bytes[model.channels] = path.stat().st_size

    def _model_name(self) -> str:
        return self.name

    @classmethod
    def fits(cls, card: weights.Card, options: Mapping[str, Any]) -> bool:  # noqa: ARG003
        """Whether weights with ``card`` belong to this codec with ``options``."""
        return card.architecture == cls.architecture

    @classmethod
    def available(cls, options: Mapping[str, Any]) -> list[Found]:
        """The available weights. Raises :class:`UsageError` for a folder or file that is missing or
        damaged, and for a named file of another codec."""
        if one := options["checkpoint"]:
            path = places.path(one)
            card = weights.read_card(path)
            if not cls.fits(card, options):
                raise UsageError(
                    f"codec {cls.name!r}: {one!r} holds weights of {_described(card)}, not of "
                    "this codec with these options"
                )
            return [(path, card)]
        named = options["checkpoints"]
        folder = places.path(named) if named else weights.SHIPPED
        found = weights.catalog(folder)
        return [(path, card) for path, card in found.items() if cls.fits(card, options)]

    @classmethod
    def arguments(cls, options: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG003
        """Arguments of the compressor of its architecture, besides the weights."""
        return {}

    @classmethod
    @abc.abstractmethod
    def files(cls, options: Mapping[str, Any], point: float) -> list[Found]:
        """The weights for ``point``: one file for each number of channels."""

    @classmethod
    @abc.abstractmethod
    def beta(cls, options: Mapping[str, Any], point: float) -> float:
        """The factor on the quantization steps at ``point``."""

    @classmethod
    def require(cls, options: Mapping[str, Any]) -> None:
        for package in ("torch", "constriction", "safetensors"):
            if importlib.util.find_spec(package) is None:
                raise MissingBackendError(
                    f"codec {cls.name!r} needs {package}; pip install 'rdbench[learned]'"
                )
        check_execution(cls.name, options)
        if not cls.available(options):
            where = options["checkpoints"]
            others = cls._elsewhere(options)
            raise MissingBackendError(
                f"codec {cls.name!r}: "
                + (f"no weights of it in {where!r}" if where else "rdbench ships no weights of it")
                + (f"; there are some in checkpoints={others}, or" if others else ";")
                + f" train some (`rdbench train {cls.configurations} --out DIR`) and name their "
                "folder: checkpoints=DIR"
            )

    @classmethod
    def _elsewhere(cls, options: Mapping[str, Any]) -> str:
        """The first folder of ``baselines/weights`` that has weights for it; "" without one."""
        for folder in sorted((places.baselines() / "weights").glob("*/")):
            if any(cls.fits(card, options) for card in weights.catalog(folder).values()):
                return f"{places.PREFIX}weights/{folder.name}"
        return ""

    @classmethod
    def takes(cls, options: Mapping[str, Any]) -> frozenset[SampleFormat]:
        kinds = {int(card.configuration.get("channels", 3)) for _, card in cls.available(options)}
        return frozenset(map(SampleFormat, kinds or cls.channels))

    @classmethod
    def version(cls) -> str:
        packages = ("torch", "constriction")
        listed = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
        return f"rdbench {rdbench.__version__}, {listed}"

    @classmethod
    def provenance(cls, options: Mapping[str, Any], points: Sequence[float]) -> dict[str, Any]:
        return {
            "weights": {
                point_text(point): [
                    {"path": str(path.resolve()), "sha256": sha256(path), **card.training}
                    for path, card in cls.files(options, point)
                ]
                for point in points
            }
        }


def _rate(card: weights.Card) -> str:
    return f"lambda {point_text(float(card.training['lambda']))}"


def _described(card: weights.Card) -> str:
    parts = [card.architecture, *(f"{k}={v}" for k, v in card.configuration.items())]
    return " ".join(parts)


ONE_MODEL: Final[Mapping[str, Option]] = {
    "checkpoint": Option("", "the file of weights to use", path=True),
    "checkpoints": Option(
        "",
        "a folder of weights as `rdbench train` writes it; by default those that rdbench ships",
        path=True,
    ),
}
"""Options that say which weights to use."""


class RateLadder(LearnedCodec):
    """A codec with weights for each rate, whose points are the lambdas of its weights; or, with
    ``sweep=beta``, one of its models over beta."""

    parameter: ClassVar[str] = "lambda"
    rising: ClassVar[bool] = True
    """Whether the rate rises with lambda."""
    option_table: ClassVar[Mapping[str, Option]] = {
        "sweep": Option(
            "lambda",
            "the rate parameter: lambda, with a model for each; or beta, one model with its "
            "quantization steps multiplied",
            choices=("lambda", "beta"),
        ),
        "lambda": Option(0.0, "sweep=beta: the model of this lambda", low=0),
        "quality": Option(0, "sweep=beta: the model of this quality", low=0),
        **ONE_MODEL,
        **EXECUTION,
    }

    @classmethod
    def axis(cls, options: Mapping[str, Any]) -> Axis:
        if options["sweep"] == "beta":
            return Axis("beta", BETAS, *BETA_RANGE)
        try:
            found = {card.training["lambda"] for _, card in cls.available(options)}
        except UsageError:
            found = set()
        ladder = tuple(sorted(found, reverse=not cls.rising))
        return Axis(cls.parameter, ladder or cls.ladder, closed=bool(ladder))

    @classmethod
    def files(cls, options: Mapping[str, Any], point: float) -> list[Found]:
        found = cls.available(options)
        if options["sweep"] == "beta":
            return cls._chosen(found, options)
        return [entry for entry in found if entry[1].training["lambda"] == point]

    @classmethod
    def _chosen(cls, found: list[Found], options: Mapping[str, Any]) -> list[Found]:
        """The one model whose beta is swept, perhaps for several numbers of channels."""
        for key in ("lambda", "quality"):
            if value := options[key]:
                chosen = [entry for entry in found if entry[1].training.get(key) == value]
                if not chosen:
                    there = sorted({str(card.training.get(key, "none")) for _, card in found})
                    raise UsageError(
                        f"codec {cls.name!r}: no weights with {key} {point_text(value)}; there are "
                        f"{', '.join(there)}"
                    )
                return chosen
        if len({card.training["lambda"] for _, card in found}) > 1:
            raise UsageError(
                f"codec {cls.name!r}: sweep=beta takes one model; name it with lambda=, quality= "
                "or checkpoint="
            )
        return found

    @classmethod
    def require(cls, options: Mapping[str, Any]) -> None:
        super().require(options)
        if options["sweep"] == "beta":
            cls._chosen(cls.available(options), options)
        elif options["lambda"] or options["quality"]:
            raise UsageError(
                f"codec {cls.name!r}: lambda= and quality= choose the model for sweep=beta; "
                "write the points of a ladder as points="
            )

    @classmethod
    def beta(cls, options: Mapping[str, Any], point: float) -> float:
        return point if options["sweep"] == "beta" else 1.0
