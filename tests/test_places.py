"""Where files may be: names stay within their folder, and an empty one names nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rdbench
from rdbench import experiment, reproducing
from rdbench.errors import UsageError
from rdbench.places import inside, named
from rdbench.schema import Measurement
from tests.cli.command import rdbench as command

OUT_OF_IT = ("../x", "a/../../x", "/tmp/x", "..", "", ".", "a\0b")


@pytest.mark.parametrize("name", OUT_OF_IT)
def test_a_name_stays_in_its_folder(name):
    with pytest.raises(UsageError, match="is not the name of a file within"):
        inside(Path("folder"), name, "file")


@pytest.mark.parametrize("name", ["x", "a/b", "x..y", "...", "caf\udce9", "a b", "x.toml"])
def test_other_names_are_taken(name):
    assert inside(Path("folder"), name, "file") == Path("folder") / name


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", ".."])
def test_an_experiment_is_measured_into_the_folder_of_runs(tmp_path, name):
    file = tmp_path / "e.toml"
    file.write_text(f'name = "{name}"\ndatasets = ["photos"]\n[[codecs]]\ncodec = "png"\n')
    with pytest.raises(UsageError, match="is not the name of a file within"):
        experiment.read(file)


def test_a_recipe_s_files_are_in_its_folder_and_in_that_of_its_run(tmp_path):
    text = reproducing.find("aom-still").read_text(encoding="utf-8")
    file = tmp_path / "r.toml"
    file.write_text(text.replace('file = "aom-still.csv"', 'file = "../../etc/passwd"'))
    with pytest.raises(UsageError, match=r"key 'deltas\.file'.*is not the name of a file within"):
        reproducing.read(file)
    text = reproducing.find("lee2019-fig7").read_text(encoding="utf-8")
    file.write_text(re.sub('^file = "', 'file = "../', text, flags=re.MULTILINE))
    with pytest.raises(UsageError, match=r"key 'networks\[0\]\.file'.*is not the name of a file"):
        reproducing.read(file)


@pytest.mark.parametrize("column", ["stream_file", "decoded_file"])
@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "streams/../../x"])
def test_what_a_row_kept_is_in_the_run_directory(column, name):
    cells = {"codec": "c", "image": "i", "point": "1", column: name}
    with pytest.raises(UsageError, match=f"{column}.*is not the name of a file within"):
        Measurement.from_cells(cells)
    assert Measurement.from_cells({**cells, column: "streams/c/1/i.jpg"})


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_out_is_refused(tmp_path, empty):
    with pytest.raises(UsageError, match="`out` is empty"):
        named(empty)
    with pytest.raises(UsageError, match="`out` is empty"):
        rdbench.run(codecs="png", datasets="photos", out=empty)
    done = command("run", "--codecs", "png", "--dataset", "photos", "--out", empty, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "rdbench: error: --out is empty; name a path, such as . for the working directory\n"
    )
    assert not [*tmp_path.iterdir()]
