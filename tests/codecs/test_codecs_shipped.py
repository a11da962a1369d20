"""The network that comes along: that it is worth measuring."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the networks need torch")

import rdbench
from rdbench.models import weights


def test_it_has_its_card_beside_it():
    (path,) = weights.SHIPPED.glob("*.safetensors")
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    told = weights.read_card(path).training
    assert card.startswith(f"# {path.stem}\n")
    assert f"{told['steps']:,} of {told['batch']} crops" in card
    assert f"{told['validation']['psnr_db']:.3f} dB" in card
    assert (path.parent / f"{path.stem}.png").is_file()
    assert told["float16_costs_db"] < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("coder", ["ans", "binary"])
def test_it_needs_less_than_jpeg2000(tmp_path, coder):
    """Against another library's codec, luma, from files: at each of its qualities the other's rate
    is read off between its points."""
    outcome = rdbench.run(
        codecs=[
            f"dumas2018-case2:coder={coder},points=8/4/2/1",
            "jpeg2000:points=160/80/40/20/12/8",
        ],
        datasets="photos",
        color="luma",
        metric_names=["psnr_db"],
        out=tmp_path,
    )
    assert not outcome.failures
    rows = rdbench.load(tmp_path).groupby(["codec", "point"])[["bpp", "psnr_db"]].mean()
    ours = rows.loc["dumas2018-case2"].sort_values("psnr_db")
    other = rows.loc["jpeg2000"].sort_values("psnr_db")
    theirs = np.exp(np.interp(ours["psnr_db"], other["psnr_db"], np.log(other["bpp"])))
    saved = 1 - ours["bpp"] / theirs
    assert (saved > 0.05).all(), saved
    assert saved.mean() > 0.2
