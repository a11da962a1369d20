"""``rdbench import``: results of other tools as published curves."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say, show
from rdbench.cli.flags import as_flags
from rdbench.cli.options import a_path


class Color(StrEnum):
    """Color planes."""

    rgb = "rgb"
    luma = "luma"


class Rate(StrEnum):
    """What a rate is."""

    file = "file"
    coder = "coder"
    entropy = "entropy"
    unknown = "unknown"


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="JSON of CompressAI's bench or eval_model, logs of VTM and HM, tables of Lee "
            "2019, RDResults of AOM, summaries of JPEG AI, or text tables: CSV, TSV, "
            "Markdown, or columns separated by blanks.",
        ),
    ],
    mapping: Annotated[
        str,
        typer.Option(
            "--map",
            metavar="COLUMN=NAME,...",
            help="Columns of rdbench and their names in FILE, such as "
            "bpp=rate,psnr_db=PSNR,image=name,point=q; a metric of your own is "
            "FILE.py:Class. Columns that already have their rdbench name need no entry. Put "
            'names that contain commas in "quotes".',
        ),
    ] = "",
    label: Annotated[str, typer.Option(help="Name of the curve; all rows become its points.")] = "",
    dataset: Annotated[
        str, typer.Option(help="Name of the dataset, as in the runs to compare with.")
    ] = "",
    color: Annotated[Color, typer.Option(help="What was coded and scored.")] = Color.rgb,
    images: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Number of images that rows without an image are means over."
        ),
    ] = None,
    rate_is: Annotated[
        Rate | None,
        typer.Option(
            help="What the rate counts: whole files, the output of the entropy coder without "
            "headers, or an entropy. [default: as the format says, or unknown]",
            show_default=False,
        ),
    ] = None,
    source: Annotated[str, typer.Option(help="Source of the numbers. [default: FILE]")] = "",
    known_issue: Annotated[
        str, typer.Option(help="A known problem of the numbers, which commands repeat.")
    ] = "",
    delimiter: Annotated[
        str,
        typer.Option(
            help="Separator of the cells of a text table: one character, tab or blank. [default: "
            "detected]",
            show_default=False,
        ),
    ] = "",
    decimal: Annotated[str, typer.Option(help="Decimal sign in a text table.")] = ".",
    point: Annotated[
        str,
        typer.Option(
            metavar="PATTERN",
            help="Name pattern of the folders or files, with {} for the number of the point: "
            "q{}, '*_q{}'. Not needed for files of the same name in folders whose names end "
            "with numbers.",
        ),
    ] = "",
    image: Annotated[
        str, typer.Option(metavar="PATTERN", help="The same for the image: '{}_q*'.")
    ] = "",
    size: Annotated[
        str,
        typer.Option(
            metavar="WIDTHxHEIGHT",
            help="Size of the images, if the rate is size_bytes or kbps and there are no columns "
            "width and height, or pixels.",
        ),
    ] = "",
    fps: Annotated[
        float,
        typer.Option(metavar="N", min=0, help="Frames per second, for a rate in kbps."),
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=a_path, metavar="FILE.csv", help="The file to write. [default: standard output]"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE.csv if it exists.")] = False,
) -> None:
    """Convert results of other tools to curves that `bd` and `plot` read as published:FILE.csv.

    Examples:

      rdbench import bpg.json --dataset kodak --images 24 --out bpg.csv

      rdbench import vtm/*.log --label my-vtm --dataset kodak --color luma --out vtm.csv

      rdbench import a.csv --map bpp=rate,psnr_db=PSNR,image=name,point=q --label a --dataset kodak
    """
    import rdbench

    imported = rdbench.import_(
        files,
        mapping=mapping,
        label=label,
        dataset=dataset,
        color=color.value,
        images=images or 0,
        rate_is=rate_is.value if rate_is else "",
        source=source,
        known_issue=known_issue,
        delimiter={"tab": "\t", "\\t": "\t", "blank": " "}.get(delimiter, delimiter),
        decimal=decimal,
        point=point,
        image=image,
        size=size,
        fps=fps,
        out=out,
        force=force,
    )
    for note in imported.notes:
        say(f"note: {as_flags(note)}", err=True)
    if out is None:
        show(imported.text)
        return
    for curve in imported.curves:
        say(
            f"published:{out}:{curve.label}  {len(curve.points)} points, {curve.image_count} images"
        )
