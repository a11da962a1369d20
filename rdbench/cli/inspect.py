"""``rdbench inspect``: figures and tables of what a trained network has learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from rdbench.cli.console import say
from rdbench.cli.options import a_path, names
from rdbench.errors import RdbenchError, UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rdbench.images import Dataset, ImageRef

HISTOGRAMS: Final = 12
RESPONSES: Final = 5
"""How many maps are drawn if none is named: those that cost most."""
FORMATS: Final = ("png", "pdf")


def inspect(
    model: Annotated[
        str,
        typer.Argument(
            metavar="WEIGHTS",
            help="A file of weights (.safetensors), or a learned codec that has weights of its "
            "own.",
        ),
    ],
    dataset: Annotated[str, typer.Option(help="A known dataset, folder, file or glob.")],
    out: Annotated[Path, typer.Option(parser=a_path, help="Folder of the figures and tables.")],
    color: Annotated[str, typer.Option(help="rgb, or luma: BT.601 limited range.")] = "rgb",
    beta: Annotated[
        str,
        typer.Option(help="Factors on the quantization steps.", metavar="NUMBER,..."),
    ] = "1,2,4,8",
    image: Annotated[
        str, typer.Option(help="The image to draw the rate map of. [default: the first]")
    ] = "",
    number: Annotated[
        int | None,
        typer.Option(
            "--map", help="The map of latents to draw, counted from 0. [default: the costliest]"
        ),
    ] = None,
) -> None:
    """Look into a trained network: how its latents are distributed, what a single latent encodes,
    what maps and positions cost, and how close the streams come to the estimated rate.

    Example:

      rdbench inspect weights.safetensors --dataset kodak --color luma --out looks
    """
    from rdbench import experiment, images

    if color not in experiment.COLORS:
        raise unknown("color", color, experiment.COLORS)
    betas = _betas(beta)
    pictures = images.resolve(dataset, color=color)
    pictured = chosen_image(pictures, image)

    from rdbench.inspection.latents import histograms, laplace_fits
    from rdbench.inspection.model import open_model
    from rdbench.inspection.responses import TAIL, responses
    from rdbench.inspection.survey import costliest, rate_map, survey
    from rdbench.plots import inspection as plots
    from rdbench.schema import point_text

    opened = open_model(model, 1 if color == "luma" else 3)
    if number is not None and not 0 <= number < opened.maps:
        raise UsageError(f"--map {number}: the maps of {opened.name!r} are 0 to {opened.maps - 1}")
    folder(out)
    found = survey(opened, _with_progress(pictures.images), betas)
    fits = laplace_fits(found.latents)
    means = fits["mean"].to_numpy() if opened.means is None else opened.means
    maps = costliest(found.map_rates) if number is None else [number]
    tables = {
        "latents": fits,
        "histograms": histograms(found.latents),
        "responses": responses(opened, maps[:RESPONSES], means, fits["scale"].to_numpy()),
        "map_rates": found.map_rates,
        "rates": found.rates,
        "rate_map": rate_map(opened, pictured, betas[0]),
    }
    count = len(pictures.images)
    where = f"{opened.name}, {pictures.name}, {count} image{'s' * (count != 1)}"
    of_image = f"{opened.name}, {pictured.name}, β = {point_text(betas[0])}"
    figures = {
        "histograms": plots.histograms(
            tables["histograms"], fits, maps[:HISTOGRAMS], "Latents", where
        ),
        "scales": plots.scales(fits, opened.exception, "Scales of the latents", where),
        "responses": plots.responses(
            tables["responses"],
            "What one latent at (row, column) encodes",
            f"{opened.name}, α {TAIL:g} Laplace scales from the mean of its map",
        ),
        "map_rates": plots.map_rates(found.map_rates, "Rate of the maps", where),
        "zero_maps": plots.zero_maps(found.rates, opened.maps, "Maps without information", where),
        "rates": plots.rates(found.rates, "Estimated and real rate", where),
        "rate_map": plots.rate_map(
            tables["rate_map"], pictured.load(), "Where the bits go", of_image
        ),
    }
    for path in write(out, tables, figures):
        say(str(path))


def chosen_image(pictures: Dataset, name: str) -> ImageRef:
    """The image called ``name``, or the first if it is empty. Raises :class:`UsageError` for an
    unknown name."""
    by_name = {picture.name: picture for picture in pictures.images}
    if name and name not in by_name:
        raise unknown(f"image of {pictures.name!r}", name, by_name)
    return by_name[name] if name else pictures.images[0]


def folder(out: Path) -> Path:
    """The folder ``out``, created if it does not exist. Raises :class:`RdbenchError` if it cannot
    be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RdbenchError(f"cannot write {str(out)!r}: {error.strerror}") from None
    return out


def write(out: Path, tables: Mapping[str, Any], figures: Mapping[str, Any]) -> list[Path]:
    """Write tables as CSV and figures as :data:`FORMATS` into a folder; return the paths."""
    from rdbench.files import write_atomically
    from rdbench.plots.draw import save_figure
    from rdbench.tables import harmless

    paths = []
    for name, table in tables.items():
        paths.append(out / f"{name}.csv")
        texts = {name: table[name].map(harmless) for name in table.select_dtypes(["str", "object"])}
        text = table.assign(**texts).to_csv(index=False, lineterminator="\n")
        write_atomically(paths[-1], text)
    for name, figure in figures.items():
        paths += save_figure(figure, out, name, FORMATS)
    return paths


def _betas(text: str) -> list[float]:
    from rdbench.codecs.learned import BETA_RANGE

    low, high = BETA_RANGE
    try:
        betas = [float(part) for part in names(text)]
    except ValueError:
        raise UsageError(f"--beta {text!r} is not NUMBER,NUMBER,...") from None
    if not betas or not all(low <= beta <= high for beta in betas):
        raise UsageError(f"--beta {text!r}: name at least one number within {low:g} to {high:g}")
    return sorted(set(betas))


def _with_progress(images: Sequence[ImageRef]) -> Iterable[ImageRef]:
    """The images, with a bar where stderr is a terminal."""
    from tqdm import tqdm

    bar: Iterable[ImageRef] = tqdm(images, unit="image", disable=None, leave=False)
    return bar
