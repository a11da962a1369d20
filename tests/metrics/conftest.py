import io
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdbench.metrics import Reference, choose


@pytest.fixture(scope="session")
def kodak_image(kodak: Path) -> Callable[[int], np.ndarray]:
    return lambda number: np.asarray(Image.open(kodak / f"kodim{number:02}.png").convert("RGB"))


@pytest.fixture(scope="session")
def jpeg() -> Callable[[np.ndarray, int], np.ndarray]:
    def coded(image: np.ndarray, quality: int) -> np.ndarray:
        stream = io.BytesIO()
        plane = image[:, :, 0] if image.shape[2] == 1 else image
        Image.fromarray(plane).save(stream, "JPEG", quality=quality)
        return np.asarray(Image.open(stream)).reshape(image.shape)

    return coded


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    from skimage import data as photographs

    return np.ascontiguousarray(photographs.astronaut())


def reference(image: np.ndarray, names: Iterable[str]) -> Reference:
    """An original with the metrics of these names, and the mean squared error."""
    return Reference(image, choose(names))
