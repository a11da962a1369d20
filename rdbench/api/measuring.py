"""Measuring: runs, scores, further metrics, and runs joined."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

from rdbench import experiment as experiments
from rdbench import images
from rdbench import metrics as metric_table
from rdbench.codecs import handed, registry
from rdbench.codecs.base import Codec
from rdbench.codecs.request import CodecRequest, parse_codec, with_points, with_tolerance
from rdbench.curves import write_summary
from rdbench.errors import UsageError, unknown
from rdbench.experiment import Experiment
from rdbench.places import RUNS, inside, named
from rdbench.results import read_table
from rdbench.runner import Executor, Limits, LocalPool, Outcome
from rdbench.runner import merge as merging
from rdbench.runner import rescore as rescoring
from rdbench.runner import run as carry_out
from rdbench.runner import score as scoring
from rdbench.runner.cache import DEFAULT_MB, Cache
from rdbench.runner.decoded import find_points
from rdbench.runner.planning import Asked
from rdbench.runner.planning import dry_run as forecast
from rdbench.runner.run import Progress
from rdbench.runner.timed import one_at_a_time

CodecLike: TypeAlias = str | CodecRequest | type[Codec]
"""A codec's name or ``NAME:option=value,points=a/b/c``, a request, or a class of one's own."""


def run(
    experiment: str | Path | Experiment | None = None,
    *,
    codecs: CodecLike | Sequence[CodecLike] = (),
    datasets: str | Sequence[str] = (),
    codec_files: Sequence[str | Path] = (),
    points: str | Sequence[float | str] = (),
    tolerance: float | str | None = None,
    metrics: str | Sequence[str] = (),
    color: str = "rgb",
    repeat: int = 1,
    out: str | Path | None = None,
    fresh: bool = False,
    jobs: int | None = None,
    timeout_s: float = 600.0,
    memory_mb: int | None = None,
    keep_streams: bool = False,
    keep_decoded: bool = False,
    timing: bool = False,
    cache: str | Path | None = None,
    cache_mb: int = DEFAULT_MB,
    cache_times: bool = False,
    dry_run: bool = False,
    strict: bool = False,
    scheduler: str | None = None,
    shared_data: bool = False,
    say: Callable[[str], None] = lambda _: None,
    started: Callable[[Experiment, Path], None] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Measure codecs on images, from real bitstreams, into a run directory; ``rdbench run``.

    Either ``experiment``, or ``codecs`` and ``datasets``::

        outcome = rdbench.run(codecs=["jpeg", "jpeg2000:transform=5/3,points=80/40/20", Mine],
                              datasets="kodak", out="mine")

    What is there already is not measured again; what is asked for beyond it is added: codecs,
    points, images, repeats and metrics.

    Args:
        experiment: the name of one that rdbench ships, the path of a TOML file, or an
            :class:`Experiment`.
        codecs: names, texts ``NAME:option=value,points=a/b/c`` (NAME may be FILE.py:Class or
            FILE.toml), or classes, also of a notebook.
        datasets: known names, folders, files or globs.
        codec_files: TOML files of program codecs, which get their names in ``codecs``.
        points: for the codecs that do not name their own: numbers and ranges of them, or a text
            such as ``"10/50"`` and ``"10..90:10"``; or by target, ``"bpp:0.12/0.25"`` or
            ``"psnr_db:32/36"``: the rate or the score that each image is to have, for which the
            setting is searched (column ``setting``).
        tolerance: of points by target, for the codecs that do not name their own: a share of a rate
            (``0.02``, ``"2%"``), or an amount of a metric; :meth:`rdbench.goals.Goal.allowed` says
            what holds without one.
        metrics: names, FILE.py:Class or FILE.toml; none for the default ones.
        color: ``"rgb"``, or ``"luma"`` for the BT.601 luma plane in limited range.
        repeat: measurements of each thing.
        out: the run directory.
        fresh: whether to forget what it holds.
        jobs: worker processes of one thread each, and no more than there are tasks; by default as
            many as this process may use cores, by its affinity and control groups.
        timeout_s: wall time that one measurement may take.
        memory_mb: MiB of private memory for each worker; by default 90 % of what this process may
            have, by the machine and its control groups, among them; 0 for no cap.
        keep_streams: whether to keep the streams.
        keep_decoded: whether to keep the decoded images.
        timing: whether to take times as they are to be published, one task at a time on a core of
            its own: medians of runs until their 95 % interval is under 2 %, or there are 50, or
            they took 60 s.
        cache: a folder in which runs share what they have measured: what another has measured of
            the same samples with the same codec, program, options, point and metrics is taken, with
            the name of that run (column ``reused``) and without its times.
        cache_mb: what it may hold in MiB; what was used longest ago makes room.
        cache_times: whether to take times, and memory, too, of when it was measured.
        dry_run: whether to measure nothing, and tell what there is to do and how long it will take
            (``outcome.forecast``), by what earlier measurements of the run directory and of those
            beside it took.
        strict: whether to measure nothing where a codec is missing.
        scheduler: address of a Dask scheduler whose workers measure (``"tcp://host:8786"``), or
            ``"local"`` for a Dask cluster on this machine; none for worker processes of its own.
        shared_data: whether Dask's workers read images from the paths that they have here, and are
            not sent them.
        say: called with what is to be told of Dask's workers, a line each.
        started: called with what will be measured and where.
        progress: called with each row, how many are done, and how many there will be.

    Returns:
        The rows, and how many of them were measured now. What failed is a row that says so
        (``outcome.failures``).

    Raises:
        UsageError: for a request that cannot be carried out, or that contradicts what is there.
    """
    if timing:
        jobs = one_at_a_time(jobs, scheduler)
    with ExitStack() as stack:
        executor = (
            None
            if dry_run
            else stack.enter_context(
                _executor(jobs, timeout_s, memory_mb, scheduler, shared_data, say)
            )
        )
        store = stack.enter_context(Cache(Path(cache), cache_mb)) if cache is not None else None
        plan = _plan(
            experiment, codecs, datasets, codec_files, points, tolerance, metrics, color, repeat
        )
        if strict and plan.missing:
            raise UsageError(f"{plan.missing[0]} (or leave out `strict=True`)")
        directory = named(out) if out is not None else inside(RUNS, plan.name, "name")
        if started:
            started(plan, directory)
        if executor is None:
            asked = Asked(timing, store, cache_times, keep_streams or keep_decoded)
            workers = Limits.of_machine(jobs, timeout_s, memory_mb).jobs
            found = forecast(plan, directory, asked, workers, fresh=fresh)
            return Outcome(directory, [], forecast=found)
        outcome = carry_out(
            plan,
            directory,
            executor=executor,
            fresh=fresh,
            keep_streams=keep_streams,
            keep_decoded=keep_decoded,
            timing=timing,
            cache=store,
            cache_times=cache_times,
            progress=progress,
        )
    if not outcome.interrupted:
        write_summary(outcome.path, read_table(outcome.path))
    return outcome


