"""Small streams that promise much: they are refused before memory and time go into them."""

from __future__ import annotations

import dataclasses

import pytest

torch = pytest.importorskip("torch", reason="the networks need torch")

from rdbench.errors import BitstreamError  # noqa: E402
from rdbench.models import architectures, container  # noqa: E402
from rdbench.models.by_beta import LATEST, ByBeta  # noqa: E402
from rdbench.pixel_limit import MOST_PIXELS  # noqa: E402

from .test_compression_streams import FILES, coder, picture  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def nothing_decoded(monkeypatch):
    """A test fails where latents are decoded in it."""

    def refuse(self, *arguments):
        raise AssertionError("latents are decoded")

    def forbid(model):
        monkeypatch.setattr(type(model), "decode_latents", refuse)

    return forbid


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_forty_bytes_of_a_huge_picture_are_refused(path, nothing_decoded):
    model = coder(path)
    count = len(container.read(model.encode(picture(model, 8, 8))[0]).payloads)
    stream = container.Stream(
        "test", model.identity, 1.0, 1 << 14, 1 << 14, model.channels, (b"",) * count
    )
    data = container.pack(stream)
    assert len(data) < 40
    nothing_decoded(model)
    with pytest.raises(
        BitstreamError, match=r"16384x16384, more than the limit of 67,108,864 pixels"
    ):
        model.decode(data)
    with pytest.raises(AssertionError):
        model.decode(data, max_pixels=1 << 28)


@pytest.mark.parametrize("path", FILES[:1], ids=lambda path: path.stem)
def test_the_limit_is_the_last_size_that_is_taken(path, nothing_decoded):
    model = coder(path)
    data = model.encode(picture(model, 40, 30))[0]
    assert model.decode(data, max_pixels=1200).shape[:2] == (40, 30)
    nothing_decoded(model)
    with pytest.raises(BitstreamError, match="30x40, more than the limit of 1,199 pixels"):
        model.decode(data, max_pixels=1199)


def test_any_image_of_a_known_dataset_is_below_the_limit_of_those_who_say_none():
    """The largest are those of JPEG AI's and CLIC's test sets, of 40 megapixels at most; the
    largest full-frame cameras of today make 61."""
    assert MOST_PIXELS > 61_000_000


@pytest.mark.parametrize("name", ["dumas2018-case1-10000", "balle2017-0.0067", "theis2017-0.08"])
def test_streams_of_many_betas_leave_no_tables_behind(name):
    """Each stream says its own; the tables of one that is in use are not made anew."""
    path = next(path for path in FILES if path.stem == name)
    model = architectures.load(path, f"of-{name}"[:32])
    held = model.prepare(1.0)
    stream = container.read(model.encode(picture(model, 16, 16))[0])
    for number in range(3 * LATEST):
        changed = dataclasses.replace(stream, beta=1.5 + number / 64)
        with pytest.raises(BitstreamError):
            model.decode(container.pack(dataclasses.replace(changed, payloads=(b"\1", b"", b""))))
        try:
            model.decode(container.pack(changed))
        except BitstreamError:
            continue
    (tables,) = (value for value in vars(model).values() if isinstance(value, ByBeta))
    assert len(tables) <= LATEST + 1
    assert tables(1.0) is held
