"""Images to measure: datasets, and their samples in memory. Importing this package loads neither
NumPy nor Pillow: a run resolves its datasets in one process and loads the images in others.
"""

from rdbench.images.dataset import Color, Dataset, Geometry, ImageRef, resolve, trims
from rdbench.images.samples import luma, pixel_sha256

__all__ = ["Color", "Dataset", "Geometry", "ImageRef", "luma", "pixel_sha256", "resolve", "trims"]
