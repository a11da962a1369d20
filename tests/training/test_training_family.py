"""What a training writes: weights that do what was validated, logs, families; and its faults."""

from __future__ import annotations

import csv
import math
import platform

import numpy as np
import pytest
import torch
from PIL import Image

from rdbench.errors import DivergedError, UsageError
from rdbench.images import resolve
from rdbench.metrics import psnr
from rdbench.models import architectures, weights
from rdbench.training import checkpoint
from rdbench.training.configuration_file import read
from rdbench.training.family import train
from rdbench.training.trainers.balle import FactorizedPriorTrainer
from rdbench.training.trainers.dumas2018 import Dumas2018Trainer
from tests.training.conftest import NETWORKS


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("architecture", NETWORKS)
@pytest.mark.parametrize("half", [False, True])
def test_the_written_weights_do_what_was_validated(toml, photos, tmp_path, architecture, half):
    color = "luma" if architecture == "dumas2018" else "rgb"
    configuration = read(
        toml(architecture, half=half, data={"color": color}, run={"validate_images": 2})
    )
    (path,) = train(configuration, tmp_path / "out").finished
    card, state = weights.read(path)
    kinds = {tensor.dtype for tensor in state.values() if tensor.is_floating_point()}
    assert kinds == {torch.float16 if half else torch.float32}
    compressor = architectures.load(path, "any")
    validated = rows(tmp_path / "out" / "validation.csv")
    assert [row["image"] for row in validated] == ["astronaut0", "astronaut1"]
    name = len("any") - len(architecture)  # streams say it
    for row, ref in zip(validated, resolve(str(photos), color=color).images, strict=False):
        image = ref.load()
        stream, coded = compressor.encode(image)
        pixels = image.shape[0] * image.shape[1]
        assert float(row["bpp"]) == pytest.approx(8 * (len(stream) - name) / pixels, rel=1e-5)
        estimated = compressor.estimated_bits(coded, 1.0) / pixels
        assert float(row["estimated_bpp"]) == pytest.approx(estimated, rel=1e-4)
        decoded = compressor.decode(stream)
        assert float(row["psnr_db"]) == pytest.approx(psnr(image, decoded), rel=1e-5)
    assert ("float16_costs_db" in card.training) == half
    mean = np.mean([float(row["bpp"]) for row in validated])
    assert card.training["validation"]["bpp"] == pytest.approx(mean, abs=1e-5)


def test_the_card_says_how_it_came_to_be(toml, tmp_path):
    path = toml("dumas2018", lambdas=[12000], data={"color": "luma"}, run={"seed": 7})
    (file,) = train(read(path), tmp_path / "out", threads=1).finished
    card = weights.read_card(file)
    assert card.architecture == "dumas2018"
    assert card.configuration == {"case": 2, "maps": 4, "channels": 1}
    told = {**card.training}
    assert told.pop("seconds") > 0
    assert told.pop("validation")["bpp"] > 0
    assert (told.pop("torch"), told.pop("threads")) == (torch.__version__, 1)
    assert told.pop("hardware") != platform.node()
    optimizer = told.pop("optimizer")
    assert (optimizer["method"], optimizer["rate"], optimizer["average"]) == ("adam", 1e-3, 0.999)
    assert told == {
        "lambda": 12000.0,
        "optimized": "mse",
        "steps": 3,
        "seed": 7,
        "crop": 64,
        "batch": 2,
        "smallest_scale": 1.0,
        "flips": True,
        "vertical_flips": False,
        "transposes": False,
        "permute_colors": False,
        "speed": 1.0,
        "precision": "float32",
        "parameters": sum(p.numel() for p in architectures.network(file)[1].parameters()),
        "trainer": {"step_rate": 2e-8},
        "start": "",
        "frozen": False,
        "data": [read(path).data.train[0].rpartition("/")[2]],
        "images": 6,
        "validated_on": f"1 images of {read(path).data.train[0].rpartition('/')[2]}",
    }
    network = architectures.network(file)[1]
    assert network.exception >= 0
    assert network.means.abs().sum() > 0


