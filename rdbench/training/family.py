"""The training of a family of networks into a directory, which can be resumed."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rdbench.errors import UsageError
from rdbench.host import processor
from rdbench.models import architectures
from rdbench.training import checkpoint, starts
from rdbench.training.configuration import NEIGHBOR, Configuration, Start
from rdbench.training.data import Pictures
from rdbench.training.folder import Folder
from rdbench.training.member import MemberTraining, Surroundings
from rdbench.training.precision import slow_in_bfloat16
from rdbench.training.stretch import Status
from rdbench.training.validation import latents_of

_OBSERVED = 32  # images whose latents an entropy model begins with


@dataclass
class Outcome:
    """The outcome of a training."""

    finished: list[Path] = field(default_factory=list)
    """The files of weights, in the order of the members."""
    interrupted: bool = False


def train(
    configuration: Configuration,
    out: Path,
    *,
    fresh: bool = False,
    threads: int | None = None,
    report: Callable[[Status], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Train what ``configuration`` asks for and ``out`` lacks. ``threads`` are those of torch, by
    default its own choice. ``report`` is called with each row of the log, ``say`` with each message
    for the user. SIGINT or SIGTERM ends the training after the current step, with a checkpoint from
    which the same call continues; on the CPU with the same threads, this gives identical weights.
    Raises :class:`UsageError` if the request cannot be carried out, and
    :class:`rdbench.errors.DivergedError` if a loss is not finite.
    """
    device = _device(configuration.run.device)
    if threads is not None:
        if threads < 1:
            raise UsageError(f"`threads` {threads} is not above 0")
        torch.set_num_threads(threads)
    try:
        architectures.build(configuration.card(configuration.members[0]))
    except UsageError as error:
        raise UsageError(f"configuration {configuration.name!r}, key 'network': {error}") from None
    if configuration.run.precision == "bfloat16" and slow_in_bfloat16(device):
        say(
            "bfloat16: this processor does not support it and takes several times as long as in "
            'float32; set precision = "float32" in [run]'
        )
    data = configuration.data
    with Folder(out, configuration, fresh=fresh) as folder, _stoppable() as stopped:
        pictures = functools.partial(Pictures, color=data.color, memory_mib=data.memory_mib)
        train_set = pictures(data.train, side=data.crop)
        validation = pictures([data.validation])
        for what, found in (("training", train_set), ("validation", validation)):
            if found.skipped:
                say(
                    f"{len(found.skipped)} {what} image(s) left out, {len(found)} used; the first: "
                    f"{found.skipped[0]}"
                )
        around = Surroundings(
            configuration,
            folder,
            device,
            train_set,
            validation,
            stopped,
            report,
            say,
            _notes(configuration, train_set, validation, device),
        )
        return _members(around)


def _members(around: Surroundings) -> Outcome:
    configuration, folder, say = around.configuration, around.folder, around.say
    saved, complaint = checkpoint.load(folder.path)
    if complaint:
        say(f"{complaint}; continuing from the one before it")
    paths = [folder.weights(member.name) for member in configuration.members]
    done = {
        member.name: member.steps
        for member, path in zip(configuration.members, paths, strict=True)
        if path.exists()
    }
    under_way = {saved.member: saved.step} if saved is not None else {}
    for table in (folder.log, folder.validation):
        table.keep({**under_way, **done})
    outcome = Outcome()
    for number, (member, path) in enumerate(zip(configuration.members, paths, strict=True)):
        if member.name not in done:
            own = saved if saved is not None and saved.member == member.name else None
            if own is not None:
                say(f"{member.name}: continuing from step {own.step}")
            start = _start(around, number, paths) if own is None else None
            if not MemberTraining(around, number, start, own).run():
                outcome.interrupted = True
                return outcome
        outcome.finished.append(path)
    return outcome


def _start(around: Surroundings, number: int, paths: list[Path]) -> dict[str, Tensor] | None:
    """The state from which a member starts, None for random weights."""
    configuration = around.configuration
    start = configuration.start_of(number)
    if configuration.start.source == NEIGHBOR and number:
        if start.source == NEIGHBOR:
            start = Start(str(paths[number - 1]))
        else:
            around.say(
                f"{configuration.members[number].name} has other layers than "
                f"{paths[number - 1].stem}: it starts from {start.source or 'random weights'}"
            )
    return starts.begin(
        configuration, number, start, lambda network: latents_of(network, around.train, _OBSERVED)
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise UsageError(f"device {name!r} is not one of auto, cpu, cuda, cuda:N")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UsageError(f"device {name!r}: CUDA is not available here; use cpu or auto")
        if device.index is not None and device.index >= torch.cuda.device_count():
            raise UsageError(
                f"device {name!r}: there are {torch.cuda.device_count()} devices, counted from 0"
            )
        torch.backends.cudnn.benchmark = True  # batches are all of one shape
    return device


def _notes(
    configuration: Configuration, train_set: Pictures, validation: Pictures, device: torch.device
) -> dict[str, Any]:
    on_gpu = device.type == "cuda"
    validated = min(len(validation), configuration.run.validate_images)
    return {
        "data": list(train_set.names),
        "images": len(train_set),
        "validated_on": f"{validated} images of {validation.names[0]}",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "hardware": torch.cuda.get_device_name(device) if on_gpu else processor(),
    }


@contextlib.contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM has come; a second one has its usual effect. Signals are only for
    the main thread."""
    came = False
    usual: dict[signal.Signals, Any] = {}

    def stop(*_: object) -> None:
        nonlocal came
        came = True
        restore()

    def restore() -> None:
        for name, handler in usual.items():
            signal.signal(name, handler)

    if threading.current_thread() is threading.main_thread():
        for name in (signal.SIGINT, signal.SIGTERM):
            usual[name] = signal.signal(name, stop)
    try:
        yield lambda: came
    finally:
        restore()
