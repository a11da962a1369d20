"""What the tests of the networks share. torch is loaded by the fixtures that need it alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import skimage.data


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    torch = pytest.importorskip("torch", reason="the networks need torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def photo() -> Any:
    """Four crops of a photograph: float32, (4, 3, 64, 64), 0..255."""
    torch = pytest.importorskip("torch", reason="the networks need torch")
    image = skimage.data.astronaut()
    corners = [(20, 180), (100, 200), (250, 60), (300, 350)]
    crops = np.stack([image[y : y + 64, x : x + 64] for y, x in corners])
    return torch.from_numpy(crops.transpose(0, 3, 1, 2).astype(np.float32))


@pytest.fixture(scope="session")
def compressai() -> Any:
    """CompressAI, the oracle of these networks; it warns of its own age when it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("compressai", reason="it is what these networks are tested with")
