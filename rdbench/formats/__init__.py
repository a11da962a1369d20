"""Images as other programs write and read them: color conversion and file formats.

An image is uint8, (height, width, channels), with 1 channel (gray or luma) or 3 (sRGB). Malformed
bytes raise :class:`rdbench.errors.BitstreamError`; invalid arguments raise :class:`ValueError`.
"""

from rdbench.formats.declared import jpegxl_size, webp_size
from rdbench.formats.hevc import hevc_geometry
from rdbench.formats.layout import Layout
from rdbench.formats.nal import Geometry
from rdbench.formats.raw import read_y4m, read_yuv, write_y4m, write_yuv
from rdbench.formats.resampling import RESAMPLING
from rdbench.formats.stills import pnm_parts, read_png, read_pnm, write_png, write_pnm
from rdbench.formats.vvc import vvc_geometry
from rdbench.formats.ycbcr import from_planes, round_trip, to_planes

__all__ = [
    "RESAMPLING",
    "Geometry",
    "Layout",
    "from_planes",
    "hevc_geometry",
    "jpegxl_size",
    "pnm_parts",
    "read_png",
    "read_pnm",
    "read_y4m",
    "read_yuv",
    "round_trip",
    "to_planes",
    "vvc_geometry",
    "webp_size",
    "write_png",
    "write_pnm",
    "write_y4m",
    "write_yuv",
]