def score(
    originals: str,
    decoded: str | Path,
    *,
    streams: str | Path | None = None,
    codec: str | None = None,
    parameter: str = "quality",
    point: float | None = None,
    name: str = "",
    stream_name: str = "",
    metrics: str | Sequence[str] = (),
    color: str = "rgb",
    out: str | Path | None = None,
    fresh: bool = False,
    jobs: int | None = None,
    timeout_s: float = 600.0,
    memory_mb: int | None = None,
) -> Outcome:
    """The same table for images that some other program decoded; ``rdbench score``.

    Args:
        originals: a known dataset, folder, file or glob.
        decoded: a folder of images named as the originals, or a folder for each point, its name
            ending with the point's number; also what a run has kept of one curve.
        streams: the same for streams, whose sizes give bpp.
        codec: name of the program; that of ``decoded`` by default.
        parameter: what a point is.
        point: the point of a folder without any.
        name: how the images below ``decoded`` are called, where not as the originals:
            ``"rec_{image}_q{point}"``, ``"{image}/{point}"``. All but the two places is meant as it
            stands; the suffix may be left out.
        stream_name: the same for ``streams``, by default as ``name`` with any suffix; also
            ``"{image}.{part}.bin"`` for streams in numbered parts.
        metrics: as :func:`run`.
        color: as :func:`run`.
        out: as :func:`run`.
        fresh: as :func:`run`.
        jobs: as :func:`run`.
        timeout_s: as :func:`run`.
        memory_mb: as :func:`run`.

    Returns:
        The rows; what is missing or unfit is a failed row.

    Raises:
        UsageError: for any other layout.
    """
    if color not in experiments.COLORS:
        raise unknown("color", color, experiments.COLORS)
    with LocalPool(Limits.of_machine(jobs, timeout_s, memory_mb)) as pool:
        chosen = metric_table.choose(_listed(metrics))
        dataset = images.resolve(originals, color=color)
        folder = Path(decoded)
        points = find_points(
            dataset.images,
            folder,
            Path(streams) if streams is not None else None,
            point=point,
            name=name,
            stream_name=stream_name,
        )
        program = codec or folder.absolute().name
        outcome = scoring.score(
            dataset,
            points,
            named(out) if out is not None else inside(RUNS, f"score-{program}", "codec"),
            codec=program,
            parameter=parameter,
            metrics=chosen,
            executor=pool,
            color=color,
            fresh=fresh,
        )
    write_summary(outcome.path, read_table(outcome.path))
    return outcome


