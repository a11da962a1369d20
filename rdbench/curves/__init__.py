"""Rate-distortion curves: from measurements, from publications, and how far apart they are.

Measurements come from :func:`rdbench.results.read_table`; nothing here needs a codec, torch or
pandas.
"""

from __future__ import annotations

from rdbench.curves.across import across_datasets
from rdbench.curves.bd import bd_table, check_ranges, comparisons
from rdbench.curves.bd_records import IMAGE_COLUMNS, RECORD_COLUMNS, image_records, records
from rdbench.curves.bd_text import bd_csv, bd_text
from rdbench.curves.comparison import LOW_OVERLAP, WIDE_SPREAD, Comparison, PerImage, Settings
from rdbench.curves.complexity import Complexity
from rdbench.curves.curve import NUMBERS, RATE, Curve, common_images, curves_of, other_samples
from rdbench.curves.joining import load_curves
from rdbench.curves.match_tables import MatchTable, match_table, match_text
from rdbench.curves.pairs import compare, compare_pairs
from rdbench.curves.places import dataset_title, place_details, place_title
from rdbench.curves.published import PREFIX, published, published_files, read_published
from rdbench.curves.records import averaging_of, averaging_text, resolve, resolve_all
from rdbench.curves.selection import (
    NO_LABELS,
    Labels,
    find_anchor,
    find_curves,
    gather,
    published_beside,
    read_labels,
)
from rdbench.curves.summary import SUMMARY, summary_columns, summary_rows, write_summary
from rdbench.curves.table import BDTable

__all__ = [
    "IMAGE_COLUMNS",
    "LOW_OVERLAP",
    "NO_LABELS",
    "NUMBERS",
    "PREFIX",
    "RATE",
    "RECORD_COLUMNS",
    "SUMMARY",
    "WIDE_SPREAD",
    "BDTable",
    "Comparison",
    "Complexity",
    "Curve",
    "Labels",
    "MatchTable",
    "PerImage",
    "Settings",
    "across_datasets",
    "averaging_of",
    "averaging_text",
    "bd_csv",
    "bd_table",
    "bd_text",
    "check_ranges",
    "common_images",
    "compare",
    "compare_pairs",
    "comparisons",
    "curves_of",
    "dataset_title",
    "find_anchor",
    "find_curves",
    "gather",
    "image_records",
    "load_curves",
    "match_table",
    "match_text",
    "other_samples",
    "place_details",
    "place_title",
    "published",
    "published_beside",
    "published_files",
    "read_labels",
    "read_published",
    "records",
    "resolve",
    "resolve_all",
    "summary_columns",
    "summary_rows",
    "write_summary",
]
