"""Butteraugli by ``butteraugli_main`` of libjxl's tools.

Written by its documentation: it takes two PNGs, the original first, and prints the largest distance
in a line of its own and ``3-norm: x`` in the next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rdbench import formats, programs
from rdbench.errors import RdbenchError
from rdbench.metrics.base import Metric
from rdbench.programs import Call, ProgramSpec, run, scratch, words_of

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_PROGRAM: Final = ProgramSpec(
    "butteraugli_main",
    candidates=("butteraugli_main",),
    install="build libjxl with its development tools (-DJPEGXL_ENABLE_DEVTOOLS=ON), which Debian's "
    "libjxl-tools leave out",
)
_NUMBER: Final = r"([0-9.]+(?:e[+-]?[0-9]+)?)\s*$"
_PATTERNS: Final = {"butteraugli": rf"^{_NUMBER}", "butteraugli_3norm": rf"^3-norm: {_NUMBER}"}


class Butteraugli(Metric):
    """``butteraugli`` and ``butteraugli_3norm`` against one original, by one call."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        self._written = formats.write_png(original)

    def score(self, decoded: Image) -> dict[str, float]:
        """The requested values for ``decoded``: uint8, shape of the original. Raises
        :class:`rdbench.errors.MissingBackendError`, and :class:`RdbenchError` if the program fails
        or does not print them."""
        program = programs.find(_PROGRAM)
        with scratch(decoded.nbytes) as folder:
            (folder / "original.png").write_bytes(self._written)
            (folder / "decoded.png").write_bytes(formats.write_png(decoded))
            printed = run(Call([program.path, "original.png", "decoded.png"], folder))
        values = {}
        for name in self.names:
            found = re.findall(_PATTERNS[name], printed.tail, re.MULTILINE)
            if len(found) != 1:
                raise RdbenchError(f"{program.name} printed no {name}{words_of(printed)}")
            values[name] = float(found[0])
        return values

    @classmethod
    def version(cls) -> str:
        """The program with the beginning of its SHA-256, as it does not print its version. Raises
        :class:`rdbench.errors.MissingBackendError`."""
        return programs.find(_PROGRAM).title

    @classmethod
    def program(cls) -> ProgramSpec:
        """butteraugli_main."""
        return _PROGRAM
