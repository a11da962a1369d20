"""The built-in codecs, with the options that change what is coded."""

from typing import Any

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("jpeg", {}),
    "jpeg-444": ("jpeg", {"chroma": "444"}),
    "jpeg-progressive": ("jpeg", {"progressive": True}),
    "jpeg2000": ("jpeg2000", {}),
    "jpeg2000-53": ("jpeg2000", {"transform": "5/3"}),
    "jpeg2000-psnr": ("jpeg2000", {"target": "psnr"}),
    "jpeg2000-53-psnr": ("jpeg2000", {"transform": "5/3", "target": "psnr"}),
    "jpeg2000-j2k": ("jpeg2000", {"container": "j2k"}),
    "webp": ("webp", {}),
    "avif": ("avif", {"speed": 6}),
    "avif-444": ("avif", {"chroma": "444", "speed": 8}),
    "hevc": ("hevc", {}),
    "hevc-444": ("hevc", {"chroma": "444"}),
    "hevc-10-bits": ("hevc", {"depth": 10}),
    "hevc-ssim": ("hevc", {"tune": "ssim", "preset": "fast"}),
    "jpegxl": ("jpegxl", {}),
    "png": ("png", {}),
}
