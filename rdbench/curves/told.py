"""Facts from ``run.json`` for curves: tags of images, networks and efforts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rdbench.manifest import MANIFEST, read_manifest
from rdbench.network_cost import NetworkCost

NetworkCosts = Mapping[tuple[float, int], NetworkCost]
"""By point and number of channels."""


def read_tags(path: str | Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """The tags of the images in a run directory, by dataset and image; none for a CSV file."""
    return {
        dataset: {image: tuple(tags) for image, tags in images.items()}
        for dataset, images in _told(path, "tags").items()
    }


def read_network_costs(path: str | Path) -> dict[str, NetworkCosts]:
    """The cost of the networks in a run directory, by the label of the curve; none for a CSV
    file."""
    return {
        label: {
            (float(point), int(channels)): NetworkCost.of(plain)
            for point, of_point in points.items()
            for channels, plain in of_point.items()
        }
        for label, points in _told(path, "network_costs").items()
    }


def read_efforts(path: str | Path) -> dict[str, str]:
    """The option of each codec that trades encoding time for rate, empty if it has none; none for a
    CSV file."""
    return _told(path, "efforts")


def _told(path: str | Path, key: str) -> dict[str, Any]:
    path = Path(path)
    if not path.is_dir() or not (path / MANIFEST).exists():
        return {}
    found: dict[str, Any] = read_manifest(path).get(key, {})
    return found
