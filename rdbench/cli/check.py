"""``rdbench check``: hold a run against a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from rdbench.cli.console import command, say, show
from rdbench.cli.flags import as_flags
from rdbench.cli.options import names
from rdbench.errors import RdbenchError, UsageError

SKIP: Final = 125
"""What tells `git bisect run` to try another commit."""


def check(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory or CSV file.")],
    baseline: Annotated[
        Path | None,
        typer.Option(help="CSV that --update wrote, or a run directory.", metavar="FILE"),
    ] = None,
    baseline_label: Annotated[
        str,
        typer.Option(
            help="In place of --baseline: the codec of the run itself that another one, of other "
            "options, is held against. Both were measured in turns, so that times can be judged.",
            metavar="LABEL",
        ),
    ] = "",
    label: Annotated[
        str,
        typer.Option(
            help="That other one. [default: the other label of the run, where there are two]",
            metavar="LABEL",
        ),
    ] = "",
    max_bd_rate: Annotated[
        float, typer.Option(help="BD-rate that is allowed, in each metric.", metavar="PERCENT")
    ] = 0.5,
    max_bd_psnr: Annotated[
        float | None,
        typer.Option(
            help="Loss in quality at equal rate that is allowed, in every metric in dB. "
            "[default: only the rate is looked at]",
            metavar="DB",
        ),
    ] = None,
    max_slowdown: Annotated[
        float | None,
        typer.Option(
            help="How much longer encoding or decoding may take, in processor time; the baseline "
            "needs times, which --update keeps with this option only. [default: times are not "
            "looked at]",
            metavar="PERCENT",
        ),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Metrics, by column or as FILE.py:Class or FILE.toml. [default: all that the "
            "baseline has]",
            metavar="NAME[,NAME...]",
        ),
    ] = "",
    junit: Annotated[
        Path | None, typer.Option(help="Also write JUnit XML.", metavar="FILE")
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(help="Also write Markdown, as for a pull request.", metavar="FILE"),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Also write the page of `rdbench report`, with the verdicts above all else.",
            metavar="FILE.html",
        ),
    ] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Also print annotations for GitHub Actions.")
    ] = False,
    git_bisect: Annotated[
        bool,
        typer.Option(
            "--git-bisect",
            help="End with 125, which skips the commit, where nothing can be judged.",
        ),
    ] = False,
    update: Annotated[
        bool,
        typer.Option(
            "--update", help="Write the baseline from the run, after saying what changes."
        ),
    ] = False,
) -> None:
    """Hold a run against a baseline, curve by curve.

    A curve is better, same, worse, new, gone, newly failing, not comparable or, in times taken on
    another machine or under another load, inconclusive. Exit status: 0
    where all are better, same or new; 1 where one is not; 2 where something has to be changed
    first. With --update: 0, or 1 where the new baseline has failures that the old one had not.
    With --git-bisect: 125 in place of 2, and of 1 where no curve is worse or newly failing.

    Examples:

      rdbench check results/runs/quickstart --baseline baselines/quickstart.csv --update

      rdbench check results/runs/quickstart --baseline baselines/quickstart.csv --junit check.xml

      rdbench check results/runs/quickstart --baseline baselines/quickstart.csv --report check.html

      rdbench run --jobs 1 --dataset kodak --codec cjpeg:program=old/cjpeg,label=old --codec
      cjpeg:program=new/cjpeg,label=new --out both

      rdbench check both --baseline-label old --label new --max-slowdown 5
    """
    import rdbench
    from rdbench import gate
    from rdbench.gate import outputs

    limits = gate.Limits(max_bd_rate, max_bd_psnr, max_slowdown, tuple(names(metrics)))
    if git_bisect and update:
        raise UsageError("--git-bisect judges, and --update replaces what it judges by")
    if (baseline is None) == (not baseline_label):
        raise UsageError("name what the run is held against: --baseline, or --baseline-label")
    if baseline is None and update:
        raise UsageError("--update writes a file: name it with --baseline")
    if baseline and label:
        raise UsageError("--label is for --baseline-label, the other codec of the same run")
    if page and page.is_dir():
        raise UsageError(f"--report {str(page)!r} is a folder; name a file")
    written, report = None, None
    try:
        if baseline is None:
            report = gate.check_labels(run, baseline_label, label, limits)
        elif update:
            written = gate.update(run, baseline, limits)
            report = written.report
        else:
            report = gate.check(run, baseline, limits)
    except RdbenchError as error:
        if not git_bisect:
            raise
        say(f"rdbench: error: {as_flags(str(error))}", err=True)
        raise typer.Exit(SKIP) from None
    if report:
        show(outputs.table(report))
        if junit:
            gate.write_file(junit, outputs.junit(report), "--junit")
        if markdown:
            gate.write_file(markdown, outputs.markdown(report), "--markdown")
        if page:
            say(str(rdbench.report(run, verdicts=report, out=page)), err=True)
        for line in outputs.github(report) if github else ():
            command(line)
    if written:
        if written.problem:
            say(f"warning: replaced: {as_flags(written.problem)}", err=True)
        for text in written.failures:
            say(f"warning: now a known failure: {text}", err=True)
        say(f"{written.rows} rows written: {baseline}")
        raise typer.Exit(1 if written.failures else 0)
    assert report
    bad = 1 if report.regressed or not git_bisect else SKIP
    raise typer.Exit(0 if report.fine else bad)
