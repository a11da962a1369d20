"""A row stays in a run that goes on only where all that decides it is the same."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rdbench import files, provenance
from rdbench.codecs.request import CodecRequest
from rdbench.errors import UsageError
from rdbench.experiment import plan as planned
from rdbench.experiment import plan_codec
from rdbench.files import csv_text
from rdbench.manifest import MANIFEST
from rdbench.results import MEASUREMENTS, read_rows
from rdbench.runner import Outcome
from rdbench.schema import OK

from .conftest import CODECS, experiment, run_into

CODEC = """
    import zlib
    import numpy as np
    import rdbench
    from helper import LEVEL

    class Mine(rdbench.Codec):
        name = "mine"
        parameter = "step"
        ladder = (2, 1)
        option_table = {
            "checkpoint": rdbench.Option("", "weights", path=True),
            "folder": rdbench.Option("", "more weights", path=True),
            "opened": rdbench.Option("", "weights that are opened", path=False),
        }

        def __init__(self, point, **options):
            super().__init__(point, **options)
            if self.options["opened"]:
                with rdbench.open_weights(self.options["opened"]) as file:
                    assert file.read()

        @classmethod
        def version(cls):
            return "1"

        def encode(self, image):
            height, width, channels = image.shape
            return bytes([height, width, channels]) + zlib.compress(image.tobytes(), LEVEL)

        def decode(self, data):
            return np.frombuffer(zlib.decompress(data[3:]), np.uint8).reshape(tuple(data[:3]))
