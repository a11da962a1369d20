"""Whole logs of VTM and HM: runs of one image each, of many frames, several in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdbench.errors import UsageError
from rdbench.importing import Imported, Request, import_curves

# As EncoderApp (VTM) and TAppEncoder (HM) print them; the last line is, in the source of both,
# printf("Bytes written to file: %u (%.3f kbps)", bytes, 0.008 * bytes / (frames / frame rate)).
VTM = """
VVCSoftware: VTM Encoder Version 13.2 [Linux][GCC 9.4.0][64 bit] [SIMD=AVX2]

Input          File                    : {input}
Bitstream      File                    : {image}.bin
Reconstruction File                    : /dev/null
Real     Format                        : 768x512 1Hz
Internal Format                        : 768x512 1Hz
Sequence PSNR output                   : Linear average only
Frame index                            : 0 - {last} ({frames} frames)
CTU size / min CU size                 : 128 / 8
QP                                     : {qp}.00
Max dQP signaling depth                : 0

POC    0 LId:  0 TId: 0 ( IDR_N_LP, I-SLICE, QP {qp} )     393216 bits [Y {y} dB    U 41.0 dB]


LayerId  0


SUMMARY --------------------------------------------------------
\tTotal Frames |   Bitrate     Y-PSNR    U-PSNR    V-PSNR    YUV-PSNR
\t{frames:9d}    a     {kbps:.4f}   {y}   41.0000   42.0000   38.1234


I Slices--------------------------------------------------------
\tTotal Frames |   Bitrate     Y-PSNR    U-PSNR    V-PSNR    YUV-PSNR
\t{frames:9d}    i     {kbps:.4f}   99.0000   99.0000   99.0000   99.0000


P Slices--------------------------------------------------------
\tTotal Frames |   Bitrate     Y-PSNR    U-PSNR    V-PSNR    YUV-PSNR
\t        0    p         -nan       -nan       -nan       -nan       -nan

RVM: 0.000
Bytes written to file: {bytes} ({kbps:.3f} kbps)

 Total Time:        9.876 sec. [user]        9.999 sec. [elapsed]

"""
HM = (
    VTM.replace("VVCSoftware: VTM Encoder Version 13.2 ", "HM software: Encoder Version [16.15]")
    .replace("LId:  0 ", "")
    .replace("LayerId  0\n", "")
    .replace("QP                                     :", "QP                                    :")
)


def log(
    image: str, qp: int, size: int, y: str, frames: int = 1, form: str = VTM, **named: str
) -> str:
    given = {"input": f"/data/yuv/{image}.yuv", "image": image, **named}
    return form.format(
        qp=qp, bytes=size, y=y, frames=frames, last=frames - 1, kbps=0.008 * size / frames, **given
    )


def imported(folder: Path, files: dict[str, str], **request: object) -> Imported:
    paths = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        paths.append(path)
    given = {"label": "mine", "dataset": "kodak", "color": "luma", **request}
    return import_curves(paths, Request(**given))


@pytest.mark.parametrize(("form", "codec"), [(VTM, "vtm"), (HM, "hm")])
def test_logs_of_images_give_their_curve_from_the_bytes_of_the_files(tmp_path, form, codec):
    """8 · 12345 / (768 · 512) bit/px; of 98.760 kbps at 1 Hz the last digits would be gone."""
    files = {
        f"{image}_q{qp}.log": log(image, qp, size, y, form=form)
        for image, qp, size, y in (
            ("kodim01", 22, 123457, "44.1234"),
            ("kodim02", 22, 100003, "45.0000"),
            ("kodim01", 37, 12345, "33.5000"),
            ("kodim02", 37, 10001, "34.7500"),
        )
    }
    result = imported(tmp_path, files)
    (curve,) = result.curves
    assert (curve.codec, curve.parameter, curve.points) == (codec, "qp", (37, 22))
    assert curve.images == ("kodim01", "kodim02")
    assert curve.rate_is == "file"
    sizes = [[12345, 123457], [10001, 100003]]
    bpp = [[8 * size / (768 * 512) for size in row] for row in sizes]
    assert curve.of_images("bpp", curve.images).tolist() == bpp
    assert curve.of_images("psnr_db", curve.images).tolist() == [[33.5, 44.1234], [34.75, 45]]
    assert result.notes == ("not taken: Bitrate, U-PSNR, V-PSNR, YUV-PSNR",)


def test_many_runs_in_one_log(tmp_path):
    """As `>> all.log` leaves them."""
    text = "".join(
        log(f"kodim0{image}", qp, 1000 * image + qp, "40.0000")
        for image in (1, 2)
        for qp in (22, 37)
    )
    (curve,) = imported(tmp_path, {"all.log": text}).curves
    assert curve.images == ("kodim01", "kodim02")
    bits = curve.of_images("bpp", curve.images) * 768 * 512
    assert (bits / 8).round(6).tolist() == [[1022, 1037], [2022, 2037]]


def test_frames_of_one_run_are_means_over_images(tmp_path):
    files = {
        f"q{qp}.log": log("all", qp, 24 * size, "40", 24) for qp, size in ((22, 999), (37, 99))
    }
    with pytest.raises(UsageError, match=r"'q22.log', line 2: a run over 24 frames.*`images=24`"):
        imported(tmp_path, files)
    with pytest.raises(UsageError, match="a run over 24 frames"):
        imported(tmp_path, files, images=23)
    (curve,) = imported(tmp_path, files, images=24).curves
    assert curve.image_count == 24
    assert (curve.mean("bpp") * 768 * 512 / 8).round(6).tolist() == [99, 999]


def test_names_of_files_tell_what_the_input_does_not(tmp_path):
    """The input has a temporary name, as that of CompressAI's bench."""
    files = {
        f"kodim01_q{qp}.log": log("x", qp, 10 * qp, "40.0000", input="/tmp/tmpab12cd.yuv")
        for qp in (22, 37)
    }
    (curve,) = imported(tmp_path, files, image="{}_q*").curves
    assert (curve.images, curve.points) == (("kodim01",), (22, 37))
    text = log("kodim01", 30, 7, "40.0000").replace("QP                   ", "")
    files = {f"{qp}/kodim01.log": text.replace(": 7 ", f": {qp} ") for qp in (22, 37)}
    (curve,) = imported(tmp_path, files).curves
    assert curve.points == (22, 37)


