"""What the networks of a learned codec cost: counted from their layers, not measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

COUNTED_SIZE: Final = (768, 512)
"""Width and height of the image for which operations are counted, as in Kodak."""


@dataclass(frozen=True)
class NetworkCost:
    """Multiply-accumulates in thousands for each pixel of an image of :data:`COUNTED_SIZE`, padded
    as the codec pads it; None if they cannot be counted.

    All multiplications of convolutions and matrix products are counted by torch's own counter
    (``torch.utils.flop_counter``, half of its FLOPs), including masked taps of kernels, and nothing
    else: no activations, no probability tables, no lossless coder. Networks are counted as defined,
    however they are computed here: contexts and estimators once per latent.
    """

    analysis_kmac_px: float | None = None
    synthesis_kmac_px: float | None = None
    entropy_encode_kmac_px: float | None = None
    """Those of the entropy model in encoding: hyper analysis and synthesis, contexts."""
    entropy_decode_kmac_px: float | None = None
    """The same in decoding, without the hyper analysis."""
    parameters: int = 0
    """The parameters of the whole network, including its entropy model."""
    weights_bytes: int = 0
    """Of the file that they are in."""
    uncounted: str = ""
    """Why something is None."""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> NetworkCost:
        """The cost of a record in ``run.json``."""
        return cls(
            **{field.name: plain[field.name] for field in fields(cls) if field.name in plain}
        )

    def plain(self) -> dict[str, Any]:
        """As ``run.json`` has it."""
        return {**asdict(self), "size": list(COUNTED_SIZE)}
