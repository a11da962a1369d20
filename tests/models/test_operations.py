"""Operations of networks, against published counts, and against sums over layers by hand."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch", reason="the networks need torch")

import torch
from torch import nn

from rdbench.models.architectures import find
from rdbench.models.lee2019 import Configuration, Lee2019
from rdbench.models.operations import count
from rdbench.models.zoo.files import ARCHITECTURES
from rdbench.network_cost import COUNTED_SIZE, NetworkCost

PIXELS = math.prod(COUNTED_SIZE)


@pytest.fixture(scope="module")
def kinds():
    pytest.importorskip("compressai._CXX", reason="the networks are CompressAI's")
    from rdbench.models.zoo.loading import KINDS

    return KINDS


def made(kinds, name):
    """The network of quality 1 in CompressAI's zoo."""
    network = kinds[name].network
    try:
        return network(N=128, M=192).eval()
    except TypeError:
        return network(N=128).eval()


def of_layers(network, above, position):
    """kMAC/px of the layers of ``network`` whose names begin with ``above``, at ``position``
    pixels for each of their outputs."""
    return sum(
        layer.weight.numel() / position / 1000
        for name, layer in network.named_modules()
        if name.startswith(above) and isinstance(layer, nn.Conv2d)
    )


def test_the_hyperprior_is_as_published(kinds):
    """42.18 kMAC/px each way, 5.08 M parameters: CompressAI's network, counted by others with
    torch. By hand: convolutions of 5x5 with stride 2, and GDN, which is a 1x1 convolution."""
    cost = count(made(kinds, "bmshj2018-hyperprior"))
    assert cost.analysis_kmac_px == pytest.approx(42.18, abs=0.005)
    assert cost.synthesis_kmac_px == pytest.approx(42.18, abs=0.005)
    assert cost.parameters == pytest.approx(5.08e6, rel=0.001)
    by_hand = 25 * (3 * 128 / 4 + 128 * 128 / 16 + 128 * 128 / 64 + 128 * 192 / 256)
    by_hand += 128 * 128 * (1 / 4 + 1 / 16 + 1 / 64)
    assert cost.analysis_kmac_px == pytest.approx(by_hand / 1000)
    hyper = (9 * 192 * 128 + 25 * 128 * 128 / 4 + 25 * 128 * 128 / 16) / 256 / 1000
    assert cost.entropy_decode_kmac_px == pytest.approx(hyper)
    assert cost.entropy_encode_kmac_px == pytest.approx(2 * hyper)
    assert cost.uncounted == ""


def test_cheng2020_is_as_published(kinds):
    """164.9 and 251.9 kMAC/px, counted by others with torch."""
    cost = count(made(kinds, "cheng2020-anchor"))
    assert cost.analysis_kmac_px == pytest.approx(164.9, abs=0.05)
    assert cost.synthesis_kmac_px == pytest.approx(251.9, abs=0.05)


@pytest.mark.parametrize("name", ["mbt2018", "cheng2020-anchor-checkerboard", "elic2022-official"])
def test_contexts_count_once_for_each_latent(kinds, name):
    network = made(kinds, name)
    cost = count(network)
    parts = [
        of_layers(network, above, 256)
        for above in ("context_prediction", "entropy_parameters", "latent_codec.y")
    ]
    hyper = count(network).entropy_encode_kmac_px - cost.entropy_decode_kmac_px
    assert sum(parts) > 1
    # What is left of decoding is the hyper synthesis, of some layers at the places of z.
    h_s = cost.entropy_decode_kmac_px - sum(parts)
    assert 0.5 * hyper < h_s < 5 * hyper


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_all_of_the_zoo_are_counted_and_left_alone(kinds, name):
    network = made(kinds, name)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    cost = count(network, stride=kinds[name].compressor.stride)
    assert cost.uncounted == ""
    assert cost.analysis_kmac_px > 30
    assert cost.entropy_encode_kmac_px >= cost.entropy_decode_kmac_px
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(value.device.type == "cpu" for value in network.parameters())
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_a_coder_has_the_cost_of_its_network_as_it_was_defined(kinds):
    """The coder's own g_s takes more operations: four phases of 3x3 for 5x5 taps."""
    from rdbench.models.zoo.loading import compressor

    network = made(kinds, "bmshj2018-factorized")
    coder = compressor("bmshj2018-factorized", network.state_dict(), _execution())
    assert coder.cost == count(network, stride=16)
    assert coder.cost.synthesis_kmac_px == pytest.approx(42.18, abs=0.005)


def _execution():
    from rdbench.models.compression.base import Execution

    return Execution()


