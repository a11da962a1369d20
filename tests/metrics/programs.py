"""Metrics that are programs, for tests: a definition and a script beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ORIGINAL = np.random.default_rng(1).integers(0, 256, (24, 30, 3), np.uint8)
DECODED = ORIGINAL ^ 3

DEFINITION = """
name = "total_error"
label = "Total error"
higher_is_better = false
definition = "Sum of absolute differences of the bytes of two files."
input = "pnm"
pattern = 'total: (\\S+)'
install = "write it again"
[score]
program = "./total.py"
version = ["--version"]
pattern = 'total (\\S+)'
arguments = ["{original}", "{decoded}"]
"""
PRINT = 'print("total:", sum(abs(x - y) for x, y in zip(a, b)))'
PROGRAM = f"""#!{sys.executable} -IS
import os, sys, time
if sys.argv[1] == "--version":
    sys.exit(print("total 1.5"))
a, b = (open(name, "rb").read() for name in sys.argv[1:])
"""

COMPARE = """
name = "compare_mse"
label = "MSE of ImageMagick"
higher_is_better = false
definition = "Mean squared error of ImageMagick's compare, of 1."
pattern = '\\(([0-9.e+-]+)\\)'
install = "apt-get install imagemagick"
[score]
program = "compare"
version = ["-version"]
pattern = 'ImageMagick (\\S+)'
arguments = ["-metric", "MSE", "{original}", "{decoded}", "null:"]
exit_codes = [0, 1]
"""


def write(folder: Path, body: str = PRINT, **changes: str) -> Path:
    """The definition with some of its lines changed, by key, and its program, whose last lines
    are ``body``."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "total.py"
    program.write_text(PROGRAM + body + "\n")
    program.chmod(0o755)
    path = folder / "total.toml"
    path.write_text(changed(**changes))
    return path


def changed(**changes: str) -> str:
    """The definition with other values, as TOML has them; a key that is new stands first, and
    ``score_KEY`` is one of the program's."""
    head, body = DEFINITION.split("[score]\n")
    parts = {"": head.splitlines(), "score_": body.splitlines()}
    for name, value in changes.items():
        part = "score_" if name.startswith("score_") else ""
        key = name.removeprefix("score_")
        lines = [line for line in parts[part] if not line.startswith(f"{key} =")]
        parts[part] = [f"{key} = {value}" if value else "", *lines]
    return "\n".join([*parts[""], "[score]", *parts["score_"]])