def rescore(
    run: str | Path,
    metrics: str | Sequence[str],
    *,
    jobs: int | None = None,
    timeout_s: float = 600.0,
    memory_mb: int | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Add metrics to a run from what was kept of it, encoding nothing; ``rdbench rescore``.

    Decoded images that were kept are scored; where only streams were, they are decoded first. A
    file that is gone, damaged or not what was measured (by its SHA-256) leaves its row without the
    metric, with the reason.

    Args:
        run: a run directory that kept streams or decoded images.
        metrics: names, FILE.py:Class or FILE.toml.
        jobs: as :func:`run`.
        timeout_s: as :func:`run`.
        memory_mb: as :func:`run`.
        progress: as :func:`run`.

    Returns:
        All rows; ``outcome.rescored`` of them got further metrics.

    Raises:
        UsageError: where there is no such run, nothing was kept, or the originals are gone or
            other ones.
    """
    with LocalPool(Limits.of_machine(jobs, timeout_s, memory_mb)) as pool:
        chosen = metric_table.choose(_listed(metrics))
        outcome = rescoring.rescore(Path(run), chosen, executor=pool, progress=progress)
    if not outcome.interrupted:
        write_summary(outcome.path, read_table(outcome.path))
    return outcome


def merge(runs: Sequence[str | Path], out: str | Path) -> Path:
    """Join runs of one plan, from several machines for instance; ``rdbench merge``.

    Args:
        runs: run directories.
        out: the run directory to make, which must not exist. Kept files are linked or copied.

    Returns:
        The path of the joined run.

    Raises:
        UsageError: where the runs contradict each other: other images, versions, programs,
            sources, weights or metrics, another label, or two rows of one measurement that
            disagree.
    """
    path = merging.merge([Path(run) for run in runs], named(out))
    write_summary(path, read_table(path))
    return path


def _executor(
    jobs: int | None,
    timeout_s: float,
    memory_mb: int | None,
    scheduler: str | None,
    shared_data: bool,
    say: Callable[[str], None],
) -> Executor:
    if scheduler is None:
        if shared_data:
            raise UsageError("`shared_data` is for the workers of a `scheduler`; leave it out")
        return LocalPool(Limits.of_machine(jobs, timeout_s, memory_mb))
    from rdbench.runner.cluster.distributed import DaskExecutor

    return DaskExecutor(
        scheduler,
        jobs=jobs,
        timeout_s=timeout_s,
        memory_mb=memory_mb,
        shared_data=shared_data,
        say=say,
    )


def _plan(
    experiment: str | Path | Experiment | None,
    codecs: CodecLike | Sequence[CodecLike],
    datasets: str | Sequence[str],
    codec_files: Sequence[str | Path],
    points: str | Sequence[float | str],
    tolerance: float | str | None,
    metrics: str | Sequence[str],
    color: str,
    repeat: int,
) -> Experiment:
    if experiment is not None:
        asked: dict[str, Any] = {
            "codecs": codecs,
            "codec files": codec_files,
            "datasets": datasets,
            "points": points,
            "tolerance": tolerance is not None,
            "metrics": metrics,
            "color": color if color != "rgb" else "",
            "repeat": repeat if repeat != 1 else 0,
        }
        if given := [what for what, value in asked.items() if value]:
            raise UsageError(
                f"experiment {str(experiment)!r} says what is measured; {', '.join(given)} cannot "
                "change it: edit the file, or leave it out"
            )
        if isinstance(experiment, Experiment):
            return experiment
        return experiments.read(experiments.find(str(experiment)))
    asked_for = [codecs] if isinstance(codecs, str | CodecRequest | type) else codecs
    requests = _with_files(
        [_request(codec) for codec in asked_for], [Path(file) for file in codec_files]
    )
    if not requests:
        raise UsageError(
            "nothing to measure: name an experiment, or `codecs` and `datasets` "
            "(try `rdbench run quickstart`)"
        )
    if points:
        requests = with_points(requests, points)
    if tolerance is not None:
        requests = with_tolerance(requests, tolerance)
    plan = experiments.plan(
        "",
        datasets=_listed(datasets),
        codecs=requests,
        metrics=_listed(metrics),
        color=color,
        repeat=repeat,
    )
    return experiments.named(plan)


def _request(codec: CodecLike) -> CodecRequest:
    if isinstance(codec, type):
        return CodecRequest(handed.hand_over(codec))
    return parse_codec(codec) if isinstance(codec, str) else codec


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _with_files(requests: list[CodecRequest], files: Sequence[Path]) -> list[CodecRequest]:
    """The requests with the names of files known, and those that are not named added."""
    found = list(dict.fromkeys((registry.load_file(file).name, str(file)) for file in files))
    targets = dict(found)
    named = {request.target for request in requests}
    known = [
        dataclasses.replace(request, target=targets.get(request.target, request.target))
        for request in requests
    ]
    # Of two files with one name both are there, for the plan to refuse.
    more = [file for name, file in found if name not in named or file != targets[name]]
    return [*known, *map(CodecRequest, more)]
