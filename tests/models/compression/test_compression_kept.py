"""Streams that were made once decode for ever: to the same latents, and nearly the same pixels.

``python -m tests.models.compression.test_compression_kept`` makes those that are missing. What is
there is never made anew: a decoder that cannot read it is broken, or the format needs a new
version and a reader for the old one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import skimage.data

torch = pytest.importorskip("torch", reason="the networks need torch")

from rdbench.models import architectures, container, weights  # noqa: E402
from rdbench.models.compression.base import Compressor  # noqa: E402

HERE = Path(__file__).parents[1]
TRAINED, STREAMS = HERE / "trained", HERE / "streams"
TABLE = STREAMS / "streams.json"
PICTURE = skimage.data.astronaut()[40:140, 180:310]
BETA = 1.5


def files() -> dict[str, Path]:
    """Networks of minutes, and that of luma which rdbench ships."""
    small = {file.stem: file for file in sorted(TRAINED.glob("*.safetensors"))}
    return small | {"shipped": next(weights.SHIPPED.glob("dumas2018-*.safetensors"))}


def coder(name: str) -> Compressor:
    stem, _, kind = name.partition("+")
    arguments = {"coder": kind} if kind else {}
    return architectures.load(files()[stem], name[:32], **arguments)


def names() -> list[str]:
    kinds = {name: weights.read_card(file).architecture for name, file in files().items()}
    return [*kinds, *(f"{name}+binary" for name, kind in kinds.items() if kind == "dumas2018")]


def picture(channels: int) -> np.ndarray:
    return PICTURE if channels == 3 else PICTURE[:, :, 1:2].copy()


def digest(symbols: Mapping[str, np.ndarray]) -> str:
    found = hashlib.sha256()
    for kind in sorted(symbols):
        found.update(f"{kind} {symbols[kind].shape}\n".encode())
        found.update(np.ascontiguousarray(symbols[kind], "<i4").tobytes())
    return found.hexdigest()


def kept() -> dict[str, dict[str, object]]:
    return json.loads(TABLE.read_text()) if TABLE.exists() else {}


def test_there_is_one_of_each_model():
    assert set(kept()) >= set(names())


@pytest.mark.parametrize("name", kept())
def test_kept_streams_decode(name):
    entry = kept()[name]
    model = coder(name)
    data = (STREAMS / f"{name}.rdb").read_bytes()
    stream, coded = model.parse(data)
    assert stream.beta == BETA
    assert (stream.height, stream.width) == PICTURE.shape[:2]
    assert digest(coded.symbols) == entry["symbols"]
    assert len(stream.payloads) == entry["payloads"]
    # Transforms in float32 differ in their last bits: a few samples round to a neighbor.
    error = np.mean((model.decode(data).astype(float) - picture(stream.channels)) ** 2)
    assert error == pytest.approx(entry["mse"], rel=1e-3)


@pytest.mark.parametrize("name", kept())
def test_the_model_of_a_kept_stream_is_the_one_that_is_there(name):
    stream = container.read((STREAMS / f"{name}.rdb").read_bytes())
    assert stream.weights == coder(name).identity


def main() -> None:
    table = kept()
    STREAMS.mkdir(exist_ok=True)
    for name in names():
        if name in table:
            continue
        model = coder(name)
        image = picture(model.channels)
        data, coded = model.encode(image, BETA)
        (STREAMS / f"{name}.rdb").write_bytes(data)
        mse = float(np.mean((model.decode(data).astype(float) - image) ** 2))
        payloads = len(container.read(data).payloads)
        table[name] = {"symbols": digest(coded.symbols), "mse": mse, "payloads": payloads}
    TABLE.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
