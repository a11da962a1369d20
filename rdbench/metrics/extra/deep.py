"""LPIPS and DISTS on the features of VGG16, by piq, with weights provided by the user.

R. Zhang, P. Isola, A. A. Efros, E. Shechtman, O. Wang, "The unreasonable effectiveness of deep
features as a perceptual metric", CVPR 2018, doi:10.1109/CVPR.2018.00068; K. Ding, K. Ma, S. Wang,
E. P. Simoncelli, "Image quality assessment: Unifying structure and texture similarity", IEEE Trans.
PAMI 44(5), 2022, doi:10.1109/TPAMI.2020.3045810.

piq's own classes download their weights. Here they are read from files and nothing is downloaded.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import torch
from piq import DISTS, ContentLoss
from torch import nn

from rdbench.errors import MissingBackendError, UsageError
from rdbench.files import sha256
from rdbench.metrics.base import Metric
from rdbench.metrics.extra.threads import one_thread
from rdbench.schema import one_line

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_VGG16_FILE: Final = "vgg16-397923af.pth"
_BLOCKS: Final = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_FEATURES: Final = ("3", "8", "15", "22", "29")
"""Places of relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3 among torchvision's layers."""
_CHANNELS: Final = tuple(channels for channels, _ in _BLOCKS)


class _Deep(Metric):
    """A distance of features. Those of the original take some 200 MB and are not kept."""

    file: ClassVar[str]
    """What piq calls the file of its weights."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        features, weights = (_read(path) for path in self._paths())
        try:
            self._distance = self._built(_vgg16(features), weights)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            files = " or ".join(map(str, self._paths()))
            raise UsageError(
                f"metric {self.names[0]!r}: weights do not have the layout of torchvision or "
                f"piq: {files} ({one_line(str(error), 120)})"
            ) from error

    def score(self, decoded: Image) -> float:
        """The distance of ``decoded``: uint8, shape of the original."""
        with one_thread(), torch.inference_mode():
            return float(self._distance(_tensor(decoded), _tensor(self.original)))

    @classmethod
    def version(cls) -> str:
        """piq, and which weights. Raises :class:`MissingBackendError` where one is not there."""
        told = (f"{path.name} sha256:{sha256(path)[:12]}" for path in cls._paths())
        return ", ".join([f"piq {version('piq')}", *told])

    @classmethod
    def _paths(cls) -> tuple[Path, Path]:
        """The files of VGG16 and of the metric's own weights."""
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        vgg16 = Path(cls.options["vgg16"] or folder / _VGG16_FILE)
        weights = Path(cls.options["weights"] or folder / cls.file)
        paths = {"vgg16": vgg16, "weights": weights}
        if lacking := [option for option, path in paths.items() if not path.is_file()]:
            files = " and ".join(paths[option].name for option in lacking)
            named = ":".join(f"{option}=PATH" for option in lacking)
            raise MissingBackendError(
                f"weights are missing, and rdbench does not download any: put {files} into "
                f"{folder}, or name files of the same layout with :{named}"
            )
        return vgg16, weights

    @staticmethod
    @abc.abstractmethod
    def _built(features: nn.Module, weights: Any) -> ContentLoss:
        """The distance of features of VGG16, with the metric's own weights."""


class Lpips(_Deep):
    """``lpips`` against one original."""

    file = "lpips_weights.pt"

    @staticmethod
    def _built(features: nn.Module, weights: Any) -> ContentLoss:
        shaped = [torch.as_tensor(w).reshape(1, -1, 1, 1) for w in weights]
        if tuple(w.shape[1] for w in shaped) != _CHANNELS:
            raise ValueError(f"weights of {[w.shape[1] for w in shaped]} channels")
        return ContentLoss(features, _FEATURES, shaped, normalize_features=True)


class Dists(_Deep):
    """``dists`` against one original."""

    file = "dists_weights.pt"

    @staticmethod
    def _built(features: nn.Module, weights: Any) -> ContentLoss:
        return _Dists(features, weights)


class _Dists(DISTS):
    """piq's, with a network and weights that are there."""

    def __init__(self, features: nn.Module, weights: Any) -> None:
        channels = [3, *_CHANNELS]
        parts = [
            part for name in ("alpha", "beta") for part in weights[name].split(channels, dim=1)
        ]
        ContentLoss.__init__(
            self,
            features,
            _FEATURES,
            parts,
            replace_pooling=True,
            allow_layers_weights_mismatch=True,
        )


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UsageError(
            f"{path} cannot be read as weights of torch ({one_line(str(error), 120)})"
        ) from error


def _vgg16(state: Any) -> nn.Sequential:
    """The convolutions of torchvision's VGG16 with the weights ``state``."""
    layers: list[nn.Module] = []
    before = 3
    for channels, convolutions in _BLOCKS:
        for _ in range(convolutions):
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
            before = channels
        layers.append(nn.MaxPool2d(2, 2))
    found = nn.Sequential(*layers[:-1])  # nothing comes behind relu5_3
    prefix = "features."
    found.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if prefix in k})
    return found.eval()


def _tensor(image: Image) -> torch.Tensor:
    color = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    samples = np.ascontiguousarray(color.transpose(2, 0, 1), np.float32) / np.float32(255)
    return torch.from_numpy(samples)[np.newaxis]
