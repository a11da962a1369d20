"""Checkpoints as other people's trainers leave them."""

from __future__ import annotations

import argparse
import collections
import datetime
import gzip
import io
import re
import sys
import tarfile
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import pytest

pytest.importorskip("compressai._CXX", reason="the checkpoints are of CompressAI's networks")

import torch
from safetensors.torch import save_file

from rdbench.errors import UsageError
from rdbench.models import checkpoints
from rdbench.models.compression.base import Execution
from rdbench.models.zoo import loading, parameters
from tests.models.zoo_networks import photograph, small

NAME = "mbt2018-mean"


@pytest.fixture(autouse=True)
def nothing_kept(one_thread: None) -> Iterator[None]:
    yield
    loading._loaded.clear()


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    return dict(small(NAME).state_dict())


@pytest.fixture(scope="module")
def stream(state: dict[str, Any]) -> bytes:
    """What the weights code a picture as."""
    return coded(loading.compressor(NAME, state, Execution()))


def coded(coder: Any) -> bytes:
    return bytes(coder.encode(photograph(40, 70))[0])


def saved(path: Path, content: Any, **arguments: Any) -> Path:
    torch.save(content, path, **arguments)
    return path


def newer(state: dict[str, Any]) -> dict[str, Any]:
    """``state`` as CompressAI 1.2.7 and later name it."""
    return {
        re.sub(r"(?<=entropy_bottleneck\.)_(matri|bias|factor)x?(\d)", _newer, key): value
        for key, value in state.items()
    }


def _newer(match: re.Match[str]) -> str:
    long = {"matri": "matrices", "bias": "biases", "factor": "factors"}[match[1]]
    return f"{long}.{match[2]}"


@pytest.mark.parametrize("name", [NAME, "cheng2020-anchor-checkerboard", "mbt2018-mean-vbr"])
def test_names_of_compressai_1_2_7_are_read_and_those_of_before(tmp_path: Path, name: str):
    """``entropy_bottleneck.matrices.0`` there, ``entropy_bottleneck._matrix0`` before, also below
    ``latent_codec.hyper``."""
    older = parameters.named(small(name).state_dict())
    assert any(key.endswith("entropy_bottleneck._matrix0") for key in older)
    assert any(key.endswith("entropy_bottleneck.matrices.4") for key in newer(older))
    assert not any("_matrix" in key or "_bias" in key for key in newer(older))
    first = loading.load(saved(tmp_path / "older.pth", older), name)
    second = loading.load(saved(tmp_path / "newer.pth", newer(older)), name)
    assert second.identity == first.identity
    assert coded(second) == coded(first)
    assert parameters.named(newer(older)).keys() == parameters.named(older).keys()


@pytest.mark.parametrize(
    "prefix",
    [
        *("", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "net."),
        *("model.module.", "lit.codec."),
    ],
)
def test_what_trainers_wrap_networks_in_is_taken_off(
    tmp_path: Path, state: dict[str, Any], stream: bytes, prefix: str
):
    wrapped = {prefix + key: value for key, value in state.items()}
    assert coded(loading.load(saved(tmp_path / "wrapped.pth", wrapped), NAME)) == stream


@pytest.mark.parametrize("key", checkpoints.STATES)
def test_keys_that_trainers_use_are_known(
    tmp_path: Path, state: dict[str, Any], stream: bytes, key: str
):
    content = {"epoch": 3, "optimizer": {"state": {0: torch.ones(2)}}, key: state}
    assert coded(loading.load(saved(tmp_path / "net.pth", content), NAME)) == stream


def test_of_several_networks_none_is_taken_unsaid(
    tmp_path: Path, state: dict[str, Any], stream: bytes
):
    other = small(NAME, seed=1).state_dict()
    path = saved(tmp_path / "both.pth", {"state_dict": other, "ema": {"params": state}})
    with pytest.raises(UsageError, match=r"several networks.*'state_dict' and 'ema\.params'.*key="):
        loading.load(path, NAME)
    assert coded(loading.load(path, NAME, key="ema.params")) == stream
    assert coded(loading.load(path, NAME, key="state_dict")) != stream
    with pytest.raises(UsageError, match="no key 'emma'; its keys are 'state_dict', 'ema'"):
        loading.load(path, NAME, key="emma")
    two = {
        f"{part}.{key}": value for part in ("student", "teacher") for key, value in state.items()
    }
    with pytest.raises(UsageError, match=r"under 'student\.' and 'teacher\.'"):
        loading.load(saved(tmp_path / "two.pth", two), NAME)


def test_where_there_is_no_state_its_keys_are_listed(tmp_path: Path, state: dict[str, Any]):
    path = saved(tmp_path / "odd.pth", {"epoch": 3, "my_codec": state})
    with pytest.raises(UsageError, match=r"its keys are 'epoch', 'my_codec'; .*key="):
        loading.load(path, NAME)
    loading.load(path, NAME, key="my_codec")
    with pytest.raises(UsageError, match="it holds list"):
        loading.load(saved(tmp_path / "list.pth", [1, 2]), NAME)


