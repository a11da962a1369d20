"""``rdbench`` alone: what can be done next, with what is here."""

from __future__ import annotations

from pathlib import Path

import rdbench
from rdbench.cli.console import say
from rdbench.places import RUNS


def tell() -> None:
    """Eight lines: the first commands, and the datasets, codecs and runs that there are."""
    runs = _runs()
    look = runs[0] if runs else RUNS / "quickstart"
    rows = [
        ("run quickstart", "measure seven codecs on five photographs"),
        (f"report {look}", _told_runs(runs)),
        ("datasets", _told_datasets()),
        ("codecs doctor", _told_codecs()),
        ("new experiment.toml", "write an experiment to start from, or a codec, or a metric"),
        ("walkthrough", "see what a transform codec does to an image"),
        ("--help", "all commands; `rdbench COMMAND --help` has examples"),
    ]
    width = max(len(command) for command, _ in rows)
    version = rdbench.__version__
    say(f"rdbench {version} measures image codecs from real bitstreams. What to do next:")
    for command, text in rows:
        say(f"  rdbench {command:{width}}  {text}")


def _runs() -> list[Path]:
    """Run directories where they are made by default, the latest first."""
    from rdbench.results import MEASUREMENTS

    found = [path for path in RUNS.glob("*") if (path / MEASUREMENTS).is_file()]
    return sorted(found, key=lambda path: (path / MEASUREMENTS).stat().st_mtime, reverse=True)


def _told_runs(runs: list[Path]) -> str:
    if not runs:
        return f"then look at it; there is no run in {RUNS} yet"
    return "look at the run that is here" if len(runs) == 1 else f"the latest of {len(runs)} runs"


def _told_datasets() -> str:
    from rdbench.images.known import KNOWN, presence

    here = [name for name, dataset in KNOWN.items() if not presence(dataset).missing]
    others = len(KNOWN) - len(here)
    said = f"{', '.join(here) or 'none'} {'are' if len(here) > 1 else 'is'} here"
    return f"{said}; how to get {others} more" if others else said


def _told_codecs() -> str:
    from rdbench.codecs import registry

    usable, known = len(registry.usable()), len(registry.entries())
    return f"{usable} of {known} codecs can be used here; what the others lack"
