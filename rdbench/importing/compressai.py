"""CompressAI's result files: JSON of its ``utils.bench`` and ``utils.eval_model``.

A file of means has lists with a value per point, without the rate parameter: ``{"name",
"description", "results": {"bpp": [...], "psnr-rgb": [...], ...}}``. A file of ``eval_model
--per-image`` has single values and the image's name in ``source``; its own name,
``IMAGE-NETWORK.json``, gives the network. Rates count whole files for the codecs of ``bench``. For
learned codecs, they count the strings of the entropy coder, without shapes and headers, or
likelihoods with ``--entropy-estimation``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from rdbench.errors import UsageError
from rdbench.importing import rates
from rdbench.importing.rows import (
    TEXTS,
    File,
    Reading,
    Request,
    Row,
    finite,
    image_name,
    listed,
)

KEYS: Final = {
    "bpp": ("bpp",),
    "psnr_db": ("psnr-rgb", "psnr"),
    "ms_ssim": ("ms-ssim-rgb", "ms-ssim"),
    "ms_ssim_db": ("ms-ssim-db-rgb",),
    "encode_s": ("encoding_time",),
    "decode_s": ("decoding_time",),
}
"""Keys of CompressAI's tools and published files, by our column."""

_OTHERS: Final = {
    ("frames", "pooled_metrics"): "a log of VMAF",
    ("field_descriptions", "field_values"): "a file of codec-compare",
    ("schema_version", "experiment"): "the run.json of a run of rdbench, which `bd` takes itself",
    ("streams", "format"): "the output of ffprobe",
    ("cells", "nbformat"): "a notebook",
    ("columns", "data"): "a table of pandas in JSON",
}
"""Keys of documents of other tools, and names of these documents."""

_BENCH: Final = ("JPEG", "WebP", "JPEG2000", "BPG", "TFCI", "VTM", "HM", "AV1")
_INFERENCE: Final = re.compile(r"Inference \((?P<coder>.+)\)")
_PRETRAINED: Final = re.compile(r"(?P<curve>.+-(mse|ms-ssim))-(?P<quality>\d+)-[^-]+(-estimation)?")


def recognizes(file: File, request: Request) -> bool:  # noqa: ARG001 - as all formats
    return file.name.endswith(".json") or file.text.lstrip().startswith(("{", "["))


def read(files: Sequence[File], request: Request) -> Reading:
    """The rows of all files: a curve per file of means, named after the file, and a curve per
    network that has files of images.

    Keys are found by :data:`KEYS`, or by :attr:`Request.columns` where there is one.
    """
    rows: list[Row] = []
    means: list[str] = []
    unused: dict[str, None] = {}
    for file in files:
        document = _document(file)
        results = document.get("results", document)
        keys = _keys(file.name, results, request)
        unused |= dict.fromkeys(
            key for key in results if key not in {*keys.values(), "name", "description"}
        )
        found = _rows(file.name, document, _columns(file.name, results, keys))
        means += [] if "image" in found[0].texts or file.point is not None else [file.path.name]
        rows += found
    if not request.joins:
        _check_names(means)
    return Reading(tuple(rows), tuple(unused))


def _check_names(names: Sequence[str]) -> None:
    """Refuse two files of means with one name, which would become one curve."""
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"several files are named {name!r}, so their curves would have one name; import "
                "them one by one, or as one curve with `label`, or name the folders of points "
                "with `point`"
            )


def _document(file: File) -> dict[str, Any]:
    def read_number(digits: str) -> float:
        return finite(digits, repr(file.name))

    try:
        document: Any = json.loads(file.text, parse_int=read_number, parse_float=read_number)
    except (ValueError, RecursionError) as error:
        lines = (
            " (JSON Lines? CompressAI does not write that)" if "Extra data" in str(error) else ""
        )
        raise UsageError(f"{file.name!r} is not JSON: {error}{lines}") from None
    if other := _other(document):
        raise UsageError(
            f"{file.name!r} has no 'results' as CompressAI's files have them: it is {other}; "
            "convert it to a CSV with a row for each point and image"
        )
    if isinstance(document, dict):
        results = document.get("results", document)
        if isinstance(results, dict) and results:
            return document
    raise UsageError(f"{file.name!r} has no 'results' as CompressAI's files have them")


