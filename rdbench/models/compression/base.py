"""A trained network as an image coder: what all architectures have in common.

The transforms run in float32 (or bfloat16) on any device: whatever they make of the image, the
encoder codes integers. All that decides probabilities runs in float64 on the CPU and ends in the
numbers of integer tables (:mod:`rdbench.models.coding`). Sums on another machine, with another
number of threads or another BLAS, differ in the last of 53 bits, but give the same tables. Only a
value within that last bit of the border between two tables would give a different one: about once
in 10^13 symbols.
"""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rdbench.errors import BitstreamError, UnsupportedImageError, UsageError
from rdbench.models import container
from rdbench.models.compression.tiling import tiled
from rdbench.models.container import Stream
from rdbench.models.densities import LIKELIHOOD_FLOOR
from rdbench.pixel_limit import MOST_PIXELS
from rdbench.stages import transforming

if TYPE_CHECKING:
    from rdbench.network_cost import NetworkCost
    from rdbench.sample_format import Image

Symbols = NDArray[np.int32]

PRECISIONS: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BAND: Final = 1 << 21
"""The most symbols that are coded at once. More are coded in bands of rows, which saves memory and
costs no rate."""


def device_name(device: str) -> str:
    """The name of the GPU ``device`` (``cuda``, ``cuda:1``)."""
    return str(torch.cuda.get_device_name(device))


@dataclass(frozen=True)
class Execution:
    """Where and how transforms are computed, which a decoder need not know. Raises
    :class:`UsageError` for an invalid precision, tile or device, and if CUDA is not available."""

    device: str = "cpu"
    """What ``torch.device`` takes."""
    precision: str = "float32"
    """"float32" or "bfloat16" (autocast), for the transforms only."""
    tile: int = 1024
    """Side of the tiles in pixels, a multiple of 64; 0 for the whole image at once."""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UsageError(f"precision {self.precision!r} is not one of {', '.join(PRECISIONS)}")
        if self.tile < 0 or self.tile % 64:
            raise UsageError(f"tile {self.tile} is not 0 or a multiple of 64 pixels")
        try:
            kind = torch.device(self.device).type
        except RuntimeError:
            raise UsageError(f"unknown device {self.device!r}; use cpu, cuda or cuda:1") from None
        if kind == "cuda" and not torch.cuda.is_available():
            raise UsageError(f"device {self.device!r}: CUDA is not available; use device=cpu")


@dataclass(frozen=True)
class Coded:
    """The latents of an image as integers, as numbers, and as bytes."""

    symbols: Mapping[str, Symbols]
    """for each kind of latents ("y", "z"), the integers that are coded: (maps, height, width)"""
    latents: Tensor
    """the input of the synthesis, ŷ: float32, (1, maps, height, width), on the CPU"""
    payloads: tuple[bytes, ...]
    """the entropy-coded parts of the stream"""


class Coder(Protocol):
    """What codecs use of a network: images to bytes and back. The second result of ``encode`` is
    passed to ``estimated_bits`` unchanged."""

    channels: int
    cost: NetworkCost | None

    def prepare(self, beta: float) -> object: ...
    def encode(self, image: Image, beta: float = 1.0) -> tuple[bytes, Any]: ...
    def decode(self, data: bytes, max_pixels: int = MOST_PIXELS) -> Image: ...
    def estimated_bits(self, coded: Any, beta: float) -> float | None: ...


