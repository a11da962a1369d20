"""Every example in the README and the guides is run."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pandas as pd
import pytest

from tests.docs.pages import GUIDES, README, ROOT, examples, run_examples


def _twins(folder):
    """The file and the command line of the guide are one experiment."""
    assert len(pd.read_csv(folder / "options" / "measurements.csv")) == 30


AFTERWARDS = {"docs/guides/measure.md": _twins}
"""What holds in the folder of a page when its examples were run."""
LEAST = {"README.md": 4, "docs/guides/measure.md": 3, "docs/guides/compare.md": 3}
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
    name = str(page.relative_to(ROOT))
    assert run_examples(page, folder) >= LEAST.get(name, 0)
    AFTERWARDS.get(name, lambda _: None)(folder)


def test_an_example_that_no_longer_runs_is_named(tmp_path):
    page = tmp_path / "broken.md"
    page.write_text(
        "# Broken\n\nText.\n\n```sh\nrdbench runn --codecs jpeg\n```\n", encoding="utf-8"
    )
    with pytest.raises(AssertionError, match=r"broken\.md, line 6:\nrdbench runn"):
        run_examples(page, tmp_path)


def test_the_readme_is_short():
    assert len(README.read_bytes()) <= 6000
