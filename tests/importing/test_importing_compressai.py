"""CompressAI's JSON: as its code writes it, as its repository keeps it, and from the tools."""

from __future__ import annotations

import importlib.util
import io
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import skimage.data

from rdbench.curves import published
from rdbench.errors import UsageError
from rdbench.importing import Imported, Request, import_curves

MEANS = {
    "name": "mbt2018",
    "description": "Inference (ans)",
    "results": {
        "psnr-rgb": [28.0, 30.0, 32.0],
        "ms-ssim-rgb": [0.9, 0.95, 0.99],
        "bpp": [0.1, 0.2, 0.4],
        "encoding_time": [1.5, 1.6, 1.7],
        "decoding_time": [2.5, 2.6, 2.7],
    },
}


def of_results(**changes: object) -> dict[str, object]:
    """A file of means with other results; None takes a key away."""
    results = {key.replace("_", "-"): value for key, value in changes.items()}
    merged = {**MEANS["results"], **results}
    return {**MEANS, "results": {k: v for k, v in merged.items() if v is not None}}


@pytest.fixture
def imported(tmp_path):
    def call(documents: dict[str, object], **request: object) -> Imported:
        paths = []
        for name, document in documents.items():
            path = tmp_path / name
            text = document if isinstance(document, str) else json.dumps(document, indent=2)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            paths.append(path)
        return import_curves(paths, Request(**{"dataset": "kodak", "images": 24, **request}))

    return call


def test_a_file_of_means(imported):
    result = imported({"mine_mse_cpu.json": MEANS})
    (curve,) = result.curves
    assert (curve.label, curve.codec, curve.mean_of) == ("mine_mse_cpu", "mbt2018", 24)
    assert (curve.parameter, curve.points, curve.channels) == ("index", (0, 1, 2), (3,))
    assert curve.rate_is == "coder"
    for column, key in (("bpp", "bpp"), ("ms_ssim", "ms-ssim-rgb"), ("decode_s", "decoding_time")):
        assert curve.mean(column).tolist() == MEANS["results"][key]
    assert np.isnan(curve.mean("ms_ssim_db")).all()
    assert result.notes == ()
    assert ",mean,Inference (ans)," in result.text


@pytest.mark.parametrize(
    ("name", "description", "rate_is"),
    [
        ("mbt2018-mse", "Inference (ans)", "coder"),
        ("mbt2018-mse", "Inference (entropy estimation)", "entropy"),
        ("mbt2018", "Inference (entropy-estimation)", "entropy"),
        ("JPEG", "JPEG. Pillow version 7.1.2", "file"),
        ("BPG 8b 444 x265 ycbcr", "BPG. BPG version b'0.9.8'", "file"),
        ("VTM", "VTM", "file"),
        ("official mbt2018", "official results (mse)", "unknown"),
    ],
)
def test_what_the_rate_is_follows_from_the_description(imported, name, description, rate_is):
    document = {**MEANS, "name": name, "description": description}
    assert imported({"a.json": document}).curves[0].rate_is == rate_is
    (curve,) = imported({"a.json": document}, rate_is="file").curves
    assert curve.rate_is == "file"


def test_older_keys_and_decibels(imported):
    results = MEANS["results"]
    older = {"psnr": results["psnr-rgb"], "ms-ssim": results["ms-ssim-rgb"], "bpp": results["bpp"]}
    decibels = {"bpp": [0.1, 0.2], "ms-ssim-db-rgb": [11.5, 13.25]}
    first, second, bare = imported(
        {"a.json": {"results": older}, "b.json": {"results": decibels}, "c.json": older}
    ).curves
    assert first.mean("psnr_db").tolist() == bare.mean("psnr_db").tolist() == results["psnr-rgb"]
    assert second.mean("ms_ssim_db").tolist() == [11.5, 13.25]
    assert np.isnan(second.mean("ms_ssim")).all()


