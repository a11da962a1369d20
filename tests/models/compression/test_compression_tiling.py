"""Transforms in tiles: with a margin as wide as the network sees, the result is the same."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the networks need torch")

from rdbench.models.balle import (  # noqa: E402
    FactorizedPrior,
    analysis_transform,
    hyper_synthesis_transform,
    synthesis_transform,
)
from rdbench.models.compression.exact import ExactNetwork  # noqa: E402
from rdbench.models.compression.tiling import spans, tiled  # noqa: E402
from rdbench.models.dumas2018 import Dumas2018  # noqa: E402
from rdbench.models.theis2017 import Theis2017  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


def networks():
    torch.manual_seed(3)
    theis, dumas = Theis2017(maps=4, width=8), Dumas2018(1, maps=4, channels=3)
    return {
        "balle analysis": (analysis_transform(4, 6), 16, 1, 3, FactorizedPrior.margin),
        "balle synthesis": (synthesis_transform(4, 6), 1, 16, 6, FactorizedPrior.margin),
        "dumas analysis": (dumas.encoder, 16, 1, 3, Dumas2018.margin),
        "dumas synthesis": (dumas.decoder, 1, 16, 4, Dumas2018.margin),
        "theis analysis": (theis.encoder, 8, 1, 3, Theis2017.margin),
        "theis synthesis": (theis.decoder, 1, 8, 4, Theis2017.margin),
    }


@pytest.mark.parametrize("name", networks())
def test_tiles_give_what_the_whole_gives(name):
    """In float64, where sums in another order differ by 1e-14 and a missing sample by far more."""
    network, inner, outer, channels, margin = networks()[name]
    network = network.double()
    generator = torch.Generator().manual_seed(5)
    shape = (1, channels, 21 * inner, 18 * inner)
    samples = torch.rand(shape, generator=generator, dtype=torch.float64) * 20 - 10
    with torch.inference_mode():
        whole = network(samples)
        # 7 and 5 leave tiles of odd sizes at the borders.
        for tile in (7, 5):
            parts = tiled(network, samples, inner=inner, outer=outer, margin=margin, tile=tile)
            torch.testing.assert_close(parts, whole, rtol=1e-11, atol=1e-11)


def test_too_narrow_a_margin_is_noticed():
    """The test above can fail."""
    network = analysis_transform(4, 6).double()
    samples = torch.rand(1, 3, 160, 160, dtype=torch.float64)
    with torch.inference_mode():
        parts = tiled(network, samples, inner=16, outer=1, margin=1, tile=5)
        assert not torch.allclose(parts, network(samples), rtol=1e-6, atol=1e-9)


def test_hyper_synthesis_in_tiles_is_that_of_the_whole():
    torch.manual_seed(4)
    network = hyper_synthesis_transform(6, 8)
    symbols = torch.randint(-20, 20, (1, 6, 40, 37))
    exact = ExactNetwork(network, outer=4, margin=4)
    with torch.inference_mode():
        whole = network.double()(symbols.double())
        assert exact(symbols).dtype == torch.float64
        torch.testing.assert_close(exact(symbols), whole, rtol=1e-12, atol=1e-12)


def test_spans_cover_a_side_once():
    for size in range(1, 30):
        for tile in range(1, 12):
            parts = spans(size, tile)
            assert [i for start, stop in parts for i in range(start, stop)] == list(range(size))
            assert max(stop - start for start, stop in parts) <= tile
    assert spans(1000, 0) == [(0, 1000)]
