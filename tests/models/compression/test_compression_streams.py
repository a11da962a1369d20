"""Streams of trained networks: their length, their latents, other machines, damage, limits.

The weights in ``tests/models/trained`` are real ones with few channels, trained for minutes.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data

torch = pytest.importorskip("torch", reason="the networks need torch")

from rdbench.errors import BitstreamError, UnsupportedImageError, UsageError  # noqa: E402
from rdbench.models import architectures, container, weights  # noqa: E402
from rdbench.models.compression.base import Execution  # noqa: E402

TRAINED = Path(__file__).parents[1] / "trained"
FILES = sorted(TRAINED.rglob("*.safetensors"))
BETAS = (0.4, 1.0, 2.7, 10.0)

pytestmark = pytest.mark.usefixtures("one_thread")


def coder(path, execution=None, **arguments):
    return architectures.load(path, "test", execution, **arguments)


def picture(model, height=200, width=173):
    image = skimage.data.astronaut()[100 : 100 + height, 150 : 150 + width]
    return image if model.channels == 3 else image[:, :, 1:2].copy()


def cases():
    """Each file of weights with its lossless coders."""
    found = [pytest.param(path, {}, id=path.stem) for path in FILES]
    return found + [
        pytest.param(path, {"coder": "binary"}, id=f"{path.stem}-binary")
        for path in FILES
        if weights.read_card(path).architecture == "dumas2018"
    ]


def test_there_are_weights_of_every_architecture():
    cards = [weights.read_card(path) for path in FILES]
    assert {card.architecture for card in cards} == set(architectures.known())
    dumas = [card.configuration for card in cards if card.architecture == "dumas2018"]
    assert {entry["case"] for entry in dumas} == {1, 2}
    assert {entry["channels"] for entry in dumas} == {1, 3}
    lee = [card.configuration for card in cards if card.architecture == "lee2019"]
    assert {bool(entry.get("plain")) for entry in lee} == {False, True}
    contexts = {entry.get("contexts", "both") for entry in lee}
    assert contexts == {"both", "bit-consuming", "bit-free"}


@pytest.mark.parametrize(("path", "arguments"), cases())
def test_latents_come_back_and_the_rate_is_what_the_densities_say(path, arguments):
    """The stream is within 1 % and 64 bytes of the cross-entropy, which is computed from the
    densities in float64 at once, without tables, wavefronts or coder."""
    model = coder(path, **arguments)
    image = picture(model)
    for beta in BETAS:
        data, coded = model.encode(image, beta)
        stream, decoded = model.parse(data)
        assert stream.beta == beta
        assert set(decoded.symbols) == set(coded.symbols)
        for kind, symbols in coded.symbols.items():
            np.testing.assert_array_equal(decoded.symbols[kind], symbols)
        assert torch.equal(decoded.latents, coded.latents)
        assert model.decode(data).shape == image.shape
        if not arguments:
            expected = sum(bits.sum() for bits in model.information(coded, beta).values()) / 8
            assert abs(len(data) - expected) <= 0.01 * expected + 64


def test_a_context_alone_has_the_streams_that_it_needs():
    """The bit-free one has no side information; one payload holds what there is of either."""
    for contexts, kinds in (("bit-consuming", {"y", "z"}), ("bit-free", {"y"})):
        model = coder(TRAINED / f"lee2019-{contexts}-0.12.safetensors")
        data, coded = model.encode(picture(model), 1.0)
        assert set(coded.symbols) == set(model.information(coded, 1.0)) == kinds
        assert len(model.parse(data)[0].payloads) == 1


@pytest.mark.parametrize(("path", "arguments"), cases())
def test_a_wider_step_costs_less_and_is_worse(path, arguments):
    model = coder(path, **arguments)
    image = picture(model)
    sizes, errors = [], []
    for beta in BETAS:
        data, _ = model.encode(image, beta)
        sizes.append(len(data))
        errors.append(np.mean((model.decode(data).astype(float) - image) ** 2))
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
    assert errors[-1] > errors[1]


@pytest.mark.parametrize(("path", "arguments"), cases())
@pytest.mark.parametrize("size", [(1, 1), (7, 130), (65, 64), (16, 3)])
def test_any_size_comes_back(path, arguments, size):
    model = coder(path, **arguments)
    image = picture(model, *size)
    decoded = model.decode(model.encode(image)[0])
    assert decoded.shape == image.shape
    assert decoded.dtype == np.uint8


DECODE = """
import sys, numpy, torch
torch.set_num_threads(2)
from pathlib import Path
from rdbench.models import architectures
for line in sys.stdin:
    path, stream = line.split()
    model = architectures.load(Path(path), "test")
    _, coded = model.parse(Path(stream).read_bytes())
    numpy.savez(f"{stream}.npz", **coded.symbols)
