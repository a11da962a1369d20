"""Settings as messages name them, and the matching options of the commands."""

from __future__ import annotations

import re
import shlex
from typing import Final

FLAGS: Final = {
    "anchor": "--anchor",
    "at": "--at",
    "averaging": "--averaging",
    "baseline": "--baseline",
    "baseline_label": "--baseline-label",
    "cache": "--cache",
    "cache_mb": "--cache-size",
    "cache_times": "--cache-times",
    "cap_db": "--cap",
    "codecs": "--codecs",
    "color": "--color",
    "convention": "--convention",
    "dataset": "--dataset",
    "datasets": "--dataset",
    "decimal": "--decimal",
    "delimiter": "--delimiter",
    "force": "--force",
    "fps": "--fps",
    "fresh": "--fresh",
    "image": "--image",
    "images": "--images",
    "jobs": "--jobs",
    "keep_decoded": "--keep-decoded",
    "keep_streams": "--keep-streams",
    "kept": "--kept",
    "label": "--label",
    "labels": "--labels",
    "mapping": "--map",
    "max_slowdown": "--max-slowdown",
    "memory_mb": "--memory",
    "method": "--method",
    "metrics": "--metrics",
    "min_overlap": "--min-overlap",
    "name": "--name",
    "out": "--out",
    "per_image": "--per-image",
    "point": "--point",
    "points": "--points",
    "published": "--published",
    "qualities": "--qualities",
    "rate_is": "--rate-is",
    "rates": "--rates",
    "repeat": "--repeat",
    "replace": "--replace",
    "scheduler": "--scheduler",
    "shared_data": "--shared-data",
    "size": "--size",
    "source": "--source",
    "known_issue": "--known-issue",
    "stream_name": "--stream-name",
    "strict": "--strict",
    "tags": "--tags",
    "threads": "--threads",
    "timing": "--timing",
    "timeout_s": "--timeout",
    "tolerance": "--tolerance",
    "update": "--update",
    "y_limits": "--ylim",
}
"""The option of the commands for each setting that the package's messages name in backticks, as
they read in Python: ```out```, ```fresh=True```, ```color='luma'```."""

_QUOTES: Final = "'\""
_SETTING: Final = re.compile(rf"`({'|'.join(FLAGS)})(?:=([^`]*))?`")


def as_flags(message: str) -> str:
    """``message`` with options instead of settings: ``fresh=True`` in backticks becomes
    ``--fresh``, and ``color='luma'`` becomes ``--color luma``."""
    return _SETTING.sub(_flag, message)


def _flag(setting: re.Match[str]) -> str:
    name, value = setting.groups()
    if value in (None, "True"):
        return FLAGS[name]
    return f"{FLAGS[name]} {shlex.quote(value.strip(_QUOTES))}"