def _other(document: object) -> str:
    """What a document of another tool is; empty for one that may be CompressAI's."""
    if isinstance(document, dict):
        return next((what for keys, what in _OTHERS.items() if document.keys() >= set(keys)), "")
    if isinstance(document, list) and document and all(isinstance(e, dict) for e in document):
        return f"a list of {len(document)} records ({listed(document[0])})"
    return f"JSON of {'a list' if isinstance(document, list) else 'a single value'}"


def _keys(name: str, results: Mapping[str, Any], request: Request) -> dict[str, str]:
    """Our columns with the keys that are taken for them."""
    if texts := sorted(set(request.columns) & set(TEXTS)):
        raise UsageError(f"`mapping` {texts[0]}: only numbers of a JSON file can be mapped")
    if missing := [key for key in request.columns.values() if key not in results]:
        raise UsageError(
            f"{name!r} has no key {listed(map(repr, missing))}; it has {listed(results)}"
        )
    keys = dict(request.columns)
    for column, known in KEYS.items() if not keys else ():
        present = [key for key in known if key in results]
        if len(present) > 1:
            raise UsageError(
                f"{name!r} has {listed(map(repr, present))}, all of which mean {column}; choose "
                f"one with `mapping`, such as bpp=bpp,{column}={present[0]}"
            )
        keys |= dict.fromkeys([column], present[0]) if present else {}
    if not (rate := rates.chosen(keys)) or not request.metrics.keys() & keys.keys():
        lacking = "quality" if rate else "rate"
        raise UsageError(
            f"{name!r} has no {lacking} under a key that CompressAI uses; it has "
            f"{listed(results)}: name the keys with `mapping`, such as bpp=KEY,psnr_db=KEY"
        )
    if request.color == "luma" and (rgb := [k for k in keys.values() if k.endswith("-rgb")]):
        raise UsageError(f"{name!r}: {rgb[0]!r} refers to RGB, but `color` is luma")
    return {column: keys[column] for column in request.numbers if column in keys}


def _columns(name: str, results: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    """The numbers of each column: all lists of one length, or all single."""
    columns: dict[str, Any] = {}
    for column, key in keys.items():
        value = results[key]
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, bool) or not isinstance(entry, int | float):
                raise UsageError(f"{name!r}: {key!r} has {entry!r}, which is not a number")
        columns[column] = value
    lengths = {
        keys[column]: len(value) if isinstance(value, list) else "no list"
        for column, value in columns.items()
    }
    if len(set(lengths.values())) > 1:
        told = listed(f"{key!r}: {length}" for key, length in lengths.items())
        raise UsageError(f"{name!r}: the lists differ in length ({told})")
    if 0 in lengths.values():
        raise UsageError(f"{name!r}: the lists are empty")
    return columns


def _rows(name: str, document: Mapping[str, Any], columns: Mapping[str, Any]) -> list[Row]:
    stem = PurePath(name).stem
    texts = {"label": stem, "codec": _text(document, "name") or stem}
    description = _text(document, "description")
    texts |= {"description": description} if description else {}
    rate_is = _rate(description)
    if isinstance(next(iter(columns.values())), list):
        return [
            Row(
                name,
                f"value {place} of its lists",
                texts,
                {column: float(values[place]) for column, values in columns.items()},
                rate_is=rate_is,
                averaging="mean" if rate_is else "unknown",  # the tools that are known average so
            )
            for place in range(len(next(iter(columns.values()))))
        ]
    numbers = {column: float(value) for column, value in columns.items()}
    image = _text(document, "source")
    if not image:
        return [Row(name, "", texts, numbers, rate_is=rate_is)]
    network = stem.removeprefix(f"{image_name(image)}-")
    texts |= {"image": image, "label": texts["codec"]}
    if known := _PRETRAINED.fullmatch(network):
        texts |= {"label": known["curve"], "parameter": "quality"}
        numbers["point"] = float(known["quality"])
    return [Row(name, "", texts, numbers, group=network, rate_is=rate_is)]


def _rate(description: str) -> str:
    """What the rate is, by the descriptions that the two tools write; empty for others."""
    if inference := _INFERENCE.fullmatch(description):
        return "entropy" if inference["coder"].startswith("entropy") else "coder"
    return "file" if description.split(". ")[0] in _BENCH else ""


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value.strip() if isinstance(value, str) else ""
