"""Small runs of codecs that were really changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from rdbench.codecs.request import CodecRequest
from rdbench.experiment import plan
from rdbench.runner import Limits, LocalPool, run

CODERS = Path(__file__).parent / "coders.py"
CROPS = {
    "astronaut": (40, 140),
    "chelsea": (80, 100),
    "coffee": (100, 200),
    "rocket": (200, 220),
}


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four crops of 96x96 pixels."""
    folder = tmp_path_factory.mktemp("images") / "crops"
    write_crops(folder)
    return folder


def write_crops(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, (top, left) in CROPS.items():
        crop = getattr(skimage.data, name)()[top : top + 96, left : left + 96]
        Image.fromarray(crop).save(folder / f"{name}.png")


@pytest.fixture
def measure(photos: Path, tmp_path: Path) -> Callable[..., Path]:
    """Measure classes of ``coders.py``, or codecs by name, and return the run directory."""

    def go(
        *names: str, images: Path = photos, out: str = "run", jobs: int = 2, repeat: int = 1
    ) -> Path:
        targets = [f"{CODERS}:{name}" if name[0].isupper() else name for name in names]
        requests = [
            CodecRequest(target, points=() if target == "png" else (20, 40, 60, 80))
            for target in targets
        ]
        plans = plan(
            "",
            datasets=[str(images)],
            codecs=requests,
            metrics=["psnr_db", "ssim"],
            repeat=repeat,
        )
        with LocalPool(Limits(jobs, 60.0, None)) as pool:
            outcome = run(plans, tmp_path / out, executor=pool)
        assert not outcome.interrupted, "a signal came from outside: the run is not whole"
        return outcome.path

    return go
