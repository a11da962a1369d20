"""``rdbench walkthrough``: an image's way through transform codecs, in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdbench.cli.console import say
from rdbench.cli.inspect import chosen_image, folder, write
from rdbench.errors import MissingBackendError, UsageError
from rdbench.places import REPORTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rdbench.images import ImageRef

NOTHING = "none"


def walkthrough(
    dataset: Annotated[str, typer.Option(help="A known dataset, folder, file or glob.")] = "photos",
    image: Annotated[
        str, typer.Option(metavar="NAME", help="An image of the dataset. [default: the first]")
    ] = "",
    step: Annotated[float, typer.Option(help="Step of the quantizer.")] = 24.0,
    block: Annotated[
        str,
        typer.Option(
            metavar="X,Y",
            help="A pixel of the block to look at. [default: a block that costs more than 90 % "
            "of them]",
        ),
    ] = "",
    learned: Annotated[
        str,
        typer.Option(
            metavar="WEIGHTS",
            help="The learned transform to show beside: a codec for luma with weights of its "
            f"own, a file of weights, or {NOTHING}.",
        ),
    ] = "dumas2018-case2",
    out: Annotated[Path, typer.Option(help="Folder of the pictures and tables.")] = REPORTS
    / "walkthrough",
) -> None:
    """Show an image's way through dct-block and klt-block: its blocks, the basis functions, the
    coefficients, the levels, the bits that each of them costs, and the decoded image. All of it is
    luma.

    Example:

      rdbench walkthrough --image coffee --step 24 --out way
    """
    from rdbench import images
    from rdbench.inspection import blocks as passages
    from rdbench.plots import blocks as plots
    from rdbench.schema import point_text

    place = _place(block)
    pictures = images.resolve(dataset, color="luma")
    pictured = chosen_image(pictures, image)
    samples = pictured.load()
    found = {codec.name: passages.passage(codec(step), samples) for codec in passages.CODECS}
    first = next(iter(found.values()))
    number = passages.lively_block(first) if place is None else passages.block_at(samples, *place)
    left, top = passages.corner(samples, number)
    functions: dict[str, Any] = {
        f"{name}, {text}": passages.functions(found[name])
        for name, text in (
            ("dct-block", "by frequency"),
            ("klt-block", "of this image, by variance"),
        )
    }
    if learned != NOTHING:
        try:
            functions[f"{learned}, 64 costliest maps"] = _patterns(learned, [pictured])
        except MissingBackendError as error:
            say(f"rdbench: the learned transform is left out: {error}", err=True)
    tables = {
        "totals": passages.totals(found),
        "positions": passages.positions(found),
        "block": passages.block_table(found, number),
    }
    gains = dict(zip(tables["totals"]["codec"], tables["totals"]["coding_gain_db"], strict=True))
    where = f"{pictured.name}, luma"
    at_step = f"{where}, step {point_text(first.codec.step)}"
    figures = {
        "picture": plots.picture(samples, left, top, "A picture and its blocks", where),
        "bases": plots.bases(functions, "What blocks are made of", where),
        "energy": plots.energy(
            tables["positions"], gains, "Where the variance goes", f"{where}, 8×8 blocks"
        ),
        "way": plots.way(
            {name: passages.stages(one, number) for name, one in found.items()},
            "The way of one block",
            f"{at_step}; the block at {left}, {top}",
        ),
        "costs": plots.costs(
            {name: one.block_bits() for name, one in found.items()},
            tables["positions"],
            "Where the bits go",
            at_step,
        ),
    }
    for path in write(folder(out), tables, figures):
        say(str(path))


def _place(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    try:
        x, y = map(int, text.split(","))
    except ValueError:
        raise UsageError(f"--block {text!r} is not X,Y, two whole numbers of pixels") from None
    return x, y


def _patterns(learned: str, pictured: Sequence[ImageRef]) -> list[Any]:
    """What one latent of each of the 64 costliest maps of a learned transform adds."""
    from rdbench.inspection.latents import laplace_fits
    from rdbench.inspection.model import open_model
    from rdbench.inspection.responses import patterns
    from rdbench.inspection.survey import costliest, survey

    opened = open_model(learned, 1)
    found = survey(opened, pictured, [1.0])
    fits = laplace_fits(found.latents)
    means = fits["mean"].to_numpy() if opened.means is None else opened.means
    maps = costliest(found.map_rates)[:64]
    return patterns(opened, maps, means, fits["scale"].to_numpy())