def test_the_log_is_of_stretches_of_steps(toml, tmp_path):
    train(read(toml(optimizer={"steps": 45})), tmp_path)
    log = rows(tmp_path / "log.csv")
    assert [row["step"] for row in log] == ["20", "40", "45"]
    for row in log:
        step_s, data_s, mse = (float(row[key]) for key in ("step_s", "data_s", "mse"))
        assert 0 <= data_s < step_s
        assert float(row["images_per_s"]) == pytest.approx(2 / step_s, rel=1e-4)
        assert float(row["psnr_db"]) == pytest.approx(10 * math.log10(255**2 / mse), rel=1e-4)
        # λ is 0.5.
        loss = float(row["bpp"]) + 0.5 * mse
        assert float(row["loss"]) == pytest.approx(loss, rel=1e-4)
    assert float(log[-1]["rate"]) == pytest.approx(1e-5)  # a hundredth
    assert float(log[-1]["loss"]) < float(log[0]["loss"])


def test_validation_on_the_way_does_not_change_the_weights(toml, tmp_path):
    seldom, often = (tmp_path / name for name in ("seldom", "often"))
    train(read(toml("dumas2018", optimizer={"steps": 6})), seldom)
    train(read(toml("dumas2018", optimizer={"steps": 6}, run={"validate_every": 2})), often)
    assert [row["step"] for row in rows(often / "validation.csv")] == ["2", "4", "6"]
    states = [weights.read(out / "dumas2018-case2-0.5.safetensors")[1] for out in (seldom, often)]
    assert weights.identity(states[0]) == weights.identity(states[1])


def test_a_family_goes_on_from_its_neighbor(toml, tmp_path):
    still = {"rate": 1e-12, "steps": 1, "average": 0.0}
    configuration = read(toml(lambdas=[0.5, 1.0], start="neighbor", optimizer=still))
    first, second = train(configuration, tmp_path).finished
    a, b = (weights.read(path)[1]["g_s.0.weight"] for path in (first, second))
    torch.testing.assert_close(a, b, rtol=0, atol=1e-9)


def test_a_training_starts_from_a_file(toml, tmp_path):
    (first,) = train(read(toml()), tmp_path / "first").finished
    still = {"rate": 1e-12, "steps": 1, "average": 0.0}
    path = toml(start=str(first), run={"seed": 5}, optimizer=still)
    (second,) = train(read(path), tmp_path / "second").finished
    a, b = (weights.read(path)[1]["g_s.0.weight"] for path in (first, second))
    torch.testing.assert_close(a, b, rtol=0, atol=1e-9)
    with pytest.raises(
        UsageError, match=r"key 'start': .* does not fit bmshj2018-factorized-0.5: .*size"
    ):
        train(read(toml(start=str(first), network={"hidden": 5})), tmp_path / "third")


def test_neighbors_of_other_channels_start_from_random_weights(toml, tmp_path):
    path = toml(
        "bmshj2018-factorized",
        lambdas=[],
        qualities=[5, 6],
        start="neighbor",
        network={"hidden": 4},
    )
    text = path.read_text().replace("latents = 6\n", "")
    path.write_text(text)
    said = []
    finished = train(read(path), tmp_path / "out", say=said.append).finished
    assert [weights.read_card(file).configuration["latents"] for file in finished] == [192, 320]
    assert said == [
        "bmshj2018-factorized-0.0483 has other layers than bmshj2018-factorized-0.025: it starts "
        "from random weights"
    ]


