"""The plan of an experiment in ``run.json``: whether two of them contradict each other, and their
union."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rdbench.provenance import differences
from rdbench.schema import BY_TARGET, options_text


def contradictions(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The contradictions of two experiments, a few words each, which keep them out of one table."""
    found = []
    for key in ("color", "codec"):  # of all that is measured or scored
        if key in old and key in new and old[key] != new[key]:
            found += differences({key: old[key]}, {key: new[key]})
    for name in {**old.get("datasets", {})}.keys() & new.get("datasets", {}).keys():
        before, now = (by_image(side["datasets"][name]) for side in (old, new))
        common = before.keys() & now.keys()
        found += differences(
            {image: before[image] for image in common}, {image: now[image] for image in common}
        )
    curves = [
        {_curve(codec): codec["label"] for codec in side.get("codecs", ())} for side in (old, new)
    ]
    for curve, label in curves[1].items():
        if curves[0].get(curve, label) != label:
            found.append(f"{curve} is called {curves[0][curve]!r} there, {label!r} now")
        other = next((c for c, there in curves[0].items() if there == label and c != curve), curve)
        if other != curve:
            found.append(f"the label {label!r} is {other} there, {curve} now")
    return found


def joined(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The union of two experiments that do not contradict each other."""
    both = {**old, **new}
    if "datasets" in old and "datasets" in new:
        both["datasets"] = {
            name: _union(old["datasets"].get(name, ()), new["datasets"].get(name, ()))
            for name in {**old["datasets"], **new["datasets"]}
        }
    codecs: dict[str, dict[str, Any]] = {}
    for codec in (*old.get("codecs", ()), *new.get("codecs", ())):
        known = codecs.setdefault(_curve(codec), dict(codec))
        known["points"] = _union(known["points"], codec["points"])
        if "goal" in codec:  # with the tolerance that was asked for last
            known["goal"] = codec["goal"]
    if codecs:
        both["codecs"] = list(codecs.values())
    for key in ("metrics", "decoded"):
        if key in both:
            both[key] = _union(old.get(key, ()), new.get(key, ()))
    if "repeat" in both:
        both["repeat"] = max(old.get("repeat", 1), new.get("repeat", 1))
    return both


def _union(old: Iterable[Any], new: Iterable[Any]) -> list[Any]:
    found = list(old)
    return found + [item for item in new if item not in found]


def curve_options(codec: Mapping[str, Any]) -> str:
    """The options of a codec's entry, as in the rows of its curve."""
    by_target = {BY_TARGET: codec["goal"]["column"]} if "goal" in codec else {}
    return options_text({**codec.get("options", {}), **by_target})


def _curve(codec: Mapping[str, Any]) -> str:
    options = curve_options(codec)
    return f"{codec['codec']}:{options}" if options else str(codec["codec"])


def by_image(images: Iterable[Any]) -> dict[str, Any]:
    """A dataset's entries by the names of its images; older runs have nothing but the names."""
    return {image["image"] if isinstance(image, dict) else image: image for image in images}
