"""Small networks with lively random weights, and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image


@pytest.fixture(scope="session")
def networks(tmp_path_factory) -> dict[str, Path]:
    """Files of weights: "dumas" (luma, with means and an exception map), "fresh" (the same without
    them) and "hyperprior" (RGB)."""
    torch = pytest.importorskip("torch", reason="the networks need torch")
    pytest.importorskip("torch", reason="it codes the latents")
    from rdbench.models import architectures, weights

    folder = tmp_path_factory.mktemp("weights")
    generator = torch.Generator().manual_seed(5)
    configurations: dict[str, tuple[str, dict[str, Any]]] = {
        "dumas": ("dumas2018", {"case": 2, "maps": 6, "channels": 1}),
        "fresh": ("dumas2018", {"case": 2, "maps": 6, "channels": 1}),
        "hyperprior": ("balle2018", {"hidden": 8, "latents": 5, "channels": 3}),
    }
    files = {}
    for name, (architecture, configuration) in configurations.items():
        card = weights.Card(architecture, configuration, {"lambda": 10000.0})
        network = architectures.build(card, generator)
        with torch.no_grad():
            if architecture == "dumas2018":
                gains = torch.tensor([0.0, 0.3, 0.6, 1, 2, 3])
                network.encoder[-1].weight.mul_(gains[:, None, None, None])
                network.decoder[-1].weight.mul_(30_000)  # to gray levels
                network.density.cover(60.0)
            else:
                network.g_a[-1].weight.mul_(20)
                network.h_s[-1].bias.fill_(1.0)  # the scales of latents that are as large
            if name == "dumas":
                network.means.copy_(torch.tensor([0.0, 0.5, -1, 0.25, 2, -2]))
                network.exception.fill_(5)
        files[name] = folder / f"{name}.safetensors"
        weights.write(files[name], card, network.state_dict())
    return files


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """A folder of two photographs whose sides are no multiples of 16."""
    folder = tmp_path_factory.mktemp("photos")
    astronaut = skimage.data.astronaut()
    Image.fromarray(astronaut[:150, 100:300]).save(folder / "one.png")
    Image.fromarray(astronaut[200:330, 60:160]).save(folder / "two.png")
    return folder
