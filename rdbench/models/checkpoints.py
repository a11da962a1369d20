"""Checkpoints of other programs, as trainers write them with ``torch.save`` or safetensors.

Nothing in a file is executed: besides tensors and plain data, it may hold objects of the types
listed here, whose construction has no side effects.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import functools
import pathlib
import pickle
import re
import types
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rdbench.errors import MOST_NAMES, FileNote, UsageError
from rdbench.models import weights
from rdbench.schema import one_line

if TYPE_CHECKING:
    from torch import Tensor

STATES: Final = (
    *("state_dict", "model_state_dict", "model", "network", "net", "params", "weights"),
    *("ema", "model_ema", "ema_state_dict", "state_dict_ema", "params_ema"),
)
"""Keys under which trainers store the weights of a network."""

_MOST_EXPANDED: Final = 8
_ALWAYS_BYTES: Final = 64 * 2**20
"""What is read from a file may have ``_MOST_EXPANDED`` times its bytes, plus this many."""
_OTHERS: Final[Mapping[bytes, str]] = {
    b"\x1f\x8b": "compressed with gzip; decompress it first (gunzip)",
    b"BZh": "compressed with bzip2; decompress it first (bunzip2)",
    b"\xfd7zXZ": "compressed with xz; decompress it first (unxz)",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; decompress it first (unzstd)",
    b"7z\xbc\xaf": "a 7z archive; unpack it first",
    b"version https://git-lfs": "a Git LFS pointer; `git lfs pull` downloads the file itself",
    b"\x89HDF": "HDF5, as Keras writes it; only PyTorch's files and safetensors are read",
}
"""What a file is, by its first bytes."""

_BESIDE_A_NETWORK: Final = re.compile(
    r"(?:lpips|criterion|loss(?:_\w+)?|perceptual\w*|vgg\w*|discriminator)\..*"  # losses
    r"|(?:.*\.)?total_(?:ops|params)"  # counters of thop
)
_AS_MAPPINGS: Final = (
    "addict.addict.Dict",
    "easydict.EasyDict",
    "fvcore.common.config.CfgNode",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "yacs.config.CfgNode",
)
"""Mapping types of other libraries, which are read as mappings."""


def read(path: Path, key: str = "") -> dict[str, Tensor]:
    """The state of the network in the file ``path``: tensors on the CPU, under the names that they
    have there.

    The state is the whole content of the file, or what is under one of :data:`STATES` or under
    ``key``; keys within keys are joined by dots.

    Raises :class:`UsageError` for a file that is missing, damaged or not a checkpoint, for types
    that are not known to be harmless, for no state or several, for tensors that are not dense or
    far larger than the file, and for values that are not finite.
    """
    where = f"checkpoint {str(path)!r}"
    if not path.is_file():
        raise UsageError(f"{where}: there is no such file")
    content = _content(path, where)
    for part in key.split(".") if key else ():
        if not isinstance(content, Mapping) or part not in content:
            raise UsageError(f"{where}: there is no key {key!r}; {_keys(content)}")
        content = content[part]
    found = dict(_states(content))
    if not found:
        raise UsageError(
            f"{where}: it holds no state_dict of a network, neither by itself nor under a known "
            f"key; {_keys(content)}"
        )
    if len(found) > 1:
        raise UsageError(
            f"{where}: it holds several networks, under {' and '.join(map(repr, found))}; choose "
            "one with key="
        )
    (state,) = found.values()
    _check_plain(state, path.stat().st_size, where)
    weights.check_finite(state, where)
    return state


def _check_plain(state: Mapping[str, Tensor], file_bytes: int, where: str) -> None:
    """Raise :class:`UsageError` for tensors that are not dense or not on the CPU, and for tensors
    far larger than the file: a tensor may repeat its samples many times over (stride 0)."""
    import torch

    sizes = {}
    for name, tensor in state.items():
        kind = tensor.device.type if tensor.layout == torch.strided else str(tensor.layout)
        if kind != "cpu" or tensor.is_quantized:
            told = "quantized" if tensor.is_quantized else kind.removeprefix("torch.")
            raise UsageError(
                f"{where}: {name!r} is a {told} tensor, but only plain ones are read; save it "
                "dense, in float32, on the CPU"
            )
        sizes[name] = tensor.numel() * tensor.element_size()
    if sum(sizes.values()) > (most := _MOST_EXPANDED * file_bytes + _ALWAYS_BYTES):
        name = max(sizes, key=sizes.__getitem__)
        raise UsageError(
            f"{where}: its tensors claim more than {most:,} bytes, but the file has "
            f"{file_bytes:,}; the largest is {name!r} of shape {tuple(state[name].shape)}"
        )


def of_network(state: Mapping[str, Tensor], name: str, where: str) -> dict[str, Tensor]:
    """The entries of ``state`` that belong to the network with an entry that begins with ``name``,
    without the prefixes of wrappers (``module.``, ``_orig_mod.``, ``model.``, ...). Networks of the
    loss and other entries are left out, with a :class:`FileNote`. ``where`` names the file in
    messages.

    Raises :class:`UsageError` if there are several such networks."""
    below = re.compile(rf"((?:.*?\.)?){re.escape(name)}")
    found = {match[1] for match in map(below.match, state) if match}
    if len(found) > 1:
        raise UsageError(
            f"{where}: it holds several networks, under {' and '.join(map(repr, sorted(found)))}; "
            "save the state_dict of one"
        )
    prefix = found.pop() if found else ""
    inside = {key.removeprefix(prefix): key for key in state if key.startswith(prefix)}
    kept = {key for key in inside if not _BESIDE_A_NETWORK.fullmatch(key)}
    left_out = sorted(set(state) - {inside[key] for key in kept})
    if left_out:
        parts = dict.fromkeys(key.partition(".")[0] for key in left_out)
        warnings.warn(
            f"{where}: {len(left_out)} of its entries do not belong to the network and were left "
            f"out ({', '.join(parts)})",
            FileNote,
            stacklevel=2,
        )
    return {key: state[inside[key]] for key in inside if key in kept}


def _content(path: Path, where: str) -> Any:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with path.open("rb") as file:
        head = file.read(512)
    if other := _something_else(head):
        raise UsageError(f"{where}: not a checkpoint, but {other}")
    _check_parts(path, where)
    try:
        if head[8:9] == b"{":  # in safetensors, the header follows its length
            return load_file(path)
        with _allowed(), path.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        kind = re.search(r"GLOBAL (\S+)", str(error))
        raise UsageError(
            f"{where}: a pickle that would run code, or damaged"
            + (f": it holds {kind[1]}, which is not known to be harmless" if kind else "")
            + "; if you trust it, save its weights alone: torch.save(network.state_dict(), FILE)"
        ) from None
    except (
        *(SafetensorError, OSError, RuntimeError, EOFError, LookupError),
        *(ValueError, TypeError, AttributeError),
    ) as error:
        first = one_line(str(error).split("\n", 1)[0], 160)
        raise UsageError(f"{where}: damaged, or not a checkpoint ({first})") from None


def _check_parts(path: Path, where: str) -> None:
    """Raise :class:`UsageError` for an archive whose parts together are far larger than it is."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size_bytes = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):  # torch reports it
        return
    file_bytes = path.stat().st_size
    if size_bytes > _MOST_EXPANDED * file_bytes + _ALWAYS_BYTES:
        raise UsageError(
            f"{where}: its parts are compressed, from {size_bytes:,} bytes to {file_bytes:,}; "
            "save it again with torch.save, which does not compress"
        )


