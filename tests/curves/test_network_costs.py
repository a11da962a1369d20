"""What networks cost: kept by a run, read without torch, shown beside what they save."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the networks need torch")

import rdbench
from rdbench.curves import bd_csv, bd_text
from rdbench.curves.bd_tables import tables
from rdbench.models import weights
from rdbench.plots.tradeoff import NETWORKS, tradeoff

LEARNED = ["dumas2018-case2:points=8/4/2/1", "jpeg2000:points=60/30/15/8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name in "ab":
        pixels = rng.integers(0, 256, (6, 6), np.uint8)
        Image.fromarray(pixels).resize((96, 96), Image.Resampling.BICUBIC).save(
            folder / f"{name}.png"
        )
    return folder


@pytest.fixture(scope="module")
def run(folder):
    return measured(folder, LEARNED, folder / "run")


def measured(folder, codecs, out):
    how = {"datasets": str(folder), "color": "luma", "metrics": "psnr_db", "jobs": 1}
    return rdbench.run(codecs=codecs, out=out, **how).path


def costs(path):
    return json.loads((path / "run.json").read_text())["network_costs"]


def test_a_run_keeps_what_the_networks_of_each_point_cost(run):
    found = costs(run)
    assert found.keys() == {"dumas2018-case2"}
    points = found["dumas2018-case2"]
    assert points.keys() == {"8", "4", "2", "1"}
    (cost,) = points["4"].values()
    assert points["4"].keys() == {"1"}
    # Of a gray image; 9x9, 5x5 and 5x5 with strides of 4, 2 and 2, and two GDN.
    by_hand = (81 * 128 + 128 * 128) / 16 + (25 * 128 * 128 + 128 * 128) / 64
    by_hand += 25 * 128 * 128 / 256
    assert cost["analysis_kmac_px"] == pytest.approx(by_hand / 1000)
    (path,) = [p for p in weights.SHIPPED.rglob("*.safetensors") if "case2" in p.name]
    assert cost["weights_bytes"] == path.stat().st_size
    assert cost["size"] == [768, 512]


def test_tables_have_them_beside_times(run):
    rows = rdbench.bd_table(run, anchor="jpeg2000")
    lines = bd_text(rows, complexity=True).splitlines()
    assert lines[2].split("memory [MiB]")[1].split("  ")[-4:] == [
        *("encode [kMAC/px]", "decode [kMAC/px]", "parameters [M]", "weights [MB]")
    ]
    anchor = next(line for line in lines if line.startswith("jpeg2000"))
    assert anchor.split()[-4:] == ["-"] * 4
    test = next(line for line in lines if line.startswith("dumas2018-case2"))
    assert test.split()[-6:-2] == ["9.93", "(0)", "10.4", "(0)"]
    assert any(line.startswith("  kMAC/px: multiply-accumulates") for line in lines)
    record = next(csv.DictReader(io.StringIO(bd_csv(rows), newline="")))
    assert float(record["test_encode_kmac_px"]) == pytest.approx(9.928)
    assert float(record["test_entropy_decode_kmac_px"]) == 0
    assert record["anchor_encode_kmac_px"] == ""
    assert r"kMAC/px" in bd_text(rows, "latex", complexity=True)
    assert "kMAC" in bd_text(rdbench.bd_table(run), layout="matrix", complexity=True)
    # Without learned codecs there are no such columns.
    assert "kMAC" not in bd_text(rows, complexity=False)


def test_figures_say_of_networks_only_what_they_show(run):
    """A single codec with networks has no panel of them, and no figure splits times."""
    rows = rdbench.bd_table(run, anchor="jpeg2000")
    figure = tradeoff(rows)
    assert figure is not None
    assert {panel.x_label for panel in figure.panels}.isdisjoint(NETWORKS.values())
    assert not any("kMAC" in note or "parentheses" in note for note in figure.notes)
    assert any("in parentheses the time of the transforms" in n for n in bd_notes(rows))


def bd_notes(rows):
    return [note for table in tables(rows, complexity=True) for note in table.notes]


def test_they_are_read_without_torch(run):
    code = (
        "import sys, rdbench\n"
        f"print(rdbench.bd_table({str(run)!r}, anchor='jpeg2000')[0].complexities[1].networks)\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "9.928" in done.stdout


def test_merged_runs_have_those_of_all_points(folder, tmp_path):
    parts = [
        measured(folder, [f"dumas2018-case2:points={points}"], tmp_path / str(number))
        for number, points in enumerate(("8/4", "2"))
    ]
    merged = rdbench.merge(parts, tmp_path / "merged")
    assert costs(merged)["dumas2018-case2"].keys() == {"8", "4", "2"}


def test_costs_of_unlike_shapes_are_those_of_the_first(run, tmp_path):
    for name, value in (("one", {"seconds": 1}), ("other", 1.0)):
        manifest = json.loads((run / "run.json").read_text())
        manifest["network_costs"]["dumas2018-case2"]["8"]["1"]["edited"] = value
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps(manifest))
        (tmp_path / name / "measurements.csv").write_bytes((run / "measurements.csv").read_bytes())
    merged = rdbench.merge([tmp_path / "one", tmp_path / "other"], tmp_path / "merged")
    assert costs(merged)["dumas2018-case2"]["8"]["1"]["edited"] == {"seconds": 1}


def test_points_without_a_count_have_none_and_that_is_said(run, tmp_path):
    """As rows that were measured before costs were kept."""
    manifest = json.loads((run / "run.json").read_text())
    del manifest["network_costs"]["dumas2018-case2"]["8"]
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    (tmp_path / "measurements.csv").write_bytes((run / "measurements.csv").read_bytes())
    rows = rdbench.bd_table(tmp_path, anchor="jpeg2000")
    networks = rows[0].complexities[1].networks
    assert math.isnan(networks.encode[1])
    text = bd_text(rows, complexity=True)
    assert "dumas2018-case2: run.json does not describe the networks of all points" in text


def test_a_range_is_from_the_least_to_the_most(run, tmp_path):
    manifest = json.loads((run / "run.json").read_text())
    cost = manifest["network_costs"]["dumas2018-case2"]["8"]["1"]
    cost |= {"analysis_kmac_px": 20.0, "entropy_encode_kmac_px": 1.0, "parameters": 5_000_000}
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    (tmp_path / "measurements.csv").write_bytes((run / "measurements.csv").read_bytes())
    rows = rdbench.bd_table(tmp_path, anchor="jpeg2000")
    line = next(
        line for line in bd_text(rows, complexity=True).splitlines() if line.startswith("dumas2018")
    )
    assert "9.93 to 21.0 (0 to 1.00)" in line
    assert "1.73 to 5.00" in line
    record = next(csv.DictReader(io.StringIO(bd_csv(rows), newline="")))
    assert float(record["test_encode_kmac_px"]) == pytest.approx(21)
