"""The learned codecs: which weights make which ladder, and what is said where they do not fit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import rdbench
from rdbench import experiment
from rdbench.codecs import registry
from rdbench.codecs.papers import Lee2019
from rdbench.codecs.request import parse_codec
from rdbench.errors import (
    BitstreamError,
    MissingBackendError,
    UnsupportedImageError,
    UsageError,
)
from rdbench.models import weights
from rdbench.sample_format import GRAY8, RGB8

pytest.importorskip("torch", reason="learned codecs need torch")

TRAINED = Path(__file__).parents[1] / "models" / "trained"
PHOTO = skimage.data.astronaut()[100:220, 150:290]


def folder(*names: str, to: Path) -> Path:
    """A folder of some of the weights."""
    to.mkdir(exist_ok=True)
    for name in names:
        for path in TRAINED.glob(f"{name}*.safetensors"):
            shutil.copy(path, to)
    return to


def plan(text: str, **options: str) -> experiment.CodecPlan:
    given = ",".join(f"{name}={value}" for name, value in options.items())
    return experiment.plan_codec(parse_codec(f"{text}:{given}"))


def test_planning_loads_no_torch():
    """A run with learned codecs is planned in a moment; workers load torch."""
    code = (
        "import sys\n"
        "from rdbench import experiment\n"
        "from rdbench.codecs import registry\n"
        "from rdbench.codecs.request import parse_codec\n"
        "for name in registry.entries():\n"
        "    registry.load(name)\n"
        f"experiment.plan_codec(parse_codec('balle2018:checkpoints={TRAINED}'))\n"
        "print([name for name in ('torch', 'compressai') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_factorized_prior_goes_by_its_former_name_too():
    former, plain = (
        plan(name, checkpoints=str(TRAINED)) for name in ("balle2017", "bmshj2018-factorized")
    )
    assert former.name == plain.name == "bmshj2018-factorized"
    assert former.points == plain.points


def test_the_ladder_is_made_of_the_weights_by_rising_rate():
    balle = plan("balle2018", checkpoints=TRAINED)
    assert balle.parameter == "lambda"
    assert list(balle.points) == sorted(balle.points)
    assert len(balle.points) == 2
    lee = plan("lee2019", checkpoints=TRAINED)
    assert list(lee.points) == sorted(lee.points, reverse=True)
    case1 = plan("dumas2018-case1", checkpoints=TRAINED)
    assert case1.parameter == "gamma"
    assert list(case1.points) == sorted(case1.points, reverse=True)


def test_contexts_choose_among_the_weights_of_lee2019():
    for contexts in ("bit-consuming", "bit-free"):
        path = TRAINED / f"lee2019-{contexts}-0.12.safetensors"
        found = plan("lee2019", checkpoints=TRAINED, contexts=contexts)
        assert found.points == (0.12,)
        assert f"contexts={contexts}" in found.label
        assert [file for file, _ in Lee2019.files(found.resolved(), 0.12)] == [path]
        with pytest.raises(UsageError, match=f"contexts={contexts}, not of this codec with these"):
            plan("lee2019", checkpoint=path)
    plain = plan("lee2019", checkpoints=TRAINED)
    assert plain.points == (0.12, 0.017)
    assert "contexts" not in plain.label


def test_an_option_that_rows_leave_out_is_known_where_they_are_measured(tmp_path):
    """``contexts`` came after rows without it, and all that asks the class gets it."""
    found = plan("lee2019", checkpoints=TRAINED, points="0.12")
    assert "contexts" not in dict(found.options)
    assert found.resolved()["contexts"] == "both"
    Image.fromarray(skimage.data.astronaut()[:64, :64]).save(tmp_path / "a.png")
    outcome = rdbench.run(
        codecs=f"lee2019:checkpoints={TRAINED},points=0.12",
        datasets=str(tmp_path / "a.png"),
        metrics="psnr_db",
        out=tmp_path / "run",
        jobs=1,
    )
    assert not outcome.failures
    (record,) = json.loads((tmp_path / "run" / "run.json").read_text())["identities"].values()
    assert set(record["files"]) == {"weights[0]"}


def test_a_point_without_weights_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match=r"lambda 0\.77 is not one of 0\.\d+, 0\.\d+"):
        plan("balle2018", checkpoints=TRAINED, points="0.77")


def test_a_codec_without_weights_says_how_to_come_by_some(tmp_path):
    with pytest.raises(MissingBackendError, match="`rdbench train theis2017 --out DIR`"):
        plan("theis2017")
    with pytest.raises(MissingBackendError, match="no weights of it in"):
        plan("lee2019", checkpoints=str(tmp_path))
    with pytest.raises(UsageError, match="there is no such folder"):
        plan("lee2019", checkpoints=str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="it is a file; name its folder"):
        plan("lee2019", checkpoints=__file__)
    with pytest.raises(UsageError, match=r"nowhere.* only a clone of the repository has"):
        plan("lee2019", checkpoints="baselines:weights/nowhere")
    with pytest.raises(UsageError, match=r"nothing.* only a clone of the repository has"):
        plan("lee2019", checkpoint="baselines:weights/nothing.safetensors")
    with pytest.raises(UsageError, match="there is no such file"):
        plan("lee2019", checkpoint=str(tmp_path / "nothing.safetensors"))


def test_a_codec_with_weights_in_a_clone_alone_says_where():
    where = "checkpoints=baselines:weights/dumas2018"
    with pytest.raises(MissingBackendError, match=f"there are some in {where}, or train some"):
        plan("dumas2018-case1")
    assert len(plan("dumas2018-case1", checkpoints=where.partition("=")[2]).points) == 7


def test_weights_of_any_architecture_are_named():
    """Those that rdbench ships are of several architectures."""
    with pytest.raises(
        MissingBackendError, match="name them with checkpoint=FILE or checkpoints=DIR"
    ):
        plan("trained")


def test_one_that_comes_along_is_a_ladder_of_one_point():
    assert plan("lee2019").points == (0.12,)


def test_one_file_is_a_ladder_of_one_point():
    path = next(TRAINED.glob("balle2017*"))
    assert len(plan("bmshj2018-factorized", checkpoint=path).points) == 1


@pytest.mark.parametrize(
    "name", ["bmshj2018-factorized", "balle2018", "lee2019", "dumas2018-case1"]
)
def test_any_of_them_sweeps_beta(name):
    """One model; the stream tells the decoder beta; a wider step costs less."""
    lambdas = plan(name, checkpoints=TRAINED).points
    swept = plan(name, checkpoints=TRAINED, sweep="beta", **{"lambda": lambdas[-1]})
    assert swept.parameter == "beta"
    assert swept.points == (10, 8, 6, 4, 3, 2, 1.5, 1.25, 1)
    fine, coarse = swept.build(1), swept.build(4)
    image = PHOTO if RGB8 in registry.load(name).takes(swept.resolved()) else PHOTO[:, :, :1]
    few, many = coarse.encode(image), fine.encode(image)
    assert len(few) < len(many)
    # A decoder built for one beta decodes streams of another.
    np.testing.assert_array_equal(fine.decode(few), coarse.decode(few))


def test_a_sweep_names_one_model():
    with pytest.raises(UsageError, match="name it with lambda=, quality= or checkpoint="):
        plan("balle2018", checkpoints=TRAINED, sweep="beta")
    with pytest.raises(UsageError, match=r"no weights with lambda 0\.5; there are 0\."):
        plan("balle2018", checkpoints=TRAINED, sweep="beta", **{"lambda": "0.5"})
    with pytest.raises(UsageError, match="no weights with quality 8"):
        plan("balle2018", checkpoints=TRAINED, sweep="beta", quality="8")
    with pytest.raises(UsageError, match="choose the model for sweep=beta"):
        plan("balle2018", checkpoints=TRAINED, quality="3")


@pytest.mark.parametrize("beta", ["0", "-1", "nan", "inf"])
def test_beta_must_be_above_0(beta):
    with pytest.raises(UsageError, match=r"beta .* is not within 0.25 to 100"):
        plan("dumas2018-case2", checkpoints=TRAINED, points=beta)


def test_streams_of_the_papers_coder_are_their_own():
    ans = plan("dumas2018-case2", checkpoints=TRAINED).build(1)
    binary = plan("dumas2018-case2", checkpoints=TRAINED, coder="binary").build(1)
    np.testing.assert_array_equal(
        ans.decode(ans.encode(PHOTO)), binary.decode(binary.encode(PHOTO))
    )
    assert ans.estimated_bits(PHOTO) == binary.estimated_bits(PHOTO)
    with pytest.raises(BitstreamError, match="of model 'dumas2018-case2:binary'"):
        ans.decode(binary.encode(PHOTO))


def test_luma_and_rgb_have_weights_of_their_own():
    codec = plan("dumas2018-case2", checkpoints=TRAINED).build(1)
    for image in (PHOTO, PHOTO[:, :, 1:2]):
        assert codec.decode(codec.encode(image)).shape == image.shape


def test_images_without_weights_are_refused_with_a_hint(tmp_path):
    luma = folder("dumas2018-case2-luma", to=tmp_path / "luma")
    codec = plan("dumas2018-case2", checkpoints=luma).build(1)
    with pytest.raises(UnsupportedImageError, match=r"no weights for images of 3 channels.*luma"):
        codec.encode(PHOTO)
    assert type(codec).takes(codec.options) == {GRAY8}
    assert registry.load("lee2019").takes(plan_options("lee2019")) == {RGB8}


def plan_options(name: str) -> dict:
    return plan(name, checkpoints=TRAINED).resolved()


def test_case_3_is_the_network_of_case_1_with_its_maps_centered():
    case1 = plan("dumas2018-case1", checkpoints=TRAINED, sweep="beta", **{"lambda": "10000"})
    case3 = plan("dumas2018-case3", checkpoints=TRAINED)
    image = PHOTO[:, :, :1]
    assert case1.build(2).encode(image) != case3.build(2).encode(image)
    files = [
        [entry["sha256"] for entry in found["weights"]["2"]]
        for found in (
            registry.load(entry.target).provenance(entry.resolved(), (2,))
            for entry in (case1, case3)
        )
    ]
    assert files[0] == files[1]


def test_provenance_names_the_files_and_their_hashes():
    found = plan("balle2018", checkpoints=TRAINED)
    told = registry.load("balle2018").provenance(found.resolved(), found.points)
    assert json.loads(json.dumps(told)) == told
    for (entry,) in told["weights"].values():
        assert Path(entry["path"]).is_absolute()
        assert len(entry["sha256"]) == 64
        assert entry["steps"] > 0


def test_paths_of_an_experiment_file_are_relative_to_it(tmp_path, monkeypatch):
    folder("balle2017", to=tmp_path / "mine")
    file = tmp_path / "experiment.toml"
    file.write_text(
        'datasets = ["photos"]\n[[codecs]]\ncodec = "bmshj2018-factorized"\n'
        'options = {checkpoints = "mine"}\n'
    )
    monkeypatch.chdir("/")
    (codec,) = experiment.read(file).codecs
    assert codec.label == "bmshj2018-factorized checkpoints=mine"
    assert len(codec.points) == 2


def test_two_files_for_one_rate_are_refused(tmp_path):
    where = folder("balle2017", to=tmp_path / "twice")
    first = min(where.iterdir())
    shutil.copy(first, where / "zz-copy.safetensors")
    point = weights.read_card(first).training["lambda"]
    with pytest.raises(UsageError, match=r"zz-copy.* is the second file of weights for lambda"):
        plan("bmshj2018-factorized", checkpoints=where).build(point)


def build_first(name: str, **options) -> None:
    found = plan(name, **options)
    found.build(found.points[0])


def rewritten(source: Path, target: Path, change) -> Path:
    """A file of weights after ``change(card, state)``, which gives both back."""
    card, state = weights.read(source)
    weights.write(target, *change(card, state))
    return target


def test_weights_that_cannot_be_used_are_refused_by_name(tmp_path):
    source = next(TRAINED.glob("balle2018*"))
    name = "balle2018"

    corrupt = tmp_path / "corrupt.safetensors"
    corrupt.write_bytes(source.read_bytes()[:1000])
    with pytest.raises(UsageError, match=r"corrupt\.safetensors': damaged, or not safetensors"):
        plan(name, checkpoint=corrupt)

    foreign = tmp_path / "foreign.safetensors"
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, foreign)
    with pytest.raises(UsageError, match="not written by `rdbench train`"):
        plan(name, checkpoint=foreign)

    with pytest.raises(
        UsageError, match=r"holds weights of bmshj2018-factorized .* not of this codec"
    ):
        plan(name, checkpoint=next(TRAINED.glob("balle2017*")))

    def with_nan(card, state):
        state["g_a.0.weight"][0, 0, 0, 0] = float("nan")
        return card, state

    bad = rewritten(source, tmp_path / "nan.safetensors", with_nan)
    with pytest.raises(UsageError, match=r"'g_a\.0\.weight' holds values that are not finite"):
        build_first(name, checkpoint=bad)

    def without_layer(card, state):
        del state["h_s.0.weight"]
        return card, state

    cut = rewritten(source, tmp_path / "cut.safetensors", without_layer)
    with pytest.raises(UsageError, match=r"do not fit the architecture 'balle2018'.*h_s\.0"):
        build_first(name, checkpoint=cut)

    def unknown_argument(card, state):
        return weights.Card(card.architecture, {**card.configuration, "x": 1}, card.training), state

    odd = rewritten(source, tmp_path / "odd.safetensors", unknown_argument)
    with pytest.raises(UsageError, match=r"architecture 'balle2018' with .*: .*'x'"):
        build_first(name, checkpoint=odd)


def test_estimated_bits_are_those_of_the_image_that_is_asked_for():
    codec = plan("balle2018", checkpoints=TRAINED).build(
        plan("balle2018", checkpoints=TRAINED).points[0]
    )
    other = np.ascontiguousarray(PHOTO[::-1])
    first = codec.estimated_bits(PHOTO)
    codec.encode(other)
    assert codec.estimated_bits(PHOTO) == first
    assert codec.estimated_bits(other) != first
    assert codec.payload_bytes(codec.encode(PHOTO)) < len(codec.encode(PHOTO))


def test_instances_share_their_weights():
    found = plan("dumas2018-case2", checkpoints=TRAINED)
    encoder, decoder = found.build(1), found.build(4)
    assert encoder._models[3] is decoder._models[3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": "100"}, "tile=100 is not a multiple of 64"),
        ({"device": "warp"}, "device 'warp'"),
        ({"precision": "float16"}, "not one of float32, bfloat16"),
    ],
)
def test_executions_that_make_no_sense_are_refused_when_a_run_is_planned(options, message):
    with pytest.raises(UsageError, match=message):
        plan("balle2018", checkpoints=TRAINED, **options)


def test_cuda_where_there_is_none_is_refused_when_a_run_is_planned():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    with pytest.raises(UsageError, match="CUDA is not available; use device=cpu"):
        plan("balle2018", checkpoints=TRAINED, device="cuda")
