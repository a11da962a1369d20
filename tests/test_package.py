"""The package as a whole: what it locks, what importing it costs, what it exports."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import rdbench

ROOT = Path(__file__).parents[1]


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=200
    )


@pytest.mark.slow
def test_the_learned_part_can_be_imported_in_the_locked_environment():
    """torch and torchvision must be a pair, and compressai takes both."""
    done = python(
        "import torch, torchvision, compressai, pytorch_msssim\n"
        "torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)\n"
        "print(compressai.zoo.models is not None)"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True"


def test_importing_rdbench_loads_nothing_heavy():
    done = python(
        "import sys, json, rdbench, rdbench.cli\n"
        "print(json.dumps(sorted(name.partition('.')[0] for name in sys.modules)))"
    )
    assert done.returncode == 0, done.stderr
    heavy = {"torch", "compressai", "pandas", "matplotlib", "scipy", "numpy", "cv2", "PIL"}
    assert not heavy & set(json.loads(done.stdout))


def test_all_public_names_are_there():
    for name in rdbench.__all__:
        assert getattr(rdbench, name) is not None
        assert not inspect.ismodule(getattr(rdbench, name)) or name == "errors"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rdbench.nothing


def test_type_checkers_are_told_what_is_imported_on_first_use():
    """The names are written down three times: for people, for type checkers and for Python."""
    tree = ast.parse(Path(rdbench.__file__).read_text())
    (block,) = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    told = {alias.name: node.module for node in block.body for alias in node.names}
    assert told == rdbench._LAZY
    assert {*told, "__version__", "errors"} == set(rdbench.__all__)
    assert dir(rdbench) == sorted(rdbench.__all__)


@pytest.mark.parametrize("name", ["lock.txt", "bootstrap.txt"])
def test_the_lock_has_exact_versions_and_hashes_and_names_no_host(name):
    text = (ROOT / "requirements" / name).read_text()
    assert "://" not in text
    assert "index-url" not in text
    requirements = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n", "", text).strip())
    assert requirements
    for requirement in requirements:
        assert re.match(r"[a-z0-9.\-_]+(\[[a-z,]+\])?==[^ ]+ ", requirement), requirement
        assert "--hash=sha256:" in requirement


def test_every_dependency_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    locked = set(re.findall(r"(?m)^([a-z0-9\-]+)==", (ROOT / "requirements/lock.txt").read_text()))
    names = {re.match(r"[A-Za-z0-9.\-_]+", entry)[0].lower() for entry in wanted}
    assert names <= locked


def test_the_changelog_speaks_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## Unreleased" in text or f"## {rdbench.__version__}" in text


def test_the_wheel_carries_what_the_package_reads(tmp_path):
    """Data files are found by path, so a wheel without them would only fail at its user's."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "rdbench/py.typed",
        "rdbench/experiments/quickstart.toml",
        *(f"rdbench/skeletons/{name}" for name in ("codec.py", "experiment.toml", "metric.py")),
        "rdbench/images/manifests/kodak.json",
        "rdbench/models/trained/dumas2018-case2-10000.safetensors",
        "rdbench/models/trained/lee2019-magnitudes-0.12.safetensors",
        "rdbench/training/configurations/lee2019-mse.toml",
        *(f"rdbench/_baselines/{path.name}" for path in (ROOT / "baselines").glob("*.csv")),
        f"rdbench-{rdbench.__version__}.dist-info/licenses/LICENSE",
    } <= names
    tops = {f"rdbench-{rdbench.__version__}.dist-info", "rdbench"}
    assert {name.split("/")[0] for name in names} == tops
    assert wheel.stat().st_size < 10_000_000
    parts = zipfile.ZipFile(wheel).infolist()
    weights = [part for part in parts if part.filename.endswith(".safetensors")]
    assert len(weights) == 2
    assert all(part.file_size < 5_000_000 for part in weights)


def test_ci_tests_each_python_that_the_package_is_said_to_be_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {
        text.rpartition(" ")[2] for text in project["classifiers"] if ":: Python :: 3." in text
    }
    lowest = project["requires-python"].removeprefix(">=")
    looped = re.search(r"for version in (.*); do", (ROOT / ".ci" / "run").read_text())
    assert looped is not None
    assert named == {lowest, *looped[1].split()}


def test_every_dependency_has_a_lowest_version_to_be_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert all(re.fullmatch(r"[a-z0-9-]+>=[0-9.]+", text) for text in project["dependencies"])
    assert "--resolution lowest-direct" in (ROOT / "Makefile").read_text()
