"""``rdbench train`` on the command line."""

from __future__ import annotations

import re
import sys

import pytest
import skimage.data
from PIL import Image

pytest.importorskip("torch", reason="training needs torch")

from rdbench import cli
from rdbench.errors import DivergedError
from rdbench.training import family
from rdbench.training.configuration_file import shipped

CONFIGURATION = """
architecture = "bmshj2018-factorized"
lambdas = [0.5]
[network]
hidden = 4
latents = 4
[data]
train = ["photos"]
validation = "photos"
crop = 64
batch = 1
[optimizer]
steps = 45
[run]
device = "cpu"
validate_images = 1
"""


@pytest.fixture
def small(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.fromarray(skimage.data.astronaut()[:80, :80]).save(tmp_path / "photos" / "a.png")
    path = tmp_path / "small.toml"
    path.write_text(CONFIGURATION, encoding="utf-8")
    return path


@pytest.fixture
def train(monkeypatch, capsys, tmp_path):
    """The command within this process: its exit status, its output and its errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["rdbench", "train", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code or 0, *capsys.readouterr()

    return run


def test_it_trains_and_says_so_and_has_nothing_to_do_again(small, train, tmp_path):
    status, output, errors = train(small, "--threads", 1)
    assert (status, output) == (0, "results/runs/small/bmshj2018-factorized-0.5.safetensors\n")
    lines = errors.splitlines()
    assert lines[0] == (
        "bmshj2018-factorized, 1 network of 45 steps with 1 crops of 64x64 into results/runs/small"
    )
    assert re.fullmatch(
        r"bmshj2018-factorized-0\.5: 20/45, loss [\d.e+]+, \d\.\d+ bpp, \d+\.\d+ dB, "
        r"[\d.]+ images/s, \d+% waiting for data, \d+ s left",
        lines[1],
    )
    assert len(lines) == 2  # the next would come in a minute
    card = (tmp_path / "results/runs/small/bmshj2018-factorized-0.5.md").read_text(encoding="utf-8")
    assert card.startswith("# bmshj2018-factorized-0.5\n")
    assert "| steps | 45 of 1 crops |" in card
    assert "| data | 1 images of photos, random crops of 64×64, half of them mirrored |" in card
    assert "Adam 0.0001, warm-up 1% of the steps, then a cosine to a hundredth" in card
    with Image.open(tmp_path / "results/runs/small/bmshj2018-factorized-0.5.png") as figure:
        assert figure.size[0] > 500
    assert train(small, "--threads", 1)[:2] == (0, output)
    status, _, errors = train(small, "--steps", 2)
    assert status == 2
    assert errors.splitlines()[-1].startswith(
        "rdbench: error: 'results/runs/small' holds another training (optimizer.steps: 45 there, 2 "
        "now)"
    )
    assert train(small, "--steps", 2, "--fresh")[0] == 0


def test_the_list_has_all_that_comes_along(train):
    status, output, _ = train("--list")
    assert status == 0
    listed = [line.split()[0] for line in output.splitlines()]
    assert listed == list(shipped())
    assert {"dumas2018-case1", "lee2019-ms-ssim", "theis2017", "balle2018-small"} <= set(listed)
    assert all(len(line.split(maxsplit=1)[1]) > 20 for line in output.splitlines())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to train; name a configuration (see `rdbench train --list`)"),
        (("bale2018",), "unknown configuration 'bale2018'; did you mean 'balle2018'"),
        (("none.toml",), "configuration 'none.toml': No such file or directory"),
        (("balle2018", "--device", "gpu"), "device 'gpu' is not one of auto, cpu, cuda, cuda:N"),
    ],
)
def test_mistakes_are_one_line(train, arguments, message):
    status, _, errors = train(*arguments)
    assert status == 2
    assert errors.splitlines()[-1].startswith(f"rdbench: error: {message}")


def test_divergence_and_interruption_have_their_exit_status(small, train, monkeypatch):
    def diverging(*arguments, **options):
        raise DivergedError("bmshj2018-factorized-0.5 has diverged")

    monkeypatch.setattr(family, "train", diverging)
    status, _, errors = train(small)
    assert (status, errors.splitlines()[-1]) == (
        1,
        "rdbench: bmshj2018-factorized-0.5 has diverged",
    )
    monkeypatch.setattr(family, "train", lambda *a, **o: family.Outcome(interrupted=True))
    status, _, errors = train(small)
    assert status == 130
    assert errors.splitlines()[-1] == (
        "interrupted; a checkpoint is in results/runs/small; the same command continues from there"
    )
