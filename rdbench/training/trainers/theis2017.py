"""The training of Theis et al. 2017."""

from __future__ import annotations

from rdbench.models.theis2017 import Theis2017
from rdbench.training.trainers.base import RateDistortionTrainer


class Theis2017Trainer(RateDistortionTrainer):
    stride = Theis2017.stride
