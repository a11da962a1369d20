"""A network of CompressAI 1.2.0, for an environment of its own: with weights drawn at random."""

from __future__ import annotations

import struct

import numpy as np

import rdbench


class Factorized(rdbench.Codec):
    """A factorized prior with few channels."""

    name = "old-factorized"
    parameter = "seed"
    ladder = (1, 2)
    learned = True

    def __init__(self, point, **options):
        import torch
        from compressai.models import FactorizedPrior

        super().__init__(point, **options)
        torch.set_num_threads(1)
        torch.manual_seed(int(point))
        self._network = FactorizedPrior(16, 24).eval()
        self._network.update(force=True)

    @classmethod
    def version(cls):
        import compressai
        import torch

        return f"compressai {compressai.__version__}, torch {torch.__version__}"

    def encode(self, image):
        import torch

        height, width, _ = image.shape
        padded = torch.zeros(1, 3, -(-height // 64) * 64, -(-width // 64) * 64)
        padded[0, :, :height, :width] = torch.from_numpy(image.transpose(2, 0, 1) / np.float32(255))
        with torch.no_grad():
            told = self._network.compress(padded)
        return struct.pack("<HHHH", height, width, *told["shape"]) + told["strings"][0][0]

    def decode(self, data):
        import torch

        height, width, *shape = struct.unpack("<HHHH", data[:8])
        with torch.no_grad():
            decoded = self._network.decompress([[data[8:]]], shape)["x_hat"]
        pixels = decoded[0, :, :height, :width].clamp(0, 1).mul(255).round().byte()
        return np.ascontiguousarray(pixels.numpy().transpose(1, 2, 0))
