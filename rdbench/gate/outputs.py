"""A report as text: a table, JUnit XML, Markdown for a pull request, and GitHub annotations.

Labels, names of images and messages of codecs come from outside: none of them may break a line,
leave its cell, or act as markup or as a command.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree

from rdbench.gate.report import CurveVerdict, Delta, Limits, Report, Verdict
from rdbench.metrics import MetricRecord
from rdbench.tables import code, fenced, grid
from rdbench.text import printable

_LEVELS: Final = {Verdict.BETTER: "notice", Verdict.NEW: "notice"}


def table(report: Report, *, only_failures: bool = False) -> str:
    """A table in columns of plain text: one line per curve, its findings below it, and the counts
    at the end. With ``only_failures``, curves that are fine are left out."""
    curves = [curve for curve in report.curves if not (only_failures and curve.fine)]
    names = ("verdict", *header(report))
    rows = [(curve.verdict.value, *cells(curve, report.metrics)) for curve in curves]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    lines = [_line(names, widths), _line(["-" * width for width in widths], widths)]
    for curve, row in zip(curves, rows, strict=True):
        lines.append(_line(row, widths))
        lines += [f"    {text}" for text in details(curve)]
    return "\n".join(
        [*lines, *(f"note: {printable(note)}" for note in report.notes), summary(report)]
    )


def summary(report: Report) -> str:
    """The counts in one line."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report.counts.items())
    return printable(
        f"{counts}: {report.run} against {report.baseline}, {_limits_text(report.limits)}"
    )


def markdown(report: Report) -> str:
    """A table and the findings, in GitHub's Markdown."""
    rows = []
    for curve in report.curves:
        mark = "✅" if curve.fine else "❌"
        dataset, title, *numbers = cells(curve, report.metrics)
        rows.append((mark, curve.verdict.value, code(dataset), code(title), *numbers))
    found = [
        f"{printable(curve.title)} ({printable(curve.dataset)}): {text}"
        for curve in report.curves
        for text in details(curve)
    ]
    found += [f"note: {printable(note)}" for note in report.notes]
    head = "### rdbench check: " + ("passed" if report.fine else "failed")
    lines = grid(("", "verdict", *header(report)), rows, text_columns=4)
    parts = [head, fenced([summary(report)]), lines]
    if found:
        parts.append(fenced(found))
    return "\n\n".join(parts) + "\n"


def junit(report: Report) -> str:
    """JUnit XML: one test case per curve; a new one is skipped, as there is nothing to compare it
    with."""
    suite = ElementTree.Element(
        "testsuite",
        name="rdbench check",
        tests=str(len(report.curves)),
        failures=str(sum(not curve.fine for curve in report.curves)),
        errors="0",
        skipped=str(sum(curve.verdict is Verdict.NEW for curve in report.curves)),
    )
    for curve in report.curves:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"rdbench.check.{printable(curve.dataset)}",
            name=printable(curve.title),
        )
        said = "\n".join(details(curve))
        kind = "system-out"
        if not curve.fine:
            kind = "failure"
        elif curve.verdict is Verdict.NEW:
            kind = "skipped"
        if said:
            element = ElementTree.SubElement(case, kind)
            element.text = said
            if kind != "system-out":
                element.set("message", printable(curve.findings[0].text))
            if kind == "failure":
                element.set("type", curve.verdict.value)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        + ElementTree.tostring(suites, encoding="unicode")
        + "\n"
    )


def github(report: Report) -> list[str]:
    """Workflow commands of GitHub Actions, one per curve with findings: an error, a warning if only
    bytes changed, or a notice."""
    lines = []
    for curve in report.curves:
        level = "error" if not curve.fine else _LEVELS.get(curve.verdict, "")
        level = "warning" if curve.changed and curve.fine else level
        if level:
            title = f"rdbench check, {curve.verdict}: {curve.title} on {curve.dataset}"
            message = "\n".join(details(curve))
            lines.append(f"::{level} title={_property(printable(title))}::{_data(message)}")
    return lines


def header(report: Report) -> tuple[str, ...]:
    """What stands above :func:`cells`."""
    several = len({metric.label for metric in report.metrics}) < len(report.metrics)
    names = [metric.quantity if several else metric.label for metric in report.metrics]
    return ("dataset", "curve", "identical", *(f"BD-rate [%] {name}" for name in names))


def cells(curve: CurveVerdict, metrics: Sequence[MetricRecord]) -> tuple[str, ...]:
    """A curve's dataset and title, how many of its measurements are identical, and its BD-rates."""
    deltas = {delta.metric: delta for delta in curve.deltas}
    identical = f"{curve.identical}/{curve.compared}" if curve.compared else "-"
    return (
        printable(curve.dataset),
        printable(curve.title),
        identical,
        *(_delta(deltas.get(metric.name)) for metric in metrics),
    )


def _delta(delta: Delta | None) -> str:
    if delta is None or math.isnan(delta.value):
        return "-"
    text = f"{delta.value:+z.2f}" if not delta.identical else "="
    if delta.low != delta.high and not math.isnan(delta.low):
        text += f" ({delta.low:+z.2f}, {delta.high:+z.2f})"
    return text


def details(curve: CurveVerdict) -> list[str]:
    """What was found about a curve, line by line."""
    texts = [f"{finding.verdict}: {finding.text}" for finding in curve.findings]
    texts += [f"changed: {curve.changed}"] if curve.changed else []
    return [printable(text) for text in (*texts, *(f"note: {note}" for note in curve.notes))]


def _limits_text(limits: Limits) -> str:
    texts = [f"BD-rate {limits.max_bd_rate:g} %"]
    if limits.max_bd_psnr is not None:
        texts.append(f"BD-PSNR {limits.max_bd_psnr:g} dB")
    if limits.max_slowdown is not None:
        texts.append(f"slowdown {limits.max_slowdown:g} %")
    return f"limits: {', '.join(texts)}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(c.ljust(width) for c, width in zip(cells, widths, strict=True)).rstrip()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
