"""The user's own networks that code images as CompressAI's do: with ``compress`` and
``decompress``.

Both run as their author wrote them, in float32 on the device, including entropy parameters. So a
stream decodes where it was made, but may not decode on another machine. Payloads: the layout of
what ``compress`` returned, in MessagePack, with lengths in place of strings; and the strings.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from rdbench import plugins
from rdbench.errors import BitstreamError, CodecError, UnsupportedImageError, UsageError
from rdbench.models import checkpoints, container, weights
from rdbench.models.compression.base import Execution, expect_payloads, information, padded
from rdbench.models.compression.tiling import spans
from rdbench.models.operations import count
from rdbench.models.zoo import parameters
from rdbench.pixel_limit import MOST_PIXELS
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.network_cost import NetworkCost
    from rdbench.sample_format import Image

_MULTIPLE: Final = 64
"""Sides are padded to multiples of it if a network does not say, as in CompressAI's evaluation."""


class OwnCompressor:
    """The user's network as a coder of RGB images.

    Sides are padded to multiples of ``multiple`` by repeating the last row and column; 0 stands for
    the network's ``downsampling_factor``, or 64 if it has none. With a tile size, each tile is
    coded as an image of its own. Raises :class:`UsageError` for a tile size that is not such a
    multiple.
    """

    channels = 3

    def __init__(
        self, name: str, network: Any, identity: bytes, execution: Execution, multiple: int = 0
    ) -> None:
        self._multiple = multiple or int(getattr(network, "downsampling_factor", _MULTIPLE))
        if execution.tile % self._multiple:
            raise UsageError(
                f"model {name!r}: tile={execution.tile} is not a multiple of {self._multiple} "
                "pixels, the unit of its padding"
            )
        self.name = name.encode("ascii", "replace").decode()[: container.MAX_NAME]
        self.identity = identity
        self._execution = execution
        self._network = network.eval().requires_grad_(False)
        self.cost: NetworkCost | None = count(network, stride=self._multiple)
        # As in CompressAI's evaluation: the saved tables may be those of earlier weights.
        self._network.update(force=True)
        self._network.to(execution.device)

    def prepare(self, beta: float) -> None:
        """Do nothing: the tables are already made."""

    def encode(self, image: Image, beta: float = 1.0) -> tuple[bytes, list[Tensor]]:
        """The stream of ``image``, uint8 (height, width, 3), and its tiles, uint8 (1, 3, h, w)."""
        height, width, channels = image.shape
        if channels != self.channels:
            raise UnsupportedImageError(f"model {self.name!r} takes RGB; convert the image to RGB")
        samples = padded(image, self._multiple)
        tiles = [samples[..., rows, columns] for rows, columns in self._places(height, width)]
        layout: list[Any] = []
        strings: list[bytes] = []
        with torch.inference_mode():
            for tile in tiles:
                coded = self._network.compress(self._given(tile))
                layout.append([_taken(coded["strings"], strings), _plain(coded["shape"])])
        payloads = (msgspec.msgpack.encode(layout), b"".join(strings))
        stream = container.Stream(self.name, self.identity, beta, height, width, channels, payloads)
        return container.pack(stream), tiles

    def decode(self, data: bytes, max_pixels: int = MOST_PIXELS) -> Image:
        """The image of a stream: uint8, (height, width, 3), clipped, then rounded half to even.
        Raises :class:`rdbench.errors.BitstreamError` for anything except a whole stream of this
        model with these weights and, before anything is decoded, for an image of more than
        ``max_pixels``."""
        stream = container.unpack(
            data, model=self.name, weights=self.identity, max_pixels=max_pixels
        )
        layout, strings = expect_payloads(stream.payloads, 2)
        places = self._places(stream.height, stream.width)
        tiles = _tiles(layout, len(places))
        source = io.BytesIO(strings)
        image = np.empty((stream.height, stream.width, stream.channels), np.uint8)
        with torch.inference_mode():
            for (rows, columns), (lengths, shape) in zip(places, tiles, strict=True):
                samples = (rows.stop - rows.start) * (columns.stop - columns.start)
                given = _put_back(lengths, source), _sizes(shape, samples)
                decoded = self._network.decompress(*given)
                values = (decoded["x_hat"][0] * 255.0).clamp_(0, 255).round_().to(torch.uint8)
                part = image[rows, columns]
                part[:] = values.permute(1, 2, 0)[: part.shape[0], : part.shape[1]].cpu().numpy()
        return image

    def estimated_bits(self, coded: list[Tensor], beta: float) -> float | None:  # noqa: ARG002
        """The bits that the likelihoods of ``forward`` imply, summed over tiles; None if it gives
        none."""
        bits = 0.0
        with torch.inference_mode():
            for tile in coded:
                likelihoods = self._network(self._given(tile)).get("likelihoods")
                if not likelihoods:
                    return None
                bits += sum(information(found.cpu()).sum() for found in _tensors(likelihoods))
        return float(bits)

    def _given(self, tile: Tensor) -> Tensor:
        return tile.to(self._execution.device).float() / 255.0

    def _places(self, height: int, width: int) -> list[tuple[slice, slice]]:
        """The rows and columns of the tiles of an image, including its padding."""
        rows, columns = (
            [slice(*span) for span in spans(side + -side % self._multiple, self._execution.tile)]
            for side in (height, width)
        )
        return list(product(rows, columns))


