"""Latents of frozen transforms, computed once, on which an entropy model alone is trained.

The folder of a cache has a file for each image, ``0000.npy``: float32, (symmetries, maps, h, w),
the latents of the whole image, mirrored and transposed in each way in which crops come (those of
the transposed one as if it were not, so that all have one shape). ``latents.json`` says whose they
are: hashes of the transform and of the images, and which symmetries. Files are written atomically,
so that interrupted caching can continue.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rdbench.errors import UsageError
from rdbench.files import parsed, read_file, write_atomically
from rdbench.models import weights
from rdbench.training.configuration import Data
from rdbench.training.data import Batches, Pictures

if TYPE_CHECKING:
    from rdbench.sample_format import Image

MANIFEST: Final = "latents.json"

Latents = NDArray[np.float32]


def cache(
    folder: Path,
    network: Any,
    pictures: Pictures,
    data: Data,
    *,
    stopped: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda _: None,
) -> list[Latents] | None:
    """The latents of ``pictures`` by the analysis of ``network``, memory-mapped, from ``folder`` if
    they exist there; None if ``stopped`` becomes true meanwhile.

    Raises :class:`UsageError` for a folder whose latents belong to other weights or images.
    """
    owner = _owner(network, pictures, data)
    _claim(folder, owner)
    paths = [folder / f"{number:04}.npy" for number in range(len(pictures))]
    missing = [number for number, path in enumerate(paths) if _read(path) is None]
    if missing:
        say(f"latents of {len(missing)} images into {folder}")
    for number in missing:
        if stopped():
            return None
        buffer = io.BytesIO()
        np.save(buffer, _latents(network, pictures[number], data))
        write_atomically(paths[number], buffer.getvalue())
    found = [_read(path) for path in paths]
    return [latents for latents in found if latents is not None]


class LatentCrops(Batches):
    """Batches of random crops of cached latents, at whole positions of the side information."""

    def __init__(
        self, latents: list[Latents], data: Data, seed: tuple[int, ...], *, cell: int, stride: int
    ) -> None:
        super().__init__(len(latents), data, seed)
        self._latents = latents
        self._transposed = [transposed for *_, transposed in symmetries(data)]
        self._side = data.crop // cell
        self._grid = stride // cell

    def batch(self, number: int) -> Tensor:
        """Batch ``number``: float32, (batch, maps, crop/cell, crop/cell), channels last."""
        draw = self.draw(number)
        crops = [self._crop(self._latents[index], draw) for index in self.indices(number)]
        batch = torch.from_numpy(np.stack(crops))
        return batch.contiguous(memory_format=torch.channels_last)

    def _crop(self, latents: Latents, draw: np.random.Generator) -> Latents:
        turn = draw.integers(len(latents))
        whole = latents[turn]
        top, left = (
            self._grid * draw.integers((side - self._side) // self._grid + 1)
            for side in whole.shape[1:]
        )
        part: Latents = whole[:, top : top + self._side, left : left + self._side]
        return part.swapaxes(1, 2) if self._transposed[turn] else part


def symmetries(data: Data) -> list[tuple[bool, bool, bool]]:
    """Whether to mirror, to turn upside down and to transpose: each way in which crops come."""
    used = (data.flips, data.vertical_flips, data.transposes)
    mirrors, upsets, transposes = ((False, True) if use else (False,) for use in used)
    return list(itertools.product(mirrors, upsets, transposes))


def _latents(network: Any, image: Image, data: Data) -> Latents:
    device = next(network.parameters()).device
    sides = [side // network.stride * network.stride for side in image.shape[:2]]
    image = image[: sides[0], : sides[1]]
    made = []
    for mirror, upset, transpose in symmetries(data):
        turned = image[:, ::-1] if mirror else image
        turned = turned[::-1] if upset else turned
        turned = turned.swapaxes(0, 1) if transpose else turned
        samples = torch.from_numpy(turned.copy()).permute(2, 0, 1)[None].float()
        with torch.inference_mode():
            y = network.analysis(samples.to(device) * (network.peak / 255.0))[0].cpu().numpy()
        made.append(y.swapaxes(1, 2) if transpose else y)
    return np.stack(made)


def _owner(network: Any, pictures: Pictures, data: Data) -> dict[str, Any]:
    """Whose latents they are."""
    # Averages of weights make 0 of −0.
    state = {name: v + 0.0 for name, v in network.state_dict().items() if name.startswith("g_a.")}
    digest = hashlib.sha256()
    for number in range(len(pictures)):
        image = pictures[number]
        digest.update(f"{image.shape}".encode() + np.ascontiguousarray(image).data)
    return {
        "weights": weights.identity(state).hex(),
        "images": digest.hexdigest()[:16],
        "symmetries": [data.flips, data.vertical_flips, data.transposes],
    }


def _claim(folder: Path, owner: dict[str, Any]) -> None:
    """Make sure that ``folder`` is of ``owner``, and say so in it."""
    path = folder / MANIFEST
    way_out = "name another folder with data.latents, or remove it"
    if not path.exists():
        if any(folder.glob("*.npy")):
            raise UsageError(f"latents in {str(folder)!r}: {MANIFEST} is missing; {way_out}")
        write_atomically(path, json.dumps(owner).encode())
        return
    try:
        there = parsed(json.loads, read_file(path).decode("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"latents in {str(folder)!r}: {MANIFEST}: {error}; {way_out}") from None
    if there != owner:
        other = [key for key in owner if there.get(key) != owner[key]]
        raise UsageError(
            f"latents in {str(folder)!r} belong to other {' and '.join(other)}; {way_out}"
        )


def _read(path: Path) -> Latents | None:
    """The latents in a file, None where it is missing or no whole one."""
    try:
        latents: Latents = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return latents
