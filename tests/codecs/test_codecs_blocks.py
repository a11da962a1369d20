"""The block transform codecs, against scipy's transforms and known figures."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from rdbench.codecs.blocks import levels as binarization
from rdbench.codecs.blocks import transform
from rdbench.codecs.blocks.codec import CodedPlane, DctBlock, KltBlock, code_levels
from rdbench.conforming.material import photograph, picture
from rdbench.errors import BitstreamError, UsageError
from rdbench.models.coding.adaptive import Decoder, Encoder, Meter

STREAMS = Path(__file__).parent / "streams"
CODECS = (DctBlock, KltBlock)
T81_ZIGZAG = """
 0  1  5  6 14 15 27 28
 2  4  7 13 16 26 29 42
 3  8 12 17 25 30 41 43
 9 11 18 24 31 40 44 53
10 19 23 32 39 45 52 54
20 22 33 38 46 51 55 60
21 34 37 47 50 56 59 61
35 36 48 49 57 58 62 63
"""
"""ITU-T T.81, figure A.6: the place of each coefficient in the sequence."""


@pytest.fixture(scope="module")
def plane():
    return skimage.data.camera()[:300, 100:403].astype(np.float64)


def scipy_dct(plane):
    """scipy's orthonormal DCT of the blocks, row by row, (blocks, 8, 8)."""
    padded = np.pad(plane, ((0, -plane.shape[0] % 8), (0, -plane.shape[1] % 8)), mode="edge")
    tiles = [
        scipy.fft.dctn(padded[top : top + 8, left : left + 8], norm="ortho")
        for top in range(0, padded.shape[0], 8)
        for left in range(0, padded.shape[1], 8)
    ]
    return np.array(tiles)


def test_the_dct_is_that_of_scipy_in_the_zigzag_order_of_jpeg(plane) -> None:
    places = np.array(T81_ZIGZAG.split(), int).reshape(8, 8)
    found = transform.to_blocks(plane) @ transform.dct_basis().T
    expected = scipy_dct(plane)
    for down, across in np.ndindex(8, 8):
        np.testing.assert_allclose(
            found[:, places[down, across]], expected[:, down, across], atol=1e-9
        )


def test_blocks_become_the_plane_again(plane) -> None:
    for height, width in ((300, 303), (1, 1), (8, 9)):
        part = plane[:height, :width]
        blocks = transform.to_blocks(part)
        assert len(blocks) == transform.block_count(height, width)
        np.testing.assert_array_equal(transform.from_blocks(blocks, height, width), part)


def test_coding_gains_of_a_markov_source_are_those_of_the_books() -> None:
    """Eight samples of a first-order autoregressive source of correlation 0.95: 8.83 dB for the
    DCT and 8.85 dB for the KLT (Clarke 1985, "Transform Coding of Images", and many since)."""
    covariance = scipy.linalg.toeplitz(0.95 ** np.arange(8))
    gains = []
    for basis in (transform.dct_matrix(8), transform.klt(covariance)):
        np.testing.assert_allclose(basis @ basis.T, np.eye(8), atol=1e-12)
        gains.append(transform.coding_gain_db(np.diag(basis @ covariance @ basis.T)))
    assert gains == pytest.approx([8.83, 8.85], abs=0.005)
    # The product of a KLT's variances is the determinant, (1 - 0.95²)^7.
    assert gains[1] == pytest.approx(-10 * np.log10(1 - 0.95**2) * 7 / 8, abs=1e-9)


