import csv

import numpy as np
import pytest
from PIL import Image

from rdbench.errors import MissingBackendError, UsageError
from rdbench.metrics import BUILT_IN, DEFAULT_METRICS, find, ms_ssim, psnr, registry, ssim

from .conftest import reference


def is_here(name: str) -> bool:
    try:
        registry.version(find(name))
    except MissingBackendError:
        return False
    return True


HERE = tuple(filter(is_here, BUILT_IN))


def test_published_reconstructions_score_as_published(data_root, kodak_image) -> None:
    folder = data_root.parent / "reference" / "metric_oracle"
    if not folder.is_dir():
        pytest.skip("no reconstructions with published scores beside the data")
    with (folder / "values.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        original = kodak_image(int(row["original"].removeprefix("kodim")))
        decoded = np.asarray(Image.open(folder / row["reconstruction"]).convert("RGB"))
        values = reference(original, DEFAULT_METRICS).score(decoded).values
        assert values["psnr_db"] == pytest.approx(float(row["psnr_db"]), abs=1e-6)
        # Those scores pool the channels before the product over scales.
        assert values["ms_ssim"] == pytest.approx(float(row["ms_ssim"]), abs=5e-5)


def test_one_reference_scores_each_version_as_if_it_were_the_only_one(photo, jpeg) -> None:
    side = reference(photo, HERE)
    versions = [jpeg(photo, quality) for quality in (90, 10, 90)]
    first, second, third = (side.score(version).values for version in versions)
    assert first == third == reference(photo, HERE).score(versions[0]).values
    assert set(first) == set(HERE)
    assert second["ssim"] < first["ssim"]
    assert first["psnr_db"] == psnr(photo, versions[0])
    assert first["ssim"] == ssim(photo, versions[0])
    assert first["ms_ssim"] == ms_ssim(photo, versions[0])


@pytest.mark.parametrize("name", HERE)
def test_a_metric_has_one_value_whatever_else_is_asked(photo, jpeg, name) -> None:
    decoded = jpeg(photo, 30)
    together = reference(photo, HERE).score(decoded).values
    alone = reference(photo, [name]).score(decoded).values
    assert alone == {key: together[key] for key in alone}
    beside = {"ms_ssim_db": {"ms_ssim"}, "ms_ssim_y_db": {"ms_ssim_y"}}
    assert set(alone) == {"mse", name} | beside.get(name, set())


def test_what_is_too_small_has_no_value_and_a_reason(photo) -> None:
    image = photo[:150, :200]
    scores = reference(image, DEFAULT_METRICS).score(image)
    assert set(scores.values) == {"mse", "psnr_db", "psnr_y_db", "ssim"}
    assert scores.notes == (
        "ms_ssim, ms_ssim_db: sides must be at least 161 px, but the image is 200x150",
    )
    tiny = reference(photo[:10, :200], DEFAULT_METRICS).score(photo[:10, :200])
    assert set(tiny.values) == {"mse", "psnr_db", "psnr_y_db"}
    assert tiny.notes[0] == "ssim: sides must be at least 11 px, but the image is 200x10"
    assert reference(photo, DEFAULT_METRICS).score(photo).notes == ()


@pytest.mark.parametrize(
    ("function", "side", "words"), [(ssim, 10, "at least 11"), (ms_ssim, 160, "at least 161")]
)
def test_functions_refuse_what_is_too_small(photo, function, side, words) -> None:
    with pytest.raises(ValueError, match=words):
        function(photo[:side], photo[:side])
    assert function(photo[: side + 1], photo[: side + 1]) == 1


def test_planes_without_a_channel_axis_are_taken(photo, jpeg) -> None:
    plane = photo[:, :, :1]
    decoded = jpeg(plane, 30)
    for function in (psnr, ssim, ms_ssim):
        assert function(plane[:, :, 0], decoded[:, :, 0]) == function(plane, decoded)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((20, 20, 3), np.float32), "float32"),
        (np.zeros((20, 20, 4), np.uint8), r"\(20, 20, 4\)"),
        (np.zeros((0, 20, 3), np.uint8), "not be empty"),
        (np.zeros((20, 21, 3), np.uint8), r"\(20, 21, 3\)"),
    ],
)
def test_wrong_arrays_are_refused(image, words) -> None:
    good = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(ValueError, match=words):
        reference(good, ["ssim"]).score(image)
    with pytest.raises(ValueError, match=words):
        psnr(good, image)


def test_inputs_are_left_as_they_are(photo, jpeg) -> None:
    decoded = jpeg(photo, 30)
    before = photo.copy(), decoded.copy()
    original, turned = (image.transpose(1, 0, 2) for image in (photo, decoded))
    straight = reference(photo, HERE).score(decoded).values
    across = reference(original, HERE).score(turned).values
    copied = reference(original.copy("C"), HERE).score(turned.copy("C")).values
    assert across == copied
    # Those that go along the rows first (a filter that rounds, weights bounded by those before),
    # and those whose weights are not the same in both directions.
    directed = {"ssimulacra2", "xpsnr_db", "xpsnr_y_db", "nlpd", "psnr_hvs_db", "psnr_hvs_m_db"}
    for name in (directed | {"vmaf", "vmaf_neg", "cambi"}) & {*HERE}:
        assert across.pop(name) != straight.pop(name)
    assert across == pytest.approx(straight, abs=1e-6)
    np.testing.assert_array_equal(photo, before[0])
    np.testing.assert_array_equal(decoded, before[1])


def test_an_unknown_metric_is_the_users_error(photo) -> None:
    with pytest.raises(UsageError, match="zzz"):
        reference(photo, ["zzz"])
