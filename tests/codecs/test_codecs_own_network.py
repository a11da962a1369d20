"""Networks of one's own, coded by their own ``compress``: ``zoo`` with ``model=FILE.py:NAME``."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("compressai._CXX", reason="the networks are subclasses of CompressAI's")

import torch
from PIL import Image

from rdbench import provenance
from rdbench.codecs.zoo import Zoo
from rdbench.conforming.material import photograph
from rdbench.errors import BitstreamError, UnsupportedImageError, UsageError
from rdbench.experiment import CodecRequest, plan, plan_codec
from rdbench.models import container
from rdbench.models.zoo.library import models
from rdbench.results import MEASUREMENTS, read_rows
from rdbench.runner import Limits, LocalPool, run
from rdbench.schema import OK
from tests.models.zoo_networks import padded, small

GATED = """
from compressai.entropy_models import EntropyBottleneck, GaussianConditional
from compressai.models import CompressionModel
from compressai.models.utils import conv, deconv
from torch import nn

from gates import Gate


class GatedHyperprior(CompressionModel):
    def __init__(self, width=8):
        super().__init__()
        self.encoder = nn.Sequential(conv(3, width), Gate(width), conv(width, width))
        self.decoder = nn.Sequential(deconv(width, width), Gate(width), deconv(width, 3))
        self.hyper_encoder = conv(width, width)
        self.hyper_decoder = deconv(width, width)
        self.entropy_bottleneck = EntropyBottleneck(width)
        self.gaussian_conditional = GaussianConditional(None)

    def forward(self, x):
        y = self.encoder(x)
        z_hat, z_likelihoods = self.entropy_bottleneck(self.hyper_encoder(y))
        y_hat, y_likelihoods = self.gaussian_conditional(y, self.hyper_decoder(z_hat).abs())
        likelihoods = {"y": y_likelihoods, "z": z_likelihoods}
        return {"x_hat": self.decoder(y_hat), "likelihoods": likelihoods}

    def compress(self, x):
        y = self.encoder(x)
        z = self.hyper_encoder(y)
        z_strings = self.entropy_bottleneck.compress(z)
        z_hat = self.entropy_bottleneck.decompress(z_strings, z.size()[-2:])
        indexes = self.gaussian_conditional.build_indexes(self.hyper_decoder(z_hat).abs())
        y_strings = self.gaussian_conditional.compress(y, indexes)
        return {"strings": [y_strings, z_strings], "shape": z.size()[-2:]}

    def decompress(self, strings, shape):
        z_hat = self.entropy_bottleneck.decompress(strings[1], shape)
        indexes = self.gaussian_conditional.build_indexes(self.hyper_decoder(z_hat).abs())
        y_hat = self.gaussian_conditional.decompress(strings[0], indexes, z_hat.dtype)
        return {"x_hat": self.decoder(y_hat).clamp_(0, 1)}


def wide():
    return GatedHyperprior(12)


def nothing():
    return nn.Identity()


NUMBER = 3
"""

GATES = """
from torch import nn