def test_networks_of_the_loss_are_left_out_with_a_warning(
    tmp_path: Path, state: dict[str, Any], stream: bytes
):
    beside = {
        "lpips.net.slice1.0.weight": torch.ones(2),
        "g_a.total_ops": torch.ones(1),
        "total_params": torch.ones(1),
    }
    with pytest.warns(
        UserWarning, match=r"3 of its entries.*left out \(g_a, lpips, total_params\)"
    ):
        found = loading.load(saved(tmp_path / "beside.pth", state | beside), NAME)
    assert coded(found) == stream
    wrapped = {f"model.{key}": value for key, value in state.items()}
    wrapped["criterion.lpips.net.0.weight"] = torch.ones(2)
    with pytest.warns(UserWarning, match="1 of its entries.*criterion"):
        found = loading.load(saved(tmp_path / "lit.pth", wrapped), NAME)
    assert coded(found) == stream
    # What a network of another architecture has is not left out.
    more = state | {"context_prediction.weight": torch.ones(2)}
    with pytest.raises(UsageError, match="context_prediction"):
        loading.load(saved(tmp_path / "more.pth", more), NAME)


def test_tables_that_were_not_saved_are_computed(
    tmp_path: Path, state: dict[str, Any], stream: bytes
):
    names = ("_offset", "_quantized_cdf", "_cdf_length", "scale_table")
    bare = {key: value for key, value in state.items() if not key.endswith(names)}
    assert len(bare) == len(state) - 7
    assert coded(loading.load(saved(tmp_path / "bare.pth", bare), NAME)) == stream
    made = small(NAME)
    made.update()
    full = made.state_dict()
    assert full["entropy_bottleneck._quantized_cdf"].numel() > 0
    assert coded(loading.load(saved(tmp_path / "full.pth", full), NAME)) == stream


