"""What a gate found of a run, as a page shows it."""

from __future__ import annotations

from typing import Any

from rdbench.gate import Report
from rdbench.gate.outputs import cells, details, header, summary


def judged(report: Report) -> dict[str, Any]:
    """The table of ``rdbench check`` as plain data."""
    return {
        "header": ["verdict", *header(report)],
        "curves": [
            {
                "fine": curve.fine,
                "cells": [curve.verdict.value, *cells(curve, report.metrics)],
                "details": details(curve),
            }
            for curve in report.curves
        ],
        "notes": list(report.notes),
        "fine": report.fine,
        "summary": summary(report),
    }