def _something_else(head: bytes) -> str:
    """What a file that begins with ``head`` is, if it is known not to be a checkpoint; else ""."""
    if not head:
        return "empty (0 bytes)"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page (HTML), perhaps of a download that needs a login; download it again"
    if head[257:262] == b"ustar":
        return "a tar archive; unpack it first"
    return next((kind for start, kind in _OTHERS.items() if head.startswith(start)), "")


@contextlib.contextmanager
def _allowed() -> Iterator[None]:
    """Allow what is harmless, and what this process has allowed before under other names: libraries
    allow ``collections.defaultdict``, which torch finds under that name but then cannot fill."""
    from torch.serialization import add_safe_globals, clear_safe_globals, get_safe_globals

    before = get_safe_globals()
    names = {_name(entry) for entry in _harmless()}
    clear_safe_globals()
    add_safe_globals([*_harmless(), *(one for one in before if _name(one) not in names)])
    try:
        yield
    finally:
        clear_safe_globals()
        add_safe_globals(before)


def _name(entry: Any) -> str:
    """The name under which torch finds an entry of its list."""
    return entry[1] if isinstance(entry, tuple) else f"{entry.__module__}.{entry.__qualname__}"


@functools.cache
def _harmless() -> list[Any]:
    """What can be constructed from a file without side effects, besides what torch itself allows:
    types, or functions with the names that they stand for."""

    def mapping(*_: Any) -> dict[Any, Any]:
        return {}

    scalar: Callable[..., Any] = np.float64(0).__reduce__()[0]  # type: ignore[assignment]
    array: Callable[..., Any] = np.zeros(0).__reduce__()[0]  # type: ignore[assignment]
    cores = ("numpy._core.multiarray", "numpy.core.multiarray")
    return [
        *(argparse.Namespace, types.SimpleNamespace, np.ndarray, np.dtype),
        *(kind for kind in vars(np.dtypes).values() if isinstance(kind, type)),
        *((scalar, f"{core}.scalar") for core in cores),
        *((array, f"{core}._reconstruct") for core in cores),
        *(datetime.datetime, datetime.date, datetime.timedelta, pathlib.PurePosixPath),
        (pathlib.PurePosixPath, "pathlib.PosixPath"),
        (pathlib.PurePosixPath, "pathlib._local.PosixPath"),
        (pathlib.PureWindowsPath, "pathlib.WindowsPath"),
        (pathlib.PureWindowsPath, "pathlib._local.WindowsPath"),
        (mapping, "collections.defaultdict"),
        *(dict, list, tuple, int, float, bool, str),  # factories of a defaultdict
        *((OrderedDict, name) for name in _AS_MAPPINGS),
    ]


def _states(content: Any, name: str = "") -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The states within ``content``, each with the keys that lead to it: those under known keys, or
    else the tensors of ``content``, if some are named like those of layers."""
    import torch

    if not isinstance(content, Mapping):
        return
    below = [
        found
        for key in STATES
        if key in content
        for found in _states(content[key], f"{name}.{key}".lstrip("."))
    ]
    yield from below
    own = {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}
    if not below and any("." in key for key in own):
        yield name, own


def _keys(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"it holds {'a tensor' if hasattr(content, 'dtype') else type(content).__name__}"
    names = ", ".join(repr(str(key)) for key in [*content][:MOST_NAMES])
    return f"its keys are {names or 'none'}; choose one with key="
