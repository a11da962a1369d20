"""The networks of CompressAI as a codec: which weights, which points, what is refused."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rdbench.codecs.zoo import Zoo
from rdbench.conforming import Status, conforms, run_checks
from rdbench.conforming.material import photograph
from rdbench.errors import (
    FileNote,
    MissingBackendError,
    UnsupportedImageError,
    UsageError,
    file_notes,
)
from rdbench.results import read_rows
from tests.cli.command import rdbench
from tests.models.zoo_networks import block_transform, small


@pytest.fixture(autouse=True)
def no_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of torch.hub."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    hub = tmp_path / "home" / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    return hub


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that keep pictures (relu), and two of a ladder in the folder "ladder"."""
    pytest.importorskip("compressai._CXX", reason="the zoo needs CompressAI")
    import torch

    folder = tmp_path_factory.mktemp("checkpoints")
    (folder / "ladder").mkdir()
    torch.save(block_transform(photograph(3)).state_dict(), folder / "relu.pth.tar")
    for quality in (2, 5):
        state = small("mbt2018-mean", seed=quality).state_dict()
        torch.save(state, folder / "ladder" / f"net-quality-{quality}.pth.tar")
    torch.save(small("mbt2018-mean-vbr").state_dict(), folder / "vbr.pth.tar")
    return folder


def resolved(**options: Any) -> dict[str, Any]:
    return Zoo.resolve_options(options)


def test_no_torch_before_an_instance_is_built():
    script = (
        "import sys\n"
        "from rdbench.codecs.zoo import Zoo\n"
        "options = Zoo.resolve_options({})\n"
        "Zoo.axis(options), Zoo.version(), Zoo.label(options)\n"
        "try:\n"
        "    Zoo.require(options)\n"
        "except Exception as error:\n"
        "    assert 'are missing' in str(error), error\n"
        "print(sorted({'torch', 'compressai'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_ladders():
    assert Zoo.axis(resolved()).ladder == tuple(range(1, 9))
    assert Zoo.axis(resolved(arch="cheng2020-attn")).ladder == tuple(range(1, 7))
    assert Zoo.axis(resolved(sweep="beta")).parameter == "beta"
    with pytest.raises(UsageError, match="not one of 1, 2, 3, 4, 5, 6"):
        Zoo.axis(resolved(arch="cheng2020-attn")).check("zoo", 7)
    with pytest.raises(UsageError, match="beta 0 is not within"):
        Zoo.axis(resolved(sweep="beta")).check("zoo", 0)


def test_ladders_of_checkpoints(checkpoints: Path):
    folder, file = str(checkpoints / "ladder"), str(checkpoints / "relu.pth.tar")
    assert Zoo.axis(resolved(checkpoint=folder)).ladder == (2, 5)
    assert Zoo.axis(resolved(checkpoint=file)).ladder == (1,)
    assert Zoo.axis(resolved(checkpoint=file, quality=4)).ladder == (4,)
    assert Zoo.axis(resolved(checkpoint=folder + "/net-quality-5.pth.tar")).ladder == (5,)
    variable = resolved(arch="mbt2018-mean-vbr", checkpoint=str(checkpoints / "vbr.pth.tar"))
    assert Zoo.axis(variable).ladder == tuple(range(1, 9))
    assert Zoo.label(variable) == "zoo mbt2018-mean-vbr checkpoint=vbr.pth.tar"


def test_missing_weights_are_named(no_downloads: Path):
    with pytest.raises(MissingBackendError, match=r"mbt2018-1-\*\.pth\.tar.*pretrained=True"):
        Zoo.require(resolved(arch="mbt2018"))
    with pytest.raises(MissingBackendError, match=r"mbt2018-ms-ssim-4-\*"):
        Zoo.require(resolved(arch="mbt2018", sweep="beta", quality=4, metric="ms-ssim"))
    with pytest.raises(UsageError, match="quality= or checkpoint=FILE"):
        Zoo.require(resolved(arch="mbt2018", sweep="beta"))
    with pytest.raises(UsageError, match="no weights of 'elic2022-official'"):
        Zoo.require(resolved(arch="elic2022-official"))
    (no_downloads / "mbt2018-3-22901978.pth.tar").touch()
    Zoo.require(resolved(arch="mbt2018"))
    assert list(Zoo.provenance(resolved(arch="mbt2018"), [3])["weights"]) == ["3"]
    with pytest.raises(MissingBackendError, match="quality 4"):
        Zoo.provenance(resolved(arch="mbt2018"), [3, 4])


def test_checkpoints_that_are_none_are_refused(checkpoints: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="no such file or folder"):
        Zoo.require(resolved(checkpoint=str(tmp_path / "none.pth.tar")))
    with pytest.raises(UsageError, match="no checkpoints"):
        Zoo.require(resolved(checkpoint=str(tmp_path)))
    with pytest.raises(UsageError, match="for quality 3, only for 2, 5"):
        Zoo.require(resolved(checkpoint=str(checkpoints / "ladder"), sweep="beta", quality=3))
    with pytest.raises(UsageError, match="name its file"):
        Zoo.require(resolved(arch="mbt2018-vbr", checkpoint=str(checkpoints / "ladder")))
    with pytest.raises(UsageError, match="not of 'mbt2018-vbr'"):
        Zoo(1, arch="mbt2018-vbr", checkpoint=str(checkpoints / "relu.pth.tar"))


def test_weights_of_the_cache_are_used(no_downloads: Path, checkpoints: Path):
    data = (checkpoints / "ladder" / "net-quality-2.pth.tar").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    path = no_downloads / f"mbt2018-mean-2-{digest[:8]}.pth.tar"
    path.write_bytes(data)
    codec = Zoo(2, arch="mbt2018-mean")
    image = photograph(3)[:50, :70]
    assert codec.decode(codec.encode(image)).shape == image.shape
    expected = {"2": {"path": str(path.resolve()), "sha256": digest}}
    assert Zoo.provenance(resolved(arch="mbt2018-mean"), [2]) == {"weights": expected}
    wrong = path.rename(path.with_name("mbt2018-mean-2-00000000.pth.tar"))
    with pytest.raises(UsageError, match=f"{wrong.name}.*damaged"):
        Zoo(2, arch="mbt2018-mean")


def test_a_ladder_of_checkpoints(checkpoints: Path):
    options = {"arch": "mbt2018-mean", "checkpoint": str(checkpoints / "ladder")}
    image = photograph(3)[:50, :70]
    codecs = [Zoo(point, **options) for point in (2, 5)]
    streams = [codec.encode(image) for codec in codecs]
    assert streams[0] != streams[1]
    for codec, stream in zip(codecs, streams, strict=True):
        assert codec.decode(stream).shape == image.shape
        assert codec.payload_bytes(stream) in range(len(stream) - 60, len(stream))
    # The same weights, once named by a folder and once alone.
    alone = Zoo(5, arch="mbt2018-mean", checkpoint=options["checkpoint"] + "/net-quality-5.pth.tar")
    assert alone.encode(image) == streams[1]
    with pytest.raises(UnsupportedImageError, match="convert it to RGB"):
        codecs[0].encode(image[:, :, :1])


def test_qualities_of_one_network(checkpoints: Path):
    options = {"arch": "mbt2018-mean-vbr", "checkpoint": str(checkpoints / "vbr.pth.tar")}
    image = photograph(3)
    sizes = [len(Zoo(point, **options).encode(image)) for point in (1, 4, 8)]
    assert sizes[0] < sizes[1] < sizes[2]
    # The best quality has a gain of 1.
    assert len(Zoo(1, sweep="beta", **options).encode(image)) == sizes[2]


def test_estimates_are_those_of_the_image_that_is_asked_for(checkpoints: Path):
    options = {
        "arch": "mbt2018-mean",
        "checkpoint": str(checkpoints / "ladder" / "net-quality-2.pth.tar"),
    }
    codec, fresh = Zoo(2, **options), Zoo(2, **options)
    image, other = photograph(3), photograph(3)[::-1]
    stream = codec.encode(image)
    estimate = codec.estimated_bits(image)
    assert estimate == fresh.estimated_bits(image) != codec.estimated_bits(other)
    assert 8 * len(stream) == pytest.approx(estimate, rel=0.01, abs=8 * 100)


def test_devices_and_precisions(checkpoints: Path):
    torch = pytest.importorskip("torch")
    options = {
        "arch": "mbt2018-mean",
        "checkpoint": str(checkpoints / "ladder" / "net-quality-2.pth.tar"),
    }
    image = photograph(3)
    stream = Zoo(2, precision="bfloat16", **options).encode(image)
    assert Zoo(2, tile=64, **options).decode(stream).shape == image.shape
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="CUDA is not available"):
            Zoo(2, device="cuda", **options)


