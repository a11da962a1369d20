"""What the tests of training share: photographs in a folder, and small trainings of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image

pytest.importorskip("torch", reason="training needs torch")

import torch

NETWORKS: dict[str, dict[str, Any]] = {
    "dumas2018": {"case": 2, "maps": 4},
    "theis2017": {"maps": 4, "width": 8},
    "bmshj2018-factorized": {"hidden": 4, "latents": 6},
    "balle2018": {"hidden": 4, "latents": 6},
    "lee2019": {"hidden": 4, "context": 4, "plain": 2},
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six photographs, 128x96, RGB."""
    folder = tmp_path_factory.mktemp("photos")
    for image in ("astronaut", "chelsea", "coffee"):
        samples = getattr(skimage.data, image)()
        for number, (top, left) in enumerate([(60, 60), (150, 200)]):
            part = samples[top : top + 96, left : left + 128]
            Image.fromarray(part).save(folder / f"{image}{number}.png")
    return folder


@pytest.fixture
def toml(photos: Path, tmp_path: Path) -> Any:
    """Writes the TOML of a small training of ``photos``; keyword arguments replace values or, as
    dictionaries, those of tables."""

    def write(like: str = "bmshj2018-factorized", **changed: Any) -> Path:
        tables: dict[str, dict[str, Any]] = {
            "": {"architecture": like, "lambdas": [0.5]},
            "network": dict(NETWORKS[like]),
            "data": {"train": [str(photos)], "validation": str(photos), "crop": 64, "batch": 2},
            "optimizer": {"steps": 3, "rate": 1e-3, "warm_up": 0.0},
            "run": {"device": "cpu", "validate_images": 1, "validate_every": 0},
        }
        for key, value in changed.items():
            if key in tables:
                tables[key].update(value)
            else:
                tables[""][key] = value
        path = tmp_path / "small.toml"
        lines = [
            line
            for name, values in tables.items()
            for line in ([f"[{name}]"] if name else [])
            + [f"{k} = {_text(v)}" for k, v in values.items()]
        ]
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_text(item)}" for key, item in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else repr(value)
