"""What ``import rdbench`` offers for whole steps of work; the commands are thin wrappers of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rdbench import experiment as experiments
from rdbench import images, metrics
from rdbench.codecs import registry
from rdbench.curves import write_summary
from rdbench.errors import UsageError, unknown
from rdbench.experiment import CodecRequest, Experiment
from rdbench.places import RUNS
from rdbench.runner import Limits, LocalPool, Outcome
from rdbench.runner import run as carry_out
from rdbench.runner import score as scoring
from rdbench.runner.run import Progress


def run(
    experiment: str | Path | Experiment | None = None,
    *,
    codecs: str | Sequence[str | CodecRequest] = (),
    datasets: str | Sequence[str] = (),
    codec_files: Sequence[str | Path] = (),
    points: Sequence[float | str] = (),
    metric_names: Sequence[str] = (),
    color: str = "rgb",
    repeat: int = 1,
    out: str | Path | None = None,
    fresh: bool = False,
    jobs: int | None = None,
    timeout_s: float = 600.0,
    memory_mb: int | None = None,
    keep_streams: bool = False,
    keep_decoded: bool = False,
    strict: bool = False,
    started: Callable[[Experiment, Path], None] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Measure codecs on images, from real bitstreams, into a run directory; ``rdbench run``.

    Either ``experiment`` (the name of one that comes along, the path of a TOML file, or an
    :class:`Experiment`), or ``codecs`` and ``datasets``::

        outcome = rdbench.run(codecs=["jpeg", "jpeg2000:transform=5/3,points=80/40/20"],
                              datasets="kodak", out="mine")

    ``codecs`` are names, or texts ``NAME:option=value,points=a/b/c``; ``codec_files`` TOML files
    of programs; ``points`` are for the codecs that do not name their own. ``jobs`` worker processes
    of one thread each (the machine's cores), ``memory_mb`` MiB of private memory for each (90 % of
    the machine's among them; 0: no cap), ``timeout_s`` for each measurement. With ``strict``
    nothing is measured where a codec is missing. ``started`` is called with what will be measured
    and where, ``progress`` with each row, how many are done, and how many there will be.

    What is there already is not measured again. Raises :class:`UsageError` for a request that
    cannot be carried out; what fails while measuring is a row that says so (``outcome.failures``).
    """
    # Workers start while the request is looked up.
    with LocalPool(Limits.of_machine(jobs, timeout_s, memory_mb)) as pool:
        plan = _plan(experiment, codecs, datasets, codec_files, points, metric_names, color, repeat)
        if strict and plan.missing:
            raise UsageError(f"{plan.missing[0]} (or leave out --strict)")
        directory = Path(out) if out is not None else RUNS / plan.name
        if started:
            started(plan, directory)
        outcome = carry_out(
            plan,
            directory,
            pool=pool,
            fresh=fresh,
            keep_streams=keep_streams,
            keep_decoded=keep_decoded,
            progress=progress,
        )
    if not outcome.interrupted:
        write_summary(outcome.path, outcome.rows)
    return outcome


def score(
    originals: str,
    decoded: str | Path,
    *,
    streams: str | Path | None = None,
    codec: str | None = None,
    parameter: str = "quality",
    point: float | None = None,
    metric_names: Sequence[str] = (),
    color: str = "rgb",
    out: str | Path | None = None,
    fresh: bool = False,
) -> Outcome:
    """The same table for images that some other program decoded; ``rdbench score``.

    ``originals``: a known dataset, folder, file or glob. ``decoded``: a folder of images named as
    the originals, or a folder for each point, its name ending with the point's number; ``streams``:
    the same for streams, whose sizes give bpp. Raises :class:`UsageError` for any other layout.
    """
    if color not in experiments.COLORS:
        raise unknown("color", color, experiments.COLORS)
    checked = metrics.check(metric_names) if metric_names else metrics.DEFAULT_METRICS
    dataset = images.resolve(originals, color=color)
    folder = Path(decoded)
    points = scoring.find_points(folder, Path(streams) if streams is not None else None, point)
    name = codec or folder.absolute().name
    outcome = scoring.score(
        dataset,
        points,
        Path(out) if out is not None else RUNS / f"score-{name}",
        codec=name,
        parameter=parameter,
        metrics=checked,
        color=color,
        fresh=fresh,
    )
    write_summary(outcome.path, outcome.rows)
    return outcome


def _plan(
    experiment: str | Path | Experiment | None,
    codecs: str | Sequence[str | CodecRequest],
    datasets: str | Sequence[str],
    codec_files: Sequence[str | Path],
    points: Sequence[float | str],
    metric_names: Sequence[str],
    color: str,
    repeat: int,
) -> Experiment:
    if experiment is not None:
        asked: dict[str, Any] = {
            "codecs": codecs,
            "codec files": codec_files,
            "datasets": datasets,
            "points": points,
            "metrics": metric_names,
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
    requests = [
        experiments.parse_codec(codec) if isinstance(codec, str) else codec
        for codec in ([codecs] if isinstance(codecs, str) else codecs)
    ]
    requests = _with_files(requests, [Path(file) for file in codec_files])
    if not requests:
        raise UsageError(
            "nothing to measure: name an experiment, or --codecs and --dataset "
            "(try `rdbench run quickstart`)"
        )
    if points:
        requests = [
            request if request.points else dataclasses.replace(request, points=tuple(points))
            for request in requests
        ]
    plan = experiments.plan(
        "",
        datasets=[datasets] if isinstance(datasets, str) else datasets,
        codecs=requests,
        metric_names=metric_names or None,
        color=color,
        repeat=repeat,
    )
    return experiments.named(plan)


def _with_files(requests: list[CodecRequest], files: Sequence[Path]) -> list[CodecRequest]:
    """The requests with the names of codec files known, and those that are not named added."""
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