def test_a_loss_that_is_not_finite_ends_it_and_the_last_checkpoint_stays(
    toml, tmp_path, monkeypatch
):
    configuration = read(toml(optimizer={"steps": 60}, run={"validate_every": 25}))
    step = FactorizedPriorTrainer.step

    def diverging(self, images, generator, progress):
        return step(self, images * (math.nan if progress > 0.5 else 1), generator, progress)

    monkeypatch.setattr(FactorizedPriorTrainer, "step", diverging)
    with pytest.raises(DivergedError) as caught:
        train(configuration, tmp_path)
    assert str(caught.value) == (
        "bmshj2018-factorized-0.5 diverged between steps 26 and 45: the loss is nan; the "
        "checkpoint of bmshj2018-factorized-0.5 at step 25 is kept; lower the rate in [optimizer], "
        "now 0.001, and start over with `fresh=True`"
    )
    assert checkpoint.load(tmp_path)[0].step == 25
    assert rows(tmp_path / "log.csv")[-1]["step"] == "25"
    monkeypatch.undo()
    assert train(configuration, tmp_path).finished


def test_latents_that_are_not_finite_end_it(toml, tmp_path, monkeypatch):
    """The densities of Dumas 2018 find them before the loss does."""
    step = Dumas2018Trainer.step

    def diverging(self, images, generator, progress):
        return step(self, images * (math.inf if progress > 0.5 else 1), generator, progress)

    monkeypatch.setattr(Dumas2018Trainer, "step", diverging)
    wanted = r"diverged between steps 1 and 7: the latents reach nan.*; there is no checkpoint yet"
    with pytest.raises(DivergedError, match=wanted):
        train(read(toml("dumas2018", optimizer={"steps": 10})), tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_cuda_where_there_is_none(toml, tmp_path):
    configuration = read(toml(), device="cuda:1")
    with pytest.raises(UsageError, match="device 'cuda:1': CUDA is not available here"):
        train(configuration, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert train(read(toml(), device="auto"), tmp_path / "out").finished


def test_other_mistakes_are_answered_before_anything_is_written(toml, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="device 'tpu' is not one of auto, cpu"):
        train(read(toml(), device="tpu"), out)
    with pytest.raises(UsageError, match=r"configuration 'small', key 'network': .*'hiden'"):
        train(read(toml(network={"hiden": 4})), out)
    with pytest.raises(UsageError, match="`threads` 0 is not above 0"):
        train(read(toml()), out, threads=0)
    assert not out.exists()


def test_images_that_cannot_be_used_are_counted(toml, photos, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for path in photos.glob("*0.png"):
        (folder / path.name).write_bytes(path.read_bytes())
    Image.new("RGB", (63, 80)).save(folder / "small.png")
    (folder / "torn.png").write_bytes((photos / "coffee1.png").read_bytes()[:500])
    said = []
    path = toml(data={"train": [str(folder)]})
    (file,) = train(read(path), tmp_path / "out", say=said.append).finished
    assert said == [
        f"2 training image(s) left out, 3 used; the first: image '{folder}/small.png': 63x80"
    ]
    assert weights.read_card(file).training["images"] == 3
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="is an empty folder"):
        train(read(toml(data={"train": [str(empty)]})), tmp_path / "other")


@pytest.mark.parametrize(
    ("precision", "capability", "count"),
    [("bfloat16", "AVX2", 1), ("bfloat16", "AVX512", 0), ("float32", "AVX2", 0)],
)
def test_bfloat16_that_is_emulated_is_told(
    toml, tmp_path, monkeypatch, precision, capability, count
):
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: capability)
    said = []
    path = toml(optimizer={"steps": 1}, run={"precision": precision})
    train(read(path), tmp_path / "out", say=said.append)
    assert len([text for text in said if "in float32; set precision" in text]) == count


def test_bfloat16_trains_and_resumes(toml, tmp_path):
    path = toml("balle2018", run={"precision": "bfloat16"}, optimizer={"steps": 30, "average": 0.9})
    (file,) = train(read(path), tmp_path / "out").finished
    assert weights.read_card(file).training["precision"] == "bfloat16"
    log = rows(tmp_path / "out" / "log.csv")
    assert float(log[-1]["loss"]) < float(log[0]["loss"])
