"""The command line: one module per command; this one assembles them.

Modules here import only typer and the light parts of rdbench at the top, so that ``rdbench --help``
answers at once; everything else is imported inside the commands.
"""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

import typer

import rdbench
from rdbench.cli import (
    bd,
    check,
    codecs,
    compare,
    conformance,
    console,
    datasets,
    import_,
    inspect,
    match,
    merge,
    metrics,
    new,
    plot,
    published,
    report,
    reproduce,
    rescore,
    run,
    score,
    serve,
    tour,
    train,
    walkthrough,
)
from rdbench.cli.console import say, show
from rdbench.cli.flags import as_flags
from rdbench.errors import FileNote, RdbenchError
from rdbench.interrupts import STATUS, ignore, raising

app = typer.Typer(
    name="rdbench",
    help="Measure image codecs, learned and traditional, from real bitstreams.",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 success; 1 measured, but something failed or regressed; 2 the request "
    "must be changed, as the message says; 130 interrupted, with everything measured so "
    "far kept.",
)


def _print_version(value: bool) -> None:
    if value:
        say(f"rdbench {rdbench.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        tour.tell()


app.command("new")(new.new)
app.command("run")(run.run)
app.add_typer(codecs.app, name="codecs")
app.add_typer(metrics.app, name="metrics")
app.command("conformance")(conformance.conformance)
app.add_typer(datasets.app, name="datasets")
app.command("score")(score.score)
app.command("rescore")(rescore.rescore)
app.command("merge")(merge.merge)
app.command("bd")(bd.bd)
app.command("match")(match.match)
app.command("check")(check.check)
app.command("plot")(plot.plot)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("serve")(serve.serve)
app.command("reproduce")(reproduce.reproduce)
app.command("published")(published.published)
app.command("import")(import_.import_)
app.command("inspect")(inspect.inspect)
app.command("walkthrough")(walkthrough.walkthrough)
app.command("train")(train.train)


_show_warning = warnings.showwarning


def _warn(message: Warning | str, *told: Any, **more: Any) -> None:
    if isinstance(message, FileNote):
        say(f"rdbench: warning: {as_flags(str(message))}", err=True)
    else:
        _show_warning(message, *told, **more)


def main() -> None:
    """The ``rdbench`` program: an error that the user can fix is one line and exit status 2."""
    console.prepare()
    warnings.showwarning = _warn
    with raising(KeyboardInterrupt):
        status = _carry_out()
        if problem := console.lost():
            status = _complain(problem)
        sys.exit(status)


def _carry_out() -> int:
    """Do what the command line asks for, and return the exit status."""
    try:
        if (status := app(prog_name="rdbench", standalone_mode=False) or 0) == STATUS:
            ignore()
        return status
    except RdbenchError as error:
        return _complain(as_flags(str(error)))
    except typer.TyperException as error:  # the command line itself is wrong
        if error.format_message().startswith("Usage:"):  # there is none, which is no mistake
            show(error.format_message(), err=True)
            return 2
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "rdbench"
        return _complain(f"{error.format_message().rstrip('.')}; see `{command} --help`")
    except (KeyboardInterrupt, typer.Abort):
        ignore()
        return STATUS
    except OSError as error:
        where = f"{str(error.filename)!r}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}")


def _complain(message: str) -> int:
    say(f"rdbench: error: {' '.join(message.split())}", err=True)
    return 2