"""
PRECISIONS = ("float32", "bfloat16")


@pytest.fixture(scope="module")
def decoded_elsewhere(tmp_path_factory, one_thread):
    """Latents by file of weights and precision: encoded here with one thread, transforms in
    float32 or bfloat16, and decoded by another process with two."""
    folder = tmp_path_factory.mktemp("streams")
    here, streams, lines = {}, {}, []
    for key in itertools.product(FILES, PRECISIONS):
        path, precision = key
        model = coder(path, Execution(precision=precision))
        data, coded = model.encode(picture(model), 1.3)
        here[key], streams[key] = coded.symbols, folder / f"{len(streams)}"
        streams[key].write_bytes(data)
        lines.append(f"{path} {streams[key]}\n")
    subprocess.run([sys.executable, "-c", DECODE], input="".join(lines), text=True, check=True)
    return here, streams


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_another_process_with_other_threads_decodes_the_same(path, precision, decoded_elsewhere):
    here, streams = decoded_elsewhere
    with np.load(f"{streams[path, precision]}.npz") as found:
        assert set(found) == set(here[path, precision])
        for kind, symbols in here[path, precision].items():
            np.testing.assert_array_equal(found[kind], symbols)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_tiles_change_rounding_errors_alone(path):
    whole, tiles = coder(path, Execution(tile=0)), coder(path, Execution(tile=64))
    image = picture(whole)
    y_whole, y_tiles = whole.analysis(image), tiles.analysis(image)
    torch.testing.assert_close(y_tiles, y_whole, rtol=1e-3, atol=1e-3)
    data, coded = whole.encode(image, 2.0)
    a = whole.synthesis(coded.latents, *image.shape[:2]).astype(int)
    b = tiles.synthesis(coded.latents, *image.shape[:2]).astype(int)
    assert np.abs(a - b).max() <= 1
    assert (a != b).mean() < 0.01
    # The probabilities do not depend on the tiles of the transforms.
    np.testing.assert_array_equal(tiles.parse(data)[1].symbols["y"], coded.symbols["y"])


@pytest.mark.parametrize(("path", "arguments"), cases())
def test_damage_behind_the_checksum_is_an_error_or_another_image(path, arguments):
    """Payloads with flipped bits, put into a stream whose checksum is right: what a checksum
    cannot tell must not crash, hang, or take memory that the header does not promise."""
    model = coder(path, **arguments)
    data, _ = model.encode(picture(model, 70, 70))
    stream = container.read(data)
    rng = random.Random(7)
    refused = 0
    for _ in range(12):
        payloads = [bytearray(payload) for payload in stream.payloads]
        damaged = rng.choice([payload for payload in payloads if payload])
        for _ in range(rng.choice([1, 3, 30])):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        if rng.random() < 0.3:
            del damaged[rng.randrange(len(damaged)) :]
        changed = dataclasses.replace(stream, payloads=tuple(map(bytes, payloads)))
        try:
            assert model.decode(container.pack(changed)).shape == (70, 70, model.channels)
        except BitstreamError:
            refused += 1
    assert refused


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_truncated_and_changed_streams_are_refused(path):
    model = coder(path)
    data, _ = model.encode(picture(model, 40, 50))
    for cut in (0, 1, 3, 20, len(data) // 2, len(data) - 1):
        with pytest.raises(BitstreamError):
            model.decode(data[:cut])
    rng = random.Random(3)
    for _ in range(40):
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        with pytest.raises(BitstreamError):
            model.decode(bytes(changed))
    with pytest.raises(BitstreamError):
        model.decode(data + b"\0")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_another_number_of_payloads_is_refused(path):
    model = coder(path)
    stream = container.read(model.encode(picture(model, 40, 50))[0])
    more = dataclasses.replace(stream, payloads=(*stream.payloads, b"more", b"more"))
    with pytest.raises(BitstreamError, match="payloads"):
        model.decode(container.pack(more))


def test_streams_of_other_weights_and_other_models_are_refused():
    """By name and by hash, before anything is decoded."""
    first, second = FILES[:2]
    data, _ = coder(first).encode(picture(coder(first)))
    with pytest.raises(BitstreamError, match="was made with the weights"):
        coder(second).decode(data)
    other = architectures.load(first, "another")
    with pytest.raises(BitstreamError, match="of model 'test', not 'another'"):
        other.decode(data)


def test_a_header_that_promises_too_much_is_refused_before_memory_is_taken():
    model = coder(FILES[0])
    stream = container.read(model.encode(picture(model))[0])
    huge = dataclasses.replace(stream, height=1 << 14, width=1 << 14)
    body = bytearray(container.pack(huge))
    assert container.read(bytes(body)).height == 1 << 14
    with pytest.raises(container.CodecError, match="is not within"):
        container.pack(dataclasses.replace(huge, width=(1 << 14) + 1))


def test_the_wrong_number_of_channels_is_refused_with_a_hint():
    rgb = next(path for path in FILES if weights.read_card(path).architecture == "lee2019")
    with pytest.raises(UnsupportedImageError, match=r"three channels.*convert it to RGB"):
        coder(rgb).encode(np.zeros((64, 64, 1), np.uint8))


@pytest.mark.parametrize(
    ("execution", "message"),
    [
        ({"tile": 100}, "tile 100 is not 0 or a multiple of 64"),
        ({"tile": -64}, "tile -64"),
        ({"precision": "float16"}, "precision 'float16' is not one of float32, bfloat16"),
        ({"device": "warp"}, "device 'warp'"),
    ],
)
def test_executions_that_make_no_sense_are_refused(execution, message):
    with pytest.raises(UsageError, match=message):
        Execution(**execution)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_cuda_where_there_is_none_is_refused():
    with pytest.raises(UsageError, match="CUDA is not available; use device=cpu"):
        Execution(device="cuda")
