"""What is to be measured: datasets, codecs, points and metrics, and the tasks that follow.

An experiment is written as a TOML file or as the equivalent command line::

    name = "mine"
    datasets = ["kodak"]
    metrics = ["psnr_db", "ms_ssim_db"]     # names, FILE.py:Class or FILE.toml
    color = "rgb"                           # or "luma"
    repeat = 1

    [[codecs]]
    codec = "jpeg2000"                      # a name, FILE.py:Class or FILE.toml
    options = { transform = "5/3" }         # speed = [2, 4, 8] or "2/4/8": a curve by each
    points = [80, 40, 20]                   # or ["10..90:10"]; default: the codec's ladder
    # points = "bpp:0.12/0.25"              # or by target: a rate, or the score of a metric
    # tolerance = "2%"                      # of such points, see rdbench.goals
    label = "JPEG 2000 5/3"                 # default: the name with what sets it apart

    [[codecs]]
    codec = "mine.py:Mine"                  # one that needs another Python than rdbench's
    environment = { python = "/path/to/env/bin/python" }   # or { conda = NAME }, { command = [] }

Paths in the file are relative to the file's folder.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta

from rdbench import images, places, toml
from rdbench.codecs import registry
from rdbench.codecs.base import Axis, Codec
from rdbench.codecs.request import CodecRequest, points_of, split_points, spread, within
from rdbench.environments import EnvironmentForm
from rdbench.errors import MissingBackendError, UsageError, naming, unknown
from rdbench.goals import RATE, Goal, goal_of, targets_of
from rdbench.images import Dataset, ImageRef
from rdbench.metrics import DEFAULT_METRICS, MetricRecord, choose
from rdbench.schema import BY_TARGET, MeasurementKey, options_text, point_text
from rdbench.text import printable
from rdbench.toml import Form, read_toml

Color = Literal["rgb", "luma"]
COLORS: Final[tuple[str, ...]] = get_args(Color)
EXPERIMENTS: Final = Path(__file__).parent / "experiments"
MOST_REPEATS: Final = 10_000


@dataclass(frozen=True)
class CodecPlan:
    """A codec with all its options and points, checked: one curve."""

    target: str
    name: str
    options: tuple[tuple[str, str | int | float | bool], ...]
    parameter: str
    """The quantity whose values are the points: the codec's parameter, or the column of
    :attr:`goal`."""
    points: tuple[float, ...]
    """In increasing rate, if the codec's ladder shows the direction."""
    label: str
    goal: Goal | None = None
    """The goal, if points are values to be reached instead of settings."""

    @functools.cached_property
    def options_text(self) -> str:
        """The options as in the column ``options``, with the goal, if any."""
        by_target = {BY_TARGET: self.goal.column} if self.goal else {}
        return options_text({**dict(self.options), **by_target})

    @property
    def settings(self) -> tuple[float, ...]:
        """Representative values of the codec's parameter: the points, or its ladder if points are
        targets."""
        return self.goal.axis.ladder if self.goal else self.points

    def codec(self) -> type[Codec]:
        """The codec's class, as it is under the options."""
        return registry.load(self.target).configured(dict(self.options))

    def resolved(self) -> dict[str, Any]:
        """All options of the codec, including those that ``options`` leaves out at their defaults,
        as the methods of its class take them."""
        return self.codec().resolve_options(dict(self.options))

    def build(self, point: float) -> Codec:
        """A new instance of the codec at ``point``; may be slow."""
        return self.codec()(point, **dict(self.options))


@dataclass(frozen=True, slots=True)
class Task:
    """One measurement to make."""

    index: int
    """Index of its row in the finished table."""
    image: ImageRef
    codec: CodecPlan
    point: float
    repeat: int

    @property
    def key(self) -> MeasurementKey:
        codec = self.codec
        image = self.image
        return (
            image.dataset,
            image.name,
            codec.name,
            codec.options_text,
            self.point,
            self.repeat,
        )