@pytest.mark.parametrize("contexts", ["both", "bit-consuming", "bit-free"])
def test_lee2019_by_hand(contexts):
    """Four layers of 5x5 with GDN; h_a and h_s; f: a window of 4x4 over latents and c', then two
    layers of 1x1."""
    plain = 0 if contexts == "bit-free" else 4
    network = Lee2019(Configuration(8, context=6, plain=plain), contexts=contexts)
    cost = count(network, stride=network.stride)
    latents = 6 + plain
    transform = 25 * (3 * 8 / 4 + 64 / 16 + 64 / 64 + 8 * latents / 256) + 64 * (
        1 / 4 + 1 / 16 + 1 / 64
    )
    assert cost.analysis_kmac_px == pytest.approx(transform / 1000, rel=0.2)
    layers = [network.context.window, network.estimator[1], network.estimator[3]]
    f = sum(layer.weight.numel() for layer in layers) / 256 / 1000
    hyper = cost.entropy_encode_kmac_px - cost.entropy_decode_kmac_px
    if contexts == "bit-free":
        assert cost.entropy_encode_kmac_px == pytest.approx(f)
        assert hyper == 0
    else:
        h_a = sum(
            layer.weight.numel() / stride / 256 / 1000
            for layer, stride in zip(
                [layer for layer in network.h_a if hasattr(layer, "weight")],
                (1, 4, 16),
                strict=True,
            )
        )
        assert hyper == pytest.approx(h_a)
        assert cost.entropy_decode_kmac_px > f
    assert cost.uncounted == ""


@pytest.mark.parametrize("name", ["dumas2018", "theis2017", "bmshj2018-factorized"])
def test_densities_of_maps_are_tables_and_no_operations(name):
    arguments = {
        "dumas2018": {"case": 1},
        "theis2017": {},
        "bmshj2018-factorized": {"hidden": 8, "latents": 12},
    }[name]
    network = find(name).network(**arguments)
    cost = count(network, channels=network.channels, stride=network.stride)
    assert (cost.entropy_encode_kmac_px, cost.entropy_decode_kmac_px) == (0, 0)
    assert cost.analysis_kmac_px > 0
    assert cost.uncounted == ""


class Transforms(nn.Module):
    """A network of one's own, by methods, as that of an architecture from a file."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 8, 8, 8)
        self.up = nn.ConvTranspose2d(8, 3, 8, 8)

    def analysis(self, images):
        return self.down(images)

    def synthesis(self, latents):
        return self.up(latents)


def test_networks_of_ones_own_are_counted_by_their_methods():
    cost = count(Transforms(), stride=8)
    assert cost.analysis_kmac_px == pytest.approx(3 * 8 / 1000)
    assert cost.synthesis_kmac_px == pytest.approx(3 * 8 / 1000)
    assert cost.entropy_decode_kmac_px == 0


def test_what_pads_an_image_computes_more_for_its_pixels():
    whole, padded = (count(Transforms(), stride=stride) for stride in (256, 1000))
    assert padded.analysis_kmac_px / whole.analysis_kmac_px == pytest.approx(1e6 / PIXELS)


def test_parts_that_are_not_known_leave_out_what_they_may_be_of():
    network = Transforms()
    network.prior = nn.Sequential(nn.Conv2d(8, 8, 3), nn.Linear(3, 3))
    cost = count(network, stride=8)
    assert cost.analysis_kmac_px == pytest.approx(3 * 8 / 1000)
    assert cost.entropy_encode_kmac_px is None
    assert cost.uncounted == "the role of prior.0, prior.1 is not known"
    assert cost.parameters == sum(p.numel() for p in network.parameters())


def test_what_cannot_be_computed_without_values_is_said():
    class Peeking(Transforms):
        def analysis(self, images):
            return self.down(images * float(images.max()))

    cost = count(Peeking(), stride=8)
    assert cost.analysis_kmac_px is None
    assert cost.uncounted.startswith("cannot be counted: RuntimeError: ")
    assert cost.parameters > 0
    assert count(nn.Conv2d(3, 3, 3)).uncounted == (
        "cannot be counted: AttributeError: the network has none of analysis, g_a, encoder"
    )


def test_costs_are_plain_data_and_back():
    cost = NetworkCost(1.0, 2.0, None, None, 3, 4, "why")
    assert NetworkCost.of(cost.plain()) == cost
    assert cost.plain()["size"] == [768, 512]
    # Of a later rdbench, which tells more.
    assert NetworkCost.of({**cost.plain(), "more": 1}) == cost