class Gate(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gate = nn.Conv2d(width, width, 1)

    def forward(self, x):
        return x * self.gate(x).sigmoid()
"""

SUBCLASS = """
from compressai.models import MeanScaleHyperprior

class Mine(MeanScaleHyperprior):
    pass
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network, a module beside it, and weights of two qualities. Each test has a
    helper of its own: two of one name are refused in one process."""
    folder = tmp_path / "mine"
    folder.mkdir()
    helper = f"gates_{tmp_path.name}"
    (folder / "gated.py").write_text(GATED.replace("gates", helper))
    (folder / f"{helper}.py").write_text(GATES)
    (folder / "nets").mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "gated", raising=False)
    found = importlib.import_module("gated")
    for name in ("gated", helper):
        sys.modules.pop(name)
    for quality, scale in ((1, 8.0), (3, 30.0)):
        torch.manual_seed(quality)
        network = found.GatedHyperprior()
        with torch.no_grad():
            network.encoder[-1].weight *= scale
        state = {f"module.{key}": value for key, value in network.state_dict().items()}
        torch.save({"state_dict": state}, folder / "nets" / f"net-quality-{quality}.pth.tar")
    torch.save(found.wide().state_dict(), folder / "wide.pth")
    monkeypatch.undo()
    return folder


def options(folder: Path, **more: Any) -> dict[str, Any]:
    return {"model": f"{folder}/gated.py:GatedHyperprior", "checkpoint": f"{folder}/nets"} | more


def test_a_subclass_of_compression_model_is_measured_without_an_adapter(mine, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    picture = photograph(3)[:100, :150]
    Image.fromarray(picture).save(photos / "a.png")
    out = tmp_path / "out"

    def measured() -> Any:
        experiment = plan(
            "t",
            datasets=[str(photos)],
            codecs=[CodecRequest("zoo", options(mine))],
            metrics=["psnr_db"],
        )
        with LocalPool(Limits(jobs=1)) as pool:
            return run(experiment, out, executor=pool)

    assert measured().measured == 2
    rows = read_rows(out / MEASUREMENTS)
    assert [row.point for row in rows] == [1, 3]
    for row in rows:
        assert (row.status, row.codec, row.parameter) == (OK, "zoo", "quality"), row.message
        assert row.label == "zoo model=gated.py:GatedHyperprior checkpoint=nets"
        assert row.estimated_bpp > 0
        assert 30 < row.size_bytes - row.payload_bytes < 70  # header and layout, counted
    manifest = json.loads((out / "run.json").read_text())
    told = manifest["identities"][rows[0].identity]
    helper = f"gates_{tmp_path.name}.py"
    assert set(told["source"]) == {"model: gated.py", f"model: {helper}"}
    weights = (mine / "nets" / "net-quality-1.pth.tar").read_bytes()
    assert told["files"] == {"weights[0]": hashlib.sha256(weights).hexdigest()}
    assert measured().measured == 0


def test_the_bytes_are_those_of_the_network_s_own_compress(tmp_path):
    """The strings of CompressAI's ``MeanScaleHyperprior`` on the padded image, and its image."""
    (tmp_path / "sub.py").write_text(SUBCLASS)
    network = small("mbt2018-mean")
    torch.save(network.state_dict(), tmp_path / "net.pth")
    image = photograph(3)[:100, :150]
    codec = Zoo(1, model=f"{tmp_path}/sub.py:Mine", checkpoint=f"{tmp_path}/net.pth")
    stream = codec.encode(image)
    reference = models.MeanScaleHyperprior.from_state_dict(network.state_dict()).eval()
    reference.update(force=True)
    with torch.no_grad():
        coded = reference.compress(padded(image, 64))
        decoded = reference.decompress(coded["strings"], coded["shape"])["x_hat"][0]
        likelihoods = reference(padded(image, 64))["likelihoods"]
    expected = (decoded.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()[:100, :150]
    assert container.read(stream).payloads[1] == b"".join(part[0] for part in coded["strings"])
    assert codec.payload_bytes(stream) == sum(len(part[0]) for part in coded["strings"])
    assert np.array_equal(codec.decode(stream), expected)
    bits = -sum(float(found.double().log2().sum()) for found in likelihoods.values())
    assert codec.estimated_bits(image) == pytest.approx(bits, rel=1e-5)


def test_padding_and_tiles_of_networks_of_ones_own(mine):
    image = photograph(3)[:100, :150]
    whole = Zoo(3, **options(mine))
    assert whole.options["tile"] == 0  # tiles make a difference here: none unasked
    sizes = {}
    for more in ({}, {"multiple": 8}, {"tile": 64}, {"multiple": 16, "tile": 64}):
        encoder, decoder = (Zoo(3, **options(mine, **more)) for _ in range(2))
        stream = encoder.encode(image)
        decoded = decoder.decode(stream)
        assert decoded.shape == image.shape
        assert decoder.encode(image) == stream
        sizes[str(more)] = len(stream)
    assert sizes[str({"multiple": 8})] < sizes["{}"] < sizes[str({"tile": 64})]
    with pytest.raises(UsageError, match="tile=64 is not a multiple of 48 pixels"):
        Zoo(3, **options(mine, multiple=48, tile=64))
    with pytest.raises(UnsupportedImageError, match="RGB"):
        whole.encode(image[:, :, :1])


LAYOUTS = {
    "not MessagePack": b"\xc1",
    "nested beyond reason": b"\x91" * 100_000,
    "not a list": msgspec.msgpack.encode({"a": 1}),
    "two tiles": msgspec.msgpack.encode([[[[10]], [1, 1]]] * 2),
    "no shape": msgspec.msgpack.encode([[[10]]]),
    "no lengths": msgspec.msgpack.encode([[None, [1, 1]]]),
    "a length below 0": msgspec.msgpack.encode([[[[-1], [-1]], [1, 1]]]),
    "a length that is not there": msgspec.msgpack.encode([[[[1 << 40], [1]], [1, 1]]]),
    "latents of gigabytes": msgspec.msgpack.encode([[[[1], [1]], [1 << 20, 1 << 20]]]),
    "latents of less than nothing": msgspec.msgpack.encode([[[[1], [1]], [-1, 1]]]),
    "no whole size": msgspec.msgpack.encode([[[[1], [1]], [1.5, 1]]]),
    "a size in words": msgspec.msgpack.encode([[[[1], [1]], "large"]]),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_that_promise_what_is_not_there_are_refused(mine, monkeypatch, layout):
    """Before the network sees any of it: its decompress may take whatever it is told."""
    codec = Zoo(3, **options(mine))
    stream = container.read(codec.encode(photograph(3)[:64, :64]))
    changed = dataclasses.replace(stream, payloads=(layout, stream.payloads[1]))
    network = type(codec._models[3]._network)
    monkeypatch.setattr(network, "decompress", None)
    with pytest.raises(BitstreamError, match="damaged"):
        codec.decode(container.pack(changed))


def test_a_function_may_make_the_network(mine):
    image = photograph(3)[:64, :64]
    own = {"model": f"{mine}/gated.py:wide", "checkpoint": f"{mine}/wide.pth"}
    assert Zoo(1, **own).decode(Zoo(1, **own).encode(image)).shape == image.shape
    with pytest.raises(UsageError, match=r"wide\.pth.*do not fit 'GatedHyperprior'.*function"):
        Zoo(1, **own | {"model": f"{mine}/gated.py:GatedHyperprior"})


def test_mistakes_about_networks_of_ones_own_are_answered(mine):
    for more, words in {
        "model=none.py:Net": r"model 'none\.py:Net': there is no such file",
        "model=gated.py": "is not FILE.py:NAME",
        "checkpoint=": "model= needs its weights, checkpoint=FILE or DIR",
        "checkpoint=none": "no such file or folder",
        "arch=mbt2018": "option 'arch' is only for CompressAI's architectures",
        "precision=bfloat16": "option 'precision' is only for CompressAI's",
    }.items():
        name, _, value = more.partition("=")
        with pytest.raises(UsageError, match=words):
            plan_codec(CodecRequest("zoo", options(mine, **{name: value})))
    for name, words in {
        "GatedHyperpriors": "unknown model 'GatedHyperpriors'; did you mean 'GatedHyperprior'",
        "NUMBER": "neither a class nor a function",
        "nothing": "do not fit 'nothing'|lacks compress",
    }.items():
        with pytest.raises(UsageError, match=words):
            Zoo(1, **options(mine, model=f"{mine}/gated.py:{name}"))
    with pytest.raises(UsageError, match="multiple= works only with model="):
        Zoo.resolve_options({"multiple": 32})


def test_options_of_before_leave_rows_as_they_were():
    assert Zoo.told(Zoo.resolve_options({})).keys().isdisjoint({"model", "multiple", "key"})


def test_files_that_options_name_and_modules_beside_them_are_part_of_the_identity(mine):
    request = CodecRequest("zoo", options(mine))
    before = provenance.identity(plan_codec(request), 1)
    (mine / "gated.py").write_text((mine / "gated.py").read_text() + "\n# edited\n")
    assert provenance.identity(plan_codec(request), 1) != before
    edited = provenance.identity(plan_codec(request), 1)
    (helper,) = mine.glob("gates_*.py")
    helper.write_text(GATES.replace(".sigmoid()", ".tanh()"))
    assert provenance.identity(plan_codec(request), 1) not in (before, edited)
    (mine / "gated.py").unlink()
    with pytest.raises(UsageError, match=r"option 'model': cannot read .*gated\.py"):
        provenance.source(plan_codec_unchecked(request))


def plan_codec_unchecked(request: CodecRequest) -> Any:
    """A plan of a file that has gone since."""
    from rdbench.experiment import CodecPlan

    return CodecPlan("zoo", "zoo", tuple(request.options.items()), "quality", (1.0,), "zoo")
