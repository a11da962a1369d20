"""``rdbench`` without a command: what can be done next, with what is here."""

from __future__ import annotations

from pathlib import Path

import rdbench
from rdbench.cli.console import say
from rdbench.places import RUNS


def tell() -> None:
    """Print eight lines: the first commands, with the datasets, codecs and runs on this machine."""
    runs = _runs()
    look = runs[0] if runs else RUNS / "quickstart"
    rows = [
        ("run quickstart", "measure seven codecs on five photographs"),
        (f"report {look}", _told_runs(runs)),
        ("datasets", _told_datasets()),
        ("codecs doctor", _told_codecs()),
        ("new experiment.toml", "write an experiment, a codec or a metric to start from"),
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
        return f"then look at the results; {RUNS} has no run yet"
    return (
        "look at the one run here" if len(runs) == 1 else f"look at the latest of {len(runs)} runs"
    )


def _told_datasets() -> str:
    from rdbench.images.known import KNOWN, presence

    here = [name for name, dataset in KNOWN.items() if not presence(dataset).missing]
    others = len(KNOWN) - len(here)
    said = f"here: {', '.join(here) or 'none'}, and any folder of images"
    return f"{said}; how to get {others} more" if others else said


def _told_codecs() -> str:
    from rdbench.codecs import registry

    usable, known = len(registry.usable()), len(registry.entries())
    return f"{usable} of {known} codecs work on this machine; what the others need"
