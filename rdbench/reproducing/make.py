"""Carries out a recipe: measures, fills in with published curves, draws, computes and writes."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from rdbench import experiment, images
from rdbench.codecs.request import CodecRequest
from rdbench.curves import Curve, load_curves
from rdbench.curves import published as published_curve
from rdbench.curves.notes import listed
from rdbench.errors import UsageError, unknown
from rdbench.experiment import Experiment
from rdbench.places import REPORTS, RUN_PREFIX, RUNS, inside, named
from rdbench.reproducing import claims, deltas, figures, page
from rdbench.reproducing.cast import Cast, Key
from rdbench.reproducing.recipe import Recipe, Role, find, read
from rdbench.results import MEASUREMENTS
from rdbench.runner import Limits, LocalPool
from rdbench.runner import run as run_experiment
from rdbench.runner.cache import Cache
from rdbench.runner.executor import DEFAULT_TIMEOUT_S
from rdbench.runner.run import Progress
from rdbench.schema import Measurement


@dataclass(frozen=True)
class Made:
    """The outcome of a reproduction."""

    folder: Path
    run: Path
    files: tuple[Path, ...]
    claims: tuple[claims.Checked, ...]
    deltas: tuple[deltas.ImageDelta, ...]
    failures: tuple[Measurement, ...]
    interrupted: bool


def reproduce(
    recipe: str | Path | Recipe,
    *,
    out: str | Path | None = None,
    run: str | Path | None = None,
    published: bool = False,
    kept: bool = False,
    replace: bool = False,
    jobs: int | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Made:
    """Reproduce a figure or table of a paper, measuring as much as possible on this machine;
    ``rdbench reproduce``. A codec or dataset that is missing is replaced by its published points,
    as the page says and the figures show. Measurements are kept: the same call continues where it
    stopped.

    Args:
        recipe: the name of a recipe that rdbench ships, the path of a TOML file, or a
            :class:`Recipe`.
        out: the folder of figures, ``curves.csv``, ``claims.csv`` and a README;
            ``reports/NAME`` by default.
        run: the run directory, which is resumed; ``results/runs/NAME`` by default.
        published: whether to measure nothing and use published points only.
        kept: whether to measure nothing and use what the run directory holds, with published points
            for the rest.
        replace: whether published points, or nothing, may replace curves that the report in ``out``
            has measured.
        jobs: worker processes; by default the number of cores that this process may use, and one
            for a recipe that needs it.
        timeout_s: limit on the wall time of one measurement.
        cache: a folder in which runs share measurements, without their times
            (:func:`rdbench.run`): reproductions that have curves in common measure these once.
        progress: called with each row, the number done, and the total.
        say: called with each replacement and its reason.

    Returns:
        The written files, the numbers of the paper with the reproduced ones, and failures.

    Raises:
        UsageError: for a recipe that does not exist or has a mistake, if nothing is left to draw,
            if measured curves of a report would be lost without ``replace``, and for a ``cache``
            where times are measured.
    """
    if published and kept:
        raise UsageError("`published` and `kept` exclude each other; give one of them")
    if not isinstance(recipe, Recipe):
        recipe = read(find(str(recipe)))
    if cache is not None and recipe.alone:
        raise UsageError(
            f"reproduction {recipe.name!r} is of times, which a cache does not share; leave out "
            "`cache`"
        )
    limits = Limits.of_machine(jobs, timeout_s)
    if recipe.alone:
        limits = Limits.of_machine(1, timeout_s)
    out = named(out) if out is not None else inside(REPORTS, recipe.name, "recipe")
    run = Path(run) if run is not None else inside(RUNS, recipe.name, "recipe")
    specs, recipe = _named(recipe)
    cast = Cast()
    failures: tuple[Measurement, ...] = ()
    plan = None
    if published or kept:
        roles = itertools.product(recipe.datasets, (role.label for role in recipe.roles))
        cast.reasons |= dict.fromkeys(roles, "measuring was not asked for")
    else:
        plan = _plan(recipe, specs, run, cast)
    coming = {(d, role.label) for d in recipe.datasets for role in recipe.roles} - {*cast.reasons}
    _check_report(out, coming if published else {*coming, *_measured(run)}, replace)
    if plan is not None:
        with contextlib.ExitStack() as stack:
            store = stack.enter_context(Cache(Path(cache))) if cache is not None else None
            pool = stack.enter_context(LocalPool(limits))
            outcome = run_experiment(plan, run, executor=pool, cache=store, progress=progress)
        if outcome.interrupted:
            return Made(out, run, (), (), (), (), interrupted=True)
        failures = tuple(outcome.failures)
    if not published:
        cast.measured = _measured(run)
        cast.reasons = {k: why for k, why in cast.reasons.items() if k not in cast.measured}
    _check_report(out, cast.measured, replace)  # what failed is known now
    _fill_in(recipe, cast)
    for (dataset, label), reason in cast.reasons.items():
        stand_in = "a published curve" if (dataset, label) in cast.recorded else "nothing"
        say(f"{label} on {dataset}: {stand_in} instead of a measurement ({reason})")
    if not cast.measured and not cast.recorded:
        reason = next(iter(cast.reasons.values()), "every measurement failed")
        raise UsageError(f"reproduction {recipe.name!r}: there is nothing to draw here ({reason})")
    checked = tuple(claims.check(recipe, cast))
    drawn = figures.draw(recipe, cast, out, run, say)
    found = tuple(deltas.compute(recipe, cast))
    written = page.write(recipe, cast, checked, found, drawn, out, run)
    return Made(out, run, (*drawn, *written), checked, found, failures, interrupted=False)


def _measured(run: Path) -> dict[Key, Curve]:
    """The curves that a run directory holds; none where there is no run."""
    if not (run / MEASUREMENTS).is_file():
        return {}
    return {
        (curve.dataset, curve.row_label or curve.label): curve
        for curve in load_curves([run])
        if curve.images
    }


def _check_report(out: Path, measured: Collection[Key], replace: bool) -> None:
    """Raise :class:`UsageError` if the report in ``out`` has measured curves that the new one, with
    the curves in ``measured``, would lack."""
    lost = [key for key in page.measured(out) if key not in measured]
    if lost and not replace:
        names = listed([f"{label} on {dataset}" for dataset, label in lost])
        raise UsageError(
            f"the report {str(out)!r} has measurements of {names}, which published points or "
            "nothing would replace: name another folder (`out`), or allow it (`replace`)"
        )


def _named(recipe: Recipe) -> tuple[dict[str, str], Recipe]:
    """What the recipe calls its datasets, by the names that they have in tables; and the recipe
    with the latter."""
    names = {}
    for spec in recipe.datasets:
        try:
            names[spec] = images.resolve(spec, color=recipe.color).name
        except UsageError:
            names[spec] = spec
    claimed = [dataclasses.replace(claim, dataset=names[claim.dataset]) for claim in recipe.claims]
    renamed = dataclasses.replace(recipe, datasets=tuple(names.values()), claims=tuple(claimed))
    return {name: spec for spec, name in names.items()}, renamed


def _plan(recipe: Recipe, specs: dict[str, str], run: Path, cast: Cast) -> Experiment | None:
    """What can be measured here, or None; the reasons for the rest go into ``cast``."""
    here = []
    for dataset, spec in specs.items():
        try:
            images.resolve(spec, color=recipe.color)
        except UsageError as error:
            for role in recipe.roles:
                cast.reasons[dataset, role.label] = str(error)
        else:
            here.append(dataset)
    if not here:
        return None
    _write_networks(recipe, run)
    requests = []
    for role in recipe.roles:
        reason = "it was published and is not a codec here"
        if role.request is not None:
            request = _request(role, run)
            try:
                experiment.plan_codec(request, color=recipe.color)
            except UsageError as error:
                reason = str(error)
            else:
                requests.append(request)
                continue
        for dataset in here:
            cast.reasons[dataset, role.label] = reason
    if not requests:
        return None
    plan = experiment.plan(
        recipe.name,
        datasets=[specs[dataset] for dataset in here],
        codecs=requests,
        metrics=recipe.metrics,
        color=recipe.color,
    )
    return _of_images(plan, recipe.images) if recipe.images else plan


def _of_images(plan: Experiment, names: Sequence[str]) -> Experiment:
    """The experiment on some of its images only."""
    there = {image.name for dataset in plan.datasets for image in dataset.images}
    for name in names:
        if name not in there:
            raise unknown("image", name, there)
    datasets = tuple(
        dataclasses.replace(
            dataset, images=tuple(image for image in dataset.images if image.name in names)
        )
        for dataset in plan.datasets
    )
    return dataclasses.replace(plan, datasets=datasets)


def _request(role: Role, run: Path) -> CodecRequest:
    """The request of a role, with its label; options that point into the run directory become
    paths."""
    assert role.request is not None
    options = {
        name: str(run / value.removeprefix(RUN_PREFIX))
        if isinstance(value, str) and value.startswith(RUN_PREFIX)
        else value
        for name, value in role.request.options.items()
    }
    return dataclasses.replace(role.request, options=options, label=role.label)


def _write_networks(recipe: Recipe, run: Path) -> None:
    for network in recipe.networks:
        path = run / network.file
        if not path.exists():
            from rdbench.models import untrained

            path.parent.mkdir(parents=True, exist_ok=True)
            untrained.write(path, network.architecture, network.configuration)


def _fill_in(recipe: Recipe, cast: Cast) -> None:
    """Give roles their published curves."""
    for role in recipe.roles:
        for name in role.published:
            curve = published_curve(name)
            if curve.dataset in recipe.datasets:
                cast.recorded[curve.dataset, role.label] = dataclasses.replace(
                    curve, label=role.label
                )