def test_keys_can_be_mapped(imported):
    document = of_results(qp=[37, 32, 27], psnr_y=[29, 31, 33], psnr_rgb=None, ms_ssim_rgb=None)
    mapping = {"bpp": "bpp", "psnr_db": "psnr-y", "point": "qp"}
    result = imported({"a.json": document}, mapping=mapping, color="luma")
    (curve,) = result.curves
    assert (curve.points, curve.channels) == ((37, 32, 27), (1,))
    assert curve.mean("psnr_db").tolist() == [29, 31, 33]
    assert result.notes == ("not taken: encoding_time, decoding_time",)


def test_images_of_one_network_are_a_curve(imported, tmp_path):
    documents = {}
    for quality, bpp in ((3, 0.4), (1, 0.1)):
        for place, image in enumerate(("kodim01", "kodim-2")):
            documents[f"{image}-mbt2018-ms-ssim-{quality}-ans.json"] = {
                "source": image,
                "name": "mbt2018",
                "description": "Inference (ans)",
                "results": {"psnr-rgb": 30 + quality, "ms-ssim-rgb": 0.9, "bpp": bpp * (1 + place)},
            }
    (curve,) = imported(documents, images=0).curves
    assert (curve.label, curve.codec) == ("mbt2018-ms-ssim", "mbt2018")
    assert (curve.parameter, curve.points) == ("quality", (1, 3))
    assert curve.images == ("kodim-2", "kodim01")
    assert curve.mean("bpp") == pytest.approx([0.15, 0.6])
    assert curve.mean("ms_ssim_db") == pytest.approx([10, 10])


def test_images_of_checkpoints_are_numbered_by_rate(imported):
    documents = {
        f"{image}-{network}-ans.json": {
            "source": image,
            "name": "mbt2018",
            "description": "Inference (ans)",
            "results": {"psnr-rgb": 30.0, "bpp": bpp},
        }
        for network, bpp in (("b", 0.2), ("a", 0.7))
        for image in ("kodim01", "kodim02")
    }
    (curve,) = imported(documents, images=0, label="trained").curves
    assert (curve.label, curve.parameter, curve.points) == ("trained", "index", (0, 1))
    assert curve.mean("bpp").tolist() == [0.2, 0.7]


def test_checkpoints_evaluated_one_by_one_join_under_a_label(imported):
    documents = {
        f"{bpp}.json": of_results(
            bpp=[bpp],
            psnr_rgb=[30 + bpp],
            ms_ssim_rgb=[0.9],
            encoding_time=None,
            decoding_time=None,
        )
        for bpp in (0.75, 0.25, 0.5)
    }
    for document in documents.values():
        document["results"] = {
            key: value for key, value in document["results"].items() if len(value) == 1
        }
    assert len(imported(documents).curves) == 3
    (curve,) = imported(documents, label="mine").curves
    assert curve.mean("bpp").tolist() == [0.25, 0.5, 0.75]


