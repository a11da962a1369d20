"""Which model is looked into, and what is said where there is none."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks need torch")
pytest.importorskip("torch", reason="it codes the latents")

from rdbench.errors import MissingBackendError, UsageError  # noqa: E402
from rdbench.inspection.model import open_model  # noqa: E402
from rdbench.models import weights  # noqa: E402


def test_a_file_is_opened_with_each_of_its_coders(networks):
    model = open_model(str(networks["dumas"]), 1)
    assert (model.name, list(model.coders), model.maps) == ("dumas", ["ans", "binary"], 6)
    assert model.exception == 5
    np.testing.assert_array_equal(model.means, [0, 0.5, -1, 0.25, 2, -2])
    other = open_model(str(networks["hyperprior"]), 3)
    assert (list(other.coders), other.maps) == (["ans"], 5)
    assert other.means is None
    assert other.exception is None


def test_means_that_training_did_not_set_are_none(networks):
    model = open_model(str(networks["fresh"]), 1)
    assert model.means is None
    assert model.exception is None


@pytest.fixture
def shipped(networks, tmp_path, monkeypatch):
    """A folder that stands for the weights that rdbench ships, with one network in it."""
    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    shutil.copy(networks["dumas"], tmp_path)
    return tmp_path


def test_a_codec_means_its_own_weights(shipped):
    model = open_model("dumas2018-case2", 1)
    assert (model.name, model.maps) == ("dumas2018-case2", 6)


def test_a_codec_with_other_than_one_file_is_refused_with_their_names(networks, shipped):
    with pytest.raises(UsageError, match=r"that rdbench ships are for luma \(`color='luma'`\)"):
        open_model("dumas2018-case2", 3)
    shutil.copy(networks["fresh"], shipped)
    with pytest.raises(UsageError, match=r"comes with 2 files.*dumas\.safetensors, .*fresh\."):
        open_model("dumas2018-case2", 1)
    with pytest.raises(MissingBackendError, match="rdbench ships no weights of it"):
        open_model("balle2017", 3)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.safetensors", "there is no such file"),
        ("jpeg", "codec 'jpeg' has no weights to inspect"),
        ("dumas2018-case4", "unknown codec 'dumas2018-case4'; did you mean 'dumas2018-case"),
    ],
)
def test_what_is_no_model_is_refused(source, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        open_model(source, 1)


def test_a_damaged_file_is_refused(networks, tmp_path):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(networks["dumas"].read_bytes()[:1000])
    with pytest.raises(UsageError, match=r"damaged\.safetensors': damaged, or not safetensors"):
        open_model(str(damaged), 1)
