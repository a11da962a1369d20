"""What ``run.json`` records of how, where and with what a run was carried out."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any, Final

import rdbench
from rdbench import metrics, programs
from rdbench.codecs import registry
from rdbench.experiment import Experiment
from rdbench.host import cores, processor
from rdbench.metrics import MetricRecord
from rdbench.runner.executor import Limits
from rdbench.runner.identities import Identities
from rdbench.stored import Stored

PACKAGES: Final = (
    "glymur",
    "imagecodecs",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pillow-heif",
    "scikit-image",
    "scipy",
)


def invocation(limits: Limits, jobs: int) -> dict[str, Any]:
    return {
        "started": now(),
        "ended": None,
        "jobs": jobs,
        "threads_per_job": 1,
        "timeout_s": limits.timeout_s,
        "memory_mb": limits.memory_mb,
        "program_environment": programs.SET,
        "host": {
            "name": platform.node(),
            "system": platform.platform(),
            "machine": platform.machine(),
            "processor": processor(),
            "cores": os.cpu_count(),
            "usable_cores": cores(),
        },
    }


def environment(experiment: Experiment, identities: Identities) -> dict[str, Any]:
    """What the manifest says of programs, codecs and places."""
    return {
        "name": experiment.name,
        "rdbench": rdbench.__version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "deterministic": {c.name: c.codec().deterministic for c in experiment.codecs},
        "efforts": {c.name: c.codec().effort() for c in experiment.codecs},
        "provenance": identities.provenance,
        "targets": {c.name: registry.place(c.target) for c in experiment.codecs},
        "sources": {dataset.name: str(dataset.source) for dataset in experiment.datasets},
        "files": {
            dataset.name: {image.name: str(image.path) for image in dataset.images}
            for dataset in experiment.datasets
        },
    }


def observed(rows: Stored) -> dict[str, Any]:
    """What the rows tell of codecs and images."""
    images: dict[str, dict[str, str]] = {}
    versions: dict[str, list[str]] = {}
    for (dataset, image), sha256 in rows.images().items():
        images.setdefault(dataset, {})[image] = sha256
    for codec, version in rows.unique(("codec", "codec_version")):
        if version:
            versions.setdefault(codec, []).append(version)
    return {"codec_versions": versions, "image_sha256": images}


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def plain_metrics(records: Sequence[MetricRecord]) -> dict[str, dict[str, Any]]:
    """The records of metrics as ``run.json`` has them, with what decides their numbers."""
    return {record.name: metrics.provenance(record) for record in records}
