"""How the latents of each map are distributed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Latents = Sequence[NDArray[np.float32]]
"""For each image its latents y, not quantized: (maps, height, width)."""

BINS: Final = 60


def laplace_fits(latents: Latents) -> pd.DataFrame:
    """The Laplace distribution of each map over all images: Dumas et al. 2018, section 3.1.

    Columns: ``map`` (from 0); ``mean``, the location; ``scale``, the mean distance from it, which
    is the estimate of greatest likelihood; ``lowest`` and ``highest`` latent.
    """
    import pandas as pd

    rows = []
    for number, values in _by_map(latents):
        mean = float(values.mean())
        rows.append(
            {
                "map": number,
                "mean": mean,
                "scale": float(np.abs(values - mean).mean()),
                "lowest": float(values.min()),
                "highest": float(values.max()),
            }
        )
    return pd.DataFrame(rows)


def histograms(latents: Latents) -> pd.DataFrame:
    """The normalized histogram of each map over all images, 60 bins from its lowest to its
    highest latent. Columns: ``map``, ``low`` and ``high`` of the bin, ``density``."""
    import pandas as pd

    parts = []
    for number, values in _by_map(latents):
        density, edges = np.histogram(values, BINS, density=True)
        columns: dict[str, Any] = {"low": edges[:-1], "high": edges[1:], "density": density}
        parts.append(pd.DataFrame({"map": number, **columns}))
    return pd.concat(parts, ignore_index=True)


def _by_map(latents: Latents) -> Iterator[tuple[int, NDArray[np.float64]]]:
    for number in range(len(latents[0])):
        yield number, np.concatenate([image[number].ravel() for image in latents]).astype(float)
