"""Decoders make no larger picture than they are told to; the harness tells them the original's."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rdbench.codecs import registry
from rdbench.errors import BitstreamError, MissingBackendError
from rdbench.pixel_limit import MOST_PIXELS

PICTURE = np.random.default_rng(5).integers(0, 256, (33, 48, 3), dtype=np.uint8)
PIXELS = 33 * 48


def codec_of(name):
    codec = registry.load(name)
    options = codec.resolve_options({})
    try:
        codec.require(options)
    except MissingBackendError as error:
        pytest.skip(str(error))
    if 3 not in {form.channels for form in codec.takes(options)}:
        pytest.skip("it takes no color")
    return codec(codec.axis(options).ladder[0])


def names():
    return [name for name in registry.entries() if name not in ("zoo", "trained")]


@pytest.mark.parametrize("name", names())
def test_a_declared_size_is_held_against_the_limit(name):
    codec = codec_of(name)
    assert codec.max_pixels == MOST_PIXELS
    stream = codec.encode(PICTURE)
    codec.max_pixels = PIXELS
    assert codec.decode(stream).shape == PICTURE.shape
    codec.max_pixels = PIXELS // 2
    with pytest.raises(BitstreamError, match=r"48x33, more than|48 ?[x×] ?33|792"):
        codec.decode(stream)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_a_picture_beyond_pillow_s_own_limit_is_ours_to_refuse(monkeypatch, file_format):
    """Pillow refuses images of 179 megapixels, which there are."""
    codec = codec_of(file_format.lower())
    stream = codec.encode(PICTURE)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert codec.decode(stream).shape == PICTURE.shape
    assert Image.MAX_IMAGE_PIXELS == 100
