"""The networks that rdbench ships: that they are worth measuring."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the networks need torch")

import rdbench
from rdbench import places
from rdbench.curves import published
from rdbench.models import weights

SHIPPED = sorted(weights.SHIPPED.glob("*.safetensors"))


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_each_has_its_card_beside_it(path):
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    told = weights.read_card(path).training
    assert card.startswith(f"# {path.stem}\n")
    assert f"{told['steps']:,} of {told['batch']} crops" in card
    assert f"{told['validation']['psnr_db']:.3f} dB" in card
    assert (path.parent / f"{path.stem}.png").is_file()
    assert told["float16_costs_db"] < 0.02


def test_that_of_rgb_was_trained_by_its_configuration():
    path = places.baselines() / "weights" / "small" / "lee2019.toml"
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    (rate,) = told["lambdas"]
    card = weights.read_card(weights.SHIPPED / f"lee2019-magnitudes-{rate}.safetensors")
    assert card.training["lambda"] == rate
    assert card.training["start"] == Path(told["start"]).name
    assert card.training["steps"] == told["optimizer"].pop("steps")
    assert told["optimizer"].items() <= card.training["optimizer"].items()
    assert told["network"].items() <= card.configuration.items()


def saved_over_jpeg(run, codec):
    """The part of JPEG's rate that ``codec`` does not need for the PSNR of each of its points."""
    rows = rdbench.load(run).groupby(["codec", "point"])[["bpp", "psnr_db"]].mean()
    ours = rows.loc[codec].sort_values("psnr_db")
    other = rows.loc["jpeg"].sort_values("psnr_db")
    theirs = np.exp(np.interp(ours["psnr_db"], other["psnr_db"], np.log(other["bpp"])))
    return 1 - ours["bpp"] / theirs


@pytest.mark.slow
@pytest.mark.parametrize("coder", ["ans", "binary"])
def test_it_needs_less_than_jpeg(tmp_path, coder):
    """Against another library's codec, luma, from files: at each of its qualities the other's rate
    is read off between its points."""
    outcome = rdbench.run(
        codecs=[
            f"dumas2018-case2:coder={coder},points=8/4/2/1",
            "jpeg:points=5/10/20/35/50/65/80/90/95",
        ],
        datasets="photos",
        color="luma",
        metrics=["psnr_db"],
        out=tmp_path,
    )
    assert not outcome.failures
    saved = saved_over_jpeg(tmp_path, "dumas2018-case2")
    assert (saved > 0.15).all(), saved
    assert saved.mean() > 0.4


@pytest.mark.slow
def test_that_of_rgb_needs_less_than_jpeg(tmp_path):
    """As above, in RGB."""
    outcome = rdbench.run(
        codecs=["lee2019:sweep=beta,points=4/2/1", "jpeg:points=5/10/20/35/50/65/80/90/95"],
        datasets="photos",
        metrics=["psnr_db"],
        out=tmp_path,
    )
    assert not outcome.failures
    assert (saved_over_jpeg(tmp_path, "lee2019") > 0.2).all()


@pytest.mark.slow
@pytest.mark.usefixtures("kodak")
def test_on_kodak_it_needs_a_quarter_less_than_the_papers_jpeg2000(tmp_path):
    outcome = rdbench.run(
        codecs=["dumas2018-case2"],
        datasets="kodak:geometry=dumas2018",
        color="luma",
        metrics=["psnr_db"],
        out=tmp_path,
    )
    assert not outcome.failures
    ours = rdbench.load(tmp_path).groupby("point")[["bpp", "psnr_db"]].mean()
    recorded = published("dumas2018-jpeg2000")
    anchor = (recorded.mean(column) for column in ("bpp", "psnr_db"))
    found = rdbench.bd_rate(*anchor, *ours.T.to_numpy(), method="cubic")
    assert found < -25
