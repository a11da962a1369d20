"""What pages and reports say of Dumas et al. 2018 is what the measurements of record give."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rdbench.curves import published

ROOT = Path(__file__).parents[1]
FIGURE = "dumas2018-fig5"
DATASETS = ("kodak:geometry=dumas2018", "bsds300-test:geometry=dumas2018")
PAGE = (ROOT / "docs" / "explanation" / "papers.md").read_text(encoding="utf-8")
TABLE = re.findall(r"(?m)^\| (case \d|JPEG2000|HM) over (.*?) \|(.*)\|$", PAGE)


@pytest.fixture(scope="module")
def claims():
    return pd.read_csv(ROOT / "reports" / FIGURE / "claims.csv").set_index(
        ["dataset", "test", "anchor"]
    )


@pytest.fixture(scope="module")
def curves():
    """The mean curves of record."""
    rows = pd.read_csv(ROOT / "results" / FIGURE / "measurements.csv")
    assert (rows["status"] == "ok").all()
    assert len(rows) == 4960
    return rows.groupby(["dataset", "label", "point"])[["bpp", "psnr_db"]].mean()


def cubic_bd_rate(anchor, test):
    """VCEG-M33, with numpy alone: per cent."""
    low = max(anchor["psnr_db"].min(), test["psnr_db"].min())
    high = min(anchor["psnr_db"].max(), test["psnr_db"].max())
    means = []
    for curve in (anchor, test):
        whole = np.polyint(np.polyfit(curve["psnr_db"], np.log(curve["bpp"]), 3))
        means.append((np.polyval(whole, high) - np.polyval(whole, low)) / (high - low))
    return 100 * np.expm1(means[1] - means[0])


def recorded(label, dataset):
    suffix = "-bsds300" if dataset.startswith("bsds300") else ""
    curve = published(f"dumas2018-{label.replace(' ', '').lower()}{suffix}")
    return {"bpp": curve.mean("bpp"), "psnr_db": curve.mean("psnr_db")}


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_report_is_of_the_measurements(claims, curves, dataset):
    of_dataset = claims.loc[dataset]
    assert len(of_dataset) == 13
    for (test, anchor), claim in of_dataset.iterrows():
        if anchor.startswith("published:"):
            other = recorded(anchor.removeprefix("published:"), dataset)
        else:
            other = curves.loc[dataset, anchor]
        found = cubic_bd_rate(other, curves.loc[dataset, test])
        assert claim["measured"] == pytest.approx(found, abs=0.01), (test, anchor)


def test_the_page_is_of_the_report(claims):
    """Columns: Kodak, the paper and here; BSDS300, the paper and here."""
    assert len(TABLE) == 9
    for test, anchor, cells in TABLE:
        suffix = "_of_images" if anchor.endswith("image by image") else ""
        name = anchor.removesuffix(", image by image").removesuffix(" (5/3)").removesuffix(" 16.15")
        name = f"published:{test}" if name == "the paper's" else name
        written = [cell.strip() for cell in cells.split("|")]
        for dataset, (paper, here) in zip(DATASETS, (written[:2], written[2:]), strict=True):
            claim = claims.loc[dataset, test, name]
            assert float(here) == pytest.approx(claim[f"measured{suffix}"], abs=0.0501)
            if paper:
                column = "published_of_images" if suffix else "published_points"
                assert float(paper) == pytest.approx(claim[column], abs=0.0501)
