"""A metric to start from: the mean absolute error. It passes ``rdbench conformance metric
THIS_FILE:MyName`` as it is. Put your own into score."""

import numpy as np

import rdbench


class MyName(rdbench.Metric):
    record = rdbench.MetricRecord(
        # The column in tables, and what axes call it; the unit is "" for a number without one.
        "my_name",
        label="Mean absolute error",
        unit="",
        # PSNR grows with quality, an error falls.
        higher_is_better=False,
        # What the number is, in a sentence, with its source.
        definition="Mean absolute difference of all samples, 0 to 255.",
        # What it is computed on: RGB, or which luma.
        computed_on="all samples of all channels",
        # Shortest side in pixels of the images that it takes.
        least_side=1,
        # Raise it when the same images get another number than before.
        revision=1,
    )

    def __init__(self, original, names):
        """What belongs to the original alone is computed here, once for all its decoded versions:
        uint8, (height, width, channels), 1 or 3 channels."""
        super().__init__(original, names)
        self._samples = original.astype(int)

    def score(self, decoded):
        """The number of a decoded image of the same shape. Arrays are left as they are."""
        return float(np.abs(decoded - self._samples).mean())
