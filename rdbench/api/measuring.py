"""Measuring: runs, scores, more metrics, and joined runs."""

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
"""A codec's name or ``NAME:option=value,points=a/b/c``, a request, or a class."""


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

    Existing rows are not measured again; more codecs, points, images, repeats and metrics are added
    to them.

    Args:
        experiment: the name of one that rdbench ships, the path of a TOML file, or an
            :class:`Experiment`.
        codecs: names, texts ``NAME:option=value,points=a/b/c`` (NAME may be FILE.py:Class or
            FILE.toml), or classes, also from a notebook.
        datasets: known names, folders, files or globs.
        codec_files: TOML files of program codecs, whose names can then be used in ``codecs``.
        points: points of the codecs that do not name their own: numbers and ranges of them, or a
            text such as ``"10/50"`` and ``"10..90:10"``; or by target, ``"bpp:0.12/0.25"`` or
            ``"psnr_db:32/36"``: the rate or the score that each image is to reach; the setting is
            searched for (column ``setting``).
        tolerance: tolerance of points by target, for the codecs that do not name their own: a share
            of a rate (``0.02``, ``"2%"``), or an amount of a metric;
            :meth:`rdbench.goals.Goal.allowed` gives the default.
        metrics: names, FILE.py:Class or FILE.toml; empty for the default ones.
        color: ``"rgb"``, or ``"luma"`` for the BT.601 luma plane in limited range.
        repeat: how often each measurement is made.
        out: the run directory.
        fresh: whether to discard what it holds.
        jobs: worker processes with one thread each, at most one per task; by default the number of
            cores that this process may use, by its affinity and control groups.
        timeout_s: limit on the wall time of one measurement.
        memory_mb: limit on the private memory of each worker in MiB; by default 90 % of the memory
            that this process may use, by the machine and its control groups, divided among the
            workers; 0 for no limit.
        keep_streams: whether to keep the streams.
        keep_decoded: whether to keep the decoded images.
        timing: whether to take times for publication, one task at a time on its own core: medians
            of repeated runs, until their 95 % interval is under 2 %, or after 50 runs or 60 s.
        cache: a folder in which runs share measurements. A row of another run with the same
            samples, codec, program, options, point and metrics is taken, with the name of that run
            (column ``reused``) and without its times.
        cache_mb: size limit of the cache in MiB; the least recently used rows make room.
        cache_times: whether to take times and memory from the cache as well.
        dry_run: whether to measure nothing, and to forecast what is to be done and how long it will
            take (``outcome.forecast``), judged by earlier measurements in the run directory and
            those beside it.
        strict: whether to measure nothing if a codec is missing.
        scheduler: address of a Dask scheduler whose workers measure (``"tcp://host:8786"``), or
            ``"local"`` for a Dask cluster on this machine; by default rdbench's own worker
            processes.
        shared_data: whether Dask workers read images from the same paths as here, instead of being
            sent them.
        say: called with messages about Dask workers, a line each.
        started: called with what will be measured and where.
        progress: called with each row, the number done, and the total.

    Returns:
        The rows, and how many of them were measured now. A failure is a row that says so
        (``outcome.failures``). An interrupt ends the run and not the program that called it: look
        at ``outcome.interrupted``.

    Raises:
        UsageError: for a request that cannot be carried out, or that contradicts the run directory.
    """
    if timing:
        jobs = one_at_a_time(jobs, scheduler)
    if shared_data and scheduler is None:
        raise UsageError("`shared_data` needs a `scheduler`; leave it out")
    if cache_times and cache is None:
        raise UsageError("`cache_times` needs a `cache`; leave it out")
    with ExitStack() as stack:
        if dry_run and scheduler in (None, "local"):
            executor, limits = None, Limits.of_machine(jobs, timeout_s, memory_mb)
        else:
            executor = stack.enter_context(
                _executor(jobs, timeout_s, memory_mb, scheduler, shared_data, say)
            )
            limits = executor.limits
        store = stack.enter_context(Cache(Path(cache), cache_mb)) if cache is not None else None
        plan = _plan(
            experiment, codecs, datasets, codec_files, points, tolerance, metrics, color, repeat
        )
        if strict and plan.missing:
            raise UsageError(f"{plan.missing[0]} (or leave out `strict=True`)")
        directory = named(out) if out is not None else inside(RUNS, plan.name, "name")
        if started:
            started(plan, directory)
        if dry_run or executor is None:
            asked = Asked(timing, store, cache_times, keep_streams or keep_decoded)
            found = forecast(plan, directory, asked, limits.jobs, fresh=fresh)
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
    """Score images that another program decoded, into the same table; ``rdbench score``.

    Args:
        originals: a known dataset, folder, file or glob.
        decoded: a folder of images named like the originals, or a folder of folders, one for each
            point, whose names end with the number of the point; also the kept images of a curve.
        streams: the same for streams, whose sizes give bpp.
        codec: name of the codec; by default that of ``decoded``.
        parameter: the rate parameter, of which a point is a value.
        point: the point, for a folder that does not name it.
        name: pattern of the names of images below ``decoded``, if they differ from the originals:
            ``"rec_{image}_q{point}"``, ``"{image}/{point}"``. Everything outside braces is literal;
            the suffix may be left out.
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
        The rows; a missing or unsuitable image gives a failed row.

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
    """Add metrics to a run from what it kept, without encoding; ``rdbench rescore``. Kept decoded
    images are scored; if only streams were kept, they are decoded first. If a file is gone, damaged
    or not the one that was measured (by its SHA-256), its row stays without the metric, with the
    reason.

    Args:
        run: a run directory that kept streams or decoded images.
        metrics: names, FILE.py:Class or FILE.toml.
        jobs: as :func:`run`.
        timeout_s: as :func:`run`.
        memory_mb: as :func:`run`.
        progress: as :func:`run`.

    Returns:
        All rows; ``outcome.rescored`` of them got more metrics.

    Raises:
        UsageError: if there is no such run, if nothing was kept, or if the originals are gone or
            have changed.
    """
    with LocalPool(Limits.of_machine(jobs, timeout_s, memory_mb)) as pool:
        chosen = metric_table.choose(_listed(metrics))
        outcome = rescoring.rescore(Path(run), chosen, executor=pool, progress=progress)
    if not outcome.interrupted:
        write_summary(outcome.path, read_table(outcome.path))
    return outcome


def merge(runs: Sequence[str | Path], out: str | Path) -> Path:
    """Join runs of one plan, for example from several machines; ``rdbench merge``.

    Args:
        runs: run directories.
        out: the run directory to create, which must not exist. Kept files are linked or copied.

    Returns:
        The path of the joined run.

    Raises:
        UsageError: if the runs contradict each other: other images, versions, programs, sources,
            weights or metrics, another label, or two rows of one measurement that disagree.
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
                f"experiment {str(experiment)!r} already says what to measure, so "
                f"{', '.join(given)} cannot be given with it: edit the file, or leave it out"
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
