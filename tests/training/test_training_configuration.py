"""Configurations: what they mean, and how their mistakes are answered."""

from __future__ import annotations

import inspect
import math
import shutil
from pathlib import Path

import pytest

from rdbench.errors import UsageError
from rdbench.models import architectures
from rdbench.training.configuration import Optimizer, decisive
from rdbench.training.configuration_file import find, read, shipped
from tests.training.conftest import NETWORKS

WEIGHTS = Path(__file__).parents[2] / "baselines" / "weights"


@pytest.mark.parametrize("name", shipped())
def test_what_comes_along_can_be_trained(name):
    configuration = read(find(name))
    network = architectures.find(configuration.architecture).network
    accepted = inspect.signature(network)
    for member in configuration.members:
        arguments = dict(member.network)
        if configuration.architecture == "lee2019":
            assert set(arguments) >= {"hidden", "context", "plain"}
        else:
            accepted.bind(**arguments)
    assert configuration.data.train == ("cid22-train",)


def test_qualities_are_those_of_the_papers():
    """Channels and λ: Lee et al. 2019, section 4.1 and the code; CompressAI's documentation."""
    lee = read(find("lee2019-mse")).members
    assert [member.rate for member in lee] == [0.5, 0.4, 0.3, 0.2, 0.12, 0.06, 0.03, 0.017, 0.01]
    assert [member.quality for member in lee] == list(range(1, 10))
    assert lee[8].network == {"hidden": 400, "context": 192, "plain": 408}
    balle = read(find("balle2018")).members
    assert balle[0].name == "balle2018-0.0018"
    assert balle[5].network == {"hidden": 192, "latents": 320, "channels": 3}
    assert [member.rate for member in read(find("dumas2018-case1")).members] == [
        10000, 12000, 16000, 24000, 40000, 72000, 96000,
    ]  # fmt: skip


def test_steps_that_are_asked_for_are_all_that_there_are():
    path = find("dumas2018-case1")
    assert [member.steps for member in read(path).members] == [24400, *6 * [4400]]
    assert {member.steps for member in read(path, steps=30).members} == {30}


def test_members_with_other_layers_get_all_steps_and_the_start_of_the_first(toml):
    """Qualities 5 and 6 of lee2019 differ, the latter being a hybrid."""
    path = toml(
        "lee2019",
        lambdas=[],
        qualities=[4, 5, 6],
        start="neighbor",
        first="block-transform",
        optimizer={"steps": 90, "neighbor_steps": 20, "neighbor_rate": 0.5},
    )
    for key in ("hidden", "context", "plain"):
        path.write_text(path.read_text().replace(f"{key} = {NETWORKS['lee2019'][key]}\n", ""))
    configuration = read(path)
    assert [member.steps for member in configuration.members] == [90, 20, 90]
    assert [member.speed for member in configuration.members] == [1.0, 0.5, 1.0]
    sources = [configuration.start_of(number).source for number in range(3)]
    assert sources == ["block-transform", "neighbor", "block-transform"]


def test_other_channels_than_the_papers_have_no_quality_of_it(toml):
    path = toml("balle2018", lambdas=[], qualities=[2])
    (member,) = read(path).members
    assert (member.rate, member.quality) == (0.0035, None)
    assert member.network == {"hidden": 4, "latents": 6, "channels": 3}


def test_as_toml_it_says_the_same(toml):
    configuration = read(toml("dumas2018", data={"color": "luma"}, lambdas=[1e4, 2.5e4]))
    values = decisive(configuration.text())
    assert values["members"][1] == {
        "name": "dumas2018-case2-25000",
        "rate": 25000.0,
        "network": {"case": 2, "maps": 4, "channels": 1},
    }
    assert values["optimizer"]["rate"] == 1e-3
    assert "device" not in values["run"]


def test_paths_are_those_of_its_folder(toml, photos, monkeypatch):
    path = toml(data={"train": ["here"], "validation": "here"})
    (path.parent / "here").symlink_to(photos)
    monkeypatch.chdir("/")
    assert read(path).data.train == (str(path.parent / "here"),)


