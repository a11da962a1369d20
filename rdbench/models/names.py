"""Former names of models. Cards of weights and headers of streams keep the names that they were
written with, and remain readable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FORMER: Final[Mapping[str, str]] = {"balle2017": "bmshj2018-factorized"}
"""Current names by former ones. "balle2017" was the factorized prior that Ballé et al. 2018 compare
with, which has the transforms of that paper; it was never the network of 2017."""


def current(name: str) -> str:
    """The current name of the model ``name``, which may be a former name."""
    return FORMER.get(name, name)
