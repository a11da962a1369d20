"""What all tests share: where the image data is, where there is any, and a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# The same examples each time, and no time limit on machines that do other things beside.
hypothesis.settings.register_profile("rdbench", derandomize=True, deadline=None)
hypothesis.settings.load_profile("rdbench")

# A test that starts pytest starts it as a user does, without what was asked of this one: a
# `--basetemp` would remove the folders of all tests.
os.environ.pop("PYTEST_ADDOPTS", None)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of datasets; the test is skipped where there is none."""
    root = os.environ.get("RDBENCH_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("no image data: set RDBENCH_DATA to a folder that has kodak/")
    return Path(root)


@pytest.fixture(scope="session")
def kodak(data_root: Path) -> Path:
    """The folder of the 24 Kodak images; the test is skipped where they are not all there."""
    folder = data_root / "kodak"
    if len(list(folder.glob("*.png"))) != 24:
        pytest.skip(f"the 24 Kodak images are not in {folder}")
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real browser without a window; the test is skipped where none is installed."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()
