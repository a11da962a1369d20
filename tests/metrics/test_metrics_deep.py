"""LPIPS and DISTS with weights in files. The true ones could not be had: these are random, and the
values are those that piq's own classes give with them."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from rdbench.errors import MissingBackendError
from rdbench.files import sha256
from rdbench.metrics import Reference, find, registry

piq = pytest.importorskip("piq")
torch = pytest.importorskip("torch")
CHANNELS = (64, 128, 256, 512, 512)
FILES = {"lpips": "lpips_weights.pt", "dists": "dists_weights.pt"}


@pytest.fixture(scope="module")
def features():
    """torchvision's VGG16 without its classifier, with random weights."""
    from torchvision.models import vgg

    torch.set_num_threads(1)
    torch.manual_seed(1)
    found = torch.nn.Module()
    found.features = vgg.make_layers(vgg.cfgs["D"])
    return found.eval()


@pytest.fixture(scope="module")
def cache(features, tmp_path_factory) -> Path:
    """A cache of torch's with the files that piq and torchvision would download into it."""
    folder = tmp_path_factory.mktemp("torch") / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    random = torch.Generator().manual_seed(2)
    state = features.state_dict() | {"classifier.0.weight": torch.zeros(2, 2)}
    torch.save(state, folder / "vgg16-397923af.pth")
    linear = [torch.rand(1, count, 1, 1, generator=random) for count in CHANNELS]
    torch.save(linear, folder / FILES["lpips"])
    parts = torch.rand(2, 1, 3 + sum(CHANNELS), 1, 1, generator=random)
    parts /= parts.sum()
    torch.save({"alpha": parts[0], "beta": parts[1]}, folder / FILES["dists"])
    return folder


@pytest.fixture
def in_cache(cache, monkeypatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(cache.parent.parent))
    return cache


@pytest.fixture(scope="module")
def pair(photo, jpeg) -> tuple[np.ndarray, np.ndarray]:
    original = np.ascontiguousarray(photo[100:301, 100:234])
    return original, jpeg(original, 20)


def tensor(image: np.ndarray):
    return torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32)) / 255


@pytest.mark.parametrize("name", FILES)
def test_a_value_is_what_piq_gives_with_the_same_weights(
    in_cache, features, photo, pair, name, monkeypatch
) -> None:
    larger = np.ascontiguousarray(photo[:300, :270]), np.ascontiguousarray(photo[200:500, 200:470])
    for original, decoded in (pair, larger):  # DISTS makes the second smaller
        found = Reference(original, [find(name)]).score(decoded)
        assert found.reasons == {}
        with monkeypatch.context() as patched:
            patched.setattr(piq.perceptual, "vgg16", lambda **_: features)
            read = functools.partial(torch.load, in_cache / FILES[name], weights_only=True)
            patched.setattr(
                torch.hub, "load_state_dict_from_url", lambda *_, read=read, **__: read()
            )
            theirs = {"lpips": piq.LPIPS, "dists": piq.DISTS}[name]()
        expected = float(theirs(tensor(original), tensor(decoded)))
        # Both are differences from 1 in single precision, where it is DISTS.
        assert found.values[name] == pytest.approx(expected, rel=1e-5, abs=2e-7)
        assert expected > 1e-3


@pytest.mark.parametrize("name", FILES)
def test_identical_images_give_0_and_gray_ones_what_three_equal_channels_do(
    in_cache, pair, name
) -> None:
    reference = Reference(pair[0], [find(name)])
    assert reference.score(pair[0].copy()).values[name] == pytest.approx(0, abs=1e-6)
    gray = [np.ascontiguousarray(image[:, :, :1]) for image in pair]
    color = [np.repeat(image, 3, axis=2) for image in gray]
    values = [Reference(a, [find(name)]).score(b).values[name] for a, b in (gray, color)]
    assert values[0] == values[1] > 1e-3


@pytest.mark.parametrize("name", FILES)
def test_files_of_weights_are_named_by_their_digest(cache, pair, tmp_path, monkeypatch, name):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    vgg16, weights = cache / "vgg16-397923af.pth", cache / FILES[name]
    record = find(f"{name}:vgg16={vgg16}:weights={weights}")
    assert record.name == f"{name}:vgg16={sha256(vgg16)[:8]}:weights={sha256(weights)[:8]}"
    assert registry.source(record) == {path.name: sha256(path) for path in (vgg16, weights)}
    assert Reference(pair[0], [record]).score(pair[1]).reasons == {}


def test_those_in_the_cache_are_part_of_the_version(in_cache) -> None:
    told = registry.version(find("lpips"))
    digests = [sha256(in_cache / file)[:12] for file in ("vgg16-397923af.pth", FILES["lpips"])]
    assert told.startswith("piq ")
    assert all(digest in told for digest in digests)


@pytest.mark.parametrize("name", FILES)
def test_weights_that_are_not_here_are_named_with_where_to_put_them(
    cache, pair, tmp_path, monkeypatch, name
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingBackendError) as missing:
        registry.version(find(name))
    assert str(missing.value) == (
        "weights are missing, and rdbench does not download any: put vgg16-397923af.pth and "
        f"{FILES[name]} into {tmp_path}/hub/checkpoints, or name files of the same layout with "
        ":vgg16=PATH:weights=PATH"
    )
    record = find(f"{name}:vgg16={cache / 'vgg16-397923af.pth'}")
    (note,) = Reference(pair[0], [record]).score(pair[1]).notes
    assert f"put {FILES[name]} into" in note
    assert "weights are missing" in registry.provenance(record)["missing"]


def test_files_that_are_none_are_refused(in_cache, pair, tmp_path) -> None:
    text = tmp_path / "text.pt"
    text.write_text("no weights")
    (note,) = Reference(pair[0], [find(f"lpips:weights={text}")]).score(pair[1]).notes
    assert "text.pt cannot be read as weights of torch" in note
    other = in_cache / FILES["dists"]
    (note,) = Reference(pair[0], [find(f"lpips:weights={other}")]).score(pair[1]).notes
    assert "weights do not have the layout of torchvision or piq: " in note
    (note,) = Reference(pair[0], [find(f"dists:vgg16={other}")]).score(pair[1]).notes
    assert "weights do not have the layout of torchvision or piq: " in note


def test_images_that_are_too_small_have_no_value(in_cache, photo) -> None:
    for name in FILES:
        small = np.ascontiguousarray(photo[:15, :40])
        (note,) = Reference(small, [find(name)]).score(small).notes
        assert note == f"{name}: sides must be at least 16 px, but the image is 40x15"
        least = np.ascontiguousarray(photo[:16, :16])
        assert name in Reference(least, [find(name)]).score(255 - least).values
