"""The viewer in a real browser: the pictures that were measured, matched, zoomed and compared."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import rdbench
from rdbench.errors import UsageError
from rdbench.images import pixel_sha256
from rdbench.metrics.maps import error_maps, map_record
from rdbench.plots.pictures import in_colors
from rdbench.results import read_rows
from rdbench.runner.kept import read_png
from tests.reporting.conftest import data_of


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    for name, photograph in (
        ("coffee", skimage.data.coffee()),
        ("cat <b>", skimage.data.chelsea()),
    ):
        Image.fromarray(photograph[100:260, 150:350]).save(folder / f"{name}.png")
    out = folder / "run"
    rdbench.run(
        codecs=["jpeg:points=20/50/80,label=jpeg", "webp:points=10/40/80"],
        datasets=str(folder),
        out=out,
        metrics=["psnr_db"],
        keep_decoded=True,
    )
    return out


@pytest.fixture(scope="module")
def page(run, tmp_path_factory) -> Path:
    return rdbench.report(run, images="all", out=tmp_path_factory.mktemp("viewer") / "look.html")


@pytest.fixture
def viewer(visit, page):
    shown = visit(page, "picture=coffee&a=0&b=1&value=1")
    return shown, shown.see("viewer")


def source(section, side: str) -> str:
    return section.locator(f"[data-side={side}] img").last.get_attribute("src")


def test_pictures_are_beside_the_page_and_are_those_that_were_measured(page, run):
    (panel,) = data_of(page)["panels"]
    rows = {(row.image, row.label, row.point): row for row in read_rows(run)}
    count = 0
    for image, picture in panel["pictures"].items():
        for number, points in picture["decoded"].items():
            for point, (file, _) in points.items():
                row = rows[image, panel["curves"][int(number)]["title"], float(point)]
                decoded = read_png(page.parent / file, None)
                assert pixel_sha256(decoded) == row.decoded_sha256
                count += 1
        assert pixel_sha256(read_png(page.parent / picture["original"], None)) == next(
            row.image_sha256 for row in rows.values() if row.image == image
        )
    assert count == 12
    assert {path.parts[-4] for path in page.parent.glob("*/*/*/*.webp")} == {"look_files"}


def test_errors_of_blocks_are_those_of_the_pictures(page):
    (panel,) = data_of(page)["panels"]
    picture = panel["pictures"]["coffee"]
    original = read_png(page.parent / picture["original"], None).astype(float)
    file, text = picture["decoded"]["0"]["20"]
    decoded = read_png(page.parent / file, None).astype(float)
    levels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(10, 13)
    for row, column in ((0, 0), (4, 7), (9, 12)):
        part = np.s_[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
        error = np.square(original[part] - decoded[part]).mean()
        assert levels[row, column] == round(50 * np.log10(1 + error))


def test_points_are_matched_by_rate_or_by_a_metric(viewer, run):
    shown, section = viewer
    rows = [row for row in read_rows(run) if row.image == "coffee"]

    def expected(label, value):
        own = [row for row in rows if row.label == label]
        return min(own, key=value)

    for side, label in (("a", "jpeg"), ("b", "webp")):
        nearest = expected(label, lambda row: abs(np.log(row.bpp)))
        assert f"/{nearest.point:g}/" in source(section, side)
    shown.choose(by="PSNR [dB]")
    section.locator("[name=value]").fill("34")
    section.locator("[name=value]").press("Enter")
    shown.settle()
    table = section.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )
    for side, label, cells in zip("ab", ("jpeg", "webp"), table, strict=True):
        nearest = expected(label, lambda row: abs(row.scores["psnr_db"] - 34))
        assert f"/{nearest.point:g}/" in source(section, side)
        assert cells[:3] == [side.upper(), label, f"quality {nearest.point:g}"]
        assert float(cells[3]) == pytest.approx(nearest.bpp, rel=1e-4)
        assert float(cells[4]) == pytest.approx(nearest.scores["psnr_db"], rel=1e-4)
    assert shown.complaints == []


def test_the_slider_shows_a_on_its_left(viewer):
    shown, section = viewer
    box = section.locator(".pane").bounding_box()
    for place in (0.25, 0.75):
        handle = section.locator(".split").bounding_box()
        shown.page.mouse.move(handle["x"] + 1, handle["y"] + 9)
        shown.page.mouse.down()
        shown.page.mouse.move(box["x"] + place * box["width"], handle["y"] + 9)
        shown.page.mouse.up()
        clip = section.locator("[data-side=a]").evaluate("layer => layer.style.clipPath")
        hidden = float(re.search(r"inset\(0(?:px)? ([\d.]+)%", clip)[1])
        assert hidden == pytest.approx(100 * (1 - place), abs=0.5)
    section.locator(".stage").press(",")
    now = section.locator(".split").get_attribute("aria-valuenow")
    assert int(now) == pytest.approx(70, abs=1)


def test_flicker_changes_the_picture_and_nothing_else(viewer):
    shown, section = viewer
    shown.choose(mode="flicker", c="original")

    def visible():
        return section.locator(".layer:visible").get_attribute("data-side")

    seen = [visible()]
    stage = section.locator(".stage")
    for key in ("f", "f", "3", "2", "1"):
        stage.press(key)
        shown.settle()
        seen.append(visible())
    assert seen == ["a", "b", "a", "c", "b", "a"]


def test_zoom_and_pan_are_the_same_for_all(viewer):
    shown, section = viewer
    shown.choose(mode="side by side", c="original")
    section.get_by_role("button", name="1:1").click()
    stage = section.locator(".stage")
    stage.press("ArrowRight")
    transforms = section.locator("img").evaluate_all("all => all.map(one => one.style.transform)")
    assert len(transforms) == 3
    places = np.array([[float(x) for x in re.findall(r"-?[\d.]+", text)] for text in transforms])
    assert (places == places[0]).all()
    assert places[0, 2] == 1
    assert section.locator("output").text_content() == "100 %"
    for _ in range(4):
        section.get_by_role("button", name="Zoom in").click()
    assert section.locator(".pane.pixels").count() == 3
    section.get_by_role("button", name="Fit").click()
    box = section.locator(".pane").first.bounding_box()
    image = section.locator("img").first.bounding_box()
    assert image["width"] <= box["width"] + 1
    assert image["height"] <= box["height"] + 1


def test_the_error_is_the_difference_to_the_original(viewer):
    shown, section = viewer
    shown.choose(error="difference, ×8")
    shown.settle()
    section.get_by_role("button", name="1:1").click()
    shown.choose(mode="side by side")
    layers = section.locator(".layer.error")
    assert layers.count() == 2
    names = layers.first.locator("img").evaluate_all(
        "all => all.map(one => one.getAttribute('src'))"
    )
    assert "original" in names[0]
    section.locator(".table").scroll_into_view_if_needed()
    image = layers.first.locator("img").last.bounding_box()
    clip = {key: image[key] for key in ("x", "y", "width", "height")}
    taken = np.asarray(Image.open(io.BytesIO(shown.page.screenshot(clip=clip))).convert("RGB"))
    pair = [
        read_png(Path(shown.page.url[7:].partition("#")[0]).parent / name, None) for name in names
    ]
    expected = np.clip(8 * np.abs(np.subtract(*(one.astype(int) for one in pair))), 0, 255)
    rows, columns = min(taken.shape[0], 160), min(taken.shape[1], 200)
    inside = np.s_[40 : rows - 4, 4 : columns - 4]  # below the name
    assert np.array_equal(taken[inside], expected[inside])


def test_where_two_differ_most_is_found(viewer):
    shown, section = viewer
    section.get_by_role("button", name="Where A and B differ most").click()
    transform = section.locator("img").first.evaluate("one => one.style.transform")
    left, top, zoom = map(float, re.findall(r"-?[\d.]+", transform))
    box = section.locator(".pane").bounding_box()
    middle = (box["width"] / 2 - left) / zoom, (box["height"] / 2 - top) / zoom
    page = Path(shown.page.url[7:].partition("#")[0])
    original, one, other = (
        read_png(page.parent / name, None).astype(float)
        for name in (
            data_of(page)["panels"][0]["pictures"]["coffee"]["original"],
            source(section, "a"),
            source(section, "b"),
        )
    )
    errors = [np.square(decoded - original).mean(axis=2) for decoded in (one, other)]
    sums = {
        (16 * column + 32, 16 * row + 32): abs(
            (errors[0] - errors[1])[16 * row : 16 * row + 64, 16 * column : 16 * column + 64].sum()
        )
        for row in range(7)
        for column in range(10)
    }
    found = sums[tuple(round(value / 16) * 16 for value in middle)]
    assert found > 0.9 * max(sums.values())  # errors are kept in steps of a twentieth


def test_missing_pictures_are_said(visit, run, tmp_path):
    page = rdbench.report(run, images="coffee", out=tmp_path / "gone.html")
    for path in (tmp_path / "gone_files").glob("jpeg/*/*.webp"):
        path.unlink()
    shown = visit(page, "picture=coffee&a=0&b=1")
    assert "is missing" in shown.see("viewer").text_content()


def test_images_that_there_are_not_are_refused(run, tmp_path):
    with pytest.raises(UsageError, match=r"unknown image 'coffe'; did you mean 'coffee'\?"):
        rdbench.report(run, images="coffe", out=tmp_path / "x.html")


def test_pictures_are_of_run_directories(run, tmp_path):
    with pytest.raises(UsageError, match="is a CSV file: pictures are of run directories"):
        rdbench.report(run / "measurements.csv", images="coffee", out=tmp_path / "x.html")


def test_nothing_is_loaded_before_it_is_looked_at(visit, page):
    shown = visit(page)
    assert [url for url in shown.asked if url.endswith(".webp")] == []
    with shown.page.expect_request(re.compile(r"\.webp$")):
        shown.see("viewer")
    shown.page.wait_for_function("document.querySelectorAll('#viewer img').length === 2")
    shown.page.wait_for_load_state("networkidle")
    assert len([url for url in shown.asked if url.endswith(".webp")]) == 2


def test_error_maps_are_pictures_of_one_scale_and_can_be_chosen(run, tmp_path, visit):
    page = rdbench.report(run, images="coffee", maps=["ssim_y", "mse"], out=tmp_path / "maps.html")
    (panel,) = data_of(page)["panels"]
    picture = panel["pictures"]["coffee"]
    original = read_png(page.parent / picture["original"], None)
    found = {
        (number, point): error_maps(
            map_record("ssim_y"), original, [read_png(page.parent / file, None)]
        )[0]
        for number, points in picture["decoded"].items()
        for point, (file, *_) in points.items()
    }
    top = np.nanpercentile(np.concatenate([one.ravel() for one in found.values()]), 99.9)
    assert picture["tops"]["ssim_y"] == pytest.approx(top, rel=5e-3)
    for (number, point), errors in found.items():
        file = picture["decoded"][number][point][2]["ssim_y"]
        colors = read_png(page.parent / file, None)
        np.testing.assert_array_equal(colors, in_colors(errors, float(top)))
        # Brighter where more is wrong.
        light, known = colors.sum(axis=2, dtype=float), np.isfinite(errors)
        assert np.corrcoef(light[known], errors[known])[0, 1] > 0.9
    shown = visit(page, "picture=coffee&a=0&b=1&value=1")
    section = shown.see("viewer")
    shown.choose(error="map of SSIM-Y")
    assert "/maps/ssim_y/" in source(section, "a")
    assert "1 - SSIM of luma; dark is 0" in section.locator(".table").inner_text()
    assert shown.said == []


def test_maps_without_images_are_refused(run, tmp_path):
    with pytest.raises(UsageError, match="error maps are of images to look at"):
        rdbench.report(run, maps="ssim_y", out=tmp_path / "maps.html")
    with pytest.raises(UsageError, match="the metric 'vif' has no error map"):
        rdbench.report(run, images="coffee", maps="vif", out=tmp_path / "maps.html")


def test_three_pictures_are_under_one_slider(viewer):
    shown, section = viewer
    shown.choose(c="original")
    assert section.locator(".split").count() == 2
    section.locator(".stage").press(">")
    section.locator(".stage").press("<")
    section.locator(".stage").press(",")
    places = section.locator(".split").evaluate_all(
        "all => all.map(one => Number(one.getAttribute('aria-valuenow')))"
    )
    assert places == [pytest.approx(28, abs=1), pytest.approx(67, abs=1)]
    clips = [
        section.locator(f"[data-side={side}]").evaluate("one => one.style.clipPath")
        for side in "abc"
    ]
    ends = [float(re.search(r"inset\(0(?:px)? ([\d.]+)%", clip)[1]) for clip in clips[:2]]
    assert ends == [pytest.approx(100 - place, abs=1) for place in places]
    assert clips[2] == ""


def test_a_link_has_the_place_that_is_seen(visit, viewer):
    shown, section = viewer
    section.get_by_role("button", name="Where A and B differ most").click()
    section.locator(".stage").press("ArrowLeft")
    shown.page.wait_for_function("location.hash.includes('place=')")
    shown.page.wait_for_function(
        "new URLSearchParams(location.hash.slice(1)).get('place') !== null"
        " && document.querySelector('#viewer a.link').hash.includes('place=')"
    )
    place = section.locator("img").first.evaluate("one => one.style.transform")
    again = visit(Path(shown.page.url[7:].partition("#")[0]), shown.page.url.partition("#")[2])
    assert (
        again.see("viewer")
        .locator("img")
        .first.evaluate("one => one.style.transform.match(/scale.*/)[0]")
        in place
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 375])
def test_the_viewer_fits_and_can_be_used_by_all(visit, page, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    shown = visit(page, "picture=coffee&a=0&b=1&c=original&value=1", width=width, scheme=scheme)
    for mode in ("slider", "flicker", "side by side"):
        shown.see("viewer")
        shown.choose(mode=mode)
        wide = shown.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1] == width
    found = axe.Axe().run(shown.page).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
    assert shown.complaints == []