@pytest.mark.parametrize("zipped", [True, False])
def test_harmless_objects_beside_the_weights_are_read(
    tmp_path: Path, state: dict[str, Any], stream: bytes, zipped: bool
):
    content = {
        "state_dict": state,
        "args": argparse.Namespace(lmbda=0.0130, path=PosixPath("/data")),
        "space": types.SimpleNamespace(a=1),
        "loss": np.float64(0.5),
        "step": np.int64(7),
        "curve": np.arange(3.0),
        "seen": collections.defaultdict(list, {"a": [1]}),
        "when": datetime.datetime(2024, 5, 1),
    }
    path = saved(tmp_path / "net.pth", content, _use_new_zipfile_serialization=zipped)
    assert coded(loading.load(path, NAME)) == stream
    # As NumPy 1 named it.
    data = path.read_bytes()
    if not zipped:
        path.write_bytes(data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
        assert coded(loading.load(path, NAME)) == stream


def test_what_others_have_allowed_under_a_name_of_ours_is_not_taken(
    tmp_path: Path, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    """As torch's own distributed package allows ``defaultdict``, which torch.load cannot fill. It
    takes the last of a name in a set, that is, one or the other by chance."""
    allowed: list[Any] = []
    load = torch.load

    def watched(*given: Any, **named: Any) -> Any:
        allowed.extend(torch.serialization.get_safe_globals())
        return load(*given, **named)

    monkeypatch.setattr(torch, "load", watched)
    before = torch.serialization.get_safe_globals()
    path = saved(tmp_path / "net.pth", {"state_dict": state, "seen": collections.defaultdict(int)})
    with torch.serialization.safe_globals([collections.defaultdict, Config]):
        checkpoints.read(path)
        assert {collections.defaultdict, Config} <= {*torch.serialization.get_safe_globals()}
    torch.serialization.add_safe_globals(before)  # leaving forgets what was allowed twice
    assert Config in allowed
    assert collections.defaultdict not in allowed


class EasyDict(dict):  # type: ignore[type-arg]
    """As the package easydict has it: its entries are attributes as well."""

    def __init__(self, **entries: Any) -> None:
        super().__init__(entries)
        self.__dict__.update(entries)


def test_configurations_of_libraries_that_are_not_here_are_read_as_mappings(
    tmp_path: Path, state: dict[str, Any], stream: bytes, monkeypatch: pytest.MonkeyPatch
):
    module = types.ModuleType("easydict")
    module.EasyDict = EasyDict  # type: ignore[attr-defined]
    monkeypatch.setattr(EasyDict, "__module__", "easydict")
    monkeypatch.setitem(sys.modules, "easydict", module)
    path = saved(tmp_path / "net.ckpt", {"state_dict": state, "config": EasyDict(lmbda=0.01)})
    monkeypatch.delitem(sys.modules, "easydict")
    assert coded(loading.load(path, NAME)) == stream


class Config:
    """A type of somebody's own."""


@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_not_known_to_be_harmless_is_named(tmp_path: Path, zipped: bool):
    path = tmp_path / "net.pth"
    wanted = {Config: r"tests\.models\.test_checkpoints\.Config", sys.exit: r"sys\.exit"}
    for thing, name in wanted.items():
        content = {"x": thing() if thing is Config else thing}
        saved(path, content, _use_new_zipfile_serialization=zipped)
        with pytest.raises(UsageError, match=f"holds {name}, which.*state_dict") as caught:
            checkpoints.read(path)
        message = str(caught.value)
        assert message.isprintable(), message
        assert "add_safe_globals" not in message


def expanded(*shape: int) -> torch.Tensor:
    return torch.zeros(1).expand(shape)


NOT_PLAIN = {
    "a sparse_coo tensor": lambda: torch.eye(4).to_sparse(),
    "a sparse_csr tensor": lambda: torch.eye(4).to_sparse_csr(),
    "a quantized tensor": lambda: torch.quantize_per_tensor(torch.eye(4), 0.1, 0, torch.qint8),
    "a meta tensor": lambda: torch.empty(10**6, 10**6, device="meta"),
    r"the largest is 'g_a\.0\.weight' of shape \(1000000, 10000\)": lambda: expanded(10**6, 10**4),
    r"more than 6\d,\d{3},\d{3} bytes": lambda: expanded(10**9, 10**9),
    "the file has 4": lambda: torch.zeros(10**5).as_strided((50000, 50000), (1, 1)),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(("words", "make"), NOT_PLAIN.items(), ids=NOT_PLAIN)
def test_tensors_that_are_not_plain_are_refused(
    tmp_path: Path, words: str, make: Any, zipped: bool
):
    """Sparse ones, those without samples, and those that claim one sample many times over."""
    content = {"g_a.0.bias": torch.zeros(4), "g_a.0.weight": make()}
    path = saved(tmp_path / "net.pth", content, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UsageError, match=words) as caught:
        checkpoints.read(path)
    assert str(caught.value).startswith(f"checkpoint {str(path)!r}: ")


def test_a_buffer_that_repeats_a_sample_is_read(tmp_path: Path):
    path = saved(tmp_path / "net.pth", {"g_a.0.weight": expanded(100, 100)})
    assert checkpoints.read(path)["g_a.0.weight"].shape == (100, 100)


def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path: Path):
    whole = saved(tmp_path / "whole.pth", {"g_a.0.weight": torch.zeros(20 * 2**20)})
    path = tmp_path / "net.pth"
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as to:
        for part in archive.infolist():
            to.writestr(part.filename, archive.read(part))
    assert checkpoints.read(whole)
    with pytest.raises(
        UsageError, match=r"its parts are compressed, from 83,\d{3},\d{3} bytes to "
    ):
        checkpoints.read(path)


SHAPES = {
    "no dimension": lambda tensor: tensor.sum(),
    "no samples": lambda tensor: tensor[:0],
    "one dimension": lambda tensor: tensor.flatten(),
    "three more": lambda tensor: tensor[None, None, None],
}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("change", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("key", ["g_a.0.weight", "h_s.0.weight", "entropy_bottleneck.quantiles"])
def test_tensors_of_other_shapes_cost_one_line(
    tmp_path: Path, state: dict[str, Any], key: str, change: Any
):
    path = saved(tmp_path / "net.pth", {**state, key: change(state[key])})
    with pytest.raises(UsageError, match=r"^checkpoint '.*net\.pth': the weights are not of"):
        loading.load(path, NAME)


def test_files_that_are_no_checkpoints_are_called_what_they_are(
    tmp_path: Path, state: dict[str, Any]
):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("net.pth"))
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    for content, words in {
        b"": r"empty \(0 bytes\)",
        b"\n<!DOCTYPE html><html>Sign in</html>": r"a web page \(HTML\)",
        b"<html><body>": r"a web page \(HTML\)",
        gzip.compress(buffer.getvalue()): "compressed with gzip.*gunzip",
        packed.getvalue(): "a tar archive",
        pointer: "Git LFS",
        b"\x89HDF\r\n\x1a\n": "HDF5",
        buffer.getvalue()[:5000]: "damaged, or not a checkpoint",
        b"weights": "damaged",
    }.items():
        path = tmp_path / "net.pth.tar"
        path.write_bytes(content)
        with pytest.raises(UsageError, match=words) as caught:
            checkpoints.read(path)
        assert str(path) in str(caught.value)
        assert str(caught.value).isprintable()


def test_the_content_tells_the_format_not_the_name(tmp_path: Path, state: dict[str, Any]):
    tensors = {key: value.contiguous() for key, value in state.items() if value.numel()}
    save_file(tensors, tmp_path / "net.pth")
    saved(tmp_path / "net.safetensors", tensors)
    assert checkpoints.read(tmp_path / "net.pth").keys() == tensors.keys()
    assert checkpoints.read(tmp_path / "net.safetensors").keys() == tensors.keys()
