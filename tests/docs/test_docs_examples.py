"""Every example in the README and the guides is run."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.docs.pages import GUIDES, README, ROOT, examples, run_examples

LEAST = {"README.md": 6, "docs/guides/measure.md": 3, "docs/guides/compare.md": 3}
"""How many blocks are run at least: a page whose blocks are no longer seen would pass else."""


@pytest.fixture(scope="module")
def after_readme(tmp_path_factory):
    """A folder in which the README's examples were run; guides go on from there."""
    folder = tmp_path_factory.mktemp("readme")
    subprocess.run([sys.executable, "-W", "ignore", "-c", TRAIN], cwd=folder, check=True)
    assert run_examples(README, folder) >= LEAST["README.md"]
    return folder


TRAIN = """
import pathlib, torch
from compressai.models import FactorizedPrior

torch.manual_seed(0)
pathlib.Path("checkpoints").mkdir()
weights = FactorizedPrior(N=32, M=48).state_dict()
torch.save({"state_dict": weights}, "checkpoints/net-quality-3.pth.tar")
"""
"""What the README's user has done before: weights of the network that the page shows."""


@pytest.mark.slow
@pytest.mark.timeout(1200)  # some commands take minutes on a slow machine
@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_run(after_readme, tmp_path, page):
    """Those of each guide in a folder of their own, after those of the README."""
    if not any(True for _ in examples(page)):
        pytest.skip("the page has no examples")
    folder = tmp_path / "work"
    shutil.copytree(after_readme, folder)
    assert run_examples(page, folder) >= LEAST.get(str(page.relative_to(ROOT)), 0)


@pytest.mark.slow
def test_the_file_is_the_twin_of_the_command(after_readme, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(after_readme, folder)
    run_examples(ROOT / "docs" / "guides" / "measure.md", folder)
    done = subprocess.run(
        [sys.executable, "-m", "rdbench", "run", "experiment.toml", "--out", "options"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert "0 measured, 30 were there already" in done.stdout, done.stderr


def test_an_example_that_no_longer_runs_is_named(tmp_path):
    page = tmp_path / "broken.md"
    page.write_text(
        "# Broken\n\nText.\n\n```sh\nrdbench runn --codecs jpeg\n```\n", encoding="utf-8"
    )
    with pytest.raises(AssertionError, match=r"broken\.md, line 6:\nrdbench runn"):
        run_examples(page, tmp_path)


def test_the_readme_is_short():
    assert len(README.read_bytes()) <= 6000
