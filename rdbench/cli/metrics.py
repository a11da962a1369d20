"""``rdbench metrics``: the metrics, and their definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rdbench.cli.console import say
from rdbench.cli.findings import Findings
from rdbench.errors import MissingBackendError

if TYPE_CHECKING:
    from rdbench.metrics import MetricOption, MetricRecord

app = typer.Typer(help="List metrics and show their definitions.", no_args_is_help=True)


@app.command("list")
def list_metrics() -> None:
    """List all metrics by name, without loading any of them."""
    from rdbench.metrics import BUILT_IN, registry

    rows = []
    for name in registry.names():
        summary, record = f"from the package {registry.origin(name)}", BUILT_IN.get(name)
        if record is None:
            rows.append((name, "", "", summary))
            continue
        twins = registry.origin(name) != "rdbench"
        note = f"; refused: {summary}" if twins else ""
        record = record.with_options({})
        told = record.quantity, record.definition + note
        rows.append((name, _direction(record), *told))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for *cells, summary in rows:
        text = "  ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=False))
        say(f"{text}  {summary}")


@app.command("show")
def show_metric(
    name: Annotated[
        str, typer.Argument(help="A metric by name, or as FILE.py:Class or FILE.toml.")
    ],
) -> None:
    """Show a metric: its direction, its definition, the images it takes, and where it is
    computed."""
    from rdbench.metrics import find, registry

    record = find(name)
    rows = [
        ("name", record.name),
        ("label", record.quantity),
        ("direction", _direction(record)),
        ("definition", record.definition or "not told"),
        ("computed on", record.computed_on),
        ("images", " and ".join(form.words for form in sorted(record.formats))),
        ("least side", f"{record.least_side} px"),
        (
            "pooled",
            f"decibels of the mean {record.linear}" if record.linear else "values as they are",
        ),
        ("with it", ", ".join(record.beside)),
        ("revision", str(record.revision)),
        *(("option", _option(option)) for option in record.options),
        ("version", _version(record)),
        ("untested", registry.untested(record)),
        ("computed by", record.target),
        ("install", record.install),
    ]
    rows += [("file", f"{file} sha256:{told}") for file, told in registry.source(record).items()]
    for key, text in rows:
        if text:
            say(f"{key:11} {text}")


@app.command("doctor")
def doctor(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Metrics; NAME may be FILE.py:Class or FILE.toml."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="Time limit for one metric.")
    ] = 120.0,
) -> None:
    """Show which metrics work on this machine, with version, path, and the value for one degraded
    photograph; and what to install for the others. The exit status is 1 if an installed metric
    fails, or if a metric that was named is missing.
    """
    from rdbench.conforming.metric_doctor import diagnose_metric
    from rdbench.metrics import registry

    asked = list(dict.fromkeys(names or registry.names()))
    findings = Findings(asked)
    for name in asked:
        found = diagnose_metric(name, timeout)
        told = [found.told, *filter(None, (found.version,)), *found.places]
        findings.show(name, found.missing, found.usable, told)
    findings.end(named=bool(names))


def _direction(record: MetricRecord) -> str:
    return "more is better" if record.higher_is_better else "less is better"


def _option(option: MetricOption) -> str:
    taken = "a file" if option.is_file else ", ".join(option.choices) or "any text"
    told = f"{option.name}: {taken}" + (f" [default: {option.default}]" if option.default else "")
    return f"{told}; {option.help}" if option.help else told


def _version(record: MetricRecord) -> str:
    from rdbench.metrics import registry
    from rdbench.metrics.table import is_own

    try:
        told = registry.version(record)
    except MissingBackendError as error:
        return f"not known: {error}"
    return told or ("rdbench's own" if is_own(record) else "not told")
