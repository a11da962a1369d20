"""The tables of AOM's test conditions and of JPEG AI's reference software, with rows of theirs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import rdbench
from rdbench.curves import published
from rdbench.errors import UsageError
from tests.curves.jpeg_ai import anchor

ROOT = Path(__file__).parents[2]
# The first image of AV2-CTC-v13.0.0_RDResults_aom_av2_STILL_Preset_0.csv, and one at 24 Hz.
HEADER = (
    "TestCfg,EncodeMethod,CodecName,EncodePreset,Class,Name,OrigRes,FPS,BitDepth,CodedRes,QP,"
    "Bitrate(kbps),PSNR_Y,PSNR_U,PSNR_V,SSIM_Y(dB),MS-SSIM_Y(dB),VMAF_Y,VMAF_Y-NEG,PSNR-HVS,"
    "CIEDE2000,APSNR_Y,APSNR_U,APSNR_V,CAMBI,EncT[s],DecT[s],EncInstr,DecInstr,EncCycles,"
    "DecCycles,EncMD5,DecMD5"
)
AOM = f"""{HEADER}
STILL,aom,av2,0,F1,animals_00.y4m,4032x3024,25.00,8,4032x3024,60,5592289,48.604173,49.506899,\
50.887781,50.233228,34.447102,96.986022,96.325026,54.243238,47.771608,48.604173,49.506899,\
50.887781,0.000001,30501.97,2.02,191113478964209,10748975113,86121806369340,5662268806,6c18d,
STILL,aom,av2,0,F1,animals_00.y4m,4032x3024,25.00,8,4032x3024,85,3690944,42.672491,45.911317,\
48.346026,44.509335,28.406858,96.240109,95.230932,49.602734,43.317875,42.672491,45.911317,\
48.346026,0.000022,32114.58,2.53,233890094583868,10178551287,89685730400335,6858620688,a04d3,
"""


def imported(path, text, **options):
    path.write_text(text)
    return rdbench.import_(path, **options)


def test_aoms_points_need_no_mapping(tmp_path):
    found = imported(tmp_path / "AV2-CTC-v13.0.0_RDResults_aom_av2_STILL_Preset_0.csv", AOM)
    (curve,) = found.curves
    assert (curve.dataset, curve.label, curve.codec) == ("aom-still", "AV2-CTC-v13.0.0", "av2")
    assert (curve.parameter, curve.points, curve.images) == ("qp", (85, 60), ("F1/animals_00",))
    assert curve.rate_is == "file"
    assert "YCbCr planes at 4:2:0" in curve.known_issue
    bits = 8 * np.array([3690944, 5592289])  # of still images the column has bytes
    np.testing.assert_allclose(curve.values["bpp"][0], bits / (4032 * 3024), rtol=1e-8)
    weighted = (14 * 48.604173 + 49.506899 + 50.887781) / 16
    for name, value in {
        "psnr_y_db": 48.604173,
        "psnr_yuv_aom_db": weighted,
        "ms_ssim_y_db": 34.447102,
        "psnr_hvs_db": 54.243238,
        "ciede2000_db": 47.771608,
        "vmaf": 96.986022,
        "cambi": 0.000001,
    }.items():
        assert curve.values[name][0, 1] == pytest.approx(value, abs=1e-7)
        assert name in curve.records


def test_aoms_rates_of_clips_are_of_their_own_frame_rate_and_of_the_original_size(tmp_path):
    text = AOM.replace("STILL", "AI").replace(
        ",25.00,8,4032x3024,85,3690944,", ",24.00,8,2016x1512,85,65432.1,"
    )
    (curve,) = imported(tmp_path / "a_RDResults.csv", text.replace("5592289", "94321.5")).curves
    assert curve.dataset == "aom-ai"
    pixels = 4032 * 3024
    expected = [1000 * 65432.1 / 24 / pixels, 1000 * 94321.5 / 25 / pixels]
    np.testing.assert_allclose(curve.values["bpp"][0], expected, rtol=1e-8)


def test_no_still_image_of_aom_takes_more_than_uncompressed():
    """8 bit at 4:2:0 are 12 bit/px; taken for kbit/s the sizes would be up to 25."""
    for label in ("AV1-CTC-v3.12.0-constrained", "AV2-CTC-v13.0.0"):
        assert published(f"aom-{label}").values["bpp"].max() < 6


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("OrigRes", "Size", "has no column 'OrigRes'"),
        ("4032x3024,25.00", "4032,25.00", "line 2: OrigRes '4032' is not WIDTHxHEIGHT"),
        (",25.00,", ",0,", "line 2: FPS is 0"),
        ("5592289", "n/a", r"line 2, Bitrate\(kbps\): 'n/a' is not a number"),
        ("5592289", "0", "bpp is 0, a rate must be positive"),
        (",85,3690944", ",60,3690944", "line 3 repeats"),
    ],
)
def test_aoms_points_with_a_mistake_are_refused(tmp_path, old, new, message):
    assert old in AOM
    with pytest.raises(UsageError, match=message):
        imported(tmp_path / "a_RDResults.csv", AOM.replace(old, new))


def test_the_published_points_of_aom_are_those_of_its_files():
    """``rdbench import *_RDResults_*.csv --label 'aom-*'`` of the three files, where they are."""
    data = os.environ.get("RDBENCH_DATA")
    files = sorted(Path(data or "").parent.glob("reference/aom_still/*_RDResults_*.csv"))
    if not (data and files):
        pytest.skip("AOM's result files are not beside $RDBENCH_DATA")
    found = rdbench.import_(files, source="AOM CTC results, still", label="own-*")
    committed = (ROOT / "baselines" / "aom_still.csv").read_text(encoding="utf-8")
    assert found.text.replace(",own-", ",aom-") == committed


def test_the_published_points_of_aom_are_of_57_images_of_three_codecs():
    for label in ("aom-AV1-CTC-v3.12.0-constrained", "aom-AV2-CTC-v1.0.0-alt-anchor-r4.0"):
        curve = published(label)
        assert (len(curve.images), len(curve.points)) == (57, 6)
    curve = published("aom-AV2-CTC-v13.0.0")
    place = curve.images.index("F1/animals_00")
    assert curve.values["psnr_y_db"][place, -1] == 48.604173
    assert sum(image.startswith("F1/") for image in curve.images) == 28


def test_jpeg_ais_summaries_need_no_mapping(tmp_path):
    found = imported(tmp_path / "anchor_VVC.txt", anchor())
    (curve,) = found.curves
    assert (curve.dataset, curve.label, curve.parameter) == ("jpeg-ai-test", "VVC", "target_bpp")
    assert curve.points == (0.06, 0.12, 0.25, 0.5, 0.75)
    assert curve.images == ("00001_TE_2096x1400_8bit_sRGB", "00002_TE_2144x1424_8bit_sRGB")
    first = {name: curve.values[name][0, 0] for name in curve.scores}
    assert first == {
        "ms_ssim_y:matrix=709": 0.87812537,
        "vif": 0.166557252,
        "fsim": 0.943072915,
        "nlpd": 0.423041224,
        "iw_ssim": 0.795844972,
        "vmaf": 24.346742,
        "psnr_hvs_m_db": 18.45641696,
    }
    assert curve.values["bpp"][0, 0] == 0.054746456
    assert found.notes[0].startswith("not taken: MS-SSIM of IQA, PSNR of Y, U and V")


def test_the_published_anchor_of_jpeg_ai_is_whole():
    """Rates times pixels are whole numbers of bytes, and all metrics grow with the rate, NLPD the
    other way: no digit of these is another. The first images are as typed elsewhere."""
    curve = published("jpeg-ai-vvc")
    assert (len(curve.images), curve.points) == (50, (0.06, 0.12, 0.25, 0.5, 0.75))
    for image, rates in zip(curve.images, curve.values["bpp"], strict=True):
        width, height = map(int, image.split("_")[2].split("x"))
        sizes = rates * width * height / 8
        np.testing.assert_allclose(sizes, np.round(sizes), atol=width * height / 8 * 6e-10)
    for name in curve.scores:
        assert (curve.records[name].sign * np.diff(curve.values[name], axis=1) > 0).all()
    for line in anchor().splitlines():
        cells = line.split("\t")
        place = curve.images.index(cells[0][4:-8])
        point = curve.points.index(int(cells[0][-7:-4]) / 100)
        assert curve.values["bpp"][place, point] == float(cells[1])
        assert curve.values["vmaf"][place, point] == float(cells[11])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("VVC_00002_TE_2144x1424_8bit_sRGB_012.png", "mean", "line 7: not 18 cells that begin"),
        ("\tNone\t0.757228", "\t0.757228", "line 2: not 18 cells"),
        ("0.939007819", "24.8", "line 2: ms_ssim_y:matrix=709 is 24.8, which is not within 0 and"),
        ("0.904198587", "-", "line 2, iw_ssim: '-' is not a number"),
        ("8bit_sRGB_012", "8bit_sRGB_006", "repeats"),
    ],
)
def test_jpeg_ais_summaries_with_a_mistake_are_refused(tmp_path, old, new, message):
    assert old in anchor()
    with pytest.raises(UsageError, match=message):
        imported(tmp_path / "anchor_VVC.txt", anchor().replace(old, new))