def test_the_klt_is_that_of_a_singular_value_decomposition(plane) -> None:
    blocks = transform.to_blocks(plane)
    basis = transform.klt_basis(blocks)
    centered = blocks - blocks.mean(axis=0)
    _, values, vectors = scipy.linalg.svd(centered, full_matrices=False)
    variances = (blocks @ basis.T).var(axis=0)
    np.testing.assert_allclose(variances, values**2 / len(blocks), rtol=1e-6)
    likeness = np.abs((basis * vectors).sum(axis=1))
    np.testing.assert_allclose(likeness, 1, atol=1e-4)
    assert (basis[np.arange(64), np.abs(basis).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize("name", ["camera", "moon", "coins", "text"])
def test_no_transform_packs_an_image_better_than_its_klt(name) -> None:
    blocks = transform.to_blocks(getattr(skimage.data, name)())
    klt, dct = (
        (blocks @ basis.T).var(axis=0)
        for basis in (transform.klt_basis(blocks), transform.dct_basis())
    )
    assert transform.coding_gain_db(klt) >= transform.coding_gain_db(dct)
    largest_first = np.sort(dct)[::-1]
    assert (np.cumsum(klt) >= np.cumsum(largest_first) * (1 - 1e-12)).all()


def test_flat_planes_have_a_basis_and_coefficients_without_variance_an_infinite_gain() -> None:
    basis = transform.klt_basis(np.full((5, 64), 7.0))
    np.testing.assert_allclose(basis @ basis.T, np.eye(64), atol=1e-12)
    assert transform.coding_gain_db(np.array([1.0, 0.0])) == np.inf


def test_the_codec_is_the_textbooks_in_scipy(plane) -> None:
    """Mean off, DCT, rounding to multiples of the step, and back: the same image, except where a
    sample lies on the border between two levels."""
    step = DctBlock(11.3).step
    image = plane.astype(np.uint8)[:, :, np.newaxis]
    decoded = DctBlock(step).decode(DctBlock(step).encode(image))[:, :, 0]
    mean = round(plane.mean())
    levels = np.rint(scipy_dct(plane - mean) / step)
    tiles = scipy.fft.idctn(levels * step, axes=(1, 2), norm="ortho")
    expected = transform.from_blocks(tiles.reshape(-1, 64), *plane.shape) + mean
    difference = np.abs(decoded - np.clip(expected, 0, 255))
    assert difference.max() < 0.51
    assert (decoded == np.rint(np.clip(expected, 0, 255))).mean() > 0.999


@pytest.mark.parametrize("codec", CODECS)
def test_a_fine_quantizer_errs_by_a_twelfth_of_its_square(codec) -> None:
    """A step of 4 has a mean squared error of 4²/12, and rounding to whole levels 1/12 beside."""
    noise = np.random.default_rng(1).normal(128, 20, (200, 200, 1))
    image = np.rint(noise).astype(np.uint8)
    decoded = codec(4).decode(codec(4).encode(image))
    error = ((decoded.astype(float) - image) ** 2).mean()
    assert error == pytest.approx(16 / 12 + 1 / 12, rel=0.02)


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_between_is_what_the_codec_codes(codec, plane) -> None:
    """The stream's length is that of the meter, which says what each level costs."""
    one = codec(16)
    image = plane.astype(np.uint8)[:, :, np.newaxis]
    coded = one.coded(plane)
    meter = Meter(2 * binarization.CONTEXTS, binarization.PLACES * len(coded.levels))
    code_levels(meter, coded.levels, 0)
    if codec is KltBlock:
        binarization.code(meter, coded.basis.astype(np.int64), 1, alike=True)
    payload = one.payload_bytes(one.encode(image))
    assert meter.costs.sum() == pytest.approx(8 * payload, abs=64)


def test_each_binary_digit_of_a_basis_is_a_bit_for_each_sample_of_its_functions(plane) -> None:
    costs = []
    for digits in (10, 12):
        basis = KltBlock(4, precision=digits).coded(plane).basis
        meter = Meter(binarization.CONTEXTS, binarization.PLACES * len(basis))
        binarization.code(meter, basis.astype(np.int64), 0, alike=True)
        costs.append(meter.costs.sum())
    assert costs[1] - costs[0] == pytest.approx(2 * 64 * len(basis), rel=0.02)


def test_functions_that_no_block_uses_are_left_out(plane) -> None:
    coarse, fine = (KltBlock(step).coded(plane).basis for step in (128, 4))
    assert 0 < len(coarse) < len(fine)
    flat = KltBlock(8).coded(np.full((16, 16), 99.0))
    assert (flat.mean, len(flat.basis)) == (99, 0)


def test_the_rounding_of_a_basis_costs_nothing_of_the_image(plane) -> None:
    """At a fine step, an image coded with 6 binary digits is as good as one with 14."""
    errors = []
    for digits in (6, 14):
        coded = KltBlock(1, precision=digits).coded(plane)
        errors.append(((coded.blocks(1.0) - transform.to_blocks(plane)) ** 2).mean())
    assert errors[0] == pytest.approx(errors[1], rel=0.05)


def test_the_decoder_adds_up_exactly() -> None:
    """In Python's integers, of the largest levels and functions that there are."""
    generator = np.random.default_rng(1)
    basis = generator.integers(-(2**22), 2**22, (64, 64), endpoint=True)
    levels = generator.integers(-(2**20) + 1, 2**20, (3, 64))
    blocks = CodedPlane(0, basis.astype(float), 24, levels).blocks(1.0)
    sums = [
        [sum(int(a) * int(b) for a, b in zip(row, function, strict=True)) for function in basis.T]
        for row in levels
    ]
    assert (blocks * 2.0**24).astype(int).tolist() == sums


@settings(max_examples=40)
@given(st.data())
def test_levels_come_back(data) -> None:
    blocks = data.draw(st.integers(1, 140))
    largest = data.draw(st.sampled_from([0, 1, 9, 2**binarization.MOST_DIGITS - 1]))
    share = data.draw(st.floats(0, 1))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    levels = generator.integers(-largest, largest, (blocks, 64), endpoint=True)
    levels[generator.random(levels.shape) > share] = 0
    for alike in (False, True):
        encoder = Encoder(2 * binarization.CONTEXTS)
        binarization.code(encoder, levels, 1, alike=alike)
        decoder = Decoder(encoder.finish(), 2 * binarization.CONTEXTS)
        found = binarization.code(decoder, np.zeros_like(levels), 1, alike=alike)
        np.testing.assert_array_equal(found, levels)


@pytest.mark.parametrize("codec", CODECS)
def test_streams_decode_for_ever(codec) -> None:
    """To renew them, where the format changes: ``python -m tests.codecs.test_codecs_blocks``."""
    kept = json.loads((STREAMS / "blocks.json").read_text())
    for channels in (1, 3):
        name = f"{codec.name}-{channels}"
        decoded = codec(64).decode((STREAMS / f"{name}.bin").read_bytes())
        assert decoded.shape == (61, 83, channels)
        assert hashlib.sha256(decoded.tobytes()).hexdigest() == kept[name]


def sealed(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "big")


@pytest.mark.parametrize("codec", CODECS)
def test_other_bytes_are_refused(codec) -> None:
    one, other = codec(16), next(c for c in CODECS if c is not codec)(16)
    image = photograph(1)[:40, :40].copy()
    stream = bytearray(one.encode(image))
    with pytest.raises(BitstreamError, match="not a stream of this codec"):
        other.decode(bytes(stream))
    with pytest.raises(BitstreamError, match="it is empty"):
        one.decode(b"")
    stream[-9] ^= 1
    with pytest.raises(BitstreamError, match="its checksum is wrong"):
        one.decode(bytes(stream))
    with pytest.raises(BitstreamError, match="it ends too early"):
        one.decode(sealed(bytes(stream[:7])))
    with pytest.raises(BitstreamError, match="header with the size"):
        one.decode(sealed(one.magic + b"\2\x08\x08" + struct.pack(">f", 8) + bytes(20)))


def test_a_payload_that_no_encoder_makes_is_refused_or_is_an_image() -> None:
    """Behind a checksum that is right, range-coded bits may be anything."""
    head = DctBlock.magic + b"\1\x20\x20" + struct.pack(">f", 8) + b"\x80"
    outcomes = set()
    for seed in range(20):
        try:
            image = DctBlock(8).decode(sealed(head + np.random.default_rng(seed).bytes(400)))
            outcomes.add(image.shape)
        except BitstreamError as error:
            outcomes.add(str(error))
    assert outcomes <= {
        (32, 32, 1),
        "the stream is damaged: a block has more levels than samples",
        "the stream is damaged: it is not range-coded",
    }
    assert len(outcomes) > 1


def test_points_are_steps() -> None:
    with pytest.raises(UsageError, match=r"step 0 is not within 0\.5 to 1000"):
        DctBlock(0)
    with pytest.raises(UsageError, match="precision"):
        KltBlock(8, precision=20)


if __name__ == "__main__":
    digests = {}
    for codec in CODECS:
        for channels in (1, 3):
            name = f"{codec.name}-{channels}"
            stream = codec(64).encode(picture(channels, 61, 83))
            (STREAMS / f"{name}.bin").write_bytes(stream)
            decoded = codec(64).decode(stream)
            digests[name] = hashlib.sha256(decoded.tobytes()).hexdigest()
    (STREAMS / "blocks.json").write_text(json.dumps(digests, indent=2) + "\n")


class Shaken(DctBlock):
    """On a machine whose sums end in other digits."""

    def _coefficients(self, plane, basis):
        found = super()._coefficients(plane, basis)
        return found + np.random.default_rng(1).uniform(-1e-11, 1e-11, found.shape)


def test_levels_are_the_same_on_machines_that_add_otherwise() -> None:
    """Coefficients of photographs do lie half-way between levels: sums of eights over 24."""
    image = skimage.data.coffee()[:, :, 1]
    luma = image.astype(np.float64)
    exact = DctBlock(24).coefficients(luma) / 24
    assert (np.abs(exact - np.floor(exact) - 0.5) < 1e-9).any()
    streams = {codec(24).encode(image[:, :, None]) for codec in (DctBlock, Shaken)}
    assert len(streams) == 1