@pytest.mark.parametrize(
    ("architecture", "changed", "message"),
    [
        (
            "bmshj2018-factorized",
            {"data": {"cropp": 64}},
            "key 'data.cropp': unknown key 'cropp'; did you",
        ),
        (
            "bmshj2018-factorized",
            {"data": {"crop": 100}},
            "key 'data.crop': 100 is not a multiple of 16",
        ),
        ("balle2018", {"data": {"crop": 96}}, "key 'data.crop': 96 is not a multiple of 64"),
        ("bmshj2018-factorized", {"data": {"crop": 0}}, "key 'data.crop': 0 is not a multiple"),
        ("bmshj2018-factorized", {"data": {"batch": 0}}, "key 'data.batch': 0 is not at least 1"),
        ("bmshj2018-factorized", {"data": {"train": []}}, "key 'data.train': names no images"),
        ("bmshj2018-factorized", {"data": {"train": "x"}}, "key 'data.train': 'x' is not an array"),
        ("theis2017", {"data": {"color": "luma"}}, "key 'data.color': theis2017 has no networks"),
        (
            "bmshj2018-factorized",
            {"network": {"channels": 1}},
            "key 'network.channels': 1 do not fit rgb",
        ),
        (
            "bmshj2018-factorized",
            {"optimizer": {"rate": 0.0}},
            "key 'optimizer.rate': 0.0 is not between",
        ),
        (
            "bmshj2018-factorized",
            {"optimizer": {"steps": 1.5}},
            "key 'optimizer.steps': 1.5 is not a whole",
        ),
        (
            "bmshj2018-factorized",
            {"optimizer": {"step_rate": 1.0}},
            "key 'optimizer.step_rate': unknown key",
        ),
        ("dumas2018", {"optimizer": {"clip": 1.0}}, "key 'optimizer.clip': unknown key"),
        (
            "dumas2018",
            {"optimized": "ms-ssim"},
            "key 'optimized': dumas2018 can only be trained for mse",
        ),
        (
            "bmshj2018-factorized",
            {"optimized": "ms-ssim"},
            "key 'data.crop': 64 is too small for MS-SSIM",
        ),
        (
            "bmshj2018-factorized",
            {"run": {"precision": "half"}},
            "key 'run.precision': unknown value 'half'",
        ),
        ("bmshj2018-factorized", {"lambdas": []}, "key 'lambdas': give either lambdas or"),
        ("bmshj2018-factorized", {"lambdas": [0.0]}, "key 'lambdas': 0.0 is not above 0"),
        ("bmshj2018-factorized", {"lambdas": [1, 1.0]}, "key 'lambdas': has a value twice"),
        (
            "bmshj2018-factorized",
            {"lambdas": [1, 3, 2], "start": "neighbor"},
            "key 'lambdas': is out of order, but each network starts from the one before it",
        ),
        (
            "balle2018",
            {"lambdas": [], "qualities": [1, 3, 2], "start": "neighbor"},
            "key 'qualities': is out of order",
        ),
        (
            "bmshj2018-factorized",
            {"lambdas": [], "qualities": [9]},
            "key 'qualities': unknown quality '9'",
        ),
        (
            "bmshj2018-factorized",
            {"start": "none.safetensors"},
            "key 'start': 'none.safetensors' is none of 'neighbor', 'block-transform' and a file "
            "of weights (*.safetensors); no such file exists, so train that network first",
        ),
        ("theis2017", {"start": "block-transform"}, "key 'start': 'block-transform' is not for"),
        (
            "dumas2018",
            {"data": {"color": "luma", "permute_colors": True}},
            "key 'data.permute_colors': luma has one channel",
        ),
        (
            "bmshj2018-factorized",
            {"first": "neighbor"},
            "key 'first': is for the first network with start = ",
        ),
        ("dumas2018", {"first": "block-transform"}, "key 'first': is for the first network with"),
        (
            "bmshj2018-factorized",
            {"optimizer": {"neighbor_steps": 2}},
            "key 'optimizer.neighbor_steps': is",
        ),
        (
            "bmshj2018-factorized",
            {"optimizer": {"finish_steps": -1}},
            "key 'optimizer.finish_steps': -1 is",
        ),
        (
            "bmshj2018-factorized",
            {"optimizer": {"method": "sgd"}},
            "key 'optimizer.method': unknown value",
        ),
        ("bmshj2018-factorized", {"seed": 1}, "key 'seed': unknown key 'seed'"),
        # Former spellings.
        (
            "bmshj2018-factorized",
            {"optimizer": {"neighbour_steps": 2}},
            "key 'optimizer.neighbour_steps': unknown key 'neighbour_steps'; did you mean "
            "'neighbor_steps'",
        ),
        (
            "bmshj2018-factorized",
            {"optimised": "mse"},
            "key 'optimised': unknown key 'optimised'; did you mean 'optimized'",
        ),
        (
            "bmshj2018-factorized",
            {"start": "neighbour"},
            "key 'start': 'neighbour' is none of 'neighbor', 'block-transform'",
        ),
    ],
)
def test_mistakes_are_answered_with_file_key_and_reason(toml, architecture, changed, message):
    path = toml(architecture, **changed)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(caught.value).startswith(f"configuration {str(path)!r}, {message}")


def test_an_unknown_architecture_or_name_is_answered(toml):
    path = toml()
    path.write_text(path.read_text().replace("bmshj2018-factorized", "balle17"))
    with pytest.raises(UsageError, match="key 'architecture': unknown architecture 'balle17'"):
        read(path)
    with pytest.raises(UsageError, match="did you mean 'lee2019-mse'"):
        find("lee2019-mes")


