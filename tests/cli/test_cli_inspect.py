"""``rdbench inspect``: its files, and what it says of what it cannot do."""

from __future__ import annotations

import csv

import pytest
import skimage.data
from PIL import Image
from typer.testing import CliRunner

from rdbench.cli import app
from rdbench.errors import RdbenchError

torch = pytest.importorskip("torch", reason="the networks need torch")
pytest.importorskip("torch", reason="it codes the latents")

TABLES = ("latents", "histograms", "responses", "map_rates", "rates", "rate_map")
FIGURES = ("histograms", "scales", "responses", "map_rates", "zero_maps", "rates", "rate_map")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """weights.safetensors, of a luma network, and pictures/ with two images."""
    from rdbench.models import architectures, weights

    root = tmp_path_factory.mktemp("inspect")
    card = weights.Card("dumas2018", {"case": 2, "maps": 4, "channels": 1}, {"lambda": 10000.0})
    network = architectures.build(card, torch.Generator().manual_seed(2))
    weights.write(root / "weights.safetensors", card, network.state_dict())
    (root / "pictures").mkdir()
    for place, name in enumerate(("one", "two")):
        part = skimage.data.astronaut()[50 * place : 50 * place + 96, 200:320]
        Image.fromarray(part).save(root / "pictures" / f"{name}.png")
    return root


@pytest.fixture
def inspect(folder, monkeypatch):
    """The command with these arguments, in that folder."""
    monkeypatch.chdir(folder)
    return lambda *arguments: CliRunner().invoke(app, ["inspect", *arguments])


@pytest.mark.slow
def test_figures_come_with_the_numbers_behind_them(folder, inspect):
    arguments = ("--dataset", "pictures", "--color", "luma", "--beta", "3,1", "--image", "two")
    done = inspect("weights.safetensors", *arguments, "--map", "2", "--out", "looks")
    assert done.exit_code == 0, done.output
    expected = [f"looks/{name}.csv" for name in TABLES]
    expected += [f"looks/{name}.{kind}" for name in FIGURES for kind in ("png", "pdf")]
    assert done.stdout.split() == expected
    assert all((folder / path).stat().st_size > 0 for path in expected)
    tables = {}
    for name in TABLES:
        with (folder / "looks" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            tables[name] = list(csv.DictReader(file))
    assert [row["map"] for row in tables["latents"]] == ["0", "1", "2", "3"]
    assert {row["map"] for row in tables["responses"]} == {"2"}
    keys = [(row["image"], float(row["beta"])) for row in tables["rates"]]
    assert keys == [("one", 1), ("one", 3), ("two", 1), ("two", 3)]
    assert len(tables["map_rates"]) == 2 * 2 * 4
    assert len(tables["rate_map"]) == 6 * 8
    of_two = sum(float(row["bits"]) for row in tables["rate_map"])
    rate = next(row for row in tables["rates"] if (row["image"], row["beta"]) == ("two", "1.0"))
    assert of_two == pytest.approx(float(rate["model_bpp"]) * 96 * 120)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--map", "4"], "--map 4: the maps of 'weights' are 0 to 3"),
        (["--image", "too"], "unknown image of 'pictures' 'too'; did you mean 'two'?"),
        (["--beta", "1,x"], "--beta '1,x' is not NUMBER,NUMBER,..."),
        (["--beta", "1,1000"], "name at least one number within 0.25 to 100"),
        (["--beta", ","], "name at least one number within 0.25 to 100"),
        (["--color", "gray"], "unknown color 'gray'"),
        (["--color", "rgb"], "measure with color luma"),
        (["--dataset", "empty"], "empty folder"),
        (["--out", "weights.safetensors/looks"], "cannot write"),
    ],
)
def test_what_it_cannot_do_is_said_in_a_line(folder, inspect, arguments, message):
    (folder / "empty").mkdir(exist_ok=True)
    common = ["--dataset", "pictures", "--color", "luma", "--out", "none"]
    done = inspect("weights.safetensors", *common, *arguments)
    assert isinstance(done.exception, RdbenchError)
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not list(folder.glob("none/*"))


def test_the_help_has_an_example(inspect):
    done = inspect("--help")
    assert done.exit_code == 0
    assert "rdbench inspect weights.safetensors --dataset kodak" in " ".join(done.stdout.split())
