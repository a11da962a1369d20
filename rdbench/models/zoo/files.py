"""CompressAI's architectures, and where their checkpoints are. This does not need torch.

J. Bégaint, F. Racapé, S. Feltman, A. Pushparaja, "CompressAI: a PyTorch library and evaluation
platform for end-to-end compression research", arXiv:2011.03029.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rdbench.errors import MissingBackendError, UsageError, unknown
from rdbench.files import sha256

METRICS: Final = ("mse", "ms-ssim")
SUFFIXES: Final = (".pth.tar", ".pth", ".pt", ".safetensors")
"""Suffixes of the files in a folder that are taken for checkpoints."""

_NAMED_QUALITY: Final = re.compile(r"(?:^|[-_.])q(?:uality)?[-_=]?(\d+)(?=[-_.]|$)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(?:^|[-_.])(\d{1,2})(?=[-_.]|$)")
_HASH: Final = re.compile(r"-([0-9a-f]{8})\.pth\.tar$")


@dataclass(frozen=True)
class Architecture:
    """One of CompressAI's architectures."""

    qualities: int
    """The highest point; the lowest is 1."""
    pretrained: Mapping[str, str]
    """For each metric, the names of the files that ``compressai.zoo`` downloads, up to their hash;
    ``{quality}`` stands for the point."""
    factory: str = ""
    """Its function in ``compressai.zoo``."""
    variable: bool = False
    """Whether one network has all qualities."""


def _eight(name: str, mse: str) -> Architecture:
    return Architecture(
        8,
        {"mse": f"{mse}-{{quality}}", "ms-ssim": f"{name}-ms-ssim-{{quality}}"},
        name.replace("-", "_"),
    )


def _variable(name: str) -> Architecture:
    factory = f"{name.replace('-', '_')}_vbr"
    return Architecture(8, {"mse": f"{name}-mse-vbr"}, factory, variable=True)


ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "bmshj2018-factorized": _eight("bmshj2018-factorized", "bmshj2018-factorized-prior"),
    "bmshj2018-factorized-relu": Architecture(8, {}),
    "bmshj2018-hyperprior": _eight("bmshj2018-hyperprior", "bmshj2018-hyperprior"),
    "mbt2018-mean": _eight("mbt2018-mean", "mbt2018-mean"),
    "mbt2018": _eight("mbt2018", "mbt2018"),
    "cheng2020-anchor": Architecture(
        6,
        {"mse": "cheng2020-anchor-{quality}", "ms-ssim": "cheng2020_anchor-ms-ssim-{quality}"},
        "cheng2020_anchor",
    ),
    "cheng2020-attn": Architecture(
        6,
        {"mse": "cheng2020_attn-mse-{quality}", "ms-ssim": "cheng2020_attn-ms-ssim-{quality}"},
        "cheng2020_attn",
    ),
    "bmshj2018-hyperprior-vbr": _variable("bmshj2018-hyperprior"),
    "mbt2018-mean-vbr": _variable("mbt2018-mean"),
    "mbt2018-vbr": _variable("mbt2018"),
    "cheng2020-anchor-checkerboard": Architecture(6, {}),
    "elic2022-official": Architecture(6, {}),
    "elic2022-chandelier": Architecture(6, {}),
}


def named(name: str) -> Architecture:
    """The architecture ``name``. Raises :class:`UsageError` for an unknown one."""
    if name not in ARCHITECTURES:
        raise unknown("architecture of CompressAI", name, ARCHITECTURES)
    return ARCHITECTURES[name]


def hub_folder() -> Path:
    """Where ``torch.hub`` keeps its downloads: ``hub/checkpoints`` in ``$TORCH_HOME``, by default
    ``$XDG_CACHE_HOME/torch`` or ``~/.cache/torch``."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    home = Path(os.environ.get("TORCH_HOME", cache / "torch"))
    return home.expanduser() / "hub" / "checkpoints"


def pretrained(name: str, metric: str, quality: int) -> Path:
    """The file of CompressAI's own weights in the cache of ``torch.hub``; nothing is downloaded.

    Raises :class:`UsageError` if CompressAI has no such weights or the cache has several files of
    them, and :class:`MissingBackendError`, which says what to do, if the cache has none.
    """
    architecture = named(name)
    if metric not in architecture.pretrained:
        others = " or ".join(f"metric={other}" for other in architecture.pretrained)
        raise UsageError(
            f"CompressAI has no weights of {name!r} for {metric}; use "
            + (f"{others}, or " if others else "")
            + "weights of your own: checkpoint=FILE or DIR"
        )
    stem = architecture.pretrained[metric].format(quality=quality)
    found = sorted(hub_folder().glob(f"{stem}-{'[0-9a-f]' * 8}.pth.tar"))
    if len(found) > 1:
        raise UsageError(
            f"{' and '.join(repr(str(path)) for path in found)} are both weights of {name!r} at "
            f"quality {quality}; delete the older one, or give one with checkpoint=FILE"
        )
    if not found:
        call = f"{architecture.factory}({quality}, metric={metric!r}, pretrained=True)"
        raise MissingBackendError(
            f"the weights of {name!r} at quality {quality} ({metric}) are missing: no "
            f"{stem}-*.pth.tar in {str(hub_folder())!r}; where there is internet, `python -c "
            f'"from compressai.zoo import {architecture.factory}; {call}"` downloads them; or '
            "use weights of your own: checkpoint=FILE or DIR"
        )
    return found[0]


def in_folder(folder: Path) -> dict[int, Path]:
    """The checkpoints in ``folder``, by the quality in their names.

    The quality is the number after "quality" or "q" (``net-quality-3.pth.tar``, ``q3.pt``), else
    the only number of one or two digits between ``-``, ``_`` or ``.`` (``mbt2018-3-22901978.
    pth.tar``). Raises :class:`UsageError` if there is no checkpoint, if a name has no quality or
    several, and if two names have the same.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if not path.name.endswith(SUFFIXES):
            continue
        quality = quality_of(path)
        if quality is None:
            raise UsageError(
                f"checkpoint {str(path)!r}: its name does not say its quality; name the files "
                "like net-quality-3.pth.tar, or give one file with checkpoint=FILE"
            )
        if quality in found:
            raise UsageError(
                f"checkpoints {str(found[quality])!r} and {str(path)!r} both have quality "
                f"{quality} in their names; sort them into folders, or give one with "
                "checkpoint=FILE"
            )
        found[quality] = path
    if not found:
        kinds = ", ".join(SUFFIXES)
        raise UsageError(f"checkpoint {str(folder)!r}: the folder has no checkpoints ({kinds})")
    return dict(sorted(found.items()))


def quality_of(path: Path) -> int | None:
    """The quality in the name of a checkpoint, by the rule of :func:`in_folder`; None if it has
    none or several."""
    stem = path.name
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    for pattern in (_NAMED_QUALITY, _NUMBER):
        numbers = {int(number) for number in pattern.findall(stem)}
        if len(numbers) == 1:
            return numbers.pop()
        if numbers:
            return None
    return None


def check_download(path: Path) -> None:
    """Raise :class:`UsageError` if a file of ``torch.hub`` is not what its name says: it ends with
    the first digits of the file's SHA-256."""
    promised = _HASH.search(path.name)
    if promised:
        digest = sha256(path)
        if not digest.startswith(promised[1]):
            raise UsageError(
                f"checkpoint {str(path)!r}: damaged, its SHA-256 starts with {digest[:8]}; delete "
                "it and download it again"
            )
