"""Other Pythons, in which there is no rdbench."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from tests.runner.conftest import photos  # noqa: F401 - three small images

OLDEST = "3.8"


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of this Python with nothing in it."""
    return environment(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="session")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of this Python with NumPy alone."""
    python = environment(tmp_path_factory.mktemp("other"))
    packages = site_packages(python)
    for path in Path(np.__file__).parents[1].glob("numpy*"):
        (packages / path.name).symlink_to(path)
    return python


@pytest.fixture(scope="session")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of Python 3.8 with a NumPy of its own; the test is skipped where there is no
    such Python, or no NumPy to be had for it."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(root.glob(f"versions/{OLDEST}.*/bin/python"))
    if not found:
        pytest.skip(f"there is no Python {OLDEST}")
    folder = tmp_path_factory.mktemp("old") / "env"
    python = folder / "bin" / "python"
    uv = Path(sys.executable).parent / "uv"
    steps = [
        [uv, "venv", "--quiet", "--python", found[0], folder],
        [uv, "pip", "install", "--quiet", "--python", python, "numpy"],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, timeout=240)
        if done.returncode:
            pytest.skip(f"no NumPy for Python {OLDEST}: {done.stderr.strip()[-200:]}")
    return python


def environment(folder: Path) -> Path:
    """The interpreter of a new environment of this Python."""
    venv.create(folder, symlinks=True, with_pip=False)
    return folder / "bin" / "python"


def site_packages(python: Path) -> Path:
    return next(python.parents[1].glob("lib/python*/site-packages"))