@dataclass(frozen=True)
class Experiment:
    """Everything that decides what is measured, but not how fast or where."""

    name: str
    datasets: tuple[Dataset, ...]
    codecs: tuple[CodecPlan, ...]
    metrics: tuple[MetricRecord, ...] = field(default_factory=lambda: choose(None))
    color: str = "rgb"
    repeat: int = 1
    missing: tuple[str, ...] = ()
    """Requests that were left out because their backend is missing, one line each."""

    def tasks(self) -> list[Task]:
        """All measurements in the order in which they are made; their numbers are those of the
        rows. They go image by image, so that each image is loaded once. On each image, codecs take
        turns, point by point, and take turns in starting, so that changes of the machine affect the
        times of all of them alike.
        """
        images = [image for dataset in self.datasets for image in dataset.images]
        most = max((len(codec.points) for codec in self.codecs), default=0)
        repeats, index = range(self.repeat), itertools.count()
        tasks = []
        for place, image in enumerate(images):
            of_codecs = [
                [
                    [Task(next(index), image, codec, point, repeat) for repeat in repeats]
                    for point in codec.points
                ]
                for codec in self.codecs
            ]
            for repeat, nth in itertools.product(repeats, range(most)):
                turn = [points[nth][repeat] for points in of_codecs if nth < len(points)]
                tasks += turn[:: -1 if (place + repeat) % 2 else 1]
        return tasks

    def identity(self) -> dict[str, Any]:
        """The experiment as plain data: two runs with equal identities measure the same. Name and
        folders are left out. The names of images are part of it, and their content is checked
        against the hashes in the rows.
        """
        return {
            "datasets": {
                dataset.name: [
                    {"image": image.name, "geometry": image.geometry} for image in dataset.images
                ]
                for dataset in self.datasets
            },
            "codecs": [
                {
                    "codec": codec.name,
                    "options": dict(codec.options),
                    "parameter": codec.parameter,
                    "points": list(codec.points),
                    "label": codec.label,
                    **({"goal": codec.goal.plain()} if codec.goal else {}),
                }
                for codec in self.codecs
            ],
            "metrics": [record.name for record in self.metrics],
            "color": self.color,
            "repeat": self.repeat,
        }


def plan_codec(request: CodecRequest, *, color: str = "rgb") -> CodecPlan:
    """The codec of a request with its options, points and label checked and filled in.

    Raises :class:`UsageError` for an unknown codec, option or point, and
    :class:`MissingBackendError` if its library is not installed.
    """
    codec = registry.load(request.target)
    if codec.parameter in request.options and codec.parameter not in codec.option_table:
        raise UsageError(
            f"codec {codec.name!r}: points are values of its {codec.parameter}; write "
            f"points={request.options[codec.parameter]}"
        )
    options = codec.resolve_options(request.options)
    codec = codec.configured(options)
    codec.require(options)
    axis = codec.axis(options)
    goal = goal_of(request, codec, axis)
    asked = dataclasses.replace(request, target=codec.name)
    points = targets_of(asked, goal) if goal else _by_rate(points_of(asked, axis), axis)
    if len(set(points)) < len(points):
        listed = "/".join(point_text(point) for point in points)
        raise UsageError(f"codec {codec.name!r}: a point is given twice in {listed}")
    label = codec.label(options, color=color == "rgb") + (f" at {goal.column}" if goal else "")
    return CodecPlan(
        target=request.target,
        name=codec.name,
        options=tuple(sorted(codec.told(options).items())),
        parameter=goal.column if goal else axis.parameter,
        points=points,
        label=printable(request.label or label),
        goal=goal,
    )


def _by_rate(points: tuple[float, ...], axis: Axis) -> tuple[float, ...]:
    return tuple(sorted(points, reverse=axis.ladder[0] > axis.ladder[-1]))


def plan(
    name: str,
    *,
    datasets: Sequence[str],
    codecs: Sequence[CodecRequest],
    metrics: Sequence[str] = (),
    color: str = "rgb",
    repeat: int = 1,
) -> Experiment:
    """The experiment of these requests, everything looked up and checked.

    A codec whose backend is missing is left out and named in ``missing``; if none is left,
    :class:`MissingBackendError` is raised. Raises :class:`UsageError` for anything else
    that is unknown or contradictory.
    """
    if color not in COLORS:
        raise unknown("color", color, COLORS)
    if not 1 <= repeat <= MOST_REPEATS:
        bound = "at least 1" if repeat < 1 else f"at most {MOST_REPEATS}"
        raise UsageError(f"`repeat` is {repeat}; it must be {bound}")
    if not codecs:
        raise UsageError("no codec is named; see `rdbench codecs list`")
    if not datasets:
        raise UsageError("no dataset is named; see `rdbench datasets`, or name a folder")
    plans: list[CodecPlan] = []
    missing: list[MissingBackendError] = []
    for request in codecs:
        try:
            plans += [plan_codec(one, color=color) for one in spread(request)]
        except MissingBackendError as error:
            missing.append(error)
    if not plans:
        raise MissingBackendError("; ".join(map(str, missing)))
    refuse_namesakes(plans)
    _refuse_twins("label", [codec.label for codec in plans])
    _refuse_twins("codec", [f"{codec.name}:{codec.options_text}" for codec in plans])
    resolved = tuple(images.resolve(spec, color=color) for spec in datasets)
    _refuse_twins("dataset", [dataset.name for dataset in resolved])
    return Experiment(
        name=name,
        datasets=resolved,
        codecs=tuple(plans),
        metrics=choose([*(metrics or DEFAULT_METRICS), *_goal_metrics(codecs)]),
        color=color,
        repeat=repeat,
        missing=tuple(str(error) for error in missing),
    )


def _goal_metrics(requests: Sequence[CodecRequest]) -> list[str]:
    """The metrics that points are to reach: they are measured whether they are named or not."""
    return [request.goal for request in requests if request.goal not in ("", RATE)]


