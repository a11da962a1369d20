"""Comparisons as the text that ``rdbench bd`` prints and keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

from rdbench.curves.bd_records import IMAGE_COLUMNS, RECORD_COLUMNS, image_records, records
from rdbench.curves.bd_tables import matrices, matrix_rows, tables
from rdbench.curves.comparison import Comparison
from rdbench.curves.efforts import effort_tables
from rdbench.curves.image_tables import image_tables
from rdbench.curves.paper import paper_tables
from rdbench.curves.selection import NO_LABELS, Labels
from rdbench.errors import UsageError
from rdbench.tables import Table, latex, markdown, sheet, terminal

Form = Literal["terminal", "csv", "markdown", "latex"]
Layout = Literal["list", "matrix", "images"]

_RENDER: Final[dict[str, Callable[[Table], str]]] = {
    "terminal": terminal,
    "markdown": markdown,
    "latex": latex,
}


def bd_csv(rows: Sequence[Comparison]) -> str:
    """``bd.csv``: a row for each comparison with everything it rests on, for spreadsheets."""
    cells = [[record[column] for column in RECORD_COLUMNS] for record in records(rows)]
    return sheet([RECORD_COLUMNS, *cells])


def bd_text(
    rows: Sequence[Comparison],
    form: Form = "terminal",
    layout: Layout = "list",
    *,
    complexity: bool = False,
    of_images: bool = False,
    labels: Labels = NO_LABELS,
) -> str:
    """Tables of ``rows``, with a line end after the last; a list in LaTeX is a table for a paper
    (:func:`rdbench.curves.paper.paper_tables`), with ``labels`` for datasets and metrics.

    ``layout`` is ``"list"`` for a row for each curve, ``"matrix"`` for a table of each curve
    against each (of mean curves or, ``of_images``, the geometric means of those of images),
    ``"images"`` for a row for each image and curve; ``complexity`` adds columns of times and memory
    if a row stands for one curve (``bd.csv`` always has them), and to a list the tables at equal
    encoding time, if codecs have several efforts. Raises :class:`rdbench.errors.UsageError` where
    there are no images to tell apart.
    """
    if layout == "images" and not any(row.images for row in rows):
        raise UsageError("no pair of curves has single images to compare; leave out `per_image`")
    if form == "csv":
        if layout == "matrix":
            return sheet(matrix_rows(rows, of_images=of_images))
        if layout == "images":
            cells = [[r[column] for column in IMAGE_COLUMNS] for r in image_records(rows)]
            return sheet([IMAGE_COLUMNS, *cells])
        return bd_csv(rows)
    if layout != "list":
        rows = [row for row in rows if not row.image_class]
    by_class = any(row.image_class for row in rows)
    equal = effort_tables(rows) if complexity and layout == "list" else []
    if form == "latex" and layout == "list" and not by_class:
        papers = paper_tables(rows, labels, complexity=complexity)
        return "\n\n".join([*papers, *map(latex, equal)]) + "\n"
    if layout == "images":
        found = image_tables(rows)
    elif layout == "matrix":
        found = matrices(rows, complexity=complexity, of_images=of_images)
    else:
        found = tables(rows, complexity=complexity) + equal
    return "\n\n".join(map(_RENDER[form], found)) + "\n"
