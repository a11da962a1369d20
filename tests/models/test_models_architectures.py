"""Architectures by name, from files and from installed packages; and what they were called."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

pytest.importorskip("torch", reason="the networks need torch")

from rdbench.codecs import registry
from rdbench.errors import UsageError
from rdbench.models import architectures, container, names, weights
from rdbench.models.architectures import table

TRAINED = Path(__file__).parent / "trained"
STREAMS = Path(__file__).parent / "streams"

OWN = """
from rdbench.models.architectures import ArchitectureSpec
from rdbench.models.balle import FactorizedPrior
from rdbench.models.compression.factorized import FactorizedCompressor
from rdbench.training.trainers.balle import FactorizedPriorTrainer

def network(*, width, generator=None):
    return FactorizedPrior(width, width, generator=generator)

SPEC = ArchitectureSpec("{name}", network, FactorizedCompressor, FactorizedPriorTrainer)
OTHER = 3
"""


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch):
    monkeypatch.setattr(table, "_from_files", {})
    table._installed.cache_clear()
    yield
    table._installed.cache_clear()


def own(tmp_path, name="mine", file="own.py"):
    path = tmp_path / file
    path.write_text(OWN.replace("{name}", name))
    return path


def test_built_in_ones_have_all_that_is_needed():
    for name in architectures.known():
        spec = architectures.find(name)
        assert spec.name == name
        assert spec.spread is not None
        assert spec.configurations


def test_listing_them_imports_no_torch():
    code = (
        "import sys; from rdbench.models import architectures; architectures.known(); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_of_ones_own_is_found_in_its_file_and_then_by_name(tmp_path):
    path = own(tmp_path)
    spec = architectures.find(f"{path}:SPEC")
    assert architectures.find("mine") is spec
    assert architectures.find(f"{path}:SPEC") is spec
    assert "mine" in architectures.known()
    made = architectures.build(weights.Card("mine", {"width": 4}))
    assert made.g_a[0].weight.shape == (4, 3, 5, 5)


def test_mistakes_in_files_are_answered(tmp_path):
    path = own(tmp_path)
    cases = {
        f"{tmp_path}/none.py:SPEC": "No such file",
        f"{path}:OTHER": "is not an ArchitectureSpec",
        f"{path}:NONE": "is not an ArchitectureSpec",
        f"{own(tmp_path, 'lee2019', 'lee.py')}:SPEC": "'lee2019' of .* has the same name",
    }
    for target, message in cases.items():
        with pytest.raises(UsageError, match=message):
            architectures.find(target)
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    with pytest.raises(UsageError, match="cannot be imported: ZeroDivisionError"):
        architectures.find(f"{broken}:SPEC")
    architectures.find(f"{path}:SPEC")
    with pytest.raises(UsageError, match=r"'mine' of .*twin\.py:SPEC has the same name as another"):
        architectures.find(f"{own(tmp_path, file='twin.py')}:SPEC")
    with pytest.raises(UsageError, match="unknown architecture 'lee2018'; did you mean 'lee2019'"):
        architectures.find("lee2018")


def installed(monkeypatch, *points):
    group = table.ENTRY_POINT_GROUP
    found = [EntryPoint(name, value, group) for name, value in points]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found)


def test_an_installed_package_offers_one(tmp_path, monkeypatch):
    own(tmp_path, file="package_of_mine.py")
    monkeypatch.syspath_prepend(tmp_path)
    installed(monkeypatch, ("mine", "package_of_mine:SPEC"))
    assert architectures.find("mine").name == "mine"
    assert [spec.name for spec in architectures.installed()] == ["mine"]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([("lee2019", "other:SPEC")], r"'lee2019' .*other:SPEC.* same name as rdbench\.models"),
        ([("a", "x:S"), ("a", "y:S")], r"'a' .*\(y:S\) has the same name as x:S; uninstall"),
    ],
)
def test_an_entry_point_replaces_nothing(monkeypatch, points, message):
    installed(monkeypatch, *points)
    with pytest.raises(UsageError, match=message):
        architectures.find("lee2019")


def test_cards_with_former_keys_are_read(tmp_path):
    """Of weights that were trained before keys had American spelling."""
    old = {"lambda": 1.0, "optimised": "ms-ssim", "start": "neighbour", "steps": 3}
    for start, now in (("neighbour", "neighbor"), ("a.safetensors: g_a", "a.safetensors: g_a")):
        card = weights.Card("lee2019", {}, {**old, "start": start})
        weights.write(path := tmp_path / "a.safetensors", card, {})
        told = weights.read_card(path).training
        assert told == {"lambda": 1.0, "optimized": "ms-ssim", "start": now, "steps": 3}


def test_former_names_go_on_being_read(monkeypatch):
    """Of weights and of streams that were written before the factorized prior was called so."""
    path = TRAINED / "balle2017-0.0932.safetensors"
    assert weights.read_card(path).architecture == "bmshj2018-factorized"
    assert architectures.find("balle2017") is architectures.find("bmshj2018-factorized")
    coder = architectures.load(path, "bmshj2018-factorized")
    kept = container.read((STREAMS / "balle2017-0.0932.rdb").read_bytes())
    old = container.pack(
        container.Stream(
            "balle2017",
            kept.weights,
            kept.beta,
            kept.height,
            kept.width,
            kept.channels,
            kept.payloads,
        )
    )
    image = coder.decode(old)
    assert container.read(coder.encode(image)[0]).model == "bmshj2018-factorized"
    other = architectures.load(TRAINED / "balle2018-0.0932.safetensors", "balle2018")
    with pytest.raises(Exception, match="of model 'balle2017', not 'balle2018'"):
        other.decode(old)
    assert names.current("lee2019") == "lee2019"


HUGE = "1" + 400 * "0"


def training(key: str, value: str) -> dict[str, str]:
    """A card in which ``key`` of the training has another value, as JSON."""
    rate = {} if key == "lambda" else {"lambda": 0.09}
    return {"training": json.dumps({**rate, key: "@"}).replace('"@"', value)}


def configuration(key: str, value: str) -> dict[str, str]:
    sizes = {"hidden": 8, "latents": 12, key: "@"}
    return {"configuration": json.dumps(sizes).replace('"@"', value)}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"architecture": "balle2018"}, "do not fit the architecture 'balle2018' that their card"),
        ({"architecture": "balle2019"}, "unknown architecture 'balle2019'"),
        ({"configuration": json.dumps({"hidden": 7, "latents": 9})}, "do not fit .*size mismatch"),
        ({"configuration": json.dumps({"hiden": 7})}, "unexpected keyword argument 'hiden'"),
        ({"training": json.dumps({"steps": 1})}, r"its card is damaged \(it has no 'lambda'\)"),
        ({"training": "[]"}, "training is not a table"),
        ({"configuration": "5"}, "configuration is not a table"),
        ({"configuration": "[" * 1000}, "nested deeper"),
        ({"architecture": "/tmp/mine.py:SPEC"}, "a Python file, and a card cannot run one"),
        *(
            (training("lambda", rate), "lambda is .*, not a number above 0|a number out of range")
            for rate in ("0", "-1", "true", '"x"', "null", "[]", "NaN", "Infinity", HUGE)
        ),
        (training("seconds", HUGE), r"training holds 1000.*…0, a number out of range"),
        (training("seconds", f"[{{}}, [-{HUGE}]]"), "training holds -1000"),
        (training("seconds", "1" * 5000), "Exceeds the limit"),
        *(
            (configuration("channels", channels), "channels is .*, but images have 1 or 3|number")
            for channels in ("0", "-1", "2", "true", "1.0", '"3"', "null", "[3]", "{}", HUGE, "NaN")
        ),
        *(
            (configuration("hidden", hidden), "do not fit|'bmshj2018-factorized' with hidden = ")
            for hidden in ("0", "-1", "1000000000", "true", '"x"', "null", "[]", "{}", "0.5")
        ),
    ],
)
def test_a_card_that_disagrees_with_its_file_is_refused(tmp_path, changed, message):
    from safetensors import safe_open

    source = TRAINED / "balle2017-0.0932.safetensors"
    with safe_open(source, framework="numpy") as file:
        metadata = {**file.metadata(), **changed}
    path = tmp_path / "changed.safetensors"
    save_file(load_file(source), path, metadata)
    with pytest.raises(UsageError, match=message) as caught:
        architectures.network(path)
    assert str(caught.value).startswith(f"weights {str(path)!r}")
    assert len(str(caught.value)) < len(str(path)) + 400


def test_a_file_of_python_that_a_card_names_is_not_run(tmp_path):
    from safetensors import safe_open

    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')\n")
    source = TRAINED / "balle2017-0.0932.safetensors"
    with safe_open(source, framework="numpy") as file:
        metadata = {**file.metadata(), "architecture": f"{tmp_path / 'mine.py'}:SPEC"}
    path = tmp_path / "changed.safetensors"
    save_file(load_file(source), path, metadata)
    with pytest.raises(UsageError, match="a card cannot run one"):
        registry.load("trained")(1, checkpoint=str(path))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["F4", "F6_E2M3", "F8_E8M0", "C64"])
def test_tensors_of_unusual_types_cost_one_line(tmp_path, kind):
    """Some are known to safetensors, and not to torch or to a network."""
    card = {
        "rdbench": "1",
        "architecture": "bmshj2018-factorized",
        "configuration": "{}",
        "training": '{"lambda": 1}',
    }
    tensor = {"dtype": kind, "shape": [8], "data_offsets": [0, 64 if kind == "C64" else 8]}
    if kind == "F4":
        tensor["data_offsets"] = [0, 4]
    if kind == "F6_E2M3":
        tensor["data_offsets"] = [0, 6]
    head = json.dumps({"__metadata__": card, "g_a.0.weight": tensor}).encode()
    path = tmp_path / "changed.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(tensor["data_offsets"][1]))
    with pytest.raises(UsageError, match=r"^weights '.*changed\.safetensors'"):
        architectures.network(path)


def test_modules_beside_the_file_of_an_architecture_can_be_imported(tmp_path):
    path = own(tmp_path, file="beside.py")
    (tmp_path / "widths_of_mine.py").write_text("WIDTH = 4\n")
    path.write_text("from widths_of_mine import WIDTH\n" + path.read_text())
    assert architectures.find(f"{path}:SPEC").name == "mine"
