import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdbench import plugins
from rdbench.metrics import Reference, choose

OFFERED = """
import numpy as np
import rdbench

class MeanError(rdbench.Metric):
    record = rdbench.MetricRecord("offered_error", "Mean error", higher_is_better=False)

    def score(self, decoded):
        return np.abs(decoded.astype(int) - self.original).mean()
"""


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


@pytest.fixture(scope="session")
def oracle(data_root: Path, kodak_image: Callable[[int], np.ndarray]) -> Callable[[str], tuple]:
    """A Kodak image and what a network made of it, by the name of the latter; the values of other
    packages for these pairs stand in the tests. Skipped where they are not beside the data."""
    folder = data_root.parent / "reference" / "metric_oracle"
    if not folder.is_dir():
        pytest.skip(f"the decoded images are not in {folder}")

    def pair(name: str) -> tuple[np.ndarray, np.ndarray]:
        decoded = np.asarray(Image.open(folder / f"{name}.png").convert("RGB"))
        return kodak_image(int(name[-2:])), decoded

    return pair


def reference(image: np.ndarray, names: Iterable[str]) -> Reference:
    """An original with the metrics of these names, and the mean squared error."""
    return Reference(image, choose(names))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Installs a package ``offered`` of version 1.0 with the entry points that it is given."""

    def install(entry_points: str, text: str = OFFERED, package: str = "offered") -> None:
        (tmp_path / f"{package}.py").write_text(text)
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[rdbench.metrics]\n{entry_points}\n")
        plugins.offers.cache_clear()
        sys.modules.pop(package, None)

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)  # of other processes
    yield install
    plugins.offers.cache_clear()
    for name in ("offered", "other"):
        sys.modules.pop(name, None)
