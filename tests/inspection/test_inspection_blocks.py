"""The way of an image through the block codecs: its parts are those of the stream."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft

from rdbench.codecs.blocks.codec import DctBlock, KltBlock
from rdbench.conforming.material import picture
from rdbench.errors import UsageError
from rdbench.inspection import blocks

IMAGE = picture(1, 61, 83)


@pytest.fixture(scope="module")
def passages():
    return {codec.name: blocks.passage(codec(16), IMAGE) for codec in blocks.CODECS}


def test_bits_add_up_to_the_stream(passages) -> None:
    totals = blocks.totals(passages).set_index("codec")
    for name, one in passages.items():
        told = one.block_bits().sum() + one.basis_bits
        # Header of 11 to 13 bytes, checksum of 4, and the end of the range coder.
        assert 100 < 8 * len(one.stream) - told < 250
        row = totals.loc[name]
        parts = row[["levels_bpp", "lengths_bpp", "basis_bpp", "header_bpp"]].sum()
        assert parts == pytest.approx(row["bpp"])
        assert row["bpp"] == pytest.approx(8 * len(one.codec.encode(IMAGE)) / (61 * 83))
        error = (one.decoded.astype(float) - IMAGE) ** 2
        assert row["psnr_db"] == pytest.approx(10 * np.log10(255**2 / error.mean()))
    assert totals.loc["dct-block", "basis_bpp"] == 0
    assert totals.loc["klt-block", "basis_bpp"] > 0.5  # of so small an image


def test_the_stages_of_a_block_are_those_of_scipy(passages) -> None:
    one = passages["dct-block"]
    left, top = 24, 16
    block = blocks.block_at(IMAGE, left + 7, top)
    assert blocks.corner(IMAGE, block) == (left, top)
    stages = blocks.stages(one, block)
    samples = IMAGE[top : top + 8, left : left + 8, 0].astype(float)
    expected = scipy.fft.dctn(samples - round(IMAGE.mean()), norm="ortho")
    np.testing.assert_allclose(stages["coefficients"], expected, atol=1e-4)
    np.testing.assert_array_equal(stages["levels"], np.rint(expected / 16))
    np.testing.assert_array_equal(stages["decoded"], one.decoded[top : top + 8, left : left + 8, 0])
    table = blocks.block_table({"dct-block": one}, block)
    (bits,) = (values for name, values in stages.items() if name.startswith("bits"))
    assert bits.sum() == pytest.approx(table["bits"].sum())


def test_functions_make_the_blocks_of_their_coefficients(passages) -> None:
    block = 5
    for name, one in passages.items():
        functions = np.array(blocks.functions(one)) * 2.0**-one.codec.precision
        coefficients = blocks.laid_out(one, one.coefficients[block]).ravel()
        left, top = blocks.corner(IMAGE, block)
        samples = IMAGE[top : top + 8, left : left + 8, 0] - float(one.coded.mean)
        found = np.tensordot(coefficients, functions, 1)
        np.testing.assert_allclose(found, samples, atol=1e-6, err_msg=name)


def test_shares_of_the_variance_end_with_all_of_it(passages) -> None:
    positions = blocks.positions(passages)
    for name, own in positions.groupby("codec"):
        assert own["share"].iloc[-1] == pytest.approx(1)
        assert own["share"].is_monotonic_increasing
        levels = passages[name].level_bits.sum() / (61 * 83)
        assert own["bpp"].sum() == pytest.approx(levels)


def test_a_block_to_look_at_costs_more_than_nine_in_ten(passages) -> None:
    one = passages["dct-block"]
    costs = one.block_bits().ravel()
    share = (costs < costs[blocks.lively_block(one)]).mean()
    assert share == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (83, 0), (0, 61)])
def test_a_block_outside_of_the_image_is_refused(x, y) -> None:
    with pytest.raises(UsageError, match="not within the image of 83x61 px"):
        blocks.block_at(IMAGE, x, y)


def test_a_flat_image_has_a_way_too() -> None:
    flat = np.full((9, 9, 1), 40, np.uint8)
    for codec in (DctBlock, KltBlock):
        one = blocks.passage(codec(8), flat)
        assert one.basis_bits == 0
        np.testing.assert_array_equal(one.decoded, flat)
