"""Starts from parts of other networks, and entropy models trained on cached latents."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from rdbench.errors import UsageError
from rdbench.models import architectures, weights
from rdbench.models.lee2019 import Configuration, Lee2019
from rdbench.training import latents, starts
from rdbench.training.configuration import Data, Start
from rdbench.training.configuration_file import read
from rdbench.training.data import Pictures
from rdbench.training.family import train
from rdbench.training.trainers.lee2019 import Lee2019Trainer, pass_through

TRANSFORMS = ["g_a", "g_s"]
STILL = {"rate": 1e-12, "steps": 1, "average": 0.0}


@pytest.fixture
def factorized(toml, tmp_path):
    """Weights of a factorized prior, a little trained."""
    return train(read(toml()), tmp_path / "factorized").finished[0]


def frozen(toml, factorized, architecture, parts=TRANSFORMS, **changed):
    tables = {"start": {"file": str(factorized), "parts": parts}, "freeze": True}
    changed = {"lambdas": [0.5], **changed}
    network = {} if architecture == "lee2019" else {"hidden": 4, "latents": 6}
    return toml(architecture, **{**tables, "network": network, **changed})


def images(side=192):
    generator = torch.Generator().manual_seed(4)
    small = torch.rand(1, 3, side // 16, side // 16, generator=generator)
    return torch.nn.functional.interpolate(small, scale_factor=16, mode="bicubic")


@pytest.mark.parametrize("architecture", ["balle2018", "lee2019"])
@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_transforms_of_a_factorized_prior_go_under_other_entropy_models(
    toml, factorized, tmp_path, architecture, beta
):
    """Away from the borders, whose zeros stand for black there and for gray here, they are the
    same but for the size of a step, whatever the scale of samples."""
    start = {"file": str(factorized), "parts": TRANSFORMS, "beta": beta}
    (file,) = train(read(toml(architecture, start=start, optimizer=STILL)), tmp_path / "o").finished
    before, after = (architectures.network(path)[1] for path in (factorized, file))
    pictures = images()
    with torch.no_grad():
        expected = before.analysis(pictures)
        found = after.analysis(pictures * after.peak)
        inner = (..., slice(3, -3), slice(3, -3))
        torch.testing.assert_close(found[inner] * beta, expected[inner], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            after.synthesis(expected / beta) / after.peak,
            before.synthesis(expected),
            rtol=1e-4,
            atol=1e-5,
        )
    told = "bmshj2018-factorized-0.5.safetensors: g_a, g_s" + (", beta 2.5" if beta != 1 else "")
    assert weights.read_card(file).training["start"] == told


def test_an_entropy_model_begins_with_the_spread_of_its_latents(toml, factorized, tmp_path):
    configuration = read(toml("balle2018", start={"file": str(factorized), "parts": TRANSFORMS}))
    found = torch.randn(1, 6, 40, 40, generator=torch.Generator().manual_seed(0))
    spread = torch.tensor([0.01, 0.5, 1.0, 4.0, 20.0, 90.0])
    state = starts.begin(
        configuration, 0, configuration.start, lambda _: [found * spread[:, None, None]]
    )
    expected = spread.clamp(min=0.3)
    torch.testing.assert_close(state["h_s.4.bias"], expected, rtol=0.1, atol=0)


def test_parts_that_do_not_fit_are_answered(toml, factorized, tmp_path):
    def start(parts, architecture="balle2018", **changed):
        table = {"file": str(factorized), "parts": parts}
        return read(toml(architecture, start=table, **changed))

    cases = [
        (
            start(["g_a", "h_a"], "bmshj2018-factorized"),
            r"has no part 'h_a', but density, g_a, g_s",
        ),
        (
            start(["g_a", "density"]),
            r"'density' of bmshj2018-factorized is not what it is in balle2018",
        ),
        (start(TRANSFORMS, network={"latents": 7}), r"does not fit balle2018-0.5: .*size mismatch"),
        (start([], network={}), r"does not fit balle2018-0.5: "),
    ]
    for configuration, message in cases:
        with pytest.raises(UsageError, match=message):
            train(configuration, tmp_path / "out", fresh=True)


@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", "balle2018", "lee2019"])
@pytest.mark.parametrize("half", [False, True])
def test_frozen_transforms_stay_and_the_entropy_model_learns(
    toml, factorized, tmp_path, architecture, half
):
    """Those of the file, also where it holds half precision: the next entropy model finds them in
    the same cache."""
    path = frozen(
        toml,
        factorized,
        architecture,
        half=half,
        data={"vertical_flips": True, "transposes": True},
        optimizer={"steps": 40, "rate": 1e-2},
    )
    said = []
    (file,) = train(read(path), tmp_path / "out", say=said.append).finished
    assert said == [f"latents of 6 images into {tmp_path / 'out' / 'latents'}"]
    before, after = (weights.read(path)[1] for path in (factorized, file))
    names = [name for name in before if name.startswith("g_a") and not name.startswith("g_a.0")]
    exact = [before[name].half().float() if half else before[name] for name in names]
    assert all(
        torch.equal(one, after[name].float()) for one, name in zip(exact, names, strict=True)
    )
    log = (tmp_path / "out" / "log.csv").read_text().splitlines()
    first, last = (float(line.split(",")[3]) for line in (log[1], log[-1]))
    assert last < first
    assert weights.read_card(file).training["frozen"] is True
    said.clear()
    again = frozen(
        toml,
        file,
        architecture,
        parts=[],
        half=half,
        data={
            "vertical_flips": True,
            "transposes": True,
            "latents": str(tmp_path / "out" / "latents"),
        },
    )
    train(read(again), tmp_path / "again", say=said.append)
    assert said == []


def test_a_step_sees_the_latents_of_the_crop_that_it_would_have_seen(toml, photos, tmp_path):
    """Those of a turned image, which are not the turned latents; of one that is not square."""
    network = architectures.build(read(toml("balle2018")).card(read(toml("balle2018")).members[0]))
    pictures = Pictures([str(photos)], color="rgb", side=64, memory_mib=10)
    data = Data((), "", crop=64, batch=3, vertical_flips=True, transposes=True)
    found = latents.cache(tmp_path / "cache", network, pictures, data)
    assert found[0].shape == (8, 6, 4, 8)
    crops = latents.LatentCrops(found, data, (0, 0), cell=16, stride=64)
    whole = []
    for number in range(len(pictures)):
        image = torch.from_numpy(pictures[number][:64].copy()).permute(2, 0, 1)[None] / 255
        for turned in (image, image.transpose(2, 3)):
            for axes in ([], [2], [3], [2, 3]):
                with torch.no_grad():
                    whole.append(network.analysis(turned.flip(axes))[0])
    parts = [y[:, t : t + 4, s : s + 4] for y in whole for t, s in ((0, 0), (0, 4), (4, 0))]
    parts = torch.stack([part for part in parts if part.shape == (6, 4, 4)])
    seen = set()
    for batch in map(crops.batch, range(60)):
        assert batch.shape == (3, 6, 4, 4)
        for crop in batch:
            distances = (parts - crop).abs().amax(dim=(1, 2, 3))
            assert distances.min() < 1e-5
            seen.add(int(distances.argmin()))
    assert len(seen) > 0.7 * len(parts)


@pytest.fixture
def cached(toml, photos, tmp_path):
    """Calls with what may be changed: network, pictures, data, and a count after which to stop."""
    configuration = read(toml("bmshj2018-factorized"))
    network = architectures.build(
        configuration.card(configuration.members[0]), torch.Generator().manual_seed(0)
    )
    pictures = Pictures([str(photos)], color="rgb", side=64, memory_mib=10)
    plain = Data((), "", crop=64)

    def call(network=network, pictures=pictures, data=plain, stop=99, said=None):
        asked = iter(range(1000))
        return latents.cache(
            tmp_path / "cache",
            network,
            pictures,
            data,
            stopped=lambda: next(asked) >= stop,
            say=(said if said is not None else []).append,
        )

    return call


def test_a_caching_that_was_stopped_goes_on(cached, tmp_path):
    assert cached(stop=2) is None
    files = sorted((tmp_path / "cache").glob("*.npy"))
    assert len(files) == 2
    files[1].write_bytes(files[1].read_bytes()[:-40])  # as a failing disk might
    times = files[0].stat().st_mtime_ns
    said = []
    whole = cached(said=said)
    assert said == [f"latents of 5 images into {tmp_path / 'cache'}"]
    assert len(whole) == 6
    assert files[0].stat().st_mtime_ns == times
    said.clear()
    again = cached(said=said)
    assert said == []
    assert all(np.array_equal(a, b) for a, b in zip(whole, again, strict=True))


def test_the_sign_of_a_zero_makes_no_other_weights(cached, toml):
    configuration = read(toml("bmshj2018-factorized"))
    network = architectures.build(configuration.card(configuration.members[0]))
    for zero in (0.0, -0.0):
        with torch.no_grad():
            network.g_a[0].bias.fill_(zero)
        cached(network=network)


def test_latents_of_others_are_refused(cached, toml, photos, tmp_path):
    cached()
    where = rf"latents in '{tmp_path}/cache' belong to other {{}}; name another folder"
    network = architectures.build(read(toml()).card(read(toml()).members[0]))
    with pytest.raises(UsageError, match=where.format("weights")):
        cached(network=network)
    folder = tmp_path / "others"
    folder.mkdir()
    for path in sorted(photos.glob("*.png")):
        (folder / path.name).write_bytes(path.read_bytes())
    samples = np.asarray(Image.open(folder / "coffee1.png")).copy()
    samples[0, 0, 0] ^= 1
    Image.fromarray(samples).save(folder / "coffee1.png")
    pictures = Pictures([str(folder)], color="rgb", side=64, memory_mib=10)
    with pytest.raises(UsageError, match=where.format("images")):
        cached(pictures=pictures)
    for data in (
        Data((), "", crop=64, transposes=True),
        Data((), "", crop=64, flips=False, transposes=True),  # as many
    ):
        with pytest.raises(UsageError, match=where.format("symmetries")):
            cached(data=data)
    manifest = tmp_path / "cache" / latents.MANIFEST
    manifest.write_text("{")
    with pytest.raises(UsageError, match=r"latents\.json: .*; name another folder"):
        cached()
    manifest.unlink()
    with pytest.raises(UsageError, match=r"latents\.json is missing; name another folder"):
        cached()


def test_a_training_stopped_while_it_caches_goes_on(toml, factorized, tmp_path):
    path = frozen(toml, factorized, "balle2018", optimizer={"steps": 4})
    configuration = read(path)
    whole = train(configuration, tmp_path / "whole").finished[0]
    out = tmp_path / "parts"
    outcome = train(configuration, out, say=lambda _: os.kill(os.getpid(), signal.SIGTERM))
    assert outcome.interrupted
    assert not list(out.glob("*.safetensors"))
    (resumed,) = train(configuration, out).finished
    states = [weights.read(path)[1] for path in (whole, resumed)]
    assert weights.identity(states[0]) == weights.identity(states[1])


@pytest.mark.parametrize(
    ("architecture", "changed", "message"),
    [
        ("theis2017", {"network": {"maps": 4}}, "key 'freeze': theis2017 has no entropy model"),
        ("balle2018", {"start": ""}, "key 'freeze': wants transforms: start = {file"),
        ("balle2018", {"lambdas": [0.5, 1.0]}, "key 'lambdas': frozen transforms have one rate"),
        ("balle2018", {"data": {"smallest_scale": 0.5}}, "'data.smallest_scale': is 1 where"),
        ("balle2018", {"data": {"permute_colors": True}}, "'data.permute_colors': is false where"),
        ("balle2018", {"start": {"file": "x.safetensors"}}, "'start.file': 'x.safetensors' is not"),
        ("balle2018", {"start": {"part": 1}}, "key 'start.part': unknown key"),
    ],
)
def test_mistakes_are_answered(toml, factorized, architecture, changed, message):
    with pytest.raises(UsageError) as caught:
        read(frozen(toml, factorized, architecture, **changed))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"beta": 0.0}, r"key 'start\.beta': 0.0 is not between"),
        ({"beta": 2.0}, r"key 'start\.beta': is of the parts g_a and g_s"),
        ({"beta": 2.0, "parts": ["g_a"]}, r"key 'start\.beta': is of the parts g_a and g_s"),
    ],
)
def test_beta_that_means_nothing_is_refused(toml, factorized, table, message):
    with pytest.raises(UsageError, match=message):
        read(toml(start={"file": str(factorized), **table}))


def test_transforms_with_other_steps_are_refused(toml, tmp_path):
    """Those of Dumas et al. 2018, whose latents have a learned step for each map."""
    (file,) = train(read(toml("dumas2018", data={"color": "luma"})), tmp_path / "d").finished
    configuration = read(frozen(toml, file, "balle2018"))
    with pytest.raises(UsageError, match=r"has no part 'g_a', but decoder, density, encoder"):
        train(configuration, tmp_path / "out")


@pytest.mark.parametrize("contexts", ["bit-consuming", "bit-free"])
def test_one_context_alone_learns_on_frozen_transforms(toml, factorized, tmp_path, contexts):
    network = {"plain": 0, "contexts": contexts, "context": 6}
    path = frozen(
        toml, factorized, "lee2019", network=network, optimizer={"steps": 40, "rate": 1e-2}
    )
    (file,) = train(read(path), tmp_path / "out").finished
    assert file.name == f"lee2019-{contexts}-0.5.safetensors"
    log = (tmp_path / "out" / "log.csv").read_text().splitlines()
    first, last = (float(line.split(",")[3]) for line in (log[1], log[-1]))
    assert last < first


def test_a_context_without_a_hyperprior_begins_with_the_spread_of_its_latents():
    network = Lee2019(
        Configuration(4, context=5), contexts="bit-free", generator=torch.Generator().manual_seed(0)
    )
    spread = torch.tensor([0.3, 1.0, 2.0, 8.0, 40.0])
    latents = torch.randn(1, 5, 60, 60, generator=torch.Generator().manual_seed(1))
    Lee2019Trainer.start_entropy_model(network, [latents * spread[:, None, None]])
    with torch.no_grad():
        mean, scale = network.all_parameters(torch.zeros(1, 5, 8, 8), torch.zeros(1, 0, 8, 8))
    assert not mean.any()
    torch.testing.assert_close(scale.mean(dim=(0, 2, 3)), spread, rtol=0.05, atol=0)
    assert (scale.amax(dim=(0, 2, 3)) == scale.amin(dim=(0, 2, 3))).all()


@pytest.mark.parametrize("contexts", ["both", "bit-consuming"])
def test_f_begins_as_the_identity_of_side_information(contexts):
    network = Lee2019(
        Configuration(4, context=5), contexts=contexts, generator=torch.Generator().manual_seed(0)
    )
    pass_through(network)
    c_prime = torch.randn(1, 5, 6, 7, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        mean, scale = network.all_parameters(torch.zeros_like(c_prime), c_prime)
        torch.testing.assert_close(scale, torch.exp(c_prime), rtol=1e-4, atol=1e-5)
        assert not mean.any()
        if contexts == "bit-consuming":
            return
        # What is known moves the scales a little, and by the first step the means, too.
        moved = network.all_parameters(torch.ones_like(c_prime), c_prime)[1]
    assert 0 < (moved / scale).log().abs().max() < 0.2
    mean = network.all_parameters(torch.ones_like(c_prime), c_prime)[0]
    mean.sum().backward()
    assert network.estimator[3].weight.grad[:5].abs().min() > 0


def test_what_a_start_says_of_itself():
    start = Start("/somewhere/a.safetensors", ("g_a",))
    assert str(start) == "a.safetensors: g_a"
    assert str(replace(start, parts=(), beta=2.0)) == "a.safetensors, beta 2"
    assert str(Start()) == ""


def test_the_entropy_models_that_are_compared_are_trained_alike():
    """On one transform, with the same data and rates, but for those of densities, which are all
    that a factorized prior has and which the bit-free context does not have. Those with h_a grow
    out of the scale hyperprior."""
    folder = Path(__file__).parents[2] / "baselines" / "weights" / "entropy-models"
    found = {path.stem: read(path) for path in sorted(folder.glob("*.toml"))}
    assert len(found) == 5
    contexts = {c.members[0].network.get("contexts") for c in found.values()}
    assert contexts == {None, "bit-consuming", "bit-free"}
    grown = {"lee2019", "lee2019-bit-consuming"}
    one = found["balle2018"]
    for name, configuration in found.items():
        assert configuration.freeze
        assert configuration.half
        assert (configuration.start == one.start) == (name not in grown)
        if name in grown:
            assert Path(configuration.start.source).stem == "balle2018-0.0106"
        assert configuration.data == one.data
        assert configuration.run == one.run
        plain = {"density_rate": 1.0, "density_delay": 0.0, "warm_up": 0.0}
        steps = {"steps": 1}
        assert msgspec.structs.replace(configuration.optimizer, **plain, **steps) == (
            msgspec.structs.replace(one.optimizer, **plain, **steps)
        )
        assert configuration.members[0].steps == (6000 if name == "balle2018" else 3000)
