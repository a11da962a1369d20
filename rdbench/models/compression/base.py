"""A trained network as an image coder: what all architectures have in common.

The transforms run in float32 (or bfloat16) on any device: whatever they make of the image, the
encoder writes down integers. What decides probabilities runs in float64 on the CPU and ends in
the numbers of integer tables (:mod:`rdbench.models.coding`), so that another device, number of
threads or BLAS, whose sums differ in the last of 53 bits, finds the same tables. A value within
that last bit of the border between two tables would be found differently: about once in 10^13
symbols.
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
"""Symbols that are coded at once; more go in bands of rows, which saves memory and costs no rate.
"""


def device_name(device: str) -> str:
    """What ``device`` (``cuda``, ``cuda:1``) is called."""
    return str(torch.cuda.get_device_name(device))


@dataclass(frozen=True)
class Execution:
    """Where and how transforms are computed, which no decoder needs to know."""

    device: str = "cpu"
    """What ``torch.device`` takes."""
    precision: str = "float32"
    """"float32" or "bfloat16" (autocast), of the transforms alone."""
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
            raise UsageError(f"device {self.device!r}: cpu, cuda and cuda:1 are devices") from None
        if kind == "cuda" and not torch.cuda.is_available():
            raise UsageError(f"device {self.device!r}: there is no CUDA here; use device=cpu")


@dataclass(frozen=True)
class Coded:
    """The latents of an image as integers, as numbers, and as bytes."""

    symbols: Mapping[str, Symbols]
    """for each kind of latents ("y", "z") the integers that are coded: (maps, height, width)"""
    latents: Tensor
    """what the synthesis takes, ŷ: (1, maps, height, width), on the CPU"""
    payloads: tuple[bytes, ...]


class Coder(Protocol):
    """What codecs take of a network: images to bytes and back. What it codes in encoding goes to
    ``estimated_bits`` as it is."""

    channels: int
    cost: NetworkCost | None

    def prepare(self, beta: float) -> object: ...
    def encode(self, image: Image, beta: float = 1.0) -> tuple[bytes, Any]: ...
    def decode(self, data: bytes, max_pixels: int = MOST_PIXELS) -> Image: ...
    def estimated_bits(self, coded: Any, beta: float) -> float | None: ...


class Compressor(abc.ABC):
    """Images to bytes and back by one network.

    An architecture defines the transforms (:meth:`_analysis`, :meth:`_synthesis`), how latents
    become payloads (:meth:`encode_latents`, :meth:`decode_latents`), and what they cost by its
    own densities (:meth:`information`). An object may be shared by encoders and decoders.
    """

    channels: int
    """1 (luma) or 3 (RGB)"""
    cost: NetworkCost | None = None
    """Of its network, as it was before it became a coder."""
    stride: int
    """Sides of images are padded to multiples of it, by their last row and column."""
    cell: int = 16
    """Pixels of a side of the image for each latent."""
    margin: int
    """Latents around a tile that its transforms see."""
    pixel_range: tuple[int, int] = (0, 255)
    coders: ClassVar[tuple[str, ...]] = ("ans",)
    """The lossless coders among which ``coder``, where there are several, chooses; the first is the
    usual one."""

    def __init__(self, name: str, identity: bytes, execution: Execution) -> None:
        self.name = name
        """Of the model in streams."""
        self.identity = identity
        self.execution = execution

    @abc.abstractmethod
    def _analysis(self, images: Tensor) -> Tensor:
        """y of images on the scale 0..255: (1, channels, H, W), to (1, maps, H/cell, W/cell)."""

    @abc.abstractmethod
    def _synthesis(self, latents: Tensor) -> Tensor:
        """Images on the scale 0..255, not clipped, the inverse of :meth:`_analysis`."""

    @abc.abstractmethod
    def encode_latents(self, latents: Tensor, beta: float) -> Coded:
        """Quantize y, (1, maps, h, w), float32 on the CPU, with ``beta`` times the trained steps,
        and code it."""

    @abc.abstractmethod
    def decode_latents(
        self, payloads: tuple[bytes, ...], size: tuple[int, int], beta: float
    ) -> Coded:
        """The inverse, for latents of ``size`` (h, w): equal symbols and latents. Raises
        :class:`rdbench.errors.BitstreamError` for payloads of anything else."""

    @abc.abstractmethod
    def information(self, coded: Coded, beta: float) -> dict[str, NDArray[np.float64]]:
        """−log2 of the probability of each symbol by the model's own densities, in bits, of the
        shapes of ``coded.symbols``: neither tables nor coder take part."""

    def prepare(self, beta: float) -> object:  # noqa: ARG002
        """Make the tables for ``beta``, so that no encoding pays for them, as long as somebody
        holds what is returned."""
        return None

    def estimated_bits(self, coded: Coded, beta: float) -> float:
        """The model's own estimate of the rate in bits: the sum of :meth:`information`."""
        return float(sum(bits.sum() for bits in self.information(coded, beta).values()))

    def encode(self, image: Image, beta: float = 1.0) -> tuple[bytes, Coded]:
        """The stream of ``image``, uint8 (height, width, channels), and what is in it. Raises
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
        :class:`rdbench.errors.BitstreamError` for anything but a whole stream of this model with
        these weights, and before anything is decoded for one of more than ``max_pixels``."""
        stream, coded = self.parse(data, max_pixels)
        with transforming():
            return self.synthesis(coded.latents, stream.height, stream.width)

    def parse(self, data: bytes, max_pixels: int = MOST_PIXELS) -> tuple[Stream, Coded]:
        """The parts of a stream and the latents in it; errors as of :meth:`decode`."""
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
                f"model {self.name!r} is of {kinds[self.channels]} and the image has "
                f"{channels}; {hint}"
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

    ``network`` says ``channels``, ``stride``, ``margin``, and ``peak``, the largest sample on its
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
    """``payloads``, of which there must be ``count``, or :class:`BitstreamError`."""
    if len(payloads) != count:
        raise BitstreamError(
            f"the stream has {len(payloads)} payloads and this model's have {count}: it is damaged"
        )
    return payloads


def information(likelihoods: Tensor) -> NDArray[np.float64]:
    """−log2 of probabilities, each at least 1e-9, in bits: of the shape of ``likelihoods``."""
    bits: NDArray[np.float64] = -torch.log2(likelihoods.clamp(min=LIKELIHOOD_FLOOR)).numpy()
    return bits


def bands(height: int, row: int) -> list[slice]:
    """Rows cut into bands of at most :data:`BAND` symbols; ``row``: how many symbols one has."""
    step = max(1, BAND // max(row, 1))
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]


def rounded(values: Tensor) -> Symbols:
    """``values`` rounded half to even, as integers; those beyond int32, and NaN, are refused."""
    whole = torch.round(values)
    if not bool((whole.abs() < 2.0**31).all()):
        raise UsageError(
            "latents are not finite or beyond 32 bits: the weights are bad, or beta is too small"
        )
    symbols: Symbols = whole.to(torch.int32).numpy()
    return symbols
