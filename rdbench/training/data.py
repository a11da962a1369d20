"""Batches of crops for training, made in parallel by threads. The content of batch n depends only
on the seed and n, so a training that resumes at step n sees the same data.
"""

from __future__ import annotations

import abc
import functools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rdbench.errors import ImageError, UsageError
from rdbench.images import ImageRef, resolve
from rdbench.training.configuration import Data

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_WORKERS = 2
_AHEAD = 4
_NOISE = 1


class Pictures:
    """The images of datasets: those that fit into ``memory_mib`` are kept, and the others are
    decoded each time. Images that are damaged, smaller than ``side`` or have other ``channels`` are
    left out, and ``skipped`` says why. Raises :class:`UsageError` if none is left.
    """

    def __init__(self, specs: Sequence[str], *, color: str, side: int = 1, memory_mib: int) -> None:
        channels = 1 if color == "luma" else 3
        budget = memory_mib << 20
        datasets = [resolve(spec, color=color) for spec in specs]
        self.names = tuple(dataset.name for dataset in datasets)
        self.refs: list[ImageRef] = []
        self.skipped: list[str] = []
        self._kept: list[Image | None] = []
        for ref in (ref for dataset in datasets for ref in dataset.images):
            try:
                image = ref.load()
            except ImageError as error:
                self.skipped.append(str(error))
                continue
            height, width, found = image.shape
            if found != channels or min(height, width) < side:
                what = f"{width}x{height}" if found == channels else f"{found} channel(s)"
                self.skipped.append(f"image {str(ref.path)!r}: {what}")
                continue
            budget -= image.nbytes
            self.refs.append(ref)
            self._kept.append(image if budget >= 0 else None)
        if not self.refs:
            raise UsageError(
                f"no image of {', '.join(map(repr, specs))} can be used; the first of "
                f"{len(self.skipped)}: {self.skipped[0]}"
            )

    def __len__(self) -> int:
        return len(self.refs)

    def __getitem__(self, index: int) -> Image:
        kept = self._kept[index]
        return self.refs[index].load() if kept is None else kept


class Batches(abc.ABC):
    """Batches of crops of ``count`` images: each image once in an epoch, in an order that is drawn
    anew for each. ``seed``: what the drawing starts from."""

    def __init__(self, count: int, data: Data, seed: tuple[int, ...]) -> None:
        self._count = count
        self._data = data
        self._seed = seed
        self._order = functools.lru_cache(maxsize=4)(self._shuffled)

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([*self._seed, epoch]).permutation(self._count)

    def indices(self, number: int) -> Iterator[int]:
        """The images of batch ``number``."""
        size = self._data.batch
        for sample in range(number * size, (number + 1) * size):
            epoch, place = divmod(sample, self._count)
            yield int(self._order(epoch)[place])

    def draw(self, number: int) -> np.random.Generator:
        """What decides the crops of batch ``number``."""
        return np.random.default_rng([*self._seed, number, self._data.batch])

    def noise(self, number: int, generator: torch.Generator) -> torch.Generator:
        """``generator`` seeded for step ``number``."""
        sequence = np.random.SeedSequence([*self._seed, number, self._data.batch, _NOISE])
        return generator.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))

    @abc.abstractmethod
    def batch(self, number: int) -> Tensor:
        """Batch ``number``: (batch, channels, height, width), channels last in memory."""


class Crops(Batches):
    """Batches of random crops of ``pictures``: uint8, (batch, channels, crop, crop)."""

    def __init__(self, pictures: Pictures, data: Data, seed: tuple[int, ...]) -> None:
        super().__init__(len(pictures), data, seed)
        self._pictures = pictures

    def batch(self, number: int) -> Tensor:
        draw = self.draw(number)
        crops = [self._crop(self._pictures[index], draw) for index in self.indices(number)]
        return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)

    def _crop(self, image: Image, draw: np.random.Generator) -> Image:
        crop = self._data.crop
        height, width, channels = image.shape
        scale = draw.uniform(self._data.smallest_scale, 1)
        side = min(round(crop / scale), height, width)
        top, left = draw.integers(height - side + 1), draw.integers(width - side + 1)
        part = image[top : top + side, left : left + side]
        if side > crop:
            part = cv2.resize(part, (crop, crop), interpolation=cv2.INTER_AREA)
        return self._varied(part.reshape(crop, crop, channels), draw)

    def _varied(self, part: Image, draw: np.random.Generator) -> Image:
        data = self._data
        if data.flips and draw.random() < 0.5:
            part = part[:, ::-1]
        if data.vertical_flips and draw.random() < 0.5:
            part = part[::-1]
        if data.transposes and draw.random() < 0.5:
            part = part.swapaxes(0, 1)
        if data.permute_colors:
            part = part[:, :, draw.permutation(part.shape[2])]
        return part


class Loader:
    """The batches from ``start`` on, each made in advance; ``waited_s`` is how long the training
    has waited for them. Use it in a ``with`` statement."""

    def __init__(self, make: Callable[[int], Tensor], start: int) -> None:
        self.waited_s = 0.0
        self._make = make
        self._next = start
        self._threads = ThreadPoolExecutor(_WORKERS, "rdbench-crops")
        self._ahead: deque[Future[Tensor]] = deque()

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *exception: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            while len(self._ahead) < _AHEAD:
                self._ahead.append(self._threads.submit(self._make, self._next))
                self._next += 1
            start = time.perf_counter()
            batch = self._ahead.popleft().result()
            self.waited_s += time.perf_counter() - start
            yield batch