"""


class Mine:
    """A codec with a helper beside it and weights, and a run of it."""

    def __init__(self, folder: Path, photos: Path) -> None:
        self.folder = folder / "codec"
        self.out = folder / "out"
        self.photos = photos
        (self.folder / "many").mkdir(parents=True)
        self.write("mine.py", textwrap.dedent(CODEC))
        self.write("helper.py", "LEVEL = 1\n")
        self.write("beside.py", "never imported\n")
        for name in ("weights", "opened", "many/a", "many/b"):
            self.write(name, "1")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def run(self, **options: str) -> Outcome:
        request = CodecRequest(f"{self.folder / 'mine.py'}:Mine", options)
        plan = planned("t", datasets=[str(self.photos)], codecs=[request], metrics=["psnr_db"])
        return run_into(self.out, plan, jobs=1)

    def all_options(self) -> dict[str, str]:
        names = {"checkpoint": "weights", "folder": "many", "opened": "opened"}
        return {option: str(self.folder / name) for option, name in names.items()}


@pytest.fixture
def mine(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch):
    """Modules beside the file are forgotten afterwards: each test has some of the same name."""
    from rdbench import plugins

    monkeypatch.setattr(plugins, "_claims", plugins._claims)
    plugins._claims.pop("helper", None)
    yield Mine(tmp_path, photos)
    plugins._claims.pop("helper", None)
    sys.modules.pop("helper", None)


def manifest(outcome: Outcome) -> dict:
    return json.loads((outcome.path / MANIFEST).read_text())


def test_the_record_of_a_row(mine):
    outcome = mine.run(**mine.all_options())
    assert {row.status for row in outcome.rows} == {OK}
    told = manifest(outcome)["identities"]
    assert {row.identity for row in outcome.rows} == set(told)

    def sha256(name: str) -> str:
        return hashlib.sha256((mine.folder / name).read_bytes()).hexdigest()

    listed = "".join(f"{name}\0{sha256(f'many/{name}')}\n" for name in ("a", "b"))
    (record,) = told.values()
    assert record == {
        "version": "1",
        "source": {"mine.py": sha256("mine.py"), "helper.py": sha256("helper.py")},
        "files": {
            "checkpoint": sha256("weights"),
            "folder": hashlib.sha256(listed.encode()).hexdigest(),
        },
        "opened": {str(mine.folder / "opened"): sha256("opened")},
    }
    text = json.dumps(record, sort_keys=True)
    assert set(told) == {hashlib.sha256(text.encode()).hexdigest()[:16]}


def test_nothing_is_measured_again_where_nothing_has_changed(mine):
    first = mine.run(**mine.all_options())
    mine.write("beside.py", "changed\n")
    again = mine.run(**mine.all_options())
    assert (first.measured, again.measured, again.replaced) == (6, 0, [])
    assert again.rows == first.rows


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("mine.py", textwrap.dedent(CODEC) + "# edited\n", "source.mine.py: "),
        ("helper.py", "LEVEL = 9\n", "source.helper.py: "),
        ("weights", "22", "files.checkpoint: "),
        ("many/b", "22", "files.folder: "),
        ("many/c", "1", "files.folder: "),
        ("opened", "22", "opened."),
    ],
)
def test_what_a_codec_is_made_of_has_changed(mine, name, text, place):
    first = mine.run(**mine.all_options())
    mine.write(name, text)
    again = mine.run(**mine.all_options())
    assert again.measured == len(again.rows) == 6
    (line,) = again.replaced
    assert line.startswith(f"{again.rows[0].label}: 6 rows measured again: {place}")
    assert line.isprintable()
    assert {row.identity for row in again.rows}.isdisjoint({row.identity for row in first.rows})
    assert set(manifest(again)["identities"]) == {row.identity for row in again.rows}
    if name == "helper.py":
        assert again.rows[0].stream_sha256 != first.rows[0].stream_sha256
    assert mine.run(**mine.all_options()).measured == 0


def test_an_opened_file_that_is_gone_is_noticed(mine):
    mine.run(opened=str(mine.folder / "opened"))
    (mine.folder / "opened").unlink()
    again = mine.run(opened=str(mine.folder / "opened"))
    assert again.measured == 6
    assert "No such file" in again.failures[0].message


def test_another_version_is_refused_with_the_curve(mine):
    mine.run()
    before = (mine.out / MEASUREMENTS).read_bytes()
    mine.write("mine.py", textwrap.dedent(CODEC).replace('"1"', '"2"'))
    with pytest.raises(
        UsageError, match=r"curve 'mine'.*version: \"1\" there, \"2\" now"
    ) as caught:
        mine.run()
    assert str(caught.value).isprintable()
    assert "`out`" in str(caught.value)
    assert "`fresh=True`" in str(caught.value)
    assert (mine.out / MEASUREMENTS).read_bytes() == before


def test_a_killed_run_knows_what_made_its_rows(mine):
    """Rows are never there without their record, also those that opened weights."""
    mine.run(**mine.all_options())
    code = (
        "import json, os, sys\n"
        "from pathlib import Path\n"
        "from rdbench import results\n"
        "append = results.RunDirectory.append\n"
        "def die(self, row):\n"
        "    append(self, row)\n"
        "    os._exit(9)\n"
        "results.RunDirectory.append = die\n"
        "from rdbench.cli import main\n"
        "main()\n"
    )
    options = ",".join(f"{name}={path}" for name, path in mine.all_options().items())
    target = f"{mine.folder / 'mine.py'}:Mine:{options}"
    arguments = ["run", "--codec", target, "--dataset", str(mine.photos), "--metrics", "psnr_db"]
    out = mine.folder / "killed"
    subprocess.run([sys.executable, "-c", code, *arguments, "--jobs", "1", "--out", str(out)])
    (row,) = read_rows(out)
    assert row.identity in json.loads((out / MANIFEST).read_text())["identities"]
    mine.out = out
    assert mine.run(**mine.all_options()).measured == 5


def older(path: Path, **changed: str) -> None:
    """Make a run directory one of before there were identities."""
    told = json.loads((path / MANIFEST).read_text())
    del told["identities"]
    (path / MANIFEST).write_text(json.dumps(told))
    with (path / MEASUREMENTS).open(newline="") as file:
        rows = [{**row, **changed} for row in csv.DictReader(file)]
    header = [name for name in rows[0] if name != "identity"]
    (path / MEASUREMENTS).write_text(
        csv_text([header, *([row[name] for name in header] for row in rows)])
    )


def test_a_directory_of_before_there_were_identities_goes_on(photos, tmp_path):
    out = tmp_path / "out"
    run_into(out, experiment(photos, "Step"))
    older(out)
    text = (out / MEASUREMENTS).read_text()
    (out / MEASUREMENTS).write_text("".join(text.splitlines(keepends=True)[:-2]))
    again = run_into(out, experiment(photos, "Step"))
    assert (again.measured, len(again.rows)) == (2, 12)
    assert [bool(row.identity) for row in again.rows] == [False] * 10 + [True] * 2
    assert {row.codec for row in read_rows(out)} == {"step"}
    assert run_into(out, experiment(photos, "Step")).measured == 0


def test_a_directory_of_before_with_another_version_is_refused(photos, tmp_path):
    run_into(tmp_path, experiment(photos, "Step"))
    older(tmp_path, codec_version="zlib 0.9")
    with pytest.raises(UsageError, match=r"curve 'step'.*version: \"zlib 0.9\" there"):
        run_into(tmp_path, experiment(photos, "Step"))


def test_a_codec_that_is_edited_while_it_is_measured_fails(mine):
    """The worker must not measure another source than the record tells."""
    from rdbench.runner.measure import Bench
    from rdbench.runner.rows import Job, Settings

    target = f"{mine.folder / 'mine.py'}:Mine"
    plan = planned("t", datasets=[str(mine.photos)], codecs=[CodecRequest(target)])
    sources = {(target, plan.codecs[0].options_text): provenance.source(plan.codecs[0])}
    mine.write("mine.py", textwrap.dedent(CODEC) + "# edited\n")
    settings = Settings(plan.metrics, shared=False, sources=sources)
    found = Bench(settings, lambda _: None).answer(Job(plan.tasks()[0], ("psnr_db",)))
    assert found.core["status"] == "failed"
    assert "codec 'mine' was edited since the run began (mine.py: " in found.core["message"]


def test_weights_can_be_read_and_passed_on_as_a_path(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"123")
    noted: dict[str, str] = {}
    with files.noting(noted):
        with files.open_weights(path) as file:
            assert file.read() == b"123"
        assert Path(files.open_weights(str(path))) == path
    assert noted == {str(path): hashlib.sha256(b"123").hexdigest()}
    files.open_weights(path)
    assert len(noted) == 1
    with pytest.raises(FileNotFoundError):
        files.open_weights(tmp_path / "gone")


def test_the_place_of_a_file_decides_nothing(mine):
    one = plan_codec(CodecRequest(f"{CODECS}:Step"))
    assert provenance.identity(one, 64) == {
        "version": one.codec().version(),
        "source": {CODECS.name: hashlib.sha256(CODECS.read_bytes()).hexdigest()},
    }
    assert provenance.digest({"a": 1, "b": 2}) == provenance.digest({"b": 2, "a": 1})
