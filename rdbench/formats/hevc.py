"""Size and sample format of an HEVC stream, from its first sequence parameter set."""

from __future__ import annotations

from typing import Final

from rdbench.errors import BitstreamError
from rdbench.formats.nal import CHROMA, Bits, Geometry, payload, units

_SPS_NUT: Final = 33


def hevc_geometry(stream: bytes) -> Geometry:
    """The geometry of an HEVC elementary stream (Rec. ITU-T H.265, Annex B byte stream).

    It is read from the first sequence parameter set of the base layer (7.3.2.2) and cropped to its
    conformance window. Raises :class:`BitstreamError` if there is no such set, if it is truncated
    or invalid, or if luma and chroma differ in depth.
    """
    for unit in units(stream):
        if _is_base_sps(unit):
            return _sequence(Bits(payload(unit), "HEVC"))
    raise BitstreamError("HEVC: the stream has no sequence parameter set")


def _is_base_sps(unit: bytes) -> bool:
    """Whether a NAL unit is a sequence parameter set with nuh_layer_id 0 (7.3.1.2)."""
    return len(unit) > 2 and unit[0] >> 1 == _SPS_NUT and unit[1] >> 3 == 0


def _sequence(bits: Bits) -> Geometry:
    """Parse seq_parameter_set_rbsp() up to the bit depths (7.3.2.2.1)."""
    bits.u(4)  # sps_video_parameter_set_id
    sub_layers = bits.u(3)  # sps_max_sub_layers_minus1
    bits.u(1)  # sps_temporal_id_nesting_flag
    _skip_profile_tier_level(bits, sub_layers)
    bits.ue()  # sps_seq_parameter_set_id
    format_idc = bits.ue()
    if format_idc not in CHROMA:
        raise BitstreamError(f"HEVC: chroma_format_idc {format_idc} is not within 0 to 3")
    chroma = CHROMA[format_idc][0]
    if chroma == "444":
        bits.u(1)  # separate_colour_plane_flag
    width, height = bits.picture_size(format_idc)
    depth, chroma_depth = 8 + bits.ue(), 8 + bits.ue()
    if depth > 16 or (chroma != "400" and chroma_depth != depth):
        raise BitstreamError(
            f"HEVC: luma of {depth} bits with chroma of {chroma_depth} is not supported"
        )
    return Geometry(width, height, chroma, depth)


def _skip_profile_tier_level(bits: Bits, sub_layers: int) -> None:
    """Skip profile_tier_level(1, sps_max_sub_layers_minus1) (7.3.3)."""
    bits.u(88 + 8)  # general profile and general_level_idc
    present = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.u(2 * (8 - sub_layers))  # reserved_zero_2bits
    for profile, level in present:
        bits.u(88 * profile + 8 * level)