def test_a_published_curve_is_read_as_it_was(imported):
    """The numbers of paper-elic2022_mse of CompressAI's repository, as rdbench keeps them."""
    expected = published("paper-elic2022_mse")
    results = {"bpp": expected.mean("bpp").tolist(), "psnr-rgb": expected.mean("psnr_db").tolist()}
    document = {
        "name": "elic2022",
        "description": "official results",
        "meta": {},
        "results": results,
    }
    (curve,) = imported({"elic.json": document}).curves
    assert (curve.rate_is, expected.rate_is) == ("unknown", "unknown")
    np.testing.assert_array_equal(curve.mean("bpp"), expected.mean("bpp"))
    np.testing.assert_array_equal(curve.mean("psnr_db"), expected.mean("psnr_db"))
    with pytest.raises(UsageError, match="label 'paper-elic2022_mse'; use that one"):
        imported({"paper-elic2022_mse.json": document})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("Error: no images found in directory.", "'a.json' is not JSON"),
        ('{"name": "x", ', "'a.json' is not JSON"),
        ("[1, 2]", "has no 'results'"),
        ("{}", "has no 'results'"),
        ({"name": "x", "results": {}}, "has no 'results'"),
        ({"name": "x", "results": [1]}, "has no 'results'"),
        (
            of_results(bpp=None),
            "has no rate under a key that CompressAI uses; it has psnr-rgb, ms-",
        ),
        (
            of_results(psnr_rgb=None, ms_ssim_rgb=None, psnr_y=[1, 2, 3]),
            "has no quality under a key that CompressAI uses; it has bpp, encoding_time, "
            "decoding_time, psnr-y: name the keys with `mapping`",
        ),
        (
            of_results(psnr=[1, 2, 3]),
            "has 'psnr-rgb', 'psnr', all of which mean psnr_db; choose one with `mapping`",
        ),
        (of_results(bpp=[0.1, 0.2]), "differ in length ('bpp': 2, 'psnr-rgb': 3"),
        (of_results(bpp=0.1), "differ in length ('bpp': no list"),
        (
            {"name": "x", "results": {"bpp": [], "psnr-rgb": []}},
            "'a.json': the lists are empty",
        ),
        (of_results(bpp=[0.1, "0.2", 0.4]), "'bpp' has '0.2', which is not a number"),
        (of_results(bpp=[0.1, None, 0.4]), "'bpp' has None, which is not a number"),
        (of_results(bpp=[0.1, True, 0.4]), "'bpp' has True, which is not a number"),
        (of_results(psnr_rgb=[30, math.nan, 32]), "value 1 of its lists: psnr_db is nan"),
        (of_results(bpp=[0.1, math.inf, 0.4]), "value 1 of its lists: bpp is inf"),
        (
            of_results(bpp=[0.1, 10**400, 0.4]),
            "'a.json': 10000000000000000000... (401 characters) is",
        ),
        (
            json.dumps(of_results(psnr_rgb=[28, 30, 77])).replace("77", "1e999"),
            "'a.json': 1e999 is too large for a number",
        ),
        (
            '{"results": {"bpp": [' + "1" * 5000 + "]}}",
            "(5000 characters) is too large for a number",
        ),
        (of_results(bpp=[-0.1, 0.2, 0.4]), "value 0 of its lists: bpp is -0.1"),
        (of_results(ms_ssim_rgb=[10, 12, 14]), "if it is in decibels, map it to ms_ssim_db"),
        ({**MEANS, "description": "=cmd"}, "description '=cmd' begins with '='"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(imported, document, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        imported({"a.json": document})


def test_what_does_not_fit_together_is_said(imported, tmp_path):
    with pytest.raises(UsageError, match="'psnr-rgb' refers to RGB, but `color` is luma"):
        imported({"a.json": MEANS}, color="luma")
    with pytest.raises(UsageError, match="has no key 'psnr-y'; it has psnr-rgb"):
        imported({"a.json": MEANS}, mapping={"bpp": "bpp", "psnr_db": "psnr-y"})
    with pytest.raises(UsageError, match="only numbers of a JSON file can be mapped"):
        imported({"a.json": MEANS}, mapping={"label": "bpp"})
    with pytest.raises(UsageError, match="differ in codec"):
        imported({"a.json": MEANS, "b.json": {**MEANS, "name": "other"}}, label="both")
    estimated = {key: value for key, value in MEANS.items() if key != "description"}
    with pytest.raises(UsageError, match=r"are of several kinds \(coder, unknown\)"):
        imported({"a.json": MEANS, "b.json": estimated}, label="both")
    with pytest.raises(UsageError, match=r"'a.json' is CompressAI's JSON, but 'b.csv' is CSV"):
        imported({"a.json": MEANS, "b.csv": "bpp,psnr_db\n1,30\n"})


def test_a_codec_named_twice_is_one_curve_only_by_a_label(imported):
    documents = {"one/a.json": MEANS, "two/a.json": of_results(bpp=[0.11, 0.21, 0.41])}
    with pytest.raises(UsageError, match=r"several files are named 'a.json'"):
        imported(documents)
    (curve,) = imported(documents, label="both").curves
    assert curve.mean("bpp").tolist() == [0.1, 0.11, 0.2, 0.21, 0.4, 0.41]
    with pytest.raises(
        UsageError, match=r"'two/a.json', value 0 of its lists repeats 'one/a.json', value 0"
    ):
        imported({"one/a.json": MEANS, "two/a.json": MEANS}, label="both")


# Importing CompressAI takes seconds, so one process runs both of its tools.
TOOLS = """
import contextlib, sys, torch
from pathlib import Path
from compressai.models import FactorizedPrior
from compressai.utils.bench.__main__ import main as bench
from compressai.utils.eval_model.__main__ import main as eval_model
photographs, out = sys.argv[1:]
with open(f"{out}/jpeg-bench.json", "w") as file, contextlib.redirect_stdout(file):
    bench(["jpeg", photographs, "-q", "80,20"])
checkpoints = [f"{out}/first.pth.tar", f"{out}/second.pth.tar"]
for seed, path in enumerate(checkpoints):
    torch.manual_seed(seed)
    torch.save(FactorizedPrior(8, 12).state_dict(), path)
options = ["-a", "bmshj2018-factorized", "-d", f"{out}/images", "--per-image", "-p", *checkpoints]
with open(f"{out}/random.json", "w") as file, contextlib.redirect_stdout(file):
    eval_model(["checkpoint", photographs, *options])
"""


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for name in ("astronaut", "coffee"):
        samples = getattr(skimage.data, name)()[40:232, 100:292]
        PIL.Image.fromarray(samples).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def outputs(photographs, tmp_path_factory) -> Path:
    """What CompressAI's tools print and write of the photographs."""
    if importlib.util.find_spec("compressai") is None:
        pytest.skip("CompressAI is not installed")
    folder = tmp_path_factory.mktemp("outputs")
    done = subprocess.run(
        [sys.executable, "-c", TOOLS, photographs, folder], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_what_bench_prints(photographs, outputs):
    """The rates of JPEG files are those that Pillow writes at the same qualities."""
    path = outputs / "jpeg-bench.json"
    (curve,) = import_curves([path], Request(dataset="photographs", images=2)).curves
    assert (curve.codec, curve.rate_is) == ("JPEG", "file")
    expected = []
    for quality in (20, 80):
        sizes = []
        for image in photographs.iterdir():
            buffer = io.BytesIO()
            PIL.Image.open(image).save(buffer, format="jpeg", quality=quality)
            sizes.append(len(buffer.getvalue()))
        expected.append(8 * sum(sizes) / 2 / 192**2)
    assert curve.mean("bpp") == pytest.approx(expected, rel=1e-12)
    assert (np.diff(curve.mean("ms_ssim")) > 0).all()


@pytest.mark.slow
def test_what_eval_model_prints_and_writes(outputs):
    """Networks with random weights: means from standard output, images from files."""
    printed = outputs / "random.json"
    (means,) = import_curves([printed], Request(dataset="p", images=2)).curves
    assert (means.codec, means.rate_is) == ("bmshj2018-factorized-mse", "coder")
    files = sorted((outputs / "images").iterdir())
    per_image = [file for file in files if "source" in json.loads(file.read_text())]
    assert len(per_image) == 4
    (curve,) = import_curves(per_image, Request(dataset="p")).curves
    assert (curve.label, curve.images) == ("bmshj2018-factorized", ("astronaut", "coffee"))
    for column in ("bpp", "psnr_db", "ms_ssim", "encode_s"):
        assert curve.mean(column) == pytest.approx(means.mean(column), rel=1e-12)
    with pytest.raises(UsageError, match=r"has rows of images .* and means"):
        import_curves([*per_image, printed], Request(label="all", dataset="p"))
