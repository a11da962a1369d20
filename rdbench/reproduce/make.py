"""A recipe carried out: measure, fill in with published curves, draw, compute, write down."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rdbench import experiment, images
from rdbench.curves import load_curves, published
from rdbench.errors import UsageError
from rdbench.experiment import CodecRequest, Experiment
from rdbench.places import RUN_PREFIX
from rdbench.reproduce import claims, figures, page
from rdbench.reproduce.cast import Cast
from rdbench.reproduce.recipe import Recipe, Role
from rdbench.runner import Limits, LocalPool
from rdbench.runner import run as run_experiment
from rdbench.runner.run import Progress
from rdbench.schema import Measurement


@dataclass(frozen=True)
class Made:
    """What a reproduction gave."""

    folder: Path
    files: tuple[Path, ...]
    claims: tuple[claims.Checked, ...]
    failures: tuple[Measurement, ...]
    interrupted: bool


def reproduce(
    recipe: Recipe,
    out: Path,
    run: Path,
    *,
    measure: bool = True,
    limits: Limits | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Made:
    """Carry out ``recipe``: figures, ``curves.csv``, ``claims.csv`` and a README into ``out``,
    measurements into ``run``, which is resumed.

    Without ``measure`` nothing is run and published curves play all roles. ``say`` is told what is
    replaced, and why. Raises :class:`UsageError` where nothing is left to draw.
    """
    specs, recipe = _named(recipe)
    cast = Cast()
    failures: tuple[Measurement, ...] = ()
    if measure:
        plan = _plan(recipe, specs, run, cast)
        if plan is not None:
            pool_limits = limits or Limits(1)
            if recipe.alone:
                pool_limits = dataclasses.replace(pool_limits, jobs=1)
            with LocalPool(pool_limits) as pool:
                outcome = run_experiment(plan, run, pool=pool, progress=progress)
            if outcome.interrupted:
                return Made(out, (), (), (), interrupted=True)
            failures = tuple(outcome.failures)
            cast.measured = {
                (curve.dataset, curve.label): curve for curve in load_curves([run]) if curve.images
            }
    else:
        for role in recipe.roles:
            for dataset in recipe.datasets:
                cast.reasons[dataset, role.label] = "measuring was not asked for"
    _fill_in(recipe, cast)
    for (dataset, label), reason in cast.reasons.items():
        stand_in = "a published curve" if (dataset, label) in cast.recorded else "nothing"
        say(f"{label} on {dataset}: {stand_in} instead of a measurement ({reason})")
    if not cast.measured and not cast.recorded:
        reason = next(iter(cast.reasons.values()), "every measurement failed")
        raise UsageError(f"reproduction {recipe.name!r}: there is nothing to draw here ({reason})")
    checked = tuple(claims.check(recipe, cast))
    drawn = figures.draw(recipe, cast, out)
    written = page.write(recipe, cast, checked, drawn, out)
    return Made(out, (*drawn, *written), checked, failures, interrupted=False)


def _named(recipe: Recipe) -> tuple[dict[str, str], Recipe]:
    """What its datasets are called in it, by the names that they have in tables; and the recipe
    with these."""
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
    """What can be measured here, or None; ``cast`` learns why the rest cannot."""
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
    return experiment.plan(
        recipe.name,
        datasets=[specs[dataset] for dataset in here],
        codecs=requests,
        metrics=recipe.metrics,
        color=recipe.color,
    )


def _request(role: Role, run: Path) -> CodecRequest:
    """The request of a role with its label; options into the run directory as paths."""
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
            curve = published(name)
            if curve.dataset in recipe.datasets:
                cast.recorded[curve.dataset, role.label] = dataclasses.replace(
                    curve, label=role.label
                )
