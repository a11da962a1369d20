"""The whole command lines of codecs whose programs are rarely there, as stand-ins record them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from rdbench.codecs.base import Codec
from rdbench.conforming.material import photograph
from rdbench.formats import write_png, write_pnm
from rdbench.programs import variable
from tests.codecs.programs import load

STAND_IN = """#!{python} -ISE
import json, os, sys
from pathlib import Path

arguments, here = sys.argv[1:], Path(sys.argv[0])
if arguments == {asked}:
    print({answer})
    sys.exit({status})
call = {{"arguments": arguments, "files": {{}}}}
for name in os.listdir():
    call["files"][name] = os.path.getsize(name)
with here.with_suffix(".json").open("x") as file:
    json.dump(call, file)
(written,) = (name for name in arguments if name.startswith({written}))
Path(written).write_bytes(here.with_suffix(".result").read_bytes())
"""

ANSWERS: dict[str, tuple[list[str], str, int]] = {
    "TAppEncoder": (["--help"], "\nHM software: Encoder Version [16.15] (including RExt)", 1),
    "TAppDecoder": (["--help"], "\nHM software: Decoder Version [16.15] (including RExt)", 1),
    "EncoderApp": (["--help"], "\nVVCSoftware: VTM Encoder Version 13.2 [Linux]", 1),
    "DecoderApp": (["--help"], "\nVVCSoftware: VTM Decoder Version 13.2 [Linux]", 1),
    "vvencapp": (["--version"], "vvencapp version 1.15.0-dev", 0),
    "vvdecapp": (["--version"], "vvdecapp version 3.3.0-dev", 0),
    "kvazaar": (["--version"], "Kvazaar 2.3.2 [GNU 12.2.0]\nKvazaar license: 3-clause BSD", 0),
    "ffmpeg": (["-version"], "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the", 0),
    "bpgenc": (["-h"], "BPG Image Encoder version 0.9.8\nusage: bpgenc [options] infile", 1),
    "bpgdec": ([], "BPG Image Decoder version 0.9.8\nusage: bpgdec [options] infile", 1),
}
"""What each program is asked, what the real one prints (the first lines), and its exit code."""

SPS = {
    "hm gray": "4201010408000003000fc800000300009cc489fe5f9246d9ed90",
    "hm 444": "4201010408000003000c0800000300009c90244fdb2fc9236cf6c8",
    "hm 420": "420101040800000300098800000300009ca0c829c9265f9246d9ed90",
    "kvazaar gray": "4201020160000003008000000300000300ba0000c489717924daa010000003001000000301908"
    "0",
    "kvazaar 420": "4201020160000003008000000300000300ba0000a0c829c92717924daa6e021a02080000030008"
    "00000300c840",
    "vtm gray": "007900050200800042449501f446d10a4c8de1551207a204",
    "vtm 444": "0079001d4200800042448d407d11bc8522214991bf5e1551207d109402021a034040",
    "vtm 420": "0079000d020080004190539245407d11ba211a214991b84d8a3150c1be1551207e442502021a034040",
    "vvenc gray": "0079000382108000822111a80ffeb182a86608714000000300400000064c40",
    "vvenc 420": "0079000b821080008320a72486a03fff58426cac608104e0aa1982338a0000030002000003003269"
    "80bc05010d01a040",
}
"""Sequence parameter sets by the real encoders: 8×8 with HM, Kvazaar and VTM, 16×16 with VVenC;
those of 4:2:0 18×34, of 8 bits but with VVenC."""

SIDES = {"444": (8, 8, 3), "420": (17, 33, 3)}
"""Width, height and channels of the color pictures; 17×33 has to be padded for 4:2:0."""
HEADER = bytes([3, 17, 33])
"""What is put before the stream of a padded picture: channels, width and height."""

HM = (
    "-c hm-intra.cfg -i input.yuv -b stream.hevc -o /dev/null -wdt {0} -hgt {1} -q 37"
    " --InputChromaFormat={2} --InputBitDepth={3} --InternalBitDepth={3}"
)
HM_REXT = (
    " --ImplicitResidualDPCM=1 --ExplicitResidualDPCM=1 --ResidualRotation=1"
    " --SingleSignificanceMapContext=1 --GolombRiceParameterAdaptation=1"
    " --HighPrecisionPredictionWeighting=1"
)
VTM = (
    "-c vtm-intra.cfg -i input.yuv -b stream.vvc --SourceWidth={0} --SourceHeight={1} --QP=37"
    " --InputChromaFormat={2} --InputBitDepth={3} --InternalBitDepth={3} --OutputBitDepth={3}"
)
VTM_COLOR = (
    " --VuiParametersPresent=1 --ColourDescriptionPresent=1 --ColourPrimaries=1"
    " --TransferCharacteristics=13"
)
VVENC = (
    "--input input.yuv --size {0} --output stream.vvc --format {1} --framerate 25 --frames 1"
    " --preset {2} --qp 37 --qpa off --intraperiod 1 --refreshtype idr --threads 1"
)
KVAZAAR = (
    "--input input.yuv --input-file-format yuv --input-res {0} --input-format {1}"
    " --output stream.hevc --frames 1 --preset {2} --qp 37 --period 1 --gop 0"
    " --intra-qp-offset 0 --threads 0 --owf 0 --no-wpp --no-info --hash md5"
)
VVENC_COLOR = " --additional IntraQPOffset=0:ColourPrimaries=1:TransferCharacteristics=13"
KVAZAAR_COLOR = " --colorprim bt709 --transfer iec61966-2-1"
HM_DECODER = "-b stream.hevc -o output.yuv -d {}"
VTM_DECODER = "-b stream.vvc -o output.yuv -d {}"
VVDEC = "--bitstream stream.vvc --output output.yuv --threads 1"
FFMPEG = (
    "-nostdin -v error -xerror -err_detect explode+crccheck -threads 1 -f hevc -i stream.hevc"
    " -frames:v 1 -f rawvideo output.yuv"
)


class Case(NamedTuple):
    """A codec with options, the kind of picture, and how its programs are to be called."""

    codec: str
    kind: str
    options: dict[str, Any]
    encode: str
    input_bytes: int
    decode: str
    output_bytes: int


# 4:2:0 of 17×33 is coded as 18×34: 918 samples.
CASES = [
    Case(
        *("hm", "gray", {}),
        *(HM.format(8, 8, 400, 8) + " --SEIDecodedPictureHash=3", 64),
        *(HM_DECODER.format(8), 64),
    ),
    Case(
        *("hm", "444", {}),
        *(HM.format(8, 8, 444, 10) + " --SEIDecodedPictureHash=3", 384),
        *(HM_DECODER.format(10), 384),
    ),
    Case(
        *("hm", "444", {"matrix": "gbr", "hash": "none"}),
        *(HM.format(8, 8, 444, 10) + " --SEIDecodedPictureHash=0", 384),
        *(HM_DECODER.format(10), 384),
    ),
    Case(
        *("hm", "444", {"tools": "rext", "hash": "md5"}),
        HM.format(8, 8, 444, 10)
        + (HM_REXT + " --CrossComponentPrediction=1 --SEIDecodedPictureHash=1"),
        *(384, HM_DECODER.format(10), 384),
    ),
    Case(
        *("hm", "420", {"tools": "rext", "hash": "crc", "chroma": "420", "depth": 8}),
        *(HM.format(18, 34, 420, 8) + HM_REXT + " --SEIDecodedPictureHash=2", 918),
        *(HM_DECODER.format(8), 918),
    ),
    Case(
        *("vtm", "gray", {}),
        *(VTM.format(8, 8, 400, 8) + " --SEIDecodedPictureHash=1", 64),
        *(VTM_DECODER.format(8), 64),
    ),
    Case(
        *("vtm", "444", {"hash": "none"}),
        VTM.format(8, 8, 444, 10)
        + (" --SEIDecodedPictureHash=0" + VTM_COLOR)
        + " --MatrixCoefficients=1 --VideoFullRange=1",
        *(384, VTM_DECODER.format(10), 384),
    ),
    Case(
        *("vtm", "420", {"chroma": "420", "depth": 8, "matrix": "bt601", "range": "limited"}),
        VTM.format(18, 34, 420, 8)
        + " --SEIDecodedPictureHash=1 --HorCollocatedChroma=1 --VerCollocatedChroma=0"
        + VTM_COLOR
        + " --MatrixCoefficients=6 --VideoFullRange=0",
        *(918, VTM_DECODER.format(8), 918),
    ),
    Case(
        *("vvenc", "gray", {}),
        *(VVENC.format("16x16", "yuv400_10", "slow") + " --additional IntraQPOffset=0", 512),
        *(VVDEC, 512),
    ),
    Case(
        *("vvenc", "420", {"preset": "fast"}),
        VVENC.format("18x34", "yuv420_10", "fast")
        + (" --range full" + VVENC_COLOR + ":MatrixCoefficients=1"),
        *(1836, VVDEC, 1836),
    ),
    Case(
        *("vvenc", "420", {"matrix": "bt601", "range": "limited"}),
        VVENC.format("18x34", "yuv420_10", "slow")
        + (" --range limited" + VVENC_COLOR + ":MatrixCoefficients=6"),
        *(1836, VVDEC, 1836),
    ),
    Case(
        *("kvazaar", "gray", {}),
        *(KVAZAAR.format("8x8", "P400", "veryslow"), 64),
        *(FFMPEG, 64),
    ),
    Case(
        *("kvazaar", "420", {"preset": "ultrafast"}),
        KVAZAAR.format("18x34", "P420", "ultrafast")
        + (KVAZAAR_COLOR + " --colormatrix bt709 --range pc"),
        *(918, FFMPEG, 918),
    ),
    Case(
        *("kvazaar", "420", {"matrix": "bt601", "range": "limited"}),
        KVAZAAR.format("18x34", "P420", "veryslow")
        + (KVAZAAR_COLOR + " --colormatrix smpte170m --range tv"),
        *(918, FFMPEG, 918),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.codec} {case.kind}")
def test_raw_planes(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = bytes.fromhex("00000001" + SPS[f"{case.codec} {case.kind}"])
    one, encoder, decoder = stood_in(tmp_path, monkeypatch, case.codec, case.options)
    side = 16 if case.codec == "vvenc" else 8
    width, height, channels = SIDES.get(case.kind, (side, side, 1))
    image = np.ascontiguousarray(photograph(channels)[:height, :width])

    encoder.with_suffix(".result").write_bytes(stream)
    coded = one.encode(image)
    assert coded == (HEADER if case.kind == "420" else b"") + stream
    arguments, files = recorded(encoder)
    assert arguments == case.encode.split()
    configuration = {"hm": "hm-intra.cfg", "vtm": "vtm-intra.cfg"}.get(case.codec)
    assert files.pop(configuration, 1) > 0
    assert files == {"input.yuv": case.input_bytes}

    decoder.with_suffix(".result").write_bytes(bytes(case.output_bytes))
    assert one.decode(coded).shape == image.shape
    arguments, files = recorded(decoder)
    assert arguments == case.decode.split()
    assert files == {f"stream{one.stream_suffix}": len(stream)}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "-q 37 -f 444 -e x265 -c ycbcr -b 8 -m 8"),
        (
            {"encoder": "jctvc", "chroma": "420", "bit_depth": 10, "color_space": "ycgco"},
            "-q 37 -f 420 -e jctvc -c ycgco -b 10 -m 8",
        ),
        ({"level": 9, "color_space": "rgb"}, "-q 37 -f 444 -e x265 -c rgb -b 8 -m 9"),
    ],
)
def test_bpg(
    channels: int,
    options: dict[str, Any],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The stream's pixel_format is 0 for gray; bpgdec writes color all the same."""
    stream = bytes.fromhex("425047fb" + ("00" if channels == 1 else "60") + "00404000")
    one, encoder, decoder = stood_in(tmp_path, monkeypatch, "bpg", options)
    image = photograph(channels)

    encoder.with_suffix(".result").write_bytes(stream)
    assert one.encode(image) == stream
    arguments, files = recorded(encoder)
    assert arguments == [*words.split(), "-o", "stream.bpg", "input.png"]
    assert files == {"input.png": len(write_png(image))}

    decoder.with_suffix(".result").write_bytes(write_pnm(image.repeat(3 // channels, axis=2)))
    np.testing.assert_array_equal(one.decode(stream), image)
    arguments, files = recorded(decoder)
    assert arguments == ["-o", "output.ppm", "stream.bpg"]
    assert files == {"stream.bpg": len(stream)}


def stood_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any]
) -> tuple[Codec, Path, Path]:
    """The codec at point 37 with its programs replaced, and the stand-ins."""
    codec = load(name)
    scripts = []
    for kind, command in (
        ("stream.", codec.definition.encode[0]),
        ("output.", codec.definition.decode[0]),
    ):
        program = command.program.name
        asked, answer, status = ANSWERS[program]
        script = folder / program
        literals = {"asked": asked, "answer": answer, "written": kind}
        script.write_text(
            STAND_IN.format(
                python=sys.executable,
                status=status,
                **{key: repr(value) for key, value in literals.items()},
            )
        )
        script.chmod(0o755)
        monkeypatch.setenv(variable(program), str(script))
        scripts.append(script)
    codec.require(codec.resolve_options(options))
    return codec(37, **options), *scripts


def recorded(script: Path) -> tuple[list[str], dict[str, int]]:
    """The arguments of the one call of a stand-in, and the files that were there with sizes."""
    call = json.loads(script.with_suffix(".json").read_text())
    return call["arguments"], call["files"]
