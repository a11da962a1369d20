"""The training of one network: from its start, or its checkpoint, to its file of weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rdbench.errors import DivergedError, UsageError
from rdbench.models import architectures, weights
from rdbench.training import checkpoint, latents, trainers
from rdbench.training.checkpoint import Checkpoint
from rdbench.training.configuration import FINISH_SPEED, Configuration
from rdbench.training.data import Batches, Crops, Loader, Pictures
from rdbench.training.export import card_of, mean
from rdbench.training.folder import Folder
from rdbench.training.precision import use_bfloat16, use_float32
from rdbench.training.stretch import LOG_EVERY, Status, Stretch
from rdbench.training.trainers.base import Measured, Trainer
from rdbench.training.validation import latents_of, validate


@dataclass(frozen=True)
class Surroundings:
    """The state shared by the members of a family."""

    configuration: Configuration
    folder: Folder
    device: torch.device
    train: Pictures
    validation: Pictures
    stopped: Callable[[], bool]
    """Whether the training has been asked to stop."""
    report: Callable[[Status], None]
    say: Callable[[str], None]
    """Prints a message for the user."""
    notes: dict[str, Any]
    """For the cards: data and machine."""


class MemberTraining:
    """The training of the member ``number`` of a family, from ``start`` or, without one, from
    random weights; from ``saved`` if it was interrupted."""

    def __init__(
        self,
        around: Surroundings,
        number: int,
        start: dict[str, Tensor] | None,
        saved: Checkpoint | None,
    ) -> None:
        configuration = around.configuration
        self._around = around
        self._configuration = configuration
        self._settings = configuration.optimizer
        self._number = number
        self._member = configuration.members[number]
        self._seed = (configuration.run.seed, number)
        self._crops: Batches = Crops(around.train, configuration.data, self._seed)
        self._noise = torch.Generator(around.device)
        self.step = saved.step if saved else 0
        self._seconds = saved.seconds if saved else 0.0
        self._checked = self.step
        random = torch.Generator().manual_seed(configuration.run.seed)
        network: Any = architectures.build(configuration.card(self._member), random)
        # Its weights must be where they stay before optimizers and averages refer to them.
        if saved is not None:
            network.load_state_dict(saved.network)
        elif start is not None:
            network.load_state_dict(start)
        self.network = network.to(around.device, memory_format=torch.channels_last).train()
        self._began = self._finish if self.step > self._finish else 0
        """The step after which optimizers and average began: 0, or where finishing did."""
        scratch = not configuration.start_of(number).source and not self._finishing
        self._trainer = self._new_trainer(scratch=scratch)
        self._average = self._new_average()
        if saved is not None:
            for name, values in saved.average.items():
                self._average[name].copy_(values)
            for optimizer, state in zip(self._trainer.optimizers(), saved.optimizers, strict=True):
                optimizer.load_state_dict(state)
        if configuration.run.precision == "bfloat16" and not self._finishing:
            use_bfloat16(self.network, around.device, self._trainer.whole)

    @property
    def _finish(self) -> int:
        """The step after which finishing begins; without it the last."""
        return self._member.steps - self._settings.finish_steps

    @property
    def _finishing(self) -> bool:
        return self._began > 0

    def _new_trainer(self, *, scratch: bool) -> Trainer:
        return trainers.of(self._configuration.architecture)(
            self.network,
            self._member.rate,
            self._configuration.optimized,
            self._settings,
            scratch=scratch,
            frozen=self._configuration.freeze,
            options=self._configuration.trainer,
        )

    def _new_average(self) -> dict[str, Tensor]:
        return {
            name: parameter.detach().clone()
            for name, parameter in self.network.named_parameters()
            if self._settings.average
        }

    def _start_finishing(self) -> None:
        """Go on from the average in float32, with optimizers and an average that are new."""
        self._take_average(self.network)
        use_float32(self.network)
        self._began = self._finish
        self._trainer = self._new_trainer(scratch=False)
        self._average = self._new_average()

    def run(self) -> bool:
        """Train to the end and write the weights; False if it was stopped earlier, with a
        checkpoint. Raises :class:`DivergedError`."""
        steps, run = self._member.steps, self._configuration.run
        if self._configuration.freeze and not self._take_latents():
            return False
        saved_at = time.monotonic()
        with Loader(self._batch, self.step) as loader:
            stretch = Stretch(loader, self._configuration.data.batch)
            for batch in loader:
                if self._around.stopped():
                    self._log(stretch)
                    self._save()
                    return False
                if self.step == steps:
                    break
                if self.step == self._finish and not self._finishing:
                    self._start_finishing()
                stretch.add(self._train(batch))
                due = time.monotonic() - saved_at >= 60 * run.checkpoint_minutes
                validate_now = bool(run.validate_every) and self.step % run.validate_every == 0
                if due or validate_now or stretch.steps == LOG_EVERY or self.step == steps:
                    self._log(stretch)
                if due or validate_now or self.step == steps:
                    self._save()
                    saved_at = time.monotonic()
                if validate_now and self.step < steps:
                    self._validate(self._ready())
                stretch.restart_clock()
        network = self._ready()
        # Before the coder takes from the network what it computes otherwise.
        state = {name: values.cpu().clone() for name, values in network.state_dict().items()}
        if not self._validate(network):
            return False
        notes = {}
        if self._configuration.half:
            rows = self._validation(self._ready(half=False))
            if not rows:
                return False
            costs = mean(rows, "psnr_db") - mean(self._validated(), "psnr_db")
            notes["float16_costs_db"] = round(costs, 5)
        self._export(state, notes)
        return True

    def _take_latents(self) -> bool:
        """Train on latents instead of images; False where it was stopped before they were there."""
        around, data = self._around, self._configuration.data
        network: Any = architectures.build(self._configuration.card(self._member))
        network.load_state_dict(self.network.state_dict())
        network.to(around.device, memory_format=torch.channels_last).eval()
        folder = Path(data.latents) if data.latents else around.folder.path / "latents"
        found = latents.cache(
            folder, network, around.train, data, stopped=around.stopped, say=around.say
        )
        if found is None:
            return False
        self._crops = latents.LatentCrops(
            found, data, self._seed, cell=self._trainer.cell, stride=self.network.stride
        )
        return True

    def _batch(self, number: int) -> Tensor:
        batch = self._crops.batch(number)
        return batch.pin_memory() if self._around.device.type == "cuda" else batch

    def _images(self, batch: Tensor) -> Tensor:
        images = batch.to(self._around.device, non_blocking=True).float()
        if self._configuration.freeze:  # they are latents
            return images
        return images if self.network.peak == 255.0 else images.mul_(self.network.peak / 255.0)

    def _train(self, batch: Tensor) -> Measured:
        settings, trainer = self._settings, self._trainer
        done = self.step - self._began
        steps = settings.finish_steps if self._finishing else self._finish
        speed = FINISH_SPEED if self._finishing else self._member.speed
        # A rate of 0 would be lost on the first step.
        rate = speed * settings.rate_at((done + 1) / steps, still=trainer.still)
        trainer.set_rate(rate, 1.0 if self._finishing else done / steps)
        noise = self._crops.noise(self.step, self._noise)
        self.step += 1
        try:
            measured = trainer.step(self._images(batch), noise, done / steps)
        except UsageError as error:  # of densities whose latents are not finite
            raise self._diverged(str(error)) from None
        if self._average:
            # A young average forgets faster: the first weights are random.
            decay = min(settings.average, (done + 1) / (done + 11))
            with torch.no_grad():
                for name, parameter in self.network.named_parameters():
                    self._average[name].lerp_(parameter, 1 - decay)
        return measured

    def _log(self, stretch: Stretch) -> None:
        """Write what a stretch gave, and begin the next."""
        if not stretch.steps:
            return
        row = stretch.finish()
        if not math.isfinite(row["loss"] + row["bpp"]):
            raise self._diverged(f"the loss is {row['loss']}")
        self._checked = self.step
        self._seconds += stretch.seconds
        name, rate = self._member.name, self._trainer.learning_rate
        self._around.folder.log.append([{"member": name, "step": self.step, "rate": rate, **row}])
        self._around.report(Status(name, self._number, self.step, row))

    def _diverged(self, reason: str) -> DivergedError:
        kept, _ = checkpoint.load(self._around.folder.path)
        last = "there is no checkpoint yet"
        if kept is not None:
            last = f"the checkpoint of {kept.member} at step {kept.step} is kept"
        return DivergedError(
            f"{self._member.name} diverged between steps {self._checked + 1} and {self.step}: "
            f"{reason}; {last}; lower the rate in [optimizer], now {self._settings.rate:g}, and "
            "start over with `fresh=True`"
        )

    def _save(self) -> None:
        state = self.network.state_dict()
        self._check(state)
        optimizers = [optimizer.state_dict() for optimizer in self._trainer.optimizers()]
        checkpoint.save(
            self._around.folder.path,
            Checkpoint(
                self._member.name, self.step, self._seconds, state, self._average, optimizers
            ),
        )

    def _check(self, state: dict[str, Tensor]) -> None:
        try:
            weights.check_finite(state, "weights")
        except UsageError as error:
            raise self._diverged(str(error)) from None

    def _ready(self, *, half: bool = True) -> Any:
        """A network with the averaged weights, fit to code, as it will be read from its file;
        without ``half`` as it would be if that had float32."""
        network: Any = architectures.build(self._configuration.card(self._member))
        network.load_state_dict(self.network.state_dict())
        network.to(self._around.device, memory_format=torch.channels_last)
        self._take_average(network)
        network.eval()
        if half:
            self._round(network.parameters())
        noise = self._crops.noise(self.step, torch.Generator())
        try:
            self._trainer.observe(network, latents_of(network, self._around.validation), noise)
        except ValueError as error:
            raise self._diverged(str(error)) from None
        if half:
            self._round(network.buffers())
        return network

    def _take_average(self, network: Any) -> None:
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(self._average.get(name, parameter))

    def _round(self, tensors: Iterable[Tensor]) -> None:
        """Round to what the file will hold."""
        if self._configuration.half:
            with torch.no_grad():
                for tensor in tensors:
                    tensor.copy_(tensor.half() if tensor.is_floating_point() else tensor)

    def _validate(self, network: Any) -> bool:
        """Validate and write it down, unless that has been done; False where it was stopped."""
        if self._validated():
            return True
        rows = self._validation(network)
        place = {"member": self._member.name, "step": self.step}
        self._around.folder.validation.append({**place, **row} for row in rows)
        return bool(rows)

    def _validation(self, network: Any) -> list[dict[str, Any]]:
        return validate(
            self._configuration.architecture,
            network,
            self._around.validation,
            self._configuration.run.validate_images,
            str(self._around.device),
            self._around.stopped,
        )

    def _validated(self) -> list[dict[str, str]]:
        """The rows of the validation at this step."""
        place = [self._member.name, str(self.step)]
        rows = self._around.folder.validation.rows
        return [row for row in rows if [row["member"], row["step"]] == place]

    def _export(self, state: dict[str, Tensor], notes: dict[str, Any]) -> None:
        card = card_of(
            self._configuration,
            self._number,
            self._validated(),
            parameters=sum(parameter.numel() for parameter in self.network.parameters()),
            steps=self.step,
            seconds=round(self._seconds, 3),
            **self._around.notes,
            **notes,
        )
        path = self._around.folder.weights(self._member.name)
        weights.write(path, card, state, half=self._configuration.half)
