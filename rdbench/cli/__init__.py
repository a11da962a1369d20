"""The command line: one module per command; this one puts them together.

Modules here import only typer and the light parts of rdbench at the top, so that
``rdbench --help`` starts at once; everything else is imported inside the commands.
"""

from __future__ import annotations

import os
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
    epilog="Exit status: 0 fine; 1 measured, but something failed or regressed; 2 something has "
    "to be changed, as the message says; 130 interrupted, what was measured is kept.",
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"rdbench {rdbench.__version__}")
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


def _complain(message: str) -> None:
    typer.echo(f"rdbench: error: {' '.join(message.split())}", err=True)
    sys.exit(2)


_show_warning = warnings.showwarning


def _warn(message: Warning | str, *told: Any, **more: Any) -> None:
    if isinstance(message, FileNote):
        typer.echo(f"rdbench: warning: {as_flags(str(message))}", err=True)
    else:
        _show_warning(message, *told, **more)


def main() -> None:
    """The ``rdbench`` program: errors that a person can mend are one line and exit status 2."""
    warnings.showwarning = _warn
    with raising(KeyboardInterrupt):
        _main()


def _main() -> None:
    try:
        if (status := app(prog_name="rdbench", standalone_mode=False)) == STATUS:
            ignore()
        sys.exit(status)
    except RdbenchError as error:
        _complain(as_flags(str(error)))
    except typer.TyperException as error:  # the command line itself is wrong
        if error.format_message().startswith("Usage:"):  # there is none, which is no mistake
            typer.echo(error.format_message(), err=True)
            sys.exit(2)
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "rdbench"
        _complain(f"{error.format_message().rstrip('.')}; see `{command} --help`")
    except (KeyboardInterrupt, typer.Abort):
        ignore()
        sys.exit(STATUS)
    except BrokenPipeError:
        # Whoever read our output has enough; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
