"""Shared by the benchmarks: the images, the clock, and tables."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

# From before anything asked for one thread: tools are started as a user would start them.
ENVIRONMENT = dict(os.environ)
JOBS = 2


def kodak() -> Path:
    root = os.environ.get("RDBENCH_DATA")
    folder = Path(root or "") / "kodak"
    if not root or len(list(folder.glob("*.png"))) != 24:
        sys.exit("set RDBENCH_DATA to a folder with the 24 images in kodak/")
    return folder


def wall_s(command: list[str], **variables: str) -> float:
    start = time.perf_counter()
    environment = {**ENVIRONMENT, **variables}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


def spread(values: list[float], digits: int = 1) -> str:
    """Median (minimum to maximum) of values; a single value alone."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def markdown(rows: list[dict[str, str]]) -> str:
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([str(row[c]) for c in columns] for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def machine(packages: Sequence[str]) -> str:
    from rdbench.host import processor

    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    return (
        f"{os.cpu_count()} cores ({processor()}), {platform.system()}, "
        f"Python {platform.python_version()}, {versions}."
    )


def report(title: str, command: str, packages: Sequence[str], sections: list[list[str]]) -> str:
    """A page of sections, each with a title, a description and a table."""
    text = [
        f"# {title}",
        "",
        f"Written by `RDBENCH_DATA=... python {command} --write`; the docstrings of the "
        "scripts say what was tried.",
        "",
        "Machine: " + machine(packages),
    ]
    for heading, about, table in sections:
        text += ["", f"## {heading}", "", about, "", table]
    return "\n".join(text) + "\n"
