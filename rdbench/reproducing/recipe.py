"""Recipes: what is measured, what stands in for it, what is drawn, and what the paper says.

A recipe is an experiment (:mod:`rdbench.experiment`) with more keys::

    title = "Figure 5 of ..."
    paper = "Authors, title, where, year"
    datasets = ["kodak"]
    color = "rgb"
    metrics = ["psnr_db"]

    [[codecs]]
    label = "JPEG2000"
    codec = "openjpeg"
    options = { transform = "5/3" }
    published = ["jpeg2000"]      # stands in where the codec or the images are missing, and is
                                  # drawn beside where they are not

    [[networks]]                  # random weights for measurements of time, in the run directory
    file = "base.safetensors"     # named by checkpoint = "run:base.safetensors"
    architecture = "lee2019"
    configuration = { hidden = 320, context = 420 }

    [[figures]]
    kind = "rate-distortion"      # or rate-gap, times
    metric = "psnr_db"
    averaging = "mean"            # or pooled
    published = ["lee2019-mse"]   # more curves to draw

    [[claims]]
    kind = "bd-rate"              # or rate-gap, time-saving
    test = "Lee 2019"             # labels of codecs; published:LABEL is always the published
    anchor = "JPEG2000"           # curve, others the measured one where there is one
    paper = -34.08
    dataset = "kodak"             # of each dataset where it is not given
    points = [1, 2, 4]            # of a rate-gap: each is a claim

A codec may have no ``codec`` but published curves alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rdbench import experiment, toml
from rdbench.bd import AVERAGINGS, METHODS
from rdbench.curves.published import PREFIX
from rdbench.errors import UsageError, unknown
from rdbench.experiment import CodecRequest
from rdbench.metrics import MetricRecord
from rdbench.metrics import find as find_metric
from rdbench.metrics.registry import is_file
from rdbench.toml import Table, read_toml

RECIPES: Final = Path(__file__).parent / "recipes"
FIGURES: Final = ("rate-distortion", "rate-gap", "times")
CLAIMS: Final = ("bd-rate", "rate-gap", "time-saving")


@dataclass(frozen=True)
class Role:
    """A curve of the figure, whoever plays it: a codec that is measured, or published curves."""

    label: str
    request: CodecRequest | None
    published: tuple[str, ...]
    """Of different datasets."""


@dataclass(frozen=True)
class Network:
    """A network with random weights."""

    file: str
    architecture: str
    configuration: dict[str, Any]


@dataclass(frozen=True)
class FigureRecipe:
    kind: str
    metric: MetricRecord
    averaging: str
    published: tuple[str, ...] = ()
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Claim:
    """What a paper says in a number, and how that number is made."""

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


def shipped() -> dict[str, Path]:
    """The recipes that come with the package, by name."""
    return toml.shipped(RECIPES)


def find(text: str) -> Path:
    """The file of a recipe that is named by path or by the name of a shipped one."""
    return toml.find(text, RECIPES, "reproduction")


def read(path: Path) -> Recipe:
    """The recipe in the file ``path``. Raises :class:`UsageError` with file, key and reason."""
    table = read_toml(path, "recipe")
    table.allow(
        "title",
        "paper",
        "text",
        "datasets",
        "color",
        "metrics",
        "alone",
        "codecs",
        "networks",
        "figures",
        "claims",
    )
    roles = tuple(_role(entry, path.parent) for entry in table.tables("codecs"))
    labels = [role.label for role in roles]
    for label in labels:
        if labels.count(label) > 1:
            raise table.error("codecs", f"the label {label!r} is there twice")
    datasets = table.texts("datasets")
    return Recipe(
        name=path.stem,
        title=table.text("title"),
        paper=table.text("paper", ""),
        text=" ".join(table.text("text", "").split()),
        datasets=datasets,
        color=table.choice("color", experiment.COLORS, "rgb"),
        metrics=_measured(table),
        alone=table.truth("alone", False),
        roles=roles,
        networks=tuple(_network(entry) for entry in table.tables("networks")),
        figures=tuple(_figure(entry) for entry in table.tables("figures")),
        claims=_claims(table, labels, datasets),
    )


def _measured(table: Table) -> tuple[str, ...]:
    """What is measured, by names and paths."""
    found = {}
    for name in table.texts("metrics"):
        record = _found(table, "metrics", name)
        found[record.name] = record.target if is_file(name) else name
    return tuple(found.values())


class _RoleForm(experiment.CodecForm, frozen=True, kw_only=True):
    codec: str = ""
    label: str
    published: tuple[str, ...] = ()


def _role(table: Table, folder: Path) -> Role:
    form = table.form(_RoleForm)
    if not (form.codec or form.published):
        raise table.error("published", "is missing, and there is no codec")
    request = experiment.codec_request(form, folder) if form.codec else None
    return Role(form.label, request, form.published)


def _network(table: Table) -> Network:
    table.allow("file", "architecture", "configuration")
    configuration = table.table("configuration", required=True).values
    return Network(table.text("file"), table.text("architecture"), configuration)


def _figure(table: Table) -> FigureRecipe:
    table.allow("kind", "metric", "averaging", "published", "x_limits", "y_limits")
    return FigureRecipe(
        table.choice("kind", FIGURES),
        _metric(table),
        _averaging(table),
        table.texts("published", ()),
        _limits(table, "x_limits"),
        _limits(table, "y_limits"),
    )


def _claims(table: Table, labels: list[str], datasets: tuple[str, ...]) -> tuple[Claim, ...]:
    """All claims, dataset by dataset."""
    entries = table.tables("claims")
    claims = [claim for entry in entries for claim in _claim(entry, labels, datasets)]
    return tuple(sorted(claims, key=lambda claim: datasets.index(claim.dataset)))


def _claim(table: Table, labels: list[str], datasets: tuple[str, ...]) -> Iterator[Claim]:
    table.allow(
        "kind", "test", "anchor", "dataset", "metric", "method", "averaging", "points", "paper",
        "note",
    )  # fmt: skip
    kind = table.choice("kind", CLAIMS, "bd-rate")
    test, anchor = table.text("test"), table.text("anchor", "")
    for name in filter(None, (test, anchor)):
        if name.removeprefix(PREFIX) not in labels:
            raise table.error("test", str(unknown("label", name, labels)))
    if not anchor and kind != "rate-gap":
        raise table.error("anchor", "is missing")
    if "points" in table.values and kind != "rate-gap":
        raise table.error("points", "are of a rate-gap; a BD-rate is of all points")
    where = (table.choice("dataset", datasets),) if "dataset" in table.values else datasets
    for dataset, point in itertools.product(where, table.numbers("points", (1.0,))):
        yield Claim(
            kind=kind,
            test=test,
            anchor=anchor,
            dataset=dataset,
            metric=_metric(table),
            method=table.choice("method", METHODS, "pchip"),
            averaging=_averaging(table),
            point=point,
            paper=table.number("paper") if "paper" in table.values else None,
            note=table.text("note", ""),
        )


def _metric(table: Table) -> MetricRecord:
    return _found(table, "metric", table.text("metric", "psnr_db"))


def _found(table: Table, key: str, name: str) -> MetricRecord:
    try:
        return find_metric(str(table.path.parent / name) if is_file(name) else name)
    except UsageError as error:
        raise table.error(key, str(error)) from None


def _averaging(table: Table) -> str:
    return table.choice("averaging", AVERAGINGS, "mean")


def _limits(table: Table, key: str) -> tuple[float, float] | None:
    if key not in table.values:
        return None
    values = table.numbers(key)
    if len(values) != 2 or not values[0] < values[1]:
        raise table.error(key, "is not [LOW, HIGH]")
    return values[0], values[1]
