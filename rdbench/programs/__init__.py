"""Programs of the system: finding them, and running them so that they leave nothing behind."""

from rdbench.programs.allowance import Allowance, no_room
from rdbench.programs.environment import SET, adopt_environment, users_environment
from rdbench.programs.find import Program, ProgramSpec, adopt, find, found, variable
from rdbench.programs.janitor import Janitor, janitor, swept
from rdbench.programs.process import (
    Call,
    Ended,
    Printed,
    Usage,
    deadline,
    extend,
    run,
    supervised,
    words_of,
)
from rdbench.programs.scratch import scratch
from rdbench.programs.starting import account_memory, prepare

__all__ = [
    "SET",
    "Allowance",
    "Call",
    "Ended",
    "Janitor",
    "Printed",
    "Program",
    "ProgramSpec",
    "Usage",
    "account_memory",
    "adopt",
    "adopt_environment",
    "deadline",
    "extend",
    "find",
    "found",
    "janitor",
    "no_room",
    "prepare",
    "run",
    "scratch",
    "supervised",
    "swept",
    "users_environment",
    "variable",
    "words_of",
]
