"""What Lee et al. 2019 state of their codec, from published curves alone.

Section 4.3 of the paper gives gains in BD-rate of PSNR over Kodak of 6.85 % over BPG and 11.97 %
over Ballé et al. 2018, and neither the interpolation, the averaging nor BPG's options. The means of
the images' PSNR give both figures to within 0.6 points, by every interpolation, against BPG with
4:4:4 chroma in YCbCr (x265) and the curve of Ballé et al. as CompressAI publishes them. Of these
two only means of decibels are known, so that PSNR of the mean MSE cannot be tried.
"""

from __future__ import annotations

import pytest

from rdbench.bd import METHODS
from rdbench.curves import bd_table


@pytest.mark.parametrize(
    ("anchor", "expected", "paper"),
    [("bpg_444_x265_ycbcr", -7.0, -6.85), ("paper-bmshj2018-hyperprior", -12.5, -11.97)],
)
@pytest.mark.parametrize("method", METHODS)
def test_lee2019_saves_what_its_paper_says(anchor, expected, paper, method):
    rows = bd_table(published="lee2019-mse", anchor=f"published:{anchor}", method=method)
    (value,) = (row.value for row in rows if row.kind == "rate")
    assert value == pytest.approx(expected, abs=0.2)
    assert value == pytest.approx(paper, abs=0.6)
    assert not any(row.methods_disagree for row in rows)
