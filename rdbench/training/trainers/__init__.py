"""Trainers of the architectures: a module for those of each paper."""

from __future__ import annotations

import importlib
from typing import Any, cast

from rdbench.models import architectures
from rdbench.training.trainers.base import Trainer


def of(architecture: str) -> type[Trainer]:
    """The trainer of the architecture of that name. Raises :class:`rdbench.errors.UsageError` for
    an unknown name."""
    found: Any = architectures.find(architecture).trainer
    if isinstance(found, str):
        module, _, name = found.partition(":")
        found = getattr(importlib.import_module(module), name)
    return cast("type[Trainer]", found)
