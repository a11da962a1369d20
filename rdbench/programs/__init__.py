"""Programs of the system: finding them, and running them so that nothing of them is left."""

from rdbench.programs.find import Program, ProgramSpec, adopt, find, found, variable
from rdbench.programs.janitor import Janitor
from rdbench.programs.process import extend, run, supervised, words_of
from rdbench.programs.scratch import scratch

__all__ = [
    "Janitor",
    "Program",
    "ProgramSpec",
    "adopt",
    "extend",
    "find",
    "found",
    "run",
    "scratch",
    "supervised",
    "variable",
    "words_of",
]
