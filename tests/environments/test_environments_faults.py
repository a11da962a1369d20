"""Environments that are not there, are not fit, or do not keep to the protocol."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rdbench.codecs.request import parse_codec
from rdbench.conforming import conforms, run_checks, table
from rdbench.environments import WORKER, server
from rdbench.errors import UsageError
from rdbench.experiment import plan_codec, read
from rdbench.schema import CRASHED, FAILED, OK, TIMEOUT
from tests.cli.command import rdbench
from tests.runner.conftest import run_into

from .test_environments_measuring import CODECS, experiment

PERL = Path(__file__).parent / "worker.pl"


def pyenv(version: str) -> Path:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(root.glob(f"versions/{version}.*/bin/python"))
    if not found:
        pytest.skip(f"there is no Python {version}")
    return found[0]


def refused(text: str) -> str:
    with pytest.raises(UsageError) as raised:
        plan_codec(parse_codec(text))
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_a_python_that_is_not_there_is_named():
    message = refused(f"{CODECS}:Plain,python=/nowhere/bin/python")
    assert "environment 'python=/nowhere/bin/python': there is no such file" in message
    assert "program 'nopython' was not found" in refused(f"{CODECS}:Plain,python=nopython")
    assert "it is not a program" in refused(f"{CODECS}:Plain,python={CODECS}")


def test_it_is_one_line_on_the_command_line(photos, tmp_path):
    codec = f"{CODECS}:Plain,python=/nowhere/bin/python"
    done = rdbench("run", "--codec", codec, "--dataset", str(photos), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("rdbench: error: environment 'python=/nowhere/bin/python': ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_a_python_that_is_too_old_is_told_so(version):
    message = refused(f"{CODECS}:Plain,python={pyenv(version)}")
    assert message.endswith(f": it is Python {version}, but 3.8 or later is needed")


def test_a_python_without_numpy_is_told_so(bare_python):
    message = refused(f"{CODECS}:Plain,python={bare_python}")
    assert "it has no NumPy (No module named 'numpy'); install it there" in message


def test_a_folder_stands_for_the_interpreter_in_it(other_python):
    plan = plan_codec(parse_codec(f"{CODECS}:Plain,python={other_python.parents[1]}"))
    assert plan.name == "plain"


@pytest.mark.parametrize(
    ("codec", "message"),
    [
        (f"{CODECS}:Nothing", f"there is no class 'Nothing' in '{CODECS}'"),
        (f"{CODECS}:SERVER", "lacks name, parameter, ladder"),
        (f"{CODECS}:Axis", "codec 'Axis' defines axis(), which rdbench cannot call in another"),
        ("nofile.py:Plain", "codec file 'nofile.py': there is no such file"),
        ("jpeg:python=python3", "codec 'jpeg' is not of the form FILE.py:Class"),
    ],
)
def test_a_codec_that_is_not_there_is_named(codec, message, other_python):
    separator = "" if "python=" in codec else f",python={other_python}"
    assert message in refused(codec + separator)


def test_a_file_that_cannot_be_imported_there_says_why(tmp_path, other_python):
    (tmp_path / "mine.py").write_text("import torch_of_2020\n")
    message = refused(f"{tmp_path / 'mine.py'}:Mine,python={other_python}")
    assert "cannot be used in environment" in message
    assert "No module named 'torch_of_2020'" in message


def test_an_option_there_is_checked_here(other_python):
    text = f"{CODECS}:Plain,python={other_python}"
    assert "option 'effort': '10' is not within 0 to 9" in refused(f"{text},effort=10")
    assert "did you mean 'effort'" in refused(f"{text},efort=1")
    assert "bits 9 is not within 1 to 8" in refused(f"{text},points=9")


@pytest.mark.parametrize("kind", ["python", "conda", "command"])
def test_an_environment_without_a_name_is_refused(kind):
    with pytest.raises(UsageError, match=f"Plain': `{kind}=` names no environment"):
        parse_codec(f"{CODECS}:Plain,points=8,{kind}=")


def test_two_environments_are_refused(other_python, tmp_path):
    text = f"{CODECS}:Plain,python={other_python},conda=base"
    with pytest.raises(UsageError, match="are two environments; name one"):
        parse_codec(text)
    file = tmp_path / "mine.toml"
    entry = f'datasets = ["photos"]\n[[codecs]]\ncodec = "{CODECS}:Plain"\nenvironment = '
    file.write_text(entry + "{}\n")
    with pytest.raises(UsageError, match="environment names no python, conda, command"):
        read(file)
    file.write_text(entry + '{ pyton = "x" }\n')
    with pytest.raises(UsageError, match=r"did you mean 'python'\?"):
        read(file)


def test_without_conda_its_environments_cannot_be_had(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CONDA_EXE", raising=False)
    assert "conda was not found" in refused(f"{CODECS}:Plain,conda=old")


def test_conda_runs_the_python_of_its_environment(monkeypatch, tmp_path, other_python):
    """With a stand-in that takes the arguments of conda's own ``run``, as its help has them."""
    conda = tmp_path / "conda"
    conda.write_text(
        "#!/bin/sh\n"
        'test "$1 $2 $3 $4" = "run --no-capture-output --name old" || exit 9\n'
        'shift 5\nexec "$OTHER" "$@"\n'
    )
    conda.chmod(0o755)
    monkeypatch.setenv("CONDA_EXE", str(conda))
    monkeypatch.setenv("OTHER", str(other_python))
    assert plan_codec(parse_codec(f"{CODECS}:Plain,conda=old")).name == "plain"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('hello, this is no protocol')", "the data received are not a message of a worker"),
        ("import sys; sys.exit('out of luck')", "exit code 1: out of luck"),
        (
            "import worker; worker.PROTOCOL = 7; worker.main()",
            "it speaks version 7 of the worker protocol, but this rdbench speaks 1; renew the copy",
        ),
        (
            "import worker; worker._attributes = lambda c: {'name': 'x'}; worker.main()",
            "the description by its worker is wrong: Object missing required field",
        ),
        (
            "import os; os.write(1, b'RDBW' + bytes([4, 0, 0, 0] + 8 * [0]) + b'nope')",
            "its header is not JSON: b'nope'",
        ),
    ],
)
def test_a_worker_that_begins_wrong_is_told_so(code, message, tmp_path):
    assert message in refused(f"{CODECS}:Plain:command={command(tmp_path, code)}")


