"""``rdbench serve``: a folder of runs in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdbench.cli.console import say


def serve(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="A folder with run directories.")
    ] = Path("results/runs"),
    host: Annotated[
        str,
        typer.Option(
            help="The address to listen on; any but the default can be reached from other machines."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 for any free one.")
    ] = 8000,
) -> None:
    """Show runs and their reports in the browser, with the progress of those under way. Only this
    machine is served unless --host says otherwise; anyone who can reach that address sees the runs.
    Ctrl-C stops it.
    """
    from rdbench.reporting.serve import serve as start

    with start(folder, host=host, port=port) as server:
        shown = f"[{host}]" if ":" in host else host
        say(f"http://{shown}:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