def test_learning_rates():
    """Lee et al. 2019, section 4.2: 5e-5, halved every 50,000 of the last 200,000 steps of a
    million."""
    lee = read(find("lee2019-mse")).optimizer
    rates = {p: lee.rate_at(p / 20) / 5e-5 for p in range(2, 21)}
    assert all(rates[p] == 1 for p in range(2, 16))
    assert [rates[p] for p in (16, 17, 18, 19, 20)] == [0.5, 0.25, 0.125, 0.0625, 0.0625]
    cosine = Optimizer(steps=100, rate=1.0, warm_up=0.1)
    assert cosine.rate_at(0.05) == pytest.approx(0.5)
    assert cosine.rate_at(0.55) == pytest.approx(0.505)
    assert cosine.rate_at(1.0) == pytest.approx(0.01)
    late = {p: cosine.rate_at(p, still=0.1) for p in (0.05, 0.15, 0.2, 0.6, 1.0)}
    assert late == pytest.approx({0.05: 0.0, 0.15: 0.5, 0.2: 1.0, 0.6: 0.505, 1.0: 0.01})


@pytest.fixture
def trained(tmp_path):
    """A copy of the configurations of families, beside the networks that they start from, which
    are trained first and not kept."""
    for folder in ("families", "lee2019-fig8", "small"):
        for path in sorted((WEIGHTS / folder).rglob("*.toml")):
            copy = tmp_path / "baselines" / "weights" / path.relative_to(WEIGHTS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    for name in (
        "families-low/transforms/bmshj2018-factorized-0.0106",
        "families-low/frozen-balle2018/balle2018-0.0106",
        "families-low/frozen-lee2019/lee2019-magnitudes-0.12",
        "families-high/transforms/bmshj2018-factorized-0.0466",
        "families-high/frozen-bmshj2018-factorized/bmshj2018-factorized-0.0226",
        "families-high/frozen-balle2018/balle2018-0.0226",
        "families-high/frozen-lee2019/lee2019-magnitudes-0.06",
        "small/frozen-lee2019/lee2019-magnitudes-0.12",
    ):
        file = tmp_path / "results" / "runs" / f"{name}.safetensors"
        file.parent.mkdir(parents=True)
        file.touch()
    return tmp_path / "baselines" / "weights"


@pytest.mark.parametrize("part", ["high", "low"])
def test_families_are_trained_alike(trained, part):
    """With the same data, steps and schedule, and at the same slopes: bpp + w·MSE is λ·R/pixels in
    nats + (1 − λ)/1000·MSE where w = (1 − λ)/(1000·λ·ln 2). Each begins with networks that the
    configurations beside it make: transforms, then entropy models on them."""
    found = {path.stem: read(path) for path in (trained / "families" / part).glob("*.toml")}
    transforms = found.pop("transforms")
    assert transforms.start.source == "block-transform"
    frozen = {name: found.pop(name) for name in sorted(found) if name.startswith("frozen")}
    assert all(configuration.freeze for configuration in frozen.values())
    assert {*found} == {"bmshj2018-factorized", "balle2018", "lee2019"}
    slopes = [member.rate for member in found["balle2018"].members]
    for name, configuration in found.items():
        assert configuration.architecture == name
        assert configuration.start.source == "neighbor"
        assert configuration.half
        assert not configuration.freeze
        rates = [member.rate for member in configuration.members]
        if name == "lee2019":
            rates = [(1 - rate) / (1000 * rate * math.log(2)) for rate in rates]
        assert rates == pytest.approx(slopes, rel=0.01)
        assert {member.steps for member in configuration.members} == {1200}
        for table in ("data", "optimizer", "run"):
            assert getattr(configuration, table) == getattr(found["balle2018"], table)
        source = frozen.get(f"frozen-{name}", transforms)
        (member,) = source.members
        made = f"{source.name}/{member.name}.safetensors"
        assert configuration.first.source.endswith(made)
        assert configuration.members[0].network == member.network


def test_small_networks_are_trained_as_the_first_of_a_family(trained):
    """Beside fewer latents with contexts; and the arms of figure 8 differ in the noise alone."""
    family = read(trained / "families" / "low" / "lee2019.toml")
    discrete = read(trained / "small" / "lee2019.toml")
    noisy = read(trained / "lee2019-fig8" / "noisy.toml")
    starts = {Path(configuration.start.source).resolve() for configuration in (discrete, noisy)}
    assert len(starts) == 1
    (one,), (other,) = discrete.members, noisy.members
    assert other.network == {**one.network, "discrete": False}
    first = family.members[0]
    assert one.network["context"] + one.network["plain"] == first.network["context"]
    for member in (one, other):
        assert (member.rate, member.steps) == (first.rate, first.steps)
    for table in ("data", "optimizer", "run"):
        assert getattr(noisy, table) == getattr(discrete, table) == getattr(family, table)
