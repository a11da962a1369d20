"""Recipes: what is measured, what replaces it if missing, what is drawn, and what the paper says.

A recipe is an experiment (:mod:`rdbench.experiment`) with more keys::

    title = "Figure 5 of ..."
    paper = "Authors, title, where, year"
    datasets = ["kodak"]
    color = "rgb"
    metrics = ["psnr_db"]
    images = ["kodim09"]          # images of the datasets; all by default

    [[codecs]]
    label = "JPEG2000"
    codec = "openjpeg"
    options = { transform = "5/3" }
    published = ["jpeg2000"]      # stands in where the codec or the images are missing, and is
                                  # drawn as well where they are not

    [[networks]]                  # random weights for measurements of time, in the run directory
    file = "base.safetensors"     # named by checkpoint = "run:base.safetensors"
    architecture = "lee2019"
    configuration = { hidden = 320, context = 420 }

    [[figures]]
    kind = "rate-distortion"      # or rate-gap, times
    metric = "psnr_db"
    averaging = "mean"            # or pooled
    published = ["lee2019-mse"]   # more curves to draw

    [[figures]]                   # one image, and what measured codecs made of it
    kind = "comparison"
    image = "kodim09"
    bpp = 0.1236                  # the nearest point of each codec is shown
    crop = [300, 200, 80, 80]     # left, top, width, height; or "worst"; by default the whole image
    codecs = ["JPEG2000"]         # labels; all by default

    [[claims]]
    kind = "bd-rate"              # or rate-gap, time-saving
    test = "Lee 2019"             # labels of codecs; published:LABEL is always the published
    anchor = "JPEG2000"           # curve, a plain label the measured one if there is one
    paper = -34.08
    dataset = "kodak"             # by default a claim for each dataset
    points = [1, 2, 4]            # for rate-gap only: a claim for each

    [deltas]                      # BD-rates of single images, from published points
    file = "paper.csv"            # beside the recipe: columns test, anchor, image, and metrics with
                                  # what the paper says in percent
    convention = "aom"            # the convention by which they are computed
    note = "what must be known to compare the two"

A codec may have published curves and no ``codec``.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from rdbench import experiment, toml
from rdbench.bd import METHODS, Averaging
from rdbench.codecs.request import CodecRequest
from rdbench.curves.conventions import Convention
from rdbench.curves.conventions import find as find_convention
from rdbench.curves.published import PREFIX, utf8_text
from rdbench.curves.records import records_of
from rdbench.errors import UsageError, unknown
from rdbench.metrics import MetricRecord
from rdbench.metrics import find as find_metric
from rdbench.metrics.registry import absolute, is_file
from rdbench.places import inside
from rdbench.toml import Form, Table, read_toml

_DELTA_OF: Final = ("test", "anchor", "image")
RECIPES: Final = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Role:
    """A curve of the figure, whatever its source: a codec that is measured, or published curves."""

    label: str
    request: CodecRequest | None
    published: tuple[str, ...]
    """Curves of different datasets."""


class Network(Form, frozen=True):
    """A network with random weights."""

    file: str
    """the file in the run directory, which codecs name as ``checkpoint = "run:FILE"``"""
    architecture: str
    """the name of its architecture"""
    configuration: dict[str, Any]
    """the arguments of the network"""


class _FigureForm(Form, frozen=True):
    """An entry of ``[[figures]]``."""

    kind: Literal["rate-distortion", "rate-gap", "times", "comparison"]
    """quality over rate, real minus estimated rate, times, or one image as codecs decode it"""
    metric: str = "psnr_db"
    """the metric of its axis, or of a comparison: a name, FILE.py:Class or FILE.toml"""
    averaging: Averaging = "mean"
    """how images are averaged: the mean of the metric, or pooled by its rule"""
    published: tuple[str, ...] = ()
    """further published curves to draw"""
    x_limits: tuple[float, float] | None = None
    """the range of the horizontal axis; by default that of the measured curves"""
    y_limits: tuple[float, float] | None = None
    """the range of the vertical axis; by default that of the measured curves"""
    image: str = ""
    """the image of a comparison, which alone needs it"""
    bpp: float = 0.0
    """the rate of a comparison in bit/px: the nearest point of each codec is shown"""
    crop: tuple[int, int, int, int] | str | None = None
    """the part of the image: left, top, width and height in pixels, or ``"worst"``; by default all
    of it"""
    codecs: tuple[str, ...] = ()
    """the labels of the codecs in a comparison; by default all of them"""


@dataclass(frozen=True)
class FigureRecipe:
    kind: str
    metric: MetricRecord
    averaging: str
    published: tuple[str, ...]
    x_limits: tuple[float, float] | None
    y_limits: tuple[float, float] | None
    image: str
    """For a comparison, as are the fields below."""
    bpp: float
    crop: tuple[int, int, int, int] | str | None
    codecs: tuple[str, ...]


class _ClaimForm(Form, frozen=True):
    """An entry of ``[[claims]]``: a number in the paper."""

    test: str
    """the label of the curve that is compared; ``published:LABEL`` is always the published one"""
    kind: Literal["bd-rate", "rate-gap", "time-saving"] = "bd-rate"
    """BD-rate in percent, real minus estimated rate in bit/px, or time saved in percent"""
    anchor: str = ""
    """the label of the curve that it is compared with; a rate-gap needs none"""
    dataset: str = ""
    """one of the datasets; by default there is a claim for each"""
    metric: str = "psnr_db"
    """the metric of a BD-rate: a name, FILE.py:Class or FILE.toml"""
    method: str = "pchip"
    """the interpolation of a BD-rate, as ``rdbench bd --method`` takes it"""
    averaging: Averaging = "mean"
    """how images are averaged: the mean of the metric, or pooled by its rule"""
    points: tuple[float, ...] = ()
    """the points of a rate-gap, with a claim for each; other kinds use all points"""
    paper: float | None = None
    """the number in the paper, in the unit of ``kind``; by default it has none"""
    note: str = ""
    """what must be known to compare the two numbers"""


@dataclass(frozen=True)
class Claim:
    """A number in a paper, and how it is computed."""

    kind: str
    test: str
    anchor: str
    dataset: str
    metric: MetricRecord
    method: str
    averaging: str
    point: float
    paper: float | None
    note: str
    """What must be known to compare the two."""


@dataclass(frozen=True)
class PaperDelta:
    """A BD-rate of one image in percent, as a paper gives it."""

    test: str
    anchor: str
    image: str
    metric: MetricRecord
    paper: float


class _DeltasForm(Form, frozen=True):
    """The table ``[deltas]``: BD-rates of single images, from published points."""

    file: str
    """a CSV file beside the recipe with the columns test, anchor and image, and one for each metric
    with the numbers of the paper in percent"""
    convention: str = ""
    """the convention by which BD-rates are computed, as ``rdbench bd --convention`` takes it; by
    default the settings of ``rdbench bd``"""
    note: str = ""
    """what must be known to compare the two numbers"""


@dataclass(frozen=True)
class PaperDeltas:
    """BD-rates of single images in a paper, and how they are computed."""

    rows: tuple[PaperDelta, ...] = ()
    convention: Convention | None = None
    note: str = ""


@dataclass(frozen=True)
class Recipe:
    name: str
    title: str
    paper: str
    text: str
    """What the figure shows, in a paragraph."""
    datasets: tuple[str, ...]
    color: str
    metrics: tuple[str, ...]
    alone: bool
    """Whether times are compared, so that one worker measures alone."""
    roles: tuple[Role, ...]
    networks: tuple[Network, ...]
    figures: tuple[FigureRecipe, ...]
    claims: tuple[Claim, ...]
    deltas: PaperDeltas = PaperDeltas()
    images: tuple[str, ...] = ()
    """The images of the datasets to measure; all images if empty."""


def shipped() -> dict[str, Path]:
    """The recipes that rdbench ships, by name."""
    return toml.shipped(RECIPES)


def find(text: str) -> Path:
    """The file of a recipe, given by its path or by the name of a shipped one."""
    return toml.find(text, RECIPES, "reproduction")


class _RoleForm(experiment.CodecForm, frozen=True, kw_only=True):
    """An entry of ``[[codecs]]``, which may be published curves alone."""

    codec: str = ""
    """a name, FILE.py:Class or FILE.toml; by default only published curves are drawn"""
    label: str
    """the name of the curve"""
    published: tuple[str, ...] = ()
    """published curves, which are used where codec or images are missing, and drawn as well where
    they are not"""


class _RecipeForm(Form, frozen=True):
    """A recipe as a TOML file has it."""

    title: str
    """the title of the page"""
    datasets: tuple[str, ...]
    """names of datasets, folders, files or globs"""
    metrics: tuple[str, ...]
    """names, FILE.py:Class or FILE.toml"""
    paper: str = ""
    """its authors, title, place and year"""
    text: str = ""
    """what the figure or table shows, in a paragraph"""
    color: experiment.Color = "rgb"
    """what is measured: the image, or its BT.601 luma from 16 to 235"""
    alone: bool = False
    """whether times are compared, so that one worker measures alone"""
    images: tuple[str, ...] = ()
    """the names of the images to measure; by default all those of the datasets"""
    codecs: tuple[_RoleForm, ...] = ()
    """the curves to measure, and their published ones"""
    networks: tuple[Network, ...] = ()
    """networks with random weights, for measurements of time"""
    figures: tuple[_FigureForm, ...] = ()
    """what is drawn"""
    claims: tuple[_ClaimForm, ...] = ()
    """the numbers of the paper that are computed again"""
    deltas: _DeltasForm | None = None
    """BD-rates of single images in the paper, from published points"""


def read(path: Path) -> Recipe:
    """The recipe in the file ``path``. Raises :class:`UsageError` with file, key and reason."""
    table = read_toml(path, "recipe")
    form = table.form(_RecipeForm)
    roles = tuple(map(_role, table.tables("codecs"), form.codecs))
    labels = [role.label for role in roles]
    for label in labels:
        if labels.count(label) > 1:
            raise table.error("codecs", f"the label {label!r} occurs twice")
    for place, network in enumerate(form.networks):
        _inside(table, f"networks[{place}].file", network.file)
    measured = {}
    for name in form.metrics:
        record = _metric(table, "metrics", name)
        measured[record.name] = absolute(_whole(table, name))
    claims = [
        claim
        for entry, claim_form in zip(table.tables("claims"), form.claims, strict=True)
        for claim in _claims(entry, claim_form, labels, form.datasets)
    ]
    return Recipe(
        name=path.stem,
        title=form.title,
        paper=form.paper,
        text=" ".join(form.text.split()),
        datasets=form.datasets,
        color=form.color,
        metrics=tuple(measured.values()),
        alone=form.alone,
        roles=roles,
        networks=form.networks,
        figures=tuple(
            _figure(entry, figure, labels)
            for entry, figure in zip(table.tables("figures"), form.figures, strict=True)
        ),
        claims=tuple(sorted(claims, key=lambda claim: form.datasets.index(claim.dataset))),
        deltas=_deltas(table, form.deltas, labels) if form.deltas else PaperDeltas(),
        images=form.images,
    )


def _deltas(table: Table, form: _DeltasForm, labels: list[str]) -> PaperDeltas:
    """The BD-rates in the file that a recipe names."""
    path = _inside(table, "deltas.file", form.file)
    try:
        convention = find_convention(form.convention) if form.convention else None
        lines = list(csv.DictReader(io.StringIO(utf8_text(path), newline="")))
        records = records_of(name for name in lines[0] if name not in _DELTA_OF) if lines else {}
        rows = []
        for place, cells in enumerate(lines, start=2):
            for role in ("test", "anchor"):
                if cells[role] not in labels:
                    raise UsageError(f"line {place}: {unknown('label', cells[role], labels)}")
            for name, record in records.items():
                paper = float(cells[name])
                rows.append(
                    PaperDelta(cells["test"], cells["anchor"], cells["image"], record, paper)
                )
    except (KeyError, UsageError, ValueError) as error:
        raise table.error("deltas.file", f"{str(path)!r}: {error}") from None
    return PaperDeltas(tuple(rows), convention, form.note)


def _role(table: Table, form: _RoleForm) -> Role:
    if not (form.codec or form.published):
        raise table.error("published", "is missing, and there is no codec")
    try:
        request = experiment.codec_request(form, table.path.parent) if form.codec else None
    except UsageError as error:
        raise table.error("codec", str(error)) from None
    return Role(form.label, request, form.published)


def _figure(table: Table, form: _FigureForm, labels: list[str]) -> FigureRecipe:
    if (form.kind == "comparison") != bool(form.image):
        raise table.error("image", "belongs to a comparison, and a comparison needs it")
    if form.image and not form.bpp > 0:
        raise table.error("bpp", "is missing: name the rate at which codecs are compared")
    if isinstance(form.crop, str) and form.crop != "worst":
        raise table.error("crop", f"{form.crop!r} is neither 'worst' nor [X, Y, WIDTH, HEIGHT]")
    for name in form.codecs:
        if name not in labels:
            raise table.error("codecs", str(unknown("label", name, labels)))
    for key in ("x_limits", "y_limits"):
        low, high = getattr(form, key) or (0, 1)
        if not low < high:
            raise table.error(key, "is not [LOW, HIGH]")
    metric = _metric(table, "metric", form.metric)
    return FigureRecipe(**{**msgspec.structs.asdict(form), "metric": metric})


def _claims(
    table: Table, form: _ClaimForm, labels: list[str], datasets: tuple[str, ...]
) -> Iterator[Claim]:
    """The claim for each of its datasets and points."""
    for name in filter(None, (form.test, form.anchor)):
        if name.removeprefix(PREFIX) not in labels:
            raise table.error("test", str(unknown("label", name, labels)))
    if not form.anchor and form.kind != "rate-gap":
        raise table.error("anchor", "is missing")
    if form.points and form.kind != "rate-gap":
        raise table.error("points", "are for a rate-gap only; other kinds use all points")
    if form.dataset and form.dataset not in datasets:
        raise table.error("dataset", str(unknown("dataset", form.dataset, datasets)))
    if form.method not in METHODS:
        raise table.error("method", str(unknown("interpolation method", form.method, METHODS)))
    values = msgspec.structs.asdict(form)
    del values["points"]
    values["metric"] = _metric(table, "metric", form.metric)
    where = (form.dataset,) if form.dataset else datasets
    for dataset, point in itertools.product(where, form.points or (1.0,)):
        yield Claim(**{**values, "dataset": dataset, "point": point})


def _metric(table: Table, key: str, name: str) -> MetricRecord:
    try:
        return find_metric(_whole(table, name))
    except UsageError as error:
        raise table.error(key, str(error)) from None


def _inside(table: Table, key: str, name: str) -> Path:
    """A file within the recipe's folder."""
    try:
        return inside(table.path.parent, name, "file")
    except UsageError as error:
        raise table.error(key, str(error)) from None


def _whole(table: Table, metric: str) -> str:
    """The name of a metric; a path is relative to the recipe's folder."""
    return str(table.path.parent / metric) if is_file(metric) else metric
