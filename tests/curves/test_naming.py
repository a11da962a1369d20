"""Options that differ between two curves stand in both labels."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest

from rdbench.codecs import registry
from rdbench.curves import bd_table, find_anchor, find_curves, gather, load_curves, write_summary
from rdbench.curves.naming import own_label
from rdbench.errors import UsageError
from rdbench.schema import Measurement, options_text
from tests.curves.encoded import as_csv, of


def labeled(codec: str, label: str, options: str, **changes: object) -> list[Measurement]:
    rows = of(codec, **changes)
    return [dataclasses.replace(row, label=label, options=options) for row in rows]


def asked(codec: str, **options: str) -> list[Measurement]:
    """Rows with label and options as a run writes them of this codec."""
    found = registry.load(codec)
    resolved = found.resolve_options(options)
    return labeled(codec, found.label(resolved), options_text(found.told(resolved)))


def run_of(folder: Path, *parts: list[Measurement]) -> Path:
    folder.mkdir()
    (folder / "measurements.csv").write_text(as_csv([row for part in parts for row in part]))
    return folder


def labels(*runs: Path) -> list[str]:
    return [curve.label for curve in load_curves(runs)]


def test_options_that_differ_stand_in_both_labels(tmp_path):
    run = run_of(tmp_path / "run", asked("webp"), asked("webp", method="6"), asked("jpeg"))
    assert labels(run) == ["webp method=4", "webp method=6", "jpeg 4:2:0"]


def test_options_that_differ_stand_in_labels_of_several_runs_and_datasets(tmp_path):
    here = run_of(tmp_path / "a", asked("webp"))
    there = [dataclasses.replace(row, dataset="more") for row in asked("webp", method="6")]
    assert labels(here) == ["webp"]
    assert labels(here, run_of(tmp_path / "b", there)) == ["webp method=4", "webp method=6"]


def test_each_option_that_differs_is_named_once(tmp_path):
    run = run_of(
        tmp_path / "run",
        asked("webp", method="6"),
        asked("webp", threads="2"),
        asked("jpeg"),
        asked("jpeg", chroma="444"),
    )
    assert labels(run) == [
        "webp method=6 threads=1",
        "webp threads=2 method=4",
        "jpeg 4:2:0",
        "jpeg 4:4:4",
    ]


def test_labels_that_were_given_stay(tmp_path):
    plain, fast = (options_text({"method": m, "threads": 1}) for m in (4, 0))
    run = run_of(
        tmp_path / "run",
        labeled("webp", "webp usual", plain),
        labeled("webp", "webp method=0", fast),
    )
    assert labels(run) == ["webp usual", "webp method=0"]


def test_the_label_of_the_rows_goes_on_naming_a_curve(tmp_path):
    run = run_of(tmp_path / "run", asked("webp"), asked("webp", method="6"), asked("jpeg"))
    curves = gather([run], labels={"webp": "WebP"})
    assert [curve.title for curve in curves] == ["WebP", "webp method=6", "jpeg 4:2:0"]
    assert find_anchor(curves, "webp")["photos"] is curves[0]
    assert find_anchor(curves, "webp method=6")["photos"] is curves[1]
    assert find_curves(curves, ["webp"], "curve") == [curves[0]]


def test_a_codec_of_two_curves_with_other_options_each_is_no_anchor(tmp_path):
    run = run_of(tmp_path / "run", asked("webp", method="5"), asked("webp", method="6"))
    with pytest.raises(UsageError, match="'webp method=5', 'webp method=6'"):
        find_anchor(load_curves([run]), "webp")


def test_tables_and_csv_have_the_options_that_differ(tmp_path):
    run = run_of(tmp_path / "run", asked("webp"), asked("webp", method="6"))
    (rate, _) = bd_table([run], anchor="webp", metrics=["psnr_db"])
    assert (rate.anchor, rate.test) == ("webp method=4", "webp method=6")
    written = write_summary(run, [*asked("webp"), *asked("webp", method="6")])
    with written.open() as file:
        assert {row["label"] for row in csv.DictReader(file)} == {"webp method=4", "webp method=6"}


@pytest.mark.parametrize("codec", ["jpeg", "webp", "avif", "jpeg2000", "hevc", "lee2019", "zoo"])
def test_a_codec_s_own_label_is_known_as_such(codec):
    found = registry.load(codec)
    options = found.resolve_options({})
    texts = {name: str(value) for name, value in found.told(options).items()}
    assert own_label(found.label(options), codec, texts)
    assert not own_label(f"{found.label(options)} of mine", codec, texts)


def test_a_path_stands_in_a_codec_s_own_label_by_its_name():
    options = {"checkpoint": "/some where/net 1.pth.tar", "arch": "mbt2018"}
    assert own_label("zoo mbt2018 checkpoint=net 1.pth.tar", "zoo", options)
    assert not own_label("zoo mbt2018 checkpoint=other", "zoo", options)