def test_a_program_that_says_nothing_is_not_waited_for_without_end(monkeypatch):
    monkeypatch.setattr(server, "START_TIMEOUT_S", 0.5)
    message = refused(f"{CODECS}:Plain:command=cat")
    assert message == "environment 'command=cat': no worker answered within 0.5 s"


def command(folder: Path, code: str) -> str:
    """A worker that is changed by ``code``, which can import the one that there is."""
    script = folder / "changed.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(WORKER.parent)!r})\n{code}\n")
    return f"{sys.executable} -P {script}"


CHANGED = """
import os, struct, time, worker
class Changed(worker.Worker):
    def answer(self, header, payload):
        if header["do"] != "encode" or payload[0] <= 100:
            return super().answer(header, payload)
        {fault}
worker.Worker = Changed
worker.main()
"""
FAULTS = {
    "middle": (
        "os.write(WRITER, worker.HEAD.pack(b'RDBW', 2, 1000) + b'{}' + bytes(10)); os._exit(5)",
        CRASHED,
        "exit code 5, in the middle of a message",
    ),
    "nonsense": ("os.write(WRITER, b'x' * 100)", FAILED, "is not a message: it begins with b'xxxx"),
    "closed": (
        "os.close(WRITER); time.sleep(3600)",
        CRASHED,
        "the worker has closed its output, before it answered",
    ),
    "hung": ("time.sleep(3600)", TIMEOUT, "not done after 5 s"),
    "huge": (
        "os.write(WRITER, worker.HEAD.pack(b'RDBW', 2, 2**50) + b'{}')",
        FAILED,
        "is not a message",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_worker_that_goes_wrong_costs_one_row(fault, photos, tmp_path):
    code, status, message = FAULTS[fault]
    code = CHANGED.format(fault=code.replace("WRITER", "self_writer()"))
    code = (
        "import worker\n_channels = []\n_init = worker.Channel.__init__\n"
        "def _kept(self, reader, writer): _init(self, reader, writer); _channels.append(writer)\n"
        "worker.Channel.__init__ = _kept\ndef self_writer(): return _channels[0]\n"
    ) + textwrap.dedent(code)
    text = f"{CODECS}:Plain:command={command(tmp_path, code)},points=8"
    outcome = run_into(tmp_path / "run", experiment(photos, text), jobs=1, timeout_s=5.0)
    assert [row.status for row in outcome.rows] == [OK, status, OK]
    assert message in outcome.failures[0].message


def test_nothing_of_workers_is_left(photos, tmp_path, other_python):
    text = f"{CODECS}:Plain,python={other_python}"
    assert not run_into(tmp_path, experiment(photos, text), jobs=2).failures
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(other_python) not in listed


@pytest.fixture(scope="module")
def perl() -> str:
    done = subprocess.run(["perl", "-MJSON::PP", "-e", "1"], capture_output=True)
    if done.returncode:
        pytest.skip("there is no Perl with JSON::PP")
    return f"perl {PERL}"


def test_a_worker_in_another_language_conforms(perl):
    results = run_checks(f"runs:command={perl}", timeout_s=60.0)
    assert conforms(results), table("runs", results)


def test_its_program_decides_whose_rows_they_are(perl, photos, tmp_path):
    script = tmp_path / "mine.pl"
    script.write_text(PERL.read_text())
    text = f"runs:command=perl {script},points=8"
    first = run_into(tmp_path / "run", experiment(photos, text), jobs=1)
    assert not first.failures
    assert {row.scores["psnr_db"] for row in first.rows} == {float("inf")}
    assert "runs 1.0 (Perl v5." in first.rows[0].codec_version
    with script.open("a") as stream:
        stream.write("# edited\n")
    again = run_into(tmp_path / "run", experiment(photos, text), jobs=1)
    assert again.measured == 3
    assert "source.mine.pl" in again.replaced[0]