def test_what_is_a_quality_of_colors_is_to_be_said(tmp_path):
    files = {"a.log": log("kodim01", 22, 5000, "40.0000")}
    with pytest.raises(UsageError, match="logs give the PSNR of planes, not of RGB"):
        imported(tmp_path, files, color="rgb")
    (curve,) = imported(tmp_path, files, color="rgb", mapping={"psnr_db": "YUV-PSNR"}).curves
    assert curve.mean("psnr_db").tolist() == [38.1234]


@pytest.mark.parametrize(
    ("text", "request_", "message"),
    [
        ("cut", {}, r"'a.log', line 2: this run has no summary"),
        ("begun", {}, r"'a.log', line 2: this run has no summary"),
        ("torn", {}, "3 values, but the line above names 5"),
        (
            "whole",
            {"mapping": {"psnr_db": "X"}},
            "no 'X' in the summary, which has Bitrate, Y-PSNR",
        ),
        ("whole", {"mapping": {"kbps": "Bitrate"}}, "leave kbps out of `mapping`"),
        ("twice", {}, "'a.log', line 41 repeats 'a.log', line 2"),
    ],
)
def test_a_log_that_cannot_be_trusted_is_refused(tmp_path, text, request_, message):
    whole = log("kodim01", 22, 5000, "40.0000")
    texts = {
        "whole": whole,
        "cut": whole.partition("SUMMARY")[0] + whole,
        "begun": whole.partition("RVM")[0] + whole,
        "torn": whole.replace("   41.0000   42.0000", "", 1),
        "twice": whole + whole,
    }
    with pytest.raises(UsageError, match=message):
        imported(tmp_path, {"a.log": texts[text]}, **request_)


def test_the_summary_alone_is_still_a_table(tmp_path):
    summary = log("kodim01", 22, 5000, "40.0000").partition("SUMMARY")[2].partition("\n\n")[0]
    table = summary.partition("\n")[2]
    mapping = {"kbps": "Bitrate", "psnr_db": "Y-PSNR"}
    given = {"mapping": mapping, "images": 1, "fps": 1, "size": "768x512"}
    (curve,) = imported(tmp_path, {"q22/log.txt": table}, **given).curves
    assert curve.mean("bpp").tolist() == pytest.approx([8 * 5000 / (768 * 512)])
