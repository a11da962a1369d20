"""Reports: measurements in them are not lost, and the committed ones are what the code writes."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from rdbench import reproducing
from rdbench.errors import UsageError

from .texts import HEAD

ROOT = Path(__file__).parents[2]
OF_RECORD = [
    name
    for name in reproducing.shipped()
    if (ROOT / "results" / name / "measurements.csv").is_file()
]
OF_PUBLISHERS = [
    name
    for name, path in reproducing.shipped().items()
    if not any(role.request for role in reproducing.read(path).roles)
]
PUBLISHED = (
    "dataset,images,label,codec,parameter,point,channels,bpp,psnr_db,source\n"
    "photos,5,mine,other,quality,1,3,0.3,28,somebody\n"
    "photos,5,mine,other,quality,2,3,0.6,31,somebody\n"
    "photos,5,mine,other,quality,3,3,1.2,34,somebody\n"
)
FIGURE = '[[figures]]\nkind = "rate-distortion"\n'


@pytest.fixture
def recipe(tmp_path):
    """JPEG, with a published curve that could stand in for it."""
    (tmp_path / "mine.csv").write_text(PUBLISHED)
    path = tmp_path / "recipe.toml"
    path.write_text(HEAD + f'published = ["{tmp_path / "mine.csv"}"]\n' + FIGURE)
    return reproducing.read(path)


def sources(out):
    with (out / "curves.csv").open(encoding="utf-8", newline="") as file:
        return {row["source"] for row in csv.DictReader(file)}


def test_measured_rows_of_a_report_never_give_way_to_published_ones_unsaid(recipe, tmp_path):
    out, run = tmp_path / "out", tmp_path / "run"
    reproducing.reproduce(recipe, out=out, run=run)
    assert sources(out) == {"measured", "somebody"}
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    for other in ({"published": True}, {"kept": True, "run": tmp_path / "empty"}):
        options = {"out": out, "run": run, **other}
        with pytest.raises(UsageError, match="has measurements of JPEG on photos, which published"):
            reproducing.reproduce(recipe, **options)
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    reproducing.reproduce(recipe, out=out, run=run, published=True, replace=True)
    assert sources(out) == {"somebody"}
    reproducing.reproduce(recipe, out=out, run=run, published=True)  # nothing is lost any more


def test_what_the_run_holds_counts_without_its_codec_or_images(recipe, tmp_path, monkeypatch):
    out, run = tmp_path / "out", tmp_path / "run"
    reproducing.reproduce(recipe, out=out, run=run)
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.suffix != ".pdf"}
    rows = (run / "measurements.csv").read_bytes()
    said = []
    reproducing.reproduce(recipe, out=out, run=run, kept=True, say=said.append)
    assert said == []
    assert {name: (out / name).read_bytes() for name in before} == before
    assert (run / "measurements.csv").read_bytes() == rows

    def gone(*_, **__):
        raise UsageError("the images are gone")

    monkeypatch.setattr("rdbench.reproducing.make.images.resolve", gone)
    reproducing.reproduce(recipe, out=out, run=run, say=said.append)
    assert said == []
    assert {name: (out / name).read_bytes() for name in before} == before
    with pytest.raises(UsageError, match="exclude each other"):
        reproducing.reproduce(recipe, out=out, run=run, kept=True, published=True)


@pytest.mark.parametrize("name", [*OF_RECORD, *OF_PUBLISHERS])
def test_the_committed_pages_are_what_the_code_writes_from_the_measurements(name, tmp_path):
    """To renew them: ``rdbench reproduce NAME --run results/NAME --kept``; of published points
    alone ``rdbench reproduce NAME``. Figures are not held
    against each other, as their bytes are of one version of matplotlib; numbers but for the last
    digits, which are of a machine's order of additions."""
    assert name in OF_RECORD or name == "aom-still"
    recipe = reproducing.read(reproducing.find(name))
    reproducing.reproduce(recipe, out=tmp_path, run=ROOT / "results" / name, kept=True)
    report = ROOT / "reports" / name
    made, committed = ({path.name for path in folder.iterdir()} for folder in (tmp_path, report))
    # Comparisons of pictures are drawn where their images and codecs are.
    compared = {path.name for path in report.glob("*_bpp-*.png")} if _compares(recipe) else set()
    assert made | compared == committed
    pages = [(folder / "README.md").read_text(encoding="utf-8") for folder in (tmp_path, report)]
    assert pages[0] == pages[1]
    for table in sorted(path.name for path in report.glob("*.csv")):
        made, committed = (cells(folder / table) for folder in (tmp_path, report))
        assert len(made) == len(committed)
        for one, other in zip(made, committed, strict=True):
            assert one == other or one == pytest.approx(other, rel=1e-9), table


def _compares(recipe):
    return any(figure.kind == "comparison" for figure in recipe.figures)


def cells(path):
    """All cells of a CSV, numbers as numbers."""
    with path.open(encoding="utf-8", newline="") as file:
        return [number(cell) for row in csv.reader(file) for cell in row]


def number(cell):
    try:
        return float(cell)
    except ValueError:
        return cell


def test_there_are_measurements_of_record():
    claimed = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    assert {*OF_RECORD} == {*re.findall(r"^\| `([a-z]+20[-\w]+)`", claimed, re.MULTILINE)}
    assert {"dumas2018-fig5", "lee2019-fig5", "lee2019-table"} <= {*OF_RECORD}


def test_what_is_said_of_entropy_models_is_what_was_measured():
    """The BD-rates beside the weights, and in the changelog those of the scale hyperprior and of
    both contexts; all curves are of all 24 images."""
    report = ROOT / "reports" / "lee2019-entropy-models"
    with (report / "claims.csv").open(encoding="utf-8", newline="") as file:
        claims = {(row["test"], row["anchor"]): row for row in csv.DictReader(file)}
    texts = {
        path: " ".join(path.read_text(encoding="utf-8").split())
        for path in (ROOT / "CHANGELOG.md", ROOT / "baselines" / "weights" / "README.md")
    }
    for (test, anchor), row in claims.items():
        value, low, high = (float(row[key]) for key in ("measured", "low", "high"))
        said = f"{value:+.1f} % ({low:+.1f}, {high:+.1f})"
        told = [path.name for path, text in texts.items() if said in text]
        whole = test in ("scale hyperprior", "both contexts") and "mean" not in anchor
        assert told == (["CHANGELOG.md"] * whole + ["README.md"] * ("mean" not in anchor)), said
    with (report / "curves.csv").open(encoding="utf-8", newline="") as file:
        assert {row["images"] for row in csv.DictReader(file)} == {"24"}
