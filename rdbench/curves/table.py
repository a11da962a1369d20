"""Bjøntegaard deltas for scripts and notebooks: a list that displays as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from rdbench.curves.bd_records import RECORD_COLUMNS, records
from rdbench.curves.bd_text import Layout, bd_text
from rdbench.curves.comparison import Comparison

if TYPE_CHECKING:
    import pandas as pd

_TEXTS: Final = frozenset(
    (
        *(
            "dataset",
            "color",
            "class",
            "anchor",
            "test",
            "metric",
            "averaging",
            "method",
            "delta",
            "unit",
        ),
        *("interval", "convention", "points_most", "points_reason", "per_image_extremes"),
        *("dropped_anchor_points", "dropped_test_points", "reason"),
        *("anchor_timing", "anchor_machines", "test_timing", "test_machines"),
        *("anchor_effort", "test_effort", "anchor_memory_is", "test_memory_is"),
    )
)
_COUNTS: Final = frozenset(
    ("per_image_count", "images", "images_left_out", "resamples", "seed", "pairs")
)
_FLAGS: Final = frozenset(("points_decide", "methods_disagree", "overlaps_little", "at_one_point"))


class BDTable(list[Comparison]):
    """The rows of :func:`rdbench.bd_table`, printed as the tables of ``rdbench bd``."""

    def __init__(self, rows: Iterable[Comparison] = (), layout: Layout = "list") -> None:
        super().__init__(rows)
        self._layout: Layout = layout

    def to_frame(self) -> pd.DataFrame:
        """The columns of ``bd.csv`` as a DataFrame: texts, numbers (NaN if missing), counts as
        ``Int64`` (which has room for "not available"), and flags as booleans."""
        import pandas as pd

        found = records(self)
        return pd.DataFrame(
            {name: _column(name, [row[name] for row in found]) for name in RECORD_COLUMNS}
        )

    def __repr__(self) -> str:
        return bd_text(self, layout=self._layout).rstrip() if self else "BDTable([])"

    def _repr_markdown_(self) -> str:
        """How notebooks show it."""
        return bd_text(self, "markdown", self._layout)


def _column(name: str, cells: Sequence[str]) -> pd.Series:
    import pandas as pd

    if name in _TEXTS:
        return pd.Series(list(cells), dtype="str")
    if name in _FLAGS:
        return pd.Series([cell == "yes" for cell in cells], dtype="bool")
    if name in _COUNTS:
        return pd.Series([int(cell) if cell else None for cell in cells], dtype="Int64")
    return pd.Series([float(cell or "nan") for cell in cells], dtype="float64")
