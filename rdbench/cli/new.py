"""``rdbench new``: files to start from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rdbench.cli.console import say
from rdbench.errors import UsageError
from rdbench.places import RUNS

if TYPE_CHECKING:
    from collections.abc import Collection

SKELETONS: Final = Path(__file__).parents[1] / "skeletons"
_STEM: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*([_-][A-Za-z0-9]+)*")


@dataclass(frozen=True)
class _Kind:
    """A file to start from."""

    what: str
    skeleton: str
    separator: str
    """Between the words of a name."""
    next: tuple[str, ...]
    """Commands to try next, with the file and the class in braces."""

    @property
    def suffix(self) -> str:
        return Path(self.skeleton).suffix


_EXPERIMENT: Final = _Kind(
    "experiment", "experiment.toml", "-", ("run {file}", f"report {RUNS}/{{name}} --anchor jpeg")
)
_CODEC: Final = _Kind(
    "codec",
    "codec.py",
    "-",
    (
        "conformance {file}:{made}",
        f"run --codec {{file}}:{{made}} --codecs jpeg --dataset photos --out {RUNS}/{{name}}",
    ),
)
_METRIC: Final = _Kind(
    "metric",
    "metric.py",
    "_",
    (
        "conformance metric {file}:{made}",
        f"run --codecs jpeg --metrics {{file}}:{{made}} --dataset photos --out {RUNS}/{{name}}",
    ),
)


def new(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The file to write: FILE.toml, or FILE.py for a codec or a metric."
        ),
    ],
    codec: Annotated[
        bool, typer.Option("--codec", help="Write a codec in Python that passes conformance.")
    ] = False,
    metric: Annotated[
        bool, typer.Option("--metric", help="Write a metric in Python that passes conformance.")
    ] = False,
) -> None:
    """Write a file to start from, with everything in it explained: an experiment, or a codec with
    --codec, or a metric with --metric. An existing file is never overwritten.

    Examples:

      rdbench new experiment.toml

      rdbench new mine.py --codec
    """
    if codec and metric:
        raise UsageError("--codec and --metric are two files; write them one after the other")
    kind = _CODEC if codec else _METRIC if metric else _EXPERIMENT
    if file.suffix != kind.suffix:
        hint = "" if codec or metric or file.suffix != ".py" else "; or give --codec or --metric"
        raise UsageError(
            f"{str(file)!r}: the file of {_article(kind.what)} must end with {kind.suffix}{hint}"
        )
    if not _STEM.fullmatch(file.stem):
        raise UsageError(
            f"{str(file)!r}: {_article(kind.what)} is named after its file; use letters and "
            f"digits, with - or _ between words, such as my_{kind.what}{kind.suffix}"
        )
    words = re.split("[_-]", file.stem)
    name = kind.separator.join(words).lower()
    if name in _others(kind, name):
        raise UsageError(
            f"{str(file)!r}: {_article(kind.what)} {name!r} exists already, and a new one is "
            "named after its file; choose another file name"
        )
    class_name = "".join(word[:1].upper() + word[1:] for word in words)
    text = (SKELETONS / kind.skeleton).read_text(encoding="utf-8")
    for placeholder, value in {
        "my-name": name,
        "my_name": name,
        "MyName": class_name,
        "THIS_FILE": file.name,
    }.items():
        text = text.replace(placeholder, value)
    _write(file, text)
    say(f"{file} is {_article(kind.what)} to start from. Next:")
    for command in kind.next:
        say("  rdbench " + command.format(file=file, name=name, made=class_name))


def _others(kind: _Kind, name: str) -> Collection[str]:
    """The names that others have. Raises :class:`UsageError` for one that nothing may have."""
    if kind is _CODEC:
        from rdbench.codecs import registry

        return registry.entries()
    if kind is _METRIC:
        from rdbench.metrics import MetricRecord
        from rdbench.metrics import registry as metrics

        MetricRecord(name)
        return metrics.names()
    return ()


def _article(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"


def _write(file: Path, text: str) -> None:
    """A new file, never in the place of another one."""
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(
            f"{str(file)!r} exists and is not overwritten; choose another name"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot write {str(file)!r}: {error.strerror}") from None