class Compressor(abc.ABC):
    """Images to bytes and back by one network.

    An architecture defines the transforms (:meth:`_analysis`, :meth:`_synthesis`), how latents
    become payloads (:meth:`encode_latents`, :meth:`decode_latents`), and what they cost under its
    own densities (:meth:`information`). Encoders and decoders may share an object.
    """

    channels: int
    """1 (luma) or 3 (RGB)"""
    cost: NetworkCost | None = None
    """The cost of its network as it was before it became a coder."""
    stride: int
    """The sides of images are padded to multiples of it by repeating the last row and column."""
    cell: int = 16
    """Pixels per latent along each side of the image."""
    margin: int
    """How many latents around a tile its transforms see."""
    pixel_range: tuple[int, int] = (0, 255)
    """The range to which decoded samples are clipped."""
    coders: ClassVar[tuple[str, ...]] = ("ans",)
    """The lossless coders. If there are several, ``coder`` chooses one; the first is the default.
    """

    def __init__(self, name: str, identity: bytes, execution: Execution) -> None:
        self.name = name
        """The name of the model in streams."""
        self.identity = identity
        self.execution = execution

    @abc.abstractmethod
    def _analysis(self, images: Tensor) -> Tensor:
        """y of images on the scale 0..255: (1, channels, H, W) to (1, maps, H/cell, W/cell)."""

    @abc.abstractmethod
    def _synthesis(self, latents: Tensor) -> Tensor:
        """The inverse of :meth:`_analysis`: images on the scale 0..255, not clipped."""

    @abc.abstractmethod
    def encode_latents(self, latents: Tensor, beta: float) -> Coded:
        """Quantize y, float32 (1, maps, h, w) on the CPU, with ``beta`` times the trained steps,
        and code it."""

    @abc.abstractmethod
    def decode_latents(
        self, payloads: tuple[bytes, ...], size: tuple[int, int], beta: float
    ) -> Coded:
        """The inverse, for latents of ``size`` (h, w): the same symbols and latents. Raises
        :class:`rdbench.errors.BitstreamError` for other payloads."""

    @abc.abstractmethod
    def information(self, coded: Coded, beta: float) -> dict[str, NDArray[np.float64]]:
        """−log2 of the probability of each symbol under the model's own densities, in bits, with
        the shapes of ``coded.symbols``. Tables and coder play no part."""

    def prepare(self, beta: float) -> object:  # noqa: ARG002
        """Make the tables for ``beta`` ahead of time. No encoding pays for them for as long as
        somebody holds the returned object."""
        return None

    def estimated_bits(self, coded: Coded, beta: float) -> float:
        """The model's own estimate of the rate in bits: the sum of :meth:`information`."""
        return float(sum(bits.sum() for bits in self.information(coded, beta).values()))

    def encode(self, image: Image, beta: float = 1.0) -> tuple[bytes, Coded]:
        """The stream of ``image``, uint8 (height, width, channels), and its content. Raises
        :class:`UnsupportedImageError` for another number of channels."""
        height, width, channels = image.shape
        with torch.inference_mode():
            with transforming():
                latents = self.analysis(image)
            coded = self.encode_latents(latents, beta)
        stream = Stream(self.name, self.identity, beta, height, width, channels, coded.payloads)
        return container.pack(stream), coded

    def decode(self, data: bytes, max_pixels: int = MOST_PIXELS) -> Image:
        """The image of a stream: uint8, (height, width, channels). Raises
        :class:`rdbench.errors.BitstreamError` for anything except a whole stream of this model with
        these weights and, before anything is decoded, for an image of more than ``max_pixels``."""
        stream, coded = self.parse(data, max_pixels)
        with transforming():
            return self.synthesis(coded.latents, stream.height, stream.width)

    def parse(self, data: bytes, max_pixels: int = MOST_PIXELS) -> tuple[Stream, Coded]:
        """The parts of a stream and the latents in it; errors as in :meth:`decode`."""
        stream = container.unpack(
            data, model=self.name, weights=self.identity, max_pixels=max_pixels
        )
        size = tuple(
            -(-side // self.stride) * self.stride // self.cell
            for side in (stream.height, stream.width)
        )
        with torch.inference_mode():
            return stream, self.decode_latents(stream.payloads, (size[0], size[1]), stream.beta)

    def analysis(self, image: Image) -> Tensor:
        """y of ``image``, uint8 (height, width, channels), padded: (1, maps, h, w), float32, on
        the CPU."""
        channels = image.shape[2]
        if channels != self.channels:
            kinds = {1: "one channel (luma)", 3: "three channels (RGB)"}
            hint = "convert it to RGB" if self.channels == 3 else "measure with color luma"
            raise UnsupportedImageError(
                f"model {self.name!r} takes {kinds[self.channels]}, but the image has {channels}; "
                f"{hint}"
            )
        samples = padded(image, self.stride)

        def transform(part: Tensor) -> Tensor:
            images = (
                part.to(self.execution.device).float().contiguous(memory_format=torch.channels_last)
            )
            with self._precision():
                latents = self._analysis(images)
            return latents.float().cpu()

        with torch.inference_mode():
            return tiled(
                transform, samples, inner=self.cell, outer=1, margin=self.margin, tile=self.tile
            )

    def synthesis(self, latents: Tensor, height: int, width: int) -> Image:
        """The image of ŷ: uint8, (height, width, channels), clipped, then rounded half to even."""

        def transform(part: Tensor) -> Tensor:
            values = part.to(self.execution.device, torch.float32).contiguous(
                memory_format=torch.channels_last
            )
            with self._precision():
                images = self._synthesis(values)
            return images.float().clamp_(*self.pixel_range).round_().to(torch.uint8).cpu()

        with torch.inference_mode():
            pixels = tiled(
                transform, latents, inner=1, outer=self.cell, margin=self.margin, tile=self.tile
            )
        image: Image = pixels[0].permute(1, 2, 0)[:height, :width].contiguous().numpy()
        return image

    @property
    def tile(self) -> int:
        """Side of the tiles in latents."""
        return self.execution.tile // self.cell

    @contextlib.contextmanager
    def _precision(self) -> Iterator[None]:
        dtype = PRECISIONS[self.execution.precision]
        device = torch.device(self.execution.device).type
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            yield


class NetworkCompressor(Compressor):
    """A coder whose transforms are ``analysis`` and ``synthesis`` of a network.

    ``network`` has ``channels``, ``stride``, ``margin`` and ``peak``, the largest sample on its
    scale.
    """

    def __init__(self, name: str, network: Any, identity: bytes, execution: Execution) -> None:
        super().__init__(name, identity, execution)
        self.channels = network.channels
        self.stride = network.stride
        self.margin = network.margin
        self.network = network.eval().to(execution.device, memory_format=torch.channels_last)
        self._scale = 255.0 / network.peak

    def _analysis(self, images: Tensor) -> Tensor:
        latents: Tensor = self.network.analysis(images / self._scale)
        return latents

    def _synthesis(self, latents: Tensor) -> Tensor:
        images: Tensor = self.network.synthesis(latents) * self._scale
        return images


def padded(image: Image, multiple: int) -> Tensor:
    """``image``, (height, width, channels), with its last row and column repeated until its sides
    are multiples of ``multiple``: uint8, (1, channels, height, width)."""
    below, right = (-side % multiple for side in image.shape[:2])
    if below or right:
        image = np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]


