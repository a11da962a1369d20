"""What models were called before: cards of weights and headers of streams keep the name that they
were written with, and go on being read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FORMER: Final[Mapping[str, str]] = {"balle2017": "bmshj2018-factorized"}
"""Former names with those of today. "balle2017" was the factorized prior that Ballé et al. 2018
compare with, with the transforms of that paper, and never the network of 2017."""


def current(name: str) -> str:
    """The name of today of a model that is called ``name``."""
    return FORMER.get(name, name)
