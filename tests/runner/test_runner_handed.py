"""Codecs that are handed over as classes: of a script, a test, a notebook."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest

import rdbench
from rdbench.errors import UsageError

CLASS = """
import rdbench
import nbclient
import nbformat
import numpy as np

STEP = 16

def coarse(image):
    return image // STEP

class Half(rdbench.Codec):
    name = "half"
    parameter = "step"
    ladder = (2, 1)

    def encode(self, image):
        return bytes(image.shape) + coarse(image).tobytes()

    def decode(self, data):
        samples = np.frombuffer(data[3:], np.uint8).reshape(tuple(data[:3]))
        return samples * np.uint8(STEP)
"""
RUN = """
outcome = rdbench.run(codecs=[Half], datasets={photos!r}, metrics="psnr_db", out={out!r}, jobs=1)
print("measured", outcome.measured, "of", len(outcome.rows), "failed", len(outcome.failures))
"""


class Half(rdbench.Codec):
    """Keeps the high bits of each sample."""

    name = "half"
    parameter = "step"
    ladder = (2, 1)

    def encode(self, image):
        return bytes(image.shape) + coarse(image).tobytes()

    def decode(self, data):
        return np.frombuffer(data[3:], np.uint8).reshape(tuple(data[:3])) * np.uint8(16)


def coarse(image):
    return image // 16


def script(folder: Path, text: str) -> str:
    (folder / "script.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def notebook(folder: Path, text: str) -> str:
    """What a notebook of two cells prints, executed by Jupyter in a kernel of its own."""
    cells = text.rpartition("\noutcome")
    page = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(cells[0]),
            nbformat.v4.new_code_cell("outcome" + cells[2]),
        ]
    )
    nbclient.NotebookClient(page, timeout=120, resources={"metadata": {"path": folder}}).execute()
    return "".join(
        output.get("text", "") for output in page.cells[1].outputs if output["name"] == "stdout"
    )


def test_a_class_of_a_test_module_is_measured(photos, tmp_path):
    outcome = rdbench.run(
        codecs=[Half], datasets=str(photos), metrics="psnr_db", out=tmp_path, jobs=1
    )
    assert not outcome.failures
    assert {row.codec for row in outcome.rows} == {"half"}
    assert all(25 < row.scores["psnr_db"] < 40 for row in outcome.rows)


@pytest.mark.slow
@pytest.mark.parametrize("execute", [script, notebook])
@pytest.mark.filterwarnings("default")  # of Jupyter's own
def test_a_class_that_is_edited_is_measured_again(execute, photos, tmp_path):
    """No `if __name__ == "__main__"` is needed: workers do not import the script. The class is
    another one, too, where what it refers to is."""
    text = CLASS + RUN.format(photos=str(photos), out=str(tmp_path / "run"))
    assert execute(tmp_path, text) == "measured 6 of 6 failed 0\n"
    identities = json.loads((tmp_path / "run" / "run.json").read_text())["identities"]
    (source,) = [one["source"] for one in identities.values()]
    assert re.fullmatch("[0-9a-f]{64}", source["Half"])
    assert execute(tmp_path, text) == "measured 0 of 6 failed 0\n"
    assert execute(tmp_path, text.replace("STEP = 16", "STEP = 8")) == "measured 6 of 6 failed 0\n"
    again = text.replace("STEP = 16", "STEP = 8").replace("image // STEP", "image // STEP // 1")
    assert execute(tmp_path, again) == "measured 6 of 6 failed 0\n"
    again = again.replace("coarse(image).tobytes()", "coarse(image).tobytes() + b''")
    assert execute(tmp_path, again) == "measured 6 of 6 failed 0\n"
    assert execute(tmp_path, again) == "measured 0 of 6 failed 0\n"


def test_a_class_of_a_function_is_measured(photos, tmp_path):
    step = 8

    class Within(Half):
        """Stands in a function, and refers to what the function has."""

        name = "within"

        def encode(self, image):
            return bytes(image.shape) + (image // step).tobytes()

        def decode(self, data):
            levels = np.frombuffer(data[3:], np.uint8).reshape(tuple(data[:3]))
            return levels * np.uint8(step)

    for measured in (6, 0):
        outcome = rdbench.run(
            codecs=[Within], datasets=str(photos), metrics="psnr_db", out=tmp_path, jobs=1
        )
        assert not outcome.failures
        assert outcome.measured == measured
    (identity,) = json.loads((tmp_path / "run.json").read_text())["identities"].values()
    assert list(identity["source"]) == [Within.__qualname__]


def test_a_class_that_cannot_be_pickled_belongs_into_a_file(photos, tmp_path):
    class Locked(Half):
        """Holds what no other process can have, and stands in no file by its name."""

        name = "locked"
        lock = threading.Lock()

    with pytest.raises(UsageError) as caught:
        rdbench.run(codecs=[Locked], datasets=str(photos), out=tmp_path, jobs=1)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("codec class ")
    assert "Locked' cannot be sent to another process (TypeError" in message
    assert message.endswith("put it into a file and name that, FILE.py:Class")


class Holding(Half):
    """Holds what no other process can have, and stands in this file."""

    name = "holding"
    lock = threading.Lock()


def test_a_class_that_cannot_be_pickled_is_taken_from_its_file(photos, tmp_path):
    outcome = rdbench.run(codecs=[Holding], datasets=str(photos), out=tmp_path, jobs=1)
    assert {row.status for row in outcome.rows} == {"ok"}
    (identity,) = json.loads((tmp_path / "run.json").read_text())["identities"].values()
    assert Path(__file__).name in identity["source"]