def expect_payloads(payloads: tuple[bytes, ...], count: int) -> tuple[bytes, ...]:
    """``payloads``; raises :class:`BitstreamError` unless there are ``count``."""
    if len(payloads) != count:
        raise BitstreamError(f"the stream is damaged: it has {len(payloads)} payloads, not {count}")
    return payloads


def information(likelihoods: Tensor) -> NDArray[np.float64]:
    """−log2 of ``likelihoods``, each raised to at least 1e-9, in bits, with the same shape."""
    bits: NDArray[np.float64] = -torch.log2(likelihoods.clamp(min=LIKELIHOOD_FLOOR)).numpy()
    return bits


def bands(height: int, row: int) -> list[slice]:
    """``height`` rows of ``row`` symbols, cut into bands of at most :data:`BAND` symbols, but of at
    least one row."""
    step = max(1, BAND // max(row, 1))
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]


def rounded(values: Tensor) -> Symbols:
    """``values`` rounded half to even, as int32. Raises :class:`UsageError` for NaN and for values
    beyond int32."""
    whole = torch.round(values)
    if not bool((whole.abs() < 2.0**31).all()):
        raise UsageError(
            "latents are not finite or beyond 32 bits: the weights are bad, or beta is too small"
        )
    symbols: Symbols = whole.to(torch.int32).numpy()
    return symbols