def named(experiment: Experiment) -> Experiment:
    """The experiment with a name made from its content, the default name of its run directory."""
    parts = [*(dataset.name for dataset in experiment.datasets), experiment.color]
    parts += dict.fromkeys(codec.name for codec in experiment.codecs)
    digest = hashlib.sha256(json.dumps(experiment.identity()).encode()).hexdigest()[:6]
    name = "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", part).strip("-.") for part in parts)
    return dataclasses.replace(experiment, name=f"{name[:60]}-{digest}")


def refuse_namesakes(plans: Sequence[CodecPlan]) -> None:
    """Raise :class:`UsageError` if two codecs have one name, or one from a file has the name of an
    existing codec: rows and curves know codecs by name."""
    origins: dict[str, str] = {}
    for plan in plans:
        here = registry.origin(plan.target)
        known = plan.name != plan.target and plan.name in registry.entries()
        there = registry.origin(plan.name) if known else origins.setdefault(plan.name, here)
        if here != there:
            raise UsageError(
                f"two codecs are named {plan.name!r}, one from {there} and one from {here}; "
                "rename one of them"
            )


def _refuse_twins(kind: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{kind} {name!r} is there twice; merge them, or give each a label")


class CodecForm(Form, frozen=True):
    """An entry of ``[[codecs]]``."""

    codec: str
    """a name, FILE.py:Class or FILE.toml"""
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    """values by option; several values of one give a curve each"""
    points: str | tuple[Any, ...] = ()
    """numbers, ranges of them, or targets (``"bpp:0.25/0.5"``); by default the codec's ladder"""
    label: str = ""
    """name of the curve; by default the codec's name with what sets it apart"""
    tolerance: str | float | None = None
    """how near a target must be: a share of a rate such as ``"2%"``, or an amount of a metric"""
    environment: EnvironmentForm | None = None
    """the Python that runs the codec, if not rdbench's: ``python``, ``conda`` or ``command``"""


class ExperimentForm(Form, frozen=True):
    """An experiment as a TOML file has it."""

    name: str = ""
    """name of the experiment; by default that of the file"""
    description: str = ""
    """what it is for"""
    datasets: tuple[str, ...] = ()
    """names of datasets, folders, files or globs"""
    codecs: tuple[CodecForm, ...] = ()
    """the curves to measure"""
    metrics: tuple[str, ...] = ()
    """names, FILE.py:Class or FILE.toml; by default those of ``rdbench run``"""
    color: Color = "rgb"
    """what is measured: the image, or its BT.601 luma from 16 to 235"""
    repeat: Annotated[int, Meta(ge=1, le=MOST_REPEATS)] = 1
    """how often each measurement is made"""


def read(path: Path) -> Experiment:
    """The experiment of a TOML file. Raises :class:`UsageError` with file, key and reason."""
    form = read_toml(path, "experiment").form(ExperimentForm)
    folder = path.parent
    name = form.name or path.stem
    with naming(f"experiment {str(path)!r}"):
        places.inside(places.RUNS, name, "name")
        return plan(
            name,
            datasets=[_from_folder(spec, folder) for spec in form.datasets],
            codecs=[codec_request(codec, folder) for codec in form.codecs],
            metrics=[_from_folder(spec, folder) for spec in form.metrics],
            color=form.color,
            repeat=form.repeat,
        )


def codec_request(form: CodecForm, folder: Path) -> CodecRequest:
    """The codec of an entry of ``[[codecs]]`` in a file in ``folder``."""
    target = _from_folder(form.codec, folder)
    if form.environment is not None:
        target = within(target, form.environment.named(folder))
    options = _options_from_folder(target, form.options, folder)
    goal, points = split_points(form.points) if isinstance(form.points, str) else ("", form.points)
    goal = _from_folder(goal, folder) if goal else ""
    return CodecRequest(target, options, points, form.label, goal, form.tolerance)


def shipped() -> dict[str, Path]:
    """The experiments that rdbench ships, by name."""
    return toml.shipped(EXPERIMENTS)


def find(text: str) -> Path:
    """The file of an experiment that is named by path or by the name of a shipped one."""
    return toml.find(text, EXPERIMENTS, "experiment")


def _options_from_folder(target: str, options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The options of an experiment file, paths among them as seen from the working directory."""
    try:
        table = registry.load(target).option_table
    except MissingBackendError:
        return options  # it is left out, and said so, when the run is planned

    def path(value: Any) -> Any:
        if isinstance(value, list):
            return [path(one) for one in value]
        return _from_folder(str(value), folder, always=True) if value else value

    return {
        name: path(value) if name in table and table[name].path else value
        for name, value in options.items()
    }


def _from_folder(text: str, folder: Path, *, always: bool = False) -> str:
    """A path of an experiment file as seen from the working directory. Names stay as they are,
    unless it is ``always`` a path, and so do paths into ``baselines:`` and ``run:``."""
    head = text.partition(":")[0]
    if text.startswith((places.PREFIX, places.RUN_PREFIX)):
        return text
    return str(folder / text) if always or "*" in head or _exists(folder / head) else text


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no file can be called so
        return False
