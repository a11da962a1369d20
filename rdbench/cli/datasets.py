"""``rdbench datasets``: the known datasets, whether they are here, and how to get them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say
from rdbench.cli.options import a_path

app = typer.Typer(help="List, verify and fetch the datasets that rdbench knows by name.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a known dataset.")]


@app.callback(invoke_without_command=True)
def list_datasets(context: typer.Context) -> None:
    """List the datasets that rdbench knows by name, whether they are here, and how to get them.
    rdbench looks for them in $RDBENCH_DATA, then in the user's cache folder. Any folder, file or
    glob is a dataset as well.
    """
    if context.invoked_subcommand is not None:
        return
    from rdbench.images.known import KNOWN, presence

    width = max(map(len, KNOWN))
    for dataset in KNOWN.values():
        found = presence(dataset)
        expected = len(dataset.manifest)
        there = f"{expected - len(found.missing)} of {expected} images"
        say(f"{dataset.name:{width}}  {there:>17}  {found.folder or 'not found'}")
        details = [f"{dataset.license}; {dataset.source}"]
        if found.missing:
            details.append(dataset.remedy)
        for line in details:
            say(f"{'':{width}}  {line}")


@app.command()
def verify(name: _Name) -> None:
    """Check the pixels of a known dataset against the recorded hashes. The exit status is 1 if an
    image differs or cannot be read.
    """
    from rdbench.images.known import differences

    results = list(differences(name))
    wrong = [(file, message) for file, message in results if message]
    for file, message in wrong:
        say(f"{file}: {message}")
    say(f"{name}: {len(results) - len(wrong)} of {len(results)} images have the expected pixels")
    if wrong:
        raise typer.Exit(1)


@app.command()
def fetch(
    name: _Name,
    to: Annotated[
        Path | None,
        typer.Option(
            parser=a_path,
            metavar="DIR",
            help="Data root to download it to. [default: the user's cache folder]",
        ),
    ] = None,
) -> None:
    """Download a known dataset and check its pixels. Images that are already here are kept."""
    from rdbench.images.fetch import fetch as fetch_dataset

    folder = fetch_dataset(name, to, report=say)
    say(f"{name} is in {folder}")
    if to is not None:
        say(f"set RDBENCH_DATA={to.absolute()} so that rdbench finds it")
