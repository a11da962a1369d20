"""A network of one's own, from a file outside the package: trained, then measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from rdbench.codecs.papers import Trained
from rdbench.errors import UsageError
from rdbench.models import weights
from rdbench.models.architectures import table
from rdbench.training.configuration_file import read
from rdbench.training.family import train

OWN = '''
"""A transform of one layer: an example of all that an architecture needs."""
import torch
from torch import nn
from rdbench.models.architectures import ArchitectureSpec
from rdbench.models.compression.factorized import FactorizedCompressor
from rdbench.models.densities import FactorizedDensity, Reconstruction
from rdbench.models.layers import uniform_noise
from rdbench.training.trainers.base import RateDistortionTrainer

class Blocks(nn.Module):
    stride, margin, peak, channels = 8, 1, 255.0, 3

    def __init__(self, maps, *, generator=None):
        super().__init__()
        self.down = nn.Conv2d(3, maps, 8, 8)
        self.up = nn.ConvTranspose2d(maps, 3, 8, 8)
        self.density = FactorizedDensity(maps, generator=generator)

    def analysis(self, images):
        return self.down(images)

    def synthesis(self, latents):
        return self.up(latents)

    def forward(self, images, generator=None):
        y = self.analysis(images)
        noisy = y + uniform_noise(y, generator)
        return Reconstruction(self.synthesis(noisy), {"y": self.density(noisy)})

class Trainer(RateDistortionTrainer):
    stride = 8

    @staticmethod
    def observe(network, latents, generator):
        network.density.find_medians()

SPEC = ArchitectureSpec("blocks", Blocks, FactorizedCompressor, Trainer)
'''


@pytest.fixture
def folder(tmp_path, monkeypatch, toml):
    """Where the network, its configuration and its weights are."""
    monkeypatch.setattr(table, "_from_files", {})
    (tmp_path / "own.py").write_text(OWN)
    path = toml("theis2017", lambdas=[0.1], architecture="own.py:SPEC")
    path.write_text(path.read_text().replace("width = 8\n", ""))
    torch.manual_seed(0)
    train(read(path), tmp_path / "out")
    return tmp_path


def test_it_is_trained_and_measured_like_the_others(folder, photos):
    (file,) = (folder / "out").glob("*.safetensors")
    assert file.name == "blocks-0.1.safetensors"
    assert weights.read_card(file).architecture == "blocks"
    options = {"architecture": f"{folder}/own.py:SPEC", "checkpoints": str(folder / "out")}
    resolved = Trained.resolve_options(options)
    Trained.require(resolved)
    assert Trained.axis(resolved).ladder == (0.1,)
    image = np.asarray(Image.open(next(iter(sorted(photos.glob("*.png"))))))
    stream = Trained(0.1, **options).encode(image)
    decoded = Trained(0.1, **options).decode(stream)
    assert decoded.shape == image.shape
    assert Trained(0.1, **options).encode(image) == stream


def test_weights_of_another_architecture_are_not_its_own(folder, tmp_path):
    other = tmp_path / "other.py"
    other.write_text(OWN.replace('"blocks"', '"lumps"'))
    (file,) = (folder / "out").glob("*.safetensors")
    options = {"architecture": f"{other}:SPEC", "checkpoint": str(file)}
    with pytest.raises(UsageError, match=r"holds weights of blocks .* not of this codec"):
        Trained.require(Trained.resolve_options(options))