@pytest.mark.slow
def test_conforms(checkpoints: Path):
    options = {
        "arch": "bmshj2018-factorized-relu",
        "checkpoint": str(checkpoints / "relu.pth.tar"),
        "sweep": "beta",
    }
    results = run_checks("zoo", options, timeout_s=300)
    assert [result for result in results if result.status is Status.FAILED] == []
    assert conforms(results)


def test_images_are_left_as_they_are(checkpoints: Path):
    codec = Zoo(1, arch="bmshj2018-factorized-relu", checkpoint=str(checkpoints / "relu.pth.tar"))
    image = photograph(3)
    image.flags.writeable = False
    decoded = codec.decode(codec.encode(image))
    error = np.mean((decoded.astype(float) - image) ** 2)
    assert 10 * np.log10(255**2 / error) > 31


def test_a_run_says_once_what_was_left_out_of_a_checkpoint(checkpoints: Path, tmp_path: Path):
    """Workers read it: what they are warned of reaches the command line and run.json."""
    import torch

    state = torch.load(checkpoints / "ladder" / "net-quality-2.pth.tar", weights_only=True)
    torch.save(state | {"lpips.net.weight": torch.ones(2)}, tmp_path / "beside.pth.tar")
    for name in ("a", "b"):
        Image.fromarray(photograph(3)[:64, :64]).save(tmp_path / f"{name}.png")
    codec = "zoo:arch=mbt2018-mean,checkpoint=beside.pth.tar"
    command = ("run", "--codec", codec, "--dataset", "*.png", "--metrics", "mse", "--out", "out")
    done = rdbench(*command, "--jobs", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = "1 of its entries do not belong to the network and were left out (lpips)"
    assert done.stderr.count(told) == 1
    (label,) = {row.label for row in read_rows(tmp_path / "out")}
    (note,) = json.loads((tmp_path / "out" / "run.json").read_text())["notes"][label]
    assert note.endswith(told)
    assert f"{label}: {note}" in done.stderr.splitlines()
    again = rdbench(*command, cwd=tmp_path)
    assert told not in again.stderr  # nothing was read
    assert json.loads((tmp_path / "out" / "run.json").read_text())["notes"] == {label: [note]}
    shown = rdbench("codecs", "show", codec, cwd=tmp_path)
    assert f"note       {note}\n" in shown.stdout


def both() -> None:
    warnings.warn("left out", FileNote, stacklevel=1)
    warnings.warn("another", UserWarning, stacklevel=1)


def test_other_warnings_go_on_their_way_beside_notes_of_files():
    notes: list[str] = []
    with pytest.warns(UserWarning, match="another") as seen, file_notes(notes):
        both()
    assert notes == ["left out"]
    assert len(seen) == 1
