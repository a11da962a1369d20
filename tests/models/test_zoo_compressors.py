"""CompressAI's networks as coders, held against CompressAI's own strings and images."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("compressai._CXX", reason="the zoo needs CompressAI")

import torch

from rdbench.errors import BitstreamError, CodecError, UnsupportedImageError, UsageError
from rdbench.models import container
from rdbench.models.compression.base import Execution
from rdbench.models.compression.tiling import tiled
from rdbench.models.zoo import loading
from rdbench.models.zoo.compressors import ZooCompressor
from rdbench.models.zoo.contexts import fronts
from rdbench.models.zoo.files import ARCHITECTURES
from tests.models.zoo_networks import SIZES, padded, photograph, small

QUALITY = 6
FAMILIES = (
    "bmshj2018-factorized",
    "bmshj2018-hyperprior",
    "mbt2018-mean",
    "cheng2020-anchor",
    "mbt2018-mean-vbr",
    "mbt2018-vbr",
    "elic2022-chandelier",
)
"""One for each way to code."""


@functools.cache
def network(name: str) -> Any:
    return small(name)


@functools.cache
def coder(name: str, **execution: Any) -> ZooCompressor:
    return loading.compressor(name, network(name).state_dict(), Execution(**execution))


@pytest.fixture(autouse=True)
def one_thread_each(one_thread: None) -> None:
    """Small networks are quicker on one."""


def theirs(name: str, image: np.ndarray) -> tuple[list[bytes], np.ndarray]:
    """CompressAI's strings and decoded image, uint8, at quality 6 where there is a choice."""
    made, chosen = small(name), {}
    if ARCHITECTURES[name].variable:
        chosen = {"s": QUALITY - 1}
    if getattr(made, "vr_entbttlnck", False):
        made.update(scale=made.Gain[QUALITY - 1].detach(), force=True)
    else:
        made.update()
    with torch.no_grad():
        coded = made.compress(padded(image, coder(name).stride), **chosen)
        decoded = made.decompress(coded["strings"], coded["shape"], **chosen)["x_hat"]
    pixels = (decoded[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    return [s[0] for s in coded["strings"]], pixels[: image.shape[0], : image.shape[1]]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_rate_and_image_are_those_of_compressai(name: str):
    image = photograph()
    ours = coder(name)
    data, coded = ours.encode(image, ours.trained_beta(QUALITY))
    strings, expected = theirs(name, image)
    payload = sum(map(len, coded.payloads))
    # Each of their strings ends with the coder's state, 8 bytes; here y has one.
    spared = 8 * (len(strings) - len(coded.payloads))
    assert abs(payload - (sum(map(len, strings)) - spared)) <= 16 + 2 * len(strings)
    assert len(data) - payload <= 60
    decoded = ours.decode(data)
    assert decoded.shape == image.shape
    # Samples may differ by more where a latent was rounded the other way.
    difference = np.abs(decoded.astype(int) - expected)
    assert np.mean(difference > 1) < 0.002
    with torch.no_grad():
        made = small(name).g_s(coded.latents)[0].permute(1, 2, 0)
    pixels = (made.clamp(0, 1) * 255).round().numpy()[: image.shape[0], : image.shape[1]]
    assert np.abs(decoded - pixels).max() <= 1


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_decoder_finds_symbols_and_latents(name: str):
    """Of odd sizes, with an object of its own, at several steps."""
    image = photograph()
    encoder, decoder = (
        coder(name),
        loading.compressor(name, network(name).state_dict(), Execution()),
    )
    for height, width, beta in ((130, 201, 1.0), (1, 1, 0.5), (17, 3, 3.0), (64, 65, 10.0)):
        data, coded = encoder.encode(image[:height, :width], beta)
        stream, found = decoder.parse(data)
        assert (stream.height, stream.width, stream.beta) == (height, width, beta)
        assert stream.model == name
        assert found.symbols.keys() == coded.symbols.keys()
        for key, symbols in coded.symbols.items():
            np.testing.assert_array_equal(found.symbols[key], symbols)
        assert torch.equal(found.latents, coded.latents)
        assert decoder.decode(data).shape == (height, width, 3)


@pytest.mark.parametrize("name", FAMILIES)
def test_streams_are_as_long_as_the_model_says(name: str):
    image = photograph()
    ours = coder(name)
    for beta in (0.5, 1.0, 3.0, 10.0):
        _, coded = ours.encode(image, beta)
        bits = ours.information(coded, beta)
        for key, symbols in coded.symbols.items():
            assert bits[key].shape == symbols.shape
        estimated = ours.estimated_bits(coded, beta)
        real = 8 * sum(map(len, coded.payloads))
        assert abs(real - estimated) < 0.01 * estimated + 8 * 64


def test_wider_steps_cost_less_and_are_worse():
    image = photograph()
    ours = coder("mbt2018-mean")
    coded = {beta: ours.encode(image, beta) for beta in (0.5, 1.0, 3.0)}
    sizes = [len(data) for data, _ in coded.values()]
    assert sizes == sorted(sizes, reverse=True)
    y = ours.analysis(image)
    errors = [float((result.latents - y).abs().max()) for _, result in coded.values()]
    np.testing.assert_allclose(errors, [0.25, 0.5, 1.5], atol=0.02)


@pytest.mark.parametrize("name", ["bmshj2018-factorized", "mbt2018", "elic2022-official"])
def test_any_number_of_threads_decodes(name: str):
    data, coded = coder(name).encode(photograph())
    try:
        torch.set_num_threads(2)
        _, found = coder(name).parse(data)
    finally:
        torch.set_num_threads(1)
    np.testing.assert_array_equal(found.symbols["y"], coded.symbols["y"])


@pytest.mark.parametrize("name", ["mbt2018-mean", "cheng2020-attn"])
def test_bfloat16_streams_are_decoded_in_float32(name: str):
    half = coder(name, precision="bfloat16")
    data, coded = half.encode(photograph())
    _, found = coder(name).parse(data)
    np.testing.assert_array_equal(found.symbols["y"], coded.symbols["y"])
    difference = half.decode(data).astype(int) - coder(name).decode(data)
    assert np.abs(difference).mean() < 1


@pytest.mark.slow
def test_another_process_decodes(tmp_path: Path):
    """A fresh one, with two threads, of streams made with bfloat16 transforms."""
    torch.save(network("mbt2018").state_dict(), tmp_path / "net.pth.tar")
    half = loading.load(tmp_path / "net.pth.tar", "mbt2018", Execution(precision="bfloat16"))
    data, coded = half.encode(photograph(), 0.7)
    (tmp_path / "stream").write_bytes(data)
    script = (
        "import pathlib, sys, numpy, torch\n"
        "from rdbench.models.zoo import loading\n"
        "torch.set_num_threads(2)\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "coder = loading.load(folder / 'net.pth.tar', 'mbt2018')\n"
        "_, coded = coder.parse((folder / 'stream').read_bytes())\n"
        "numpy.save(folder / 'latents.npy', coded.latents.numpy())\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=200)
    np.testing.assert_allclose(
        np.load(tmp_path / "latents.npy"), coded.latents.numpy(), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    "name",
    [
        "bmshj2018-factorized",
        "cheng2020-anchor",
        pytest.param("cheng2020-attn", marks=pytest.mark.slow),
        pytest.param("elic2022-official", marks=pytest.mark.slow),
        "mbt2018-mean",
    ],
)
def test_tiles_make_no_difference(name: str):
    """Of the transforms in float64: but for the last bits."""
    parts = [
        loading.compressor(name, network(name).state_dict(), Execution(tile=side))
        for side in (0, 256)
    ]
    for ours in parts:
        ours._g_a.double()
        ours._g_s.double()
    tall = np.ascontiguousarray(np.tile(photograph(300, 320), (2, 1, 1))[:448])
    results = []
    for ours in parts:
        values = torch.from_numpy(tall).permute(2, 0, 1)[None].double()
        y = tiled(ours._analysis, values, inner=16, outer=1, margin=ours.margin, tile=ours.tile)
        x = tiled(ours._synthesis, y, inner=1, outer=16, margin=ours.margin, tile=ours.tile)
        results.append((y, x))
    for whole, cut in zip(*results, strict=True):
        scale = float(whole.abs().max())
        np.testing.assert_allclose(cut.numpy(), whole.numpy(), rtol=0, atol=1e-9 * scale)


def test_fronts_have_every_position_once_after_all_it_sees():
    for height, width in ((1, 1), (1, 9), (7, 1), (5, 8), (12, 4)):
        order = np.full((height, width), -1)
        for number, (rows, columns) in enumerate(fronts(height, width)):
            assert (order[rows, columns] == -1).all()
            order[rows, columns] = number
        assert (order >= 0).all()
        for row, column in np.ndindex(height, width):
            seen = [order[row, max(column - 2, 0) : column]]
            seen += [
                order[above, max(column - 2, 0) : column + 3]
                for above in range(max(row - 2, 0), row)
            ]
            assert (np.concatenate([part.ravel() for part in seen]) < order[row, column]).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_no_stream_of_it_is_refused(name: str):
    ours = coder(name)
    data, coded = ours.encode(photograph(40, 70))
    for cut in (0, 1, 8, len(data) // 2, len(data) - 1):
        with pytest.raises(BitstreamError):
            ours.decode(data[:cut])
    for place in range(0, len(data), max(1, len(data) // 40)):
        flipped = data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]
        with pytest.raises(BitstreamError):
            ours.decode(flipped)
    stream = container.read(data)
    for other, words in (
        (dataclasses.replace(stream, model="mbt2018-not"), "model"),
        (dataclasses.replace(stream, weights=bytes(8)), "weights"),
        (dataclasses.replace(stream, payloads=(*coded.payloads, b"")), "payloads"),
    ):
        with pytest.raises(BitstreamError, match=words):
            ours.decode(container.pack(other))


def test_a_payload_of_noise_with_a_right_checksum_does_no_harm():
    for name in FAMILIES:
        ours = coder(name)
        data, coded = ours.encode(photograph(40, 70))
        noise = np.random.default_rng(2)
        for length in (0, 3, 200):
            payloads = tuple(noise.bytes(length) for _ in coded.payloads)
            stream = dataclasses.replace(container.read(data), payloads=payloads)
            with contextlib.suppress(CodecError):
                assert ours.decode(container.pack(stream)).shape == (40, 70, 3)


def test_images_and_steps_that_are_no_such_thing():
    ours = coder("mbt2018-mean")
    with pytest.raises(UnsupportedImageError, match="convert it to RGB"):
        ours.encode(photograph()[:, :, :1])
    for beta in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises((UsageError, CodecError)):
            ours.encode(photograph(), beta)
    with pytest.raises(UsageError, match="beta is too small"):
        ours.encode(photograph(), 1e-9)


@pytest.mark.parametrize("name", ["bmshj2018-hyperprior", "elic2022-official", "mbt2018-mean-vbr"])
def test_identities_are_of_the_weights_alone(name: str):
    """Not of the tables that CompressAI adds, nor of masked weights that it sets to 0."""
    used = small(name)
    if ARCHITECTURES[name].variable:
        used.update(scale=used.Gain[0].detach(), force=True)
    else:
        used.update()
    with torch.no_grad():
        used(padded(photograph(64, 64), 64))
    made = loading.compressor(name, used.state_dict(), Execution())
    assert made.identity == coder(name).identity


def test_other_weights_are_refused():
    assert coder("mbt2018-mean").identity != coder("mbt2018").identity
    changed = loading.compressor(
        "bmshj2018-hyperprior", small("bmshj2018-hyperprior", seed=1).state_dict(), Execution()
    )
    data, _ = coder("bmshj2018-hyperprior").encode(photograph(64, 64))
    with pytest.raises(BitstreamError, match="weights"):
        changed.decode(data)


def test_sizes_are_those_of_the_tensors():
    for name, sizes in SIZES.items():
        latents = coder(name).encode(photograph(16, 16))[1].latents
        assert latents.shape[1] == sizes[-1]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "net.pth.tar"
    torch.save({"state_dict": network("mbt2018-mean").state_dict(), "epoch": 3}, path)
    yield path
    loading._loaded.clear()


def test_one_object_serves_all_who_ask(checkpoint: Path):
    first = loading.load(checkpoint, "mbt2018-mean")
    assert loading.load(checkpoint, "mbt2018-mean") is first
    assert loading.load(checkpoint, "mbt2018-mean", Execution(tile=64)) is not first
    assert first.identity == coder("mbt2018-mean").identity


class _Code:
    def __reduce__(self) -> Any:
        return (print, ("code ran",))


def test_checkpoints_that_are_none(checkpoint: Path, tmp_path: Path, capsys: Any):
    with pytest.raises(UsageError, match=r"not of 'cheng2020-anchor'.*arch="):
        loading.load(checkpoint, "cheng2020-anchor")
    with pytest.raises(UsageError, match="not of 'mbt2018'"):
        loading.load(checkpoint, "mbt2018")
    with pytest.raises(UsageError, match="no such file"):
        loading.load(tmp_path / "none.pth", "mbt2018-mean")
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(checkpoint.read_bytes()[:5000])
    with pytest.raises(UsageError, match=r"damaged\.pth"):
        loading.load(damaged, "mbt2018-mean")
    code = tmp_path / "code.pth"
    torch.save({"state_dict": _Code()}, code)
    with pytest.raises(UsageError, match="run code"):
        loading.load(code, "mbt2018-mean")
    assert "code ran" not in capsys.readouterr().out
    state = small("mbt2018-mean").state_dict()
    state["h_s.0.weight"][0, 0, 0, 0] = float("nan")
    torch.save(state, damaged)
    with pytest.raises(UsageError, match="finite"):
        loading.load(damaged, "mbt2018-mean")


def test_cuda_where_there_is_none():
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    with pytest.raises(UsageError, match="CUDA is not available"):
        Execution(device="cuda")
