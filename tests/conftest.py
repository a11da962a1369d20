"""What all tests share: where the image data is, where there is any."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of datasets; the test is skipped where there is none."""
    root = Path(os.environ.get("RDBENCH_DATA", ROOT.parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip("no image data: set RDBENCH_DATA to a folder that has kodak/")
    return root


@pytest.fixture(scope="session")
def kodak(data_root: Path) -> Path:
    folder = data_root / "kodak"
    if len(list(folder.glob("*.png"))) != 24:
        pytest.skip(f"the 24 Kodak images are not in {folder}")
    return folder
