"""``rdbench run``: measure codecs on images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdbench.cli.console import say, show
from rdbench.cli.flags import as_flags
from rdbench.cli.interrupted import end, rows_kept
from rdbench.cli.options import (
    CacheOption,
    JobsOption,
    MemoryOption,
    MetricsOption,
    TimeoutOption,
    a_path,
    names,
)
from rdbench.cli.progress import Progress
from rdbench.errors import UsageError
from rdbench.places import RUNS
from rdbench.schema import point_text

if TYPE_CHECKING:
    from rdbench.experiment import Experiment
    from rdbench.runner import Outcome
    from rdbench.runner.planning import Forecast


def run(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXPERIMENT]",
            help="An experiment: FILE.toml, or quickstart, which rdbench ships.",
        ),
    ] = None,
    codecs: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Codecs with their default options and ladders."),
    ] = None,
    codec: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:option=value,points=a/b/c",
            help="One codec with options, points and label; repeatable. Several values of an "
            "option (speed=2/4/8 or 2..8) give a curve each. NAME may be FILE.py:Class or "
            "FILE.toml.",
        ),
    ] = None,
    codec_file: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.toml",
            help="A program codec of your own; repeatable. --codecs and --codec know it by the "
            "name in the file; if they do not name it, it is measured with its defaults.",
        ),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|PATH", help="A known dataset, folder, file or glob; repeatable."
        ),
    ] = None,
    points: Annotated[
        str | None,
        typer.Option(
            metavar="a/b/c",
            help="Points for all codecs that do not name their own; also ranges (10..90:10) and "
            "targets that each image is to reach (bpp:0.12/0.25, ssim:0.9).",
        ),
    ] = None,
    tolerance: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE|AMOUNT",
            help="Tolerance of points by target: a share of the rate (2%), or an amount of a "
            "metric (0.5). [default: 2% of the rate, 0.1 dB, 2% of 1 - SSIM and the like, "
            "0.5% of others]",
        ),
    ] = None,
    metrics: MetricsOption = None,
    color: Annotated[
        str | None, typer.Option(help="rgb, or luma: BT.601 limited range. [default: rgb]")
    ] = None,
    repeat: Annotated[
        int | None, typer.Option(help="How often each measurement is made. [default: 1]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=a_path,
            help="The run directory; an existing one keeps its rows and gets those that are "
            f"missing. [default: {RUNS}/NAME]",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Discard what the run directory holds.")
    ] = False,
    jobs: JobsOption = None,
    timeout: TimeoutOption = 600.0,
    memory: MemoryOption = None,
    keep_streams: Annotated[
        bool, typer.Option("--keep-streams", help="Keep the streams in OUT/streams.")
    ] = False,
    keep_decoded: Annotated[
        bool, typer.Option("--keep-decoded", help="Keep the decoded images in OUT/decoded.")
    ] = False,
    timing: Annotated[
        bool,
        typer.Option(
            "--timing",
            help="Take times that can be published: one task at a time, pinned to a core, "
            "repeated until the 95 % interval of the median is under 2 %. Rows without such "
            "times are measured again.",
        ),
    ] = False,
    cache: CacheOption = None,
    cache_size: Annotated[
        int, typer.Option(metavar="MIB", help="Size limit of the cache.", min=1)
    ] = 1024,
    cache_times: Annotated[
        bool, typer.Option("--cache-times", help="Also take times and memory from the cache.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Measure nothing. Print what is to be done, what is done already, and how long "
            "the rest will take, judged by earlier measurements.",
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Measure nothing if a codec is missing.")
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Measure on the workers of a Dask scheduler, tcp://HOST:8786, or on a Dask "
            "cluster of this machine: local.",
        ),
    ] = None,
    shared_data: Annotated[
        bool,
        typer.Option(
            "--shared-data",
            help="With --scheduler: workers read images from the same paths as here.",
        ),
    ] = False,
) -> None:
    """Measure codecs on images, from real bitstreams, into a run directory.

    Name either an EXPERIMENT, or codecs and a dataset. In an existing directory, only what is
    missing or failed is measured: more codecs, points, images, repeats or metrics are added to what
    is there.

    Examples:

      rdbench run --codecs jpeg,webp,jpeg2000 --dataset photos

      rdbench run --codec jpeg2000:transform=5/3,points=80/40/20 --dataset kodak --jobs 1

      rdbench run --codecs jpeg,webp --points bpp:0.25/0.5 --tolerance 1% --dataset kodak
    """
    import rdbench

    asked = {
        "--codecs": codecs,
        "--codec": codec,
        "--codec-file": codec_file,
        "--dataset": dataset,
        "--points": points,
        "--tolerance": tolerance,
        "--metrics": metrics,
        "--color": color,
        "--repeat": repeat,
    }
    given = [option for option, value in asked.items() if value is not None]
    if experiment is not None and given:
        raise UsageError(
            f"experiment {experiment!r} already says what to measure, so {', '.join(given)} "
            "cannot be given with it: edit the file, or leave it out"
        )
    missing: tuple[str, ...] = ()
    directory: Path | None = None

    def started(plan: Experiment, where: Path) -> None:
        nonlocal missing, directory
        missing, directory = plan.missing, where
        for line in missing:
            say(f"rdbench: left out: {line}", err=True)
        _announce(plan, where)

    with rows_kept(lambda: directory), Progress() as progress:
        outcome = rdbench.run(
            experiment,
            codecs=[*names(codecs), *(codec or ())],
            datasets=[spec for specs in dataset or () for spec in _split_datasets(specs)],
            codec_files=codec_file or (),
            points=() if points is None else points,
            tolerance=tolerance,
            metrics=names(metrics),
            color=color or "rgb",
            repeat=1 if repeat is None else repeat,
            out=out,
            fresh=fresh,
            jobs=jobs,
            timeout_s=timeout,
            memory_mb=memory,
            keep_streams=keep_streams,
            keep_decoded=keep_decoded,
            timing=timing,
            cache=cache,
            cache_mb=cache_size,
            cache_times=cache_times,
            dry_run=dry_run,
            strict=strict,
            scheduler=scheduler,
            shared_data=shared_data,
            say=lambda line: say(f"rdbench: {line}", err=True),
            started=started,
            progress=progress,
        )
    assert directory is not None
    if outcome.forecast:
        show(forecast_text(outcome.forecast))
        return
    if outcome.interrupted:
        end(directory)
    report(outcome, directory)
    if (keep_streams or keep_decoded) and outcome.measured < len(outcome.rows):
        say(
            "streams and decoded images of earlier rows are not made again; --fresh measures "
            "everything anew",
            err=True,
        )
    if outcome.failures or missing:
        raise typer.Exit(1)


def forecast_text(forecast: Forecast) -> str:
    """What a run would do, as a table with what it comes to."""
    from rdbench.tables import Table, terminal

    columns = ("there", "rescored", "reused", "measured")
    rows = [
        (
            curve.label,
            *(str(getattr(curve, column)) for column in columns),
            _duration(curve.seconds) if curve.unknown < curve.measured else "-",
        )
        for curve in forecast.curves
    ]
    notes = [*forecast.notes]
    unknown = int(forecast.total("unknown"))
    measured = int(forecast.total("measured"))
    if measured > unknown:
        notes.append(
            f"at least {_duration(forecast.seconds)} with {forecast.workers} "
            f"worker{'s' * (forecast.workers > 1)}, judged by {forecast.earlier} earlier rows"
        )
    if unknown:
        labels = [curve.label for curve in forecast.curves if curve.unknown]
        notes.append(f"no earlier times of {', '.join(labels)}: {unknown} rows are not included")
    totals = (str(int(forecast.total(column))) for column in columns)
    all_of = ("all", *totals, _duration(forecast.total("seconds")) if measured > unknown else "-")
    header = ("curve", "there", "to score", "in cache", "to measure", "time of one worker")
    return terminal(Table("", header, (*rows, all_of), tuple(notes), text_columns=1)) + "\n"


def _duration(seconds: float) -> str:
    """A time as people say it: ``12 s``, ``3.4 min``, ``2.5 h``."""
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def _split_datasets(text: str) -> list[str]:
    """Several names may be joined by commas; a path is taken as it is."""
    return [text] if "/" in text or Path(text).exists() else names(text)


def _announce(plan: Experiment, directory: Path) -> None:
    for dataset in plan.datasets:
        for line in filter(None, (dataset.passed_over, dataset.tags_not_there)):
            say(line, err=True)
    images = sum(len(dataset.images) for dataset in plan.datasets)
    points = sum(len(codec.points) for codec in plan.codecs)
    names = ", ".join(dataset.name for dataset in plan.datasets)
    count = images * points * plan.repeat
    say(
        f"{images} image{'s' * (images > 1)} ({names}), {len(plan.codecs)} "
        f"codec{'s' * (len(plan.codecs) > 1)}, {points} point{'s' * (points != 1)}: "
        f"{count} measurement{'s' * (count != 1)} into {directory}"
    )


def report(outcome: Outcome, directory: Path) -> None:
    """Print what was measured and where it is, and on stderr what failed."""
    there = len(outcome.rows) - outcome.done
    parts = [
        f"{outcome.measured} measured",
        *([f"{outcome.rescored} scored with further metrics"] if outcome.rescored else ()),
        *([f"{outcome.reused} taken from the cache"] if outcome.reused else ()),
        *([f"{there} already there"] if there else ()),
    ]
    say(f"{', '.join(parts)}: {directory / 'measurements.csv'}")
    for line in (*outcome.replaced, *outcome.notes):
        say(line, err=True)
    if any(row.tolerance is not None for row in outcome.rows):
        from rdbench.curves import curves_of
        from rdbench.curves.targets import off_target

        for curve in curves_of(outcome.rows):
            if said := off_target(curve):
                say(f"{curve.label}: {said}", err=True)
    seen: dict[tuple[str, str, str], list[str]] = {}
    for row in outcome.failures:
        where = f"{row.image} at {row.parameter} {point_text(row.point)}"
        seen.setdefault((row.label, row.status, row.message), []).append(where)
    for (label, status, message), places in list(seen.items())[:20]:
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        say(f"{label}: {status} for {places[0]}{more}: {as_flags(message)}", err=True)
    if len(seen) > 20:
        say(f"... and {len(seen) - 20} other failures; the table has them all", err=True)
    sys.stderr.flush()
