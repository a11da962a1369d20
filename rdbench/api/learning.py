"""Training the networks of learned codecs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rdbench.errors import MissingBackendError
from rdbench.files import write_atomically
from rdbench.places import RUNS, inside, named

if TYPE_CHECKING:
    from rdbench.training.configuration import Configuration
    from rdbench.training.family import Outcome
    from rdbench.training.stretch import Status


def train(
    configuration: str | Path | Configuration,
    *,
    out: str | Path | None = None,
    steps: int | None = None,
    device: str | None = None,
    threads: int | None = None,
    fresh: bool = False,
    started: Callable[[Configuration, Path], None] | None = None,
    progress: Callable[[Status], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Train the networks of a learned codec into a directory; ``rdbench train``.

    The same call continues from the last checkpoint. Finished weights are ``NAME.safetensors`` in
    ``out``, each with its card ``NAME.md``; ``lee2019:checkpoints=OUT`` as a codec measures them.

    Args:
        configuration: the name of one that rdbench ships, or the path of a TOML file.
        out: the directory; an existing one is resumed. By default ``results/runs/NAME``.
        steps: steps of each network, instead of the configuration's.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``, instead of the configuration's.
        threads: threads of torch; by default the number of cores.
        fresh: whether to discard what the directory holds.
        started: called with the configuration and the directory, before the training.
        progress: called with each row of the log.
        say: called with each message for the user.

    Returns:
        The files of weights that are finished, and whether the training was interrupted.

    Raises:
        MissingBackendError: if torch is not installed.
        UsageError: for a configuration that does not exist, has a mistake, or contradicts the
            directory.
        DivergedError: if a loss is not finite.
    """
    try:
        from rdbench.training import configuration_file, family
    except ModuleNotFoundError as error:
        raise MissingBackendError(
            f"training needs {error.name}: pip install 'rdbench[learned]'"
        ) from None
    if isinstance(configuration, str | Path):
        path = configuration_file.find(str(configuration))
        configuration = configuration_file.read(path, steps=steps, device=device)
    directory = named(out) if out is not None else inside(RUNS, configuration.name, "name")
    if started:
        started(configuration, directory)
    outcome = family.train(
        configuration, directory, fresh=fresh, threads=threads, report=progress, say=say
    )
    if not outcome.interrupted:
        for file in outcome.finished:
            _write_card(file, directory)
    return outcome


def _write_card(file: Path, directory: Path) -> None:
    """Beside weights the card for people, with the figure of their losses."""
    from rdbench.plots import training as plots
    from rdbench.plots.draw import save_figure
    from rdbench.training.folder import LOG, read_rows
    from rdbench.training.model_card import model_card

    rows = [row for row in read_rows(directory / LOG) if row["member"] == file.stem]
    if rows:
        figure = plots.losses(rows, file.stem, f"means of {len(rows)} stretches of steps")
        save_figure(figure, directory, file.stem, ["png"])
        write_atomically(file.with_suffix(".md"), model_card(file, f"{file.stem}.png"))
