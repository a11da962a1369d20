"""Size and sample format of a VVC stream, from its first sequence parameter set."""

from __future__ import annotations

from typing import Final

from rdbench.errors import BitstreamError
from rdbench.formats.nal import CHROMA, Bits, Geometry, payload, units

_SPS_NUT: Final = 15
_CONSTRAINT_BITS: Final = 71


def vvc_geometry(stream: bytes) -> Geometry:
    """The geometry of a VVC elementary stream (Rec. ITU-T H.266, Annex B byte stream).

    It is read from the first sequence parameter set (7.3.2.4) and cropped to its conformance
    window. Raises :class:`BitstreamError` if there is no such set, if it is truncated or invalid,
    or if it declares subpictures.
    """
    for unit in units(stream):
        if len(unit) > 2 and unit[1] >> 3 == _SPS_NUT:  # nal_unit_type (7.3.1.2)
            return _sequence(Bits(payload(unit), "VVC"))
    raise BitstreamError("VVC: the stream has no sequence parameter set")


def _sequence(bits: Bits) -> Geometry:
    """Parse seq_parameter_set_rbsp() up to the bit depth (7.3.2.4)."""
    bits.u(4 + 4)  # sps_seq_parameter_set_id, sps_video_parameter_set_id
    sublayers = bits.u(3)  # sps_max_sublayers_minus1
    format_idc = bits.u(2)  # sps_chroma_format_idc
    bits.u(2)  # sps_log2_ctu_size_minus5
    if bits.u(1):  # sps_ptl_dpb_hrd_params_present_flag
        _skip_profile_tier_level(bits, sublayers)
    bits.u(1)  # sps_gdr_enabled_flag
    if bits.u(1):  # sps_ref_pic_resampling_enabled_flag
        bits.u(1)  # sps_res_change_in_clvs_allowed_flag
    width, height = bits.picture_size(format_idc)
    if bits.u(1):  # sps_subpic_info_present_flag
        raise BitstreamError("VVC: subpictures are not supported")
    depth = 8 + bits.ue()
    if depth > 16:
        raise BitstreamError(f"VVC: samples of {depth} bits are not valid")
    return Geometry(width, height, CHROMA[format_idc][0], depth)


def _skip_profile_tier_level(bits: Bits, sublayers: int) -> None:
    """Skip profile_tier_level(1, sps_max_sublayers_minus1) (7.3.3.1, 7.3.3.2)."""
    bits.u(7 + 1 + 8 + 1 + 1)  # profile, tier, level, frame only, multilayer
    if bits.u(1):  # gci_present_flag
        bits.u(_CONSTRAINT_BITS)
        bits.u(bits.u(8))  # gci_num_reserved_bits and those bits
    bits.align()
    present = [bits.u(1) for _ in range(sublayers)]  # ptl_sublayer_level_present_flag
    bits.align()
    bits.u(8 * sum(present))  # sublayer_level_idc
    bits.u(32 * bits.u(8))  # ptl_num_sub_profiles, general_sub_profile_idc