def find(target: str) -> Any:
    """The class or function that ``target``, FILE.py:NAME, names. Raises :class:`UsageError` for
    anything else."""
    named = plugins.split(target)
    if named is None:
        raise UsageError(f"model {target!r} is not FILE.py:NAME")
    module = plugins.module(named[0], "model file")

    def is_network(value: object) -> bool:
        return isinstance(value, type) and hasattr(value, "compress")

    found = plugins.pick(module, named[1], "model", is_network)
    if not callable(found):
        raise UsageError(f"model {target!r} is neither a class nor a function")
    return found


def compressor(
    make: Any, state: Mapping[str, Tensor], execution: Execution, multiple: int, where: str
) -> OwnCompressor:
    """The coder of a network with the weights ``state``. ``make`` is a function that returns a new
    network, or its class, whose ``from_state_dict`` is used if it has one, and which is otherwise
    called without arguments. ``where`` names the weights in messages. Raises :class:`UsageError`
    for weights or networks that do not fit."""
    try:
        if hasattr(make, "from_state_dict"):
            own = checkpoints.of_network(state, "g_a.", where)
            network: nn.Module = parameters.fitting(make).from_state_dict(own)
        else:
            network = make()
            first = next(iter(parameters.named(network.state_dict())), "")
            own = checkpoints.of_network(parameters.named(state), first, where)
            network.load_state_dict(parameters.fitted(own, network))
    except UsageError:
        raise
    except Exception as error:  # the file's own code
        reason = one_line(str(error).strip().split("\n")[-1], 200)
        raise UsageError(
            f"{where}: the weights do not fit {make.__name__!r} ({type(error).__name__}: "
            f"{reason}); if it needs other arguments, name a function that returns it"
        ) from error
    lacking = [name for name in ("compress", "decompress", "update") if not hasattr(network, name)]
    if lacking:
        raise UsageError(
            f"model {make.__name__!r} lacks {', '.join(lacking)}: it is not a subclass of "
            "CompressAI's CompressionModel"
        )
    identity = weights.identity(parameters.named(network.state_dict()))
    return OwnCompressor(make.__name__, network, identity, execution, multiple)


def _taken(strings: Any, into: list[bytes]) -> Any:
    """``strings`` with each string replaced by its length; the strings are added to ``into``, in
    order."""
    if isinstance(strings, bytes):
        into.append(strings)
        return len(strings)
    if isinstance(strings, Mapping):
        return {str(key): _taken(value, into) for key, value in strings.items()}
    if isinstance(strings, list | tuple):
        return [_taken(value, into) for value in strings]
    raise CodecError(f"compress returned {type(strings).__name__} among its strings, not bytes")


def _put_back(lengths: Any, source: io.BytesIO) -> Any:
    """The inverse of :func:`_taken`."""
    if isinstance(lengths, dict):
        return {key: _put_back(value, source) for key, value in lengths.items()}
    if isinstance(lengths, list):
        return [_put_back(value, source) for value in lengths]
    if type(lengths) is not int or lengths < 0 or len(string := source.read(lengths)) != lengths:
        raise BitstreamError("the stream is damaged: its layout does not fit its strings")
    return string


def _plain(shape: Any) -> Any:
    if isinstance(shape, Mapping):
        return {str(key): _plain(value) for key, value in shape.items()}
    return [_plain(value) for value in shape] if isinstance(shape, list | tuple) else int(shape)


def _tiles(layout: bytes, count: int) -> list[Any]:
    """The lengths and shapes of the tiles. Raises :class:`BitstreamError` unless there are
    ``count``."""
    try:
        tiles = msgspec.msgpack.decode(layout)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        reason = f"its layout is not MessagePack: {error}"
        raise BitstreamError(f"the stream is damaged: {reason}") from None
    if (
        not isinstance(tiles, list)
        or len(tiles) != count
        or not all(isinstance(tile, list) and len(tile) == 2 for tile in tiles)
    ):
        raise BitstreamError(f"the stream is damaged: its layout is not one of {count} tiles")
    return tiles


def _sizes(plain: Any, most: int) -> Any:
    """The inverse of :func:`_plain`: lists of whole numbers become sizes, of latents of a tile of
    ``most`` pixels."""
    if isinstance(plain, dict):
        return {key: _sizes(value, most) for key, value in plain.items()}
    if isinstance(plain, list):
        whole = all(type(value) is int for value in plain)
        if not whole:
            return [_sizes(value, most) for value in plain]
        if all(value >= 0 for value in plain) and math.prod(plain) <= most:
            return torch.Size(plain)
    elif type(plain) is int and 0 <= plain <= most:
        return plain
    raise BitstreamError("the stream is damaged: its layout has latents of an impossible size")


def _tensors(likelihoods: Any) -> Iterator[Tensor]:
    if isinstance(likelihoods, Mapping):
        for value in likelihoods.values():
            yield from _tensors(value)
    else:
        yield likelihoods
