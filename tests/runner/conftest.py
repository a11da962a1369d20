"""Small experiments that run in real worker processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdbench.codecs.request import CodecRequest
from rdbench.experiment import Experiment, plan
from rdbench.runner import Limits, LocalPool, Outcome, run
from tests.disks import mounted

CODECS = Path(__file__).parent / "faulty_codecs.py"


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three small images; the first sample is above 100 in the one called b."""
    folder = tmp_path_factory.mktemp("images") / "small"
    folder.mkdir()
    generator = np.random.default_rng(7)
    for name, corner in (("a", 10), ("b", 200), ("c", 20)):
        pixels = generator.integers(0, 256, (32, 48, 3), np.uint8)
        pixels[0, 0] = corner
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def measure(photos: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """Run codec classes of ``faulty_codecs.py`` over the photos."""

    def go(*classes: str, out: Path = tmp_path / "run", **settings: object) -> Outcome:
        limits = {"jobs": 2, "timeout_s": 60.0, "memory_mb": None}
        limits.update({k: settings.pop(k) for k in limits if k in settings})
        return run_into(out, experiment(photos, *classes, **settings), **limits)

    return go


def run_into(
    out: Path, plan: Experiment, *, jobs: int = 2, fresh: bool = False, **limits: object
) -> Outcome:
    with LocalPool(Limits(jobs, **limits)) as pool:
        return run(plan, out, executor=pool, fresh=fresh)


def experiment(folder: Path, *classes: str, repeat: int = 1, **options: object) -> Experiment:
    requests = [CodecRequest(f"{CODECS}:{name}", options) for name in classes]
    return plan("test", datasets=[str(folder)], codecs=requests, repeat=repeat)


@pytest.fixture
def full_disk(tmp_path):
    """A file system that is too small."""
    with mounted(tmp_path / "small-disk", "size=64k") as folder:
        yield folder


@pytest.fixture
def read_only(tmp_path):
    """A folder that nobody can write to, root included: a read-only mount where possible."""
    folder = tmp_path / "read-only"
    if os.geteuid() != 0:
        folder.mkdir(mode=0o555)
        yield folder
        folder.chmod(0o755)
        return
    with mounted(folder, "ro"):
        yield folder
