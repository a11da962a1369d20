"""``rdbench check``: compare a run with a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from rdbench.cli.console import command, say, show
from rdbench.cli.flags import as_flags
from rdbench.cli.options import names
from rdbench.errors import RdbenchError, UsageError

SKIP: Final = 125
"""The exit status that tells `git bisect run` to skip a commit."""


def check(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory or CSV file.")],
    baseline: Annotated[
        Path | None,
        typer.Option(help="CSV that --update wrote, or a run directory.", metavar="FILE"),
    ] = None,
    baseline_label: Annotated[
        str,
        typer.Option(
            help="Instead of --baseline: a codec of the same run with which another codec of it "
            "is compared. Both were measured in turns, so their times can be judged.",
            metavar="LABEL",
        ),
    ] = "",
    label: Annotated[
        str,
        typer.Option(
            help="The codec to compare with --baseline-label. [default: the other label, if the "
            "run has two]",
            metavar="LABEL",
        ),
    ] = "",
    max_bd_rate: Annotated[
        float,
        typer.Option(help="Largest BD-rate that is allowed, in every metric.", metavar="PERCENT"),
    ] = 0.5,
    max_bd_psnr: Annotated[
        float | None,
        typer.Option(
            help="Largest loss in quality at equal rate that is allowed, in every metric in dB. "
            "[default: only the rate is checked]",
            metavar="DB",
        ),
    ] = None,
    max_slowdown: Annotated[
        float | None,
        typer.Option(
            help="How much longer encoding or decoding may take, in processor time. The baseline "
            "must hold times: --update writes them only with this option. [default: times "
            "are not checked]",
            metavar="PERCENT",
        ),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Metrics, by column or as FILE.py:Class or FILE.toml. [default: all in the "
            "baseline]",
            metavar="NAME[,NAME...]",
        ),
    ] = "",
    junit: Annotated[
        Path | None, typer.Option(help="Also write JUnit XML.", metavar="FILE")
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(help="Also write Markdown, for example for a pull request.", metavar="FILE"),
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
            help="Exit with 125, which skips the commit, if nothing can be judged.",
        ),
    ] = False,
    update: Annotated[
        bool,
        typer.Option(
            "--update", help="Write the run as the new baseline, after printing what changes."
        ),
    ] = False,
) -> None:
    """Compare a run with a baseline, curve by curve.

    A curve is better, same, worse, new, gone, newly failing, not comparable or, if its times were
    taken on another machine or under another load, inconclusive. Exit status: 0 if all are better,
    same or new; 1 if any is not; 2 if the request must be changed. With --update: 0, or 1 if the
    new baseline has failures that the old one did not have. With --git-bisect: 125 instead of 2,
    and instead of 1 if no curve is worse or newly failing.

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
        raise UsageError(
            "--git-bisect and --update exclude each other: --update replaces the "
            "baseline that --git-bisect needs"
        )
    if (baseline is None) == (not baseline_label):
        raise UsageError("give what to compare the run with: either --baseline or --baseline-label")
    if baseline is None and update:
        raise UsageError("--update needs the file to write: give --baseline FILE")
    if baseline and label:
        raise UsageError("--label works only with --baseline-label")
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
