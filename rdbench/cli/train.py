"""``rdbench train``: train networks of the learned codecs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from rdbench.cli.console import say
from rdbench.cli.flags import as_flags
from rdbench.cli.options import a_path
from rdbench.errors import DivergedError, UsageError
from rdbench.places import RUNS
from rdbench.text import printable

if TYPE_CHECKING:
    from rdbench.training.configuration import Configuration
    from rdbench.training.stretch import Status

EVERY_S: Final = 60.0


def train(
    configuration: Annotated[
        str | None,
        typer.Argument(
            metavar="[CONFIG]",
            help="FILE.toml, or a configuration that rdbench ships (see --list).",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=a_path,
            help="The directory of the training; an existing one is resumed. [default: "
            f"{RUNS}/NAME]",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Training steps of each network, instead of those of the configuration."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda or cuda:N, instead of the device of the configuration."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads of torch. [default: the machine's cores]")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Discard what the directory holds.")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List the configurations that rdbench ships.")
    ] = False,
) -> None:
    """Train the networks of a learned codec into a directory.

    The same command again continues from the last checkpoint. Finished weights are written to
    OUT/NAME.safetensors, with a model card NAME.md beside them; `rdbench run --codec
    lee2019:checkpoints=OUT` measures them.

    Examples:

      rdbench train balle2018-small --out results/runs/balle2018-small

      rdbench train my.toml --device cuda --steps 200000
    """
    import rdbench

    if list_:
        from rdbench.training import configuration_file as files

        for name, path in files.shipped().items():
            say(f"{name:26} {files.description(path)}")
        return
    if configuration is None:
        raise UsageError("nothing to train; name a configuration (see `rdbench train --list`)")
    with TrainingProgress() as progress:
        try:
            outcome = rdbench.train(
                configuration,
                out=out,
                steps=steps,
                device=device,
                threads=threads,
                fresh=fresh,
                started=progress.announce,
                progress=progress,
                say=lambda line: say(f"rdbench: {as_flags(line)}", err=True),
            )
        except DivergedError as error:
            say(f"rdbench: {as_flags(str(error))}", err=True)
            raise typer.Exit(1) from None
    if outcome.interrupted:
        say(
            f"interrupted; a checkpoint is in {progress.directory}; the same command continues "
            "from there",
            err=True,
        )
        raise typer.Exit(130)
    for file in outcome.finished:
        say(file)


class TrainingProgress:
    """Shows the progress of a training on stderr: a bar on a terminal, otherwise a line each
    minute. Call it with each row of the log, after :meth:`announce`. Use it in a ``with``
    statement."""

    def __init__(self) -> None:
        self.directory = Path()
        self._steps: list[int] = []
        self._bar: Any = None
        self._last = -EVERY_S
        self._step_s = 0.0

    def __enter__(self) -> TrainingProgress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def announce(self, plan: Configuration, directory: Path) -> None:
        """Print what is trained, and where."""
        self.directory = directory
        self._steps = [member.steps for member in plan.members]
        count = len(plan.members)
        say(
            f"{plan.architecture}, {count} network{'s' * (count > 1)} of {_listed(plan)} steps "
            f"with {plan.data.batch} crops of {plan.data.crop}x{plan.data.crop} into {directory}",
            err=True,
        )

    def __call__(self, status: Status) -> None:
        step_s = status.values["step_s"]
        self._step_s = 0.8 * (self._step_s or step_s) + 0.2 * step_s
        if sys.stderr.isatty():
            self._show_bar(status)
        elif (now := time.monotonic()) - self._last >= EVERY_S:
            self._last = now
            left_s = (sum(self._steps) - self._done(status)) * self._step_s
            say(
                f"{status.member}: {status.step}/{self._steps[status.number]}, {_numbers(status)}, "
                f"{left_s:.0f} s left",
                err=True,
            )

    def _done(self, status: Status) -> int:
        return sum(self._steps[: status.number]) + status.step

    def _show_bar(self, status: Status) -> None:
        done = self._done(status)
        if self._bar is None:
            from tqdm import tqdm

            total = sum(self._steps)
            self._bar = tqdm(
                total=total, initial=done, unit="step", dynamic_ncols=True, leave=False
            )
        self._bar.set_description_str(printable(status.member), refresh=False)
        self._bar.set_postfix_str(_numbers(status), refresh=False)
        self._bar.update(done - self._bar.n)


def _listed(plan: Configuration) -> str:
    """The steps of the networks, those of several that have the same but once."""
    return " and ".join(str(steps) for steps in dict.fromkeys(m.steps for m in plan.members))


def _numbers(status: Status) -> str:
    row = status.values
    return (
        f"loss {row['loss']:.4g}, {row['bpp']:.3f} bpp, {row['psnr_db']:.2f} dB, "
        f"{row['images_per_s']:.1f} images/s, {row['data_s'] / row['step_s']:.0%} waiting for data"
    )
