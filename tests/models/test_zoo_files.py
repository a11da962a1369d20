"""Where the zoo finds its checkpoints, without torch."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

import pytest

from rdbench.errors import MissingBackendError, UsageError
from rdbench.models.zoo import files


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_the_folder_is_that_of_torch_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    hub = pytest.importorskip("torch.hub")
    for variables in ({}, {"XDG_CACHE_HOME": str(tmp_path)}, {"TORCH_HOME": "~/models"}):
        for name in ("XDG_CACHE_HOME", "TORCH_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert files.hub_folder() == Path(hub.get_dir()) / "checkpoints"


def test_names_are_those_of_the_files_that_compressai_downloads(compressai, hub: Path):
    """``model_urls`` of compressai.zoo.image and image_vbr: each is found, and no other is."""
    from compressai.zoo import image, image_models, image_vbr

    count = 0
    for name, metrics in (*image.model_urls.items(), *image_vbr.model_urls.items()):
        assert set(files.ARCHITECTURES[name].pretrained) == set(metrics)
        for urls in metrics.values():
            urls = urls if isinstance(urls, dict) else {1: urls}
            for quality, url in urls.items():
                path = hub / PurePosixPath(url).name
                path.touch()
                count += 1
                if not files.ARCHITECTURES[name].variable:
                    assert quality <= files.ARCHITECTURES[name].qualities
    assert count == len(list(hub.iterdir())) == 91
    for name, architecture in files.ARCHITECTURES.items():
        for metric in architecture.pretrained:
            for quality in range(1, architecture.qualities + 1):
                found = files.pretrained(name, metric, quality)
                table = image_vbr if architecture.variable else image
                urls = table.model_urls[name][metric]
                url = urls if architecture.variable else urls[quality]
                assert found.name == PurePosixPath(url).name
    assert set(image_models) <= set(files.ARCHITECTURES)
    for architecture in files.ARCHITECTURES.values():
        assert not architecture.factory or hasattr(compressai.zoo, architecture.factory)


def test_what_is_missing_is_named_with_how_to_get_it(hub: Path):
    with pytest.raises(MissingBackendError) as caught:
        files.pretrained("mbt2018-mean", "mse", 3)
    message = str(caught.value)
    assert "\n" not in message
    assert "mbt2018-mean-3-*.pth.tar" in message
    assert str(hub) in message
    assert "from compressai.zoo import mbt2018_mean; mbt2018_mean(3, metric='mse'" in message
    with pytest.raises(UsageError, match=r"no weights of 'elic2022-official'.*checkpoint="):
        files.pretrained("elic2022-official", "mse", 1)
    with pytest.raises(UsageError, match="metric=mse"):
        files.pretrained("mbt2018-vbr", "ms-ssim", 1)
    with pytest.raises(UsageError, match="mbt2018-mean"):
        files.pretrained("mbt2018-mea", "mse", 1)


def test_two_files_for_one_quality_are_not_chosen_between(hub: Path):
    for digest in ("00000000", "11111111"):
        (hub / f"mbt2018-mean-3-{digest}.pth.tar").touch()
    with pytest.raises(UsageError, match=re.escape("00000000") + ".*11111111"):
        files.pretrained("mbt2018-mean", "mse", 3)


def test_a_download_that_broke_is_told(hub: Path):
    digest = hashlib.sha256(b"weights").hexdigest()
    good = hub / f"mbt2018-3-{digest[:8]}.pth.tar"
    good.write_bytes(b"weights")
    files.check_download(good)
    good.write_bytes(b"weight")
    with pytest.raises(UsageError, match="damaged"):
        files.check_download(good)
    own = hub / "own.pth.tar"
    own.write_bytes(b"anything")
    files.check_download(own)


@pytest.mark.parametrize(
    ("name", "quality"),
    [
        ("mbt2018-3-22901978.pth.tar", 3),
        ("cheng2020_attn-mse-1-465f2b64.pth.tar", 1),
        ("net-quality-3.pth.tar", 3),
        ("net_Quality=12.safetensors", 12),
        ("2024-11-20-q5.pt", 5),
        ("q7.pth", 7),
        ("bmshj2018-hyperprior-3-11111111.pth.tar", 3),
        ("checkpoint_best_loss.pth.tar", None),
        ("run-2-epoch-30.pth.tar", None),
        ("q1-q2.pt", None),
    ],
)
def test_names_tell_qualities(name: str, quality: int | None):
    assert files.quality_of(Path(name)) == quality


def test_a_folder_is_a_ladder(tmp_path: Path):
    for name in ("net-quality-4.pth.tar", "net-quality-1.pth.tar", "notes-2.txt"):
        (tmp_path / name).touch()
    found = files.in_folder(tmp_path)
    assert list(found) == [1, 4]
    assert found[4].name == "net-quality-4.pth.tar"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "no checkpoints"),
        (("best.pth.tar",), "best.pth.tar.*does not say"),
        (("a-q1.pt", "b-q1.pt"), "a-q1.pt.*b-q1.pt"),
    ],
)
def test_a_folder_that_tells_nothing_is_refused(tmp_path: Path, names, words: str):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=words):
        files.in_folder(tmp_path)
