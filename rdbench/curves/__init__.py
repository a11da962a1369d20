"""Rate-distortion curves: from measurements, from publications, and how far apart they are.

Rows come from :func:`rdbench.results.read_rows`; nothing here needs a codec, torch or pandas.
"""

from __future__ import annotations

from rdbench.curves.comparison import (
    LOW_OVERLAP,
    Comparison,
    PerImage,
    Settings,
    common_images,
    compare,
    comparisons,
    find_anchor,
    published_beside,
)
from rdbench.curves.curve import NUMBERS, RATE, Curve, averaging_of, curves_of, load_curves
from rdbench.curves.published import PREFIX, published, published_files, read_published
from rdbench.curves.summary import SUMMARY, SUMMARY_COLUMNS, summary_rows, write_summary

__all__ = [
    "LOW_OVERLAP",
    "NUMBERS",
    "PREFIX",
    "RATE",
    "SUMMARY",
    "SUMMARY_COLUMNS",
    "Comparison",
    "Curve",
    "PerImage",
    "Settings",
    "averaging_of",
    "common_images",
    "compare",
    "comparisons",
    "curves_of",
    "find_anchor",
    "load_curves",
    "published",
    "published_beside",
    "published_files",
    "read_published",
    "summary_rows",
    "write_summary",
]
