"""The tags of a run's images in ``run.json``. They affect no measurement: a changed tag is recorded
and reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rdbench.images import Dataset

Plain = Mapping[str, Mapping[str, Iterable[str]]]
"""Tags by dataset and image."""


def retag(manifest: dict[str, Any], datasets: Iterable[Dataset]) -> list[str]:
    """Put the tags of ``datasets`` into a manifest, for their images; say for each dataset that had
    others what has changed. A dataset without given tags keeps those that it has."""
    said = []
    for dataset in datasets:
        if dataset.tags is None:
            continue
        known: dict[str, dict[str, list[str]]] = manifest.setdefault("tags", {})
        before = known.get(dataset.name)
        now = {image.name: [*dataset.tags.get(image.name, ())] for image in dataset.images}
        known[dataset.name] = {
            name: tags for name, tags in {**(before or {}), **now}.items() if tags
        }
        changed = [name for name in now if before and now[name] != [*before.get(name, ())]]
        if before and changed:
            first = changed[0]
            texts = [" ".join(tags) or "none" for tags in (before.get(first, ()), now[first])]
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            said.append(
                f"dataset {dataset.name!r}: tags have changed, which needs no new measurements "
                f"({first}: {texts[0]}, now {texts[1]}{more})"
            )
    return said


def united(one: Plain, other: Plain) -> dict[str, dict[str, list[str]]]:
    """The tags of both; an image that is in both gets all of its tags."""
    return {
        dataset: {
            image: sorted({*one.get(dataset, {}).get(image, ()), *tags_of.get(image, ())})
            for tags_of in [other.get(dataset, {})]
            for image in {**one.get(dataset, {}), **tags_of}
        }
        for dataset in {**one, **other}
    }
