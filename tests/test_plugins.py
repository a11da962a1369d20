"""Files of one's own with what is beside them, and the entry points of installed packages."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rdbench import experiment, plugins
from rdbench.codecs import registry
from rdbench.codecs.request import CodecRequest
from rdbench.errors import UsageError

CODEC = """
import rdbench

class Mine(rdbench.Codec):
    name = "{name}"
    parameter = "step"
    ladder = (1,)

    def encode(self, image):
        return bytes(image)

    def decode(self, data):
        return data
"""


def write(folder: Path, **files: str) -> Path:
    """A folder of modules; names have ``__`` for ``/``."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = write(
        tmp_path,
        main="""
            import json, rdbench, numpy.linalg
            import plain
            from package.inner import value
            def later():
                import late as other
                from loose import leaf
                return other, leaf
        """,
        plain="from package import *\nimport main",
        package__inner="from . import sibling\nfrom ..elsewhere import nothing\nvalue = 7",
        package__sibling="from .deep.leaf import x",
        package__deep__leaf="x = 1",
        package__unused="",
        loose__leaf="",
        late="",
        unused="import late",
        json="raise RuntimeError('the standard library is meant')",
        rdbench="raise RuntimeError('rdbench is meant')",
    )
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "deep" / "__init__.py").write_text("import broken !")
    return folder


def test_source_files_are_those_that_are_imported_from_beside(tree):
    found = plugins.source_files(tree / "main.py")
    assert found[0] == tree / "main.py"
    assert [str(path.relative_to(tree)) for path in found[1:]] == [
        "late.py",
        "loose/leaf.py",
        "package/__init__.py",
        "package/deep/__init__.py",
        "package/deep/leaf.py",
        "package/inner.py",
        "package/sibling.py",
        "plain.py",
    ]


def fresh(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A process of its own, so that nothing is left in this one's modules."""
    text = "from pathlib import Path\nfrom rdbench import plugins\n" + textwrap.dedent(code)
    package = str(Path(plugins.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-P", "-c", text],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": package},
    )


def test_modules_beside_a_file_can_be_imported_and_nothing_else_of_its_folder(tree):
    (tree / "package" / "deep" / "__init__.py").write_text("")
    (tree / "package" / "inner.py").write_text("from . import sibling\nvalue = 7")
    (tree / "plain.py").write_text("from package import *")
    done = fresh(
        """
        module = plugins.module(Path("main.py"), "codec file")
        assert module.value == 7
        assert [found.__name__ for found in module.later()] == ["late", "loose.leaf"]
        assert plugins.module(Path("main.py"), "codec file") is module
        import json
        json.dumps(1)
        try:
            import unused
        except ImportError:
            print("done")
        """,
        tree,
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_a_change_beside_a_file_has_it_imported_again(tmp_path):
    write(tmp_path, main="from a import x", a="from b import x", b="x = 1")
    done = fresh(
        """
        assert plugins.module(Path("main.py"), "codec file").x == 1
        Path("b.py").write_text("x = 22")
        assert plugins.module(Path("main.py"), "codec file").x == 22
        print("done")
        """,
        tmp_path,
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_two_modules_of_one_name_beside_two_files_are_refused(tmp_path):
    write(tmp_path / "one", main="def f():\n import helper", helper="x = 1")
    write(tmp_path / "two", main="from helper import x", helper="x = 2")
    write(tmp_path / "three", main="import numpy", numpy="")
    done = fresh(
        """
        import numpy
        from rdbench.errors import UsageError
        plugins.module(Path("one/main.py"), "codec file")
        for name in ("two", "three"):
            try:
                plugins.module(Path(name, "main.py"), "metric file")
            except UsageError as error:
                print(error)
        """,
        tmp_path,
    )
    two, three = done.stdout.splitlines()
    assert two == (
        "metric file 'two/main.py' imports 'helper' from beside it, but another module of that "
        f"name is in use: {tmp_path}/one/helper; rename one of them, or run them separately"
    )
    assert "imports 'numpy' from beside it" in three


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = ", "cannot be imported: SyntaxError"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_imported(tmp_path, text, reason):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=reason) as caught:
        plugins.module(path, "codec file")
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """An installed package that offers two codecs, one of them with the name of a built-in."""
    write(tmp_path, offered=CODEC.format(name="offered-codec"))
    folder = tmp_path / "offered-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: offered\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[rdbench.codecs]\noffered-codec = offered:Mine\njpeg = offered:Mine\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.offers.cache_clear()
    yield
    plugins.offers.cache_clear()
    sys.modules.pop("offered", None)


def test_an_entry_point_never_takes_the_name_of_a_built_in(offered):
    assert registry.load("offered-codec").name == "offered-codec"
    assert registry.origin("offered-codec") == "offered"
    assert "refused: also from the package offered" in registry.entries()["jpeg"].summary
    with pytest.raises(UsageError, match="codec 'jpeg' is offered by rdbench and by offered;"):
        registry.load("jpeg")
    assert registry.load("png").name == "png"


def test_codecs_of_one_name_are_refused_in_a_plan(tmp_path, offered):
    one = write(tmp_path / "one", mine=CODEC.format(name="mine")) / "mine.py"
    two = write(tmp_path / "two", mine=CODEC.format(name="mine")) / "mine.py"
    taken = write(tmp_path, taken=CODEC.format(name="webp")) / "taken.py"
    installed = write(tmp_path, installed=CODEC.format(name="offered-codec")) / "installed.py"

    def plan(*targets: str) -> experiment.Experiment:
        requests = [CodecRequest(target, label=target) for target in targets]
        return experiment.plan("t", datasets=["photos"], codecs=requests)

    assert plan(f"{one}:Mine", "webp")
    for targets, message in (
        ((f"{one}:Mine", f"{two}:Mine"), f"{one}:Mine and one from {two}:Mine; rename"),
        ((f"{taken}:Mine",), f"named 'webp', one from rdbench and one from {taken}:Mine; rename"),
        ((f"{installed}:Mine",), f"one from offered and one from {installed}:Mine; rename"),
    ):
        with pytest.raises(UsageError) as caught:
            plan(*targets)
        assert message in str(caught.value)
        assert str(caught.value).isprintable()
