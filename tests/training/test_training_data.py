"""Crops: where they come from, in which order, and that a step alone decides them."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from PIL import Image

from rdbench.errors import UsageError
from rdbench.images import luma
from rdbench.training.configuration import Data
from rdbench.training.data import Crops, Loader, Pictures

PLAIN = Data(train=(), validation="", crop=32, batch=4, flips=False)


@pytest.fixture
def ramps(tmp_path):
    """Five images whose samples say where they are: row, column, number of the image."""
    for number in range(5):
        rows, columns = np.mgrid[0:80, 0:100]
        samples = np.stack([rows, columns, np.full_like(rows, number)], axis=2)
        Image.fromarray(samples.astype(np.uint8)).save(tmp_path / f"{number}.png")
    return tmp_path


def pictures(folder, **options):
    return Pictures([str(folder)], **{"color": "rgb", "side": 32, "memory_mib": 100, **options})


def batches(crops, count):
    return [crops.batch(number) for number in range(count)]


def test_crops_are_parts_of_the_images_and_all_images_come_once_in_an_epoch(ramps):
    found = batches(Crops(pictures(ramps), PLAIN, (0, 0)), 10)
    assert found[0].shape == (4, 3, 32, 32)
    assert found[0].dtype == torch.uint8
    assert found[0].is_contiguous(memory_format=torch.channels_last)
    samples = torch.cat(found).numpy().astype(int)
    assert (np.diff(samples[:, 0], axis=1) == 1).all()
    assert (np.diff(samples[:, 1], axis=2) == 1).all()
    order = samples[:, 2, 0, 0]
    assert (samples[:, 2] == order[:, None, None]).all()
    assert all(len(set(epoch)) == 5 for epoch in order.reshape(8, 5))
    assert len({tuple(epoch) for epoch in order.reshape(8, 5)}) > 1
    corners = Counter(zip(samples[:, 0, 0, 0], samples[:, 1, 0, 0], strict=True))
    assert len(corners) > 30


def test_half_of_the_crops_are_mirrored(ramps):
    crops = Crops(pictures(ramps), replace(PLAIN, flips=True), (0, 0))
    steps = np.diff(torch.cat(batches(crops, 50)).numpy().astype(int)[:, 1], axis=2)
    mirrored = (steps == -1).all(axis=(1, 2))
    assert ((steps == 1).all(axis=(1, 2)) | mirrored).all()
    assert 70 < mirrored.sum() < 130  # of 200: within 4 standard deviations


@pytest.mark.parametrize(("permute_colors", "kinds"), [(False, 8), (True, 24)])
def test_crops_come_in_all_symmetries_and_orders_of_colors(ramps, permute_colors, kinds):
    """Which channel falls or rises along which side: 8 ways, or one of the 4 pairs of signs and 6
    pairs of channels."""
    symmetries = {"flips": True, "vertical_flips": True, "transposes": True}
    data = replace(PLAIN, permute_colors=permute_colors, **symmetries)
    samples = torch.cat(batches(Crops(pictures(ramps), data, (0, 0)), 60)).numpy().astype(int)
    slopes = [np.diff(samples, axis=axis)[:, :, 0, 0] for axis in (2, 3)]
    found = Counter(map(bytes, np.concatenate(slopes, axis=1).astype(np.int8)))
    assert len(found) == kinds
    assert max(found.values()) < 2 * 240 / kinds + 4


def test_crops_are_reduced_as_if_the_images_were(ramps):
    crops = Crops(pictures(ramps), replace(PLAIN, smallest_scale=0.5), (0, 0))
    slopes = np.diff(torch.cat(batches(crops, 20)).numpy().astype(float)[:, 1], axis=2).mean((1, 2))
    assert slopes.min() == pytest.approx(1.0, abs=0.1)
    assert slopes.max() == pytest.approx(2.0, abs=0.1)


def test_a_batch_is_decided_by_seed_and_number(ramps):
    first, again = (Crops(pictures(ramps), PLAIN, (3, 0)) for _ in range(2))
    expected = batches(first, 6)
    assert all(torch.equal(expected[number], again.batch(number)) for number in (5, 0, 3))
    others = [Crops(pictures(ramps), PLAIN, seed) for seed in [(4, 0), (3, 1)]]
    assert not any(torch.equal(crops.batch(0), expected[0]) for crops in others)
    generator = torch.Generator()
    noise = {
        (number, crops): torch.rand(1, generator=crops.noise(number, generator)).item()
        for number, crops in itertools.product((0, 1), (first, others[0]))
    }
    assert len(set(noise.values())) == 4
    assert noise[0, first] == torch.rand(1, generator=again.noise(0, generator)).item()


def test_images_that_do_not_fit_into_the_memory_give_the_same(ramps):
    kept = batches(Crops(pictures(ramps), PLAIN, (0, 0)), 3)
    decoded = batches(Crops(pictures(ramps, memory_mib=0), PLAIN, (0, 0)), 3)
    assert all(torch.equal(a, b) for a, b in zip(kept, decoded, strict=True))


def test_luma_is_that_of_the_measurements(photos):
    found = pictures(photos, color="luma")
    rgb = pictures(photos)
    assert all(np.array_equal(found[i], luma(rgb[i])) for i in range(len(rgb)))
    assert Crops(found, PLAIN, (0, 0)).batch(0).shape == (4, 1, 32, 32)


def test_the_loader_gives_the_batches_in_order_from_its_start(ramps):
    crops = Crops(pictures(ramps), PLAIN, (0, 0))
    with Loader(crops.batch, 2) as loader:
        found = list(itertools.islice(loader, 9))
    assert all(torch.equal(crops.batch(2 + n), batch) for n, batch in enumerate(found))


def test_bad_images_are_left_out_and_said(ramps):
    (ramps / "0.png").write_bytes((ramps / "0.png").read_bytes()[:200])
    (ramps / "1.png").write_bytes(b"")
    Image.new("RGB", (31, 200)).save(ramps / "2.png")
    Image.new("L", (200, 200)).save(ramps / "3.png")
    found = pictures(ramps)
    assert [ref.name for ref in found.refs] == ["4"]
    assert len(found.skipped) == 4
    assert "0 bytes" in found.skipped[1]
    assert found.skipped[2].endswith("2.png': 31x200")
    assert found.skipped[3].endswith("3.png': 1 channel(s)")
    assert len(Crops(found, PLAIN, (0, 0)).batch(0)) == 4


def test_no_images_at_all(tmp_path):
    with pytest.raises(UsageError, match="is an empty folder"):
        pictures(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(UsageError, match=r"can be used; the first of 1: image .*a.png"):
        pictures(tmp_path)
