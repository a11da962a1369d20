import dataclasses
import hashlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdbench.errors import BitstreamError, CodecError
from rdbench.models.container import Stream, pack, unpack

WEIGHTS = hashlib.sha256(b"weights").digest()[:8]
KODAK = Stream("lee2019", WEIGHTS, 4.0, 512, 768, 3, (b"side" * 100, b"main" * 5000))

streams = st.builds(
    Stream,
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=32),
    st.binary(min_size=8, max_size=8),
    st.floats(min_value=1e-300, allow_infinity=False),
    st.integers(1, 1 << 18),
    st.integers(1, 256),
    st.sampled_from([1, 3]),
    st.lists(st.binary(max_size=300), min_size=1, max_size=64).map(tuple),
)


def opened(data: bytes, like: Stream = KODAK, **limits: int) -> Stream:
    return unpack(data, model=like.model, weights=like.weights, **limits)


def checked(body: bytes) -> bytes:
    return body + struct.pack(">I", zlib.crc32(body))


@given(streams)
def test_streams_come_back(stream) -> None:
    assert opened(pack(stream), stream) == stream


def test_this_stream_reads_for_ever() -> None:
    data = bytes.fromhex(
        "726462010964756d6173323031380001020304050607213ff4c002e003030200616263edea1288"
    )
    stream = Stream("dumas2018", bytes(range(8)), 1.25, 320, 480, 1, (b"ab", b"", b"c"))
    assert unpack(data, model="dumas2018", weights=bytes(range(8))) == stream
    assert pack(stream).hex() == data.hex()


def test_kodak_costs_34_bytes() -> None:
    assert len(pack(KODAK)) - sum(map(len, KODAK.payloads)) == 34
    odd_beta = dataclasses.replace(KODAK, beta=0.01)
    assert len(pack(odd_beta)) - len(pack(KODAK)) == 6


@given(streams, st.data())
def test_any_truncation_is_noticed(stream, data) -> None:
    packed = pack(stream)
    with pytest.raises(BitstreamError):
        opened(packed[: data.draw(st.integers(0, len(packed) - 1))], stream)


def test_every_truncation_of_a_stream_is_noticed() -> None:
    packed = pack(dataclasses.replace(KODAK, payloads=(b"side", b"main")))
    for length in range(len(packed)):
        with pytest.raises(BitstreamError):
            opened(packed[:length])


def test_every_flipped_bit_of_a_stream_is_noticed() -> None:
    packed = pack(dataclasses.replace(KODAK, payloads=(b"side" * 20, b"main" * 20)))
    for bit in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BitstreamError):
            opened(bytes(damaged))


@given(streams, st.data())
def test_any_flipped_bit_is_noticed(stream, data) -> None:
    packed = bytearray(pack(stream))
    bit = data.draw(st.integers(0, 8 * len(packed) - 1))
    packed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BitstreamError):
        opened(bytes(packed), stream)


@given(streams, st.binary(min_size=1, max_size=20))
def test_extra_bytes_are_noticed(stream, extra) -> None:
    with pytest.raises(BitstreamError, match="checksum"):
        opened(pack(stream) + extra, stream)


@given(st.binary(max_size=60))
def test_bytes_from_anywhere_are_refused_even_with_a_right_checksum(body) -> None:
    for data in (body, checked(body), b"rdb\1" + body):
        with pytest.raises(BitstreamError):
            opened(data)
    try:
        stream = opened(checked(b"rdb\1" + body))
    except BitstreamError:
        return
    assert pack(stream) == checked(b"rdb\1" + body)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the stream is empty"),
        (b"\x89PNG\r\n\x1a\n", r"starts with b'\\x89PN', not b'rdb'"),
        (b"rd", "starts with b'rd'"),
        (b"rdb", "truncated"),
        (b"rdb\1", "truncated"),
        (b"rdb\2" + pack(KODAK)[4:], "version 2 of the format, but this decoder reads version 1"),
        (checked(pack(KODAK)[:-4]) + b"\0", "truncated or damaged"),
    ],
)
def test_what_is_no_stream_is_refused_with_the_reason(data, message) -> None:
    with pytest.raises(BitstreamError, match=message):
        opened(data)


def test_another_model_is_refused_with_both_names() -> None:
    with pytest.raises(BitstreamError, match="of model 'lee2019', not 'dumas2018'"):
        unpack(pack(KODAK), model="dumas2018", weights=WEIGHTS)


def test_other_weights_are_refused_with_both_hashes() -> None:
    other = bytes(8)
    message = f"weights {WEIGHTS.hex()} of model 'lee2019', not {other.hex()}"
    with pytest.raises(BitstreamError, match=message):
        unpack(pack(KODAK), model="lee2019", weights=other)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("model", "", "printable ASCII"),
        ("model", "x" * 33, "printable ASCII"),
        ("model", "größe", "printable ASCII"),
        ("model", "a b", "printable ASCII"),
        ("weights", b"1234567", "7 bytes, not 8"),
        ("beta", float("nan"), "not a finite number above 0"),
        ("beta", float("inf"), "not a finite number above 0"),
        ("beta", 0.0, "not a finite number above 0"),
        ("beta", -1.0, "not a finite number above 0"),
        ("height", 0, "768x0 is not within"),
        ("width", (1 << 20) + 1, "1048577x512 is not within"),
        ("width", -1, "-1x512 is not within"),
        ("channels", 2, "2 channels"),
        ("payloads", (), "0 payloads"),
        ("payloads", (b"",) * 65, "65 payloads"),
    ],
)
def test_what_is_beyond_the_limits_is_not_written(field, value, message) -> None:
    stream = dataclasses.replace(KODAK, **{field: value})
    with pytest.raises(CodecError, match=message):
        pack(stream)


def test_a_quarter_of_a_gigapixel_is_written_and_not_one_row_more() -> None:
    largest = dataclasses.replace(KODAK, height=1 << 20, width=256)
    assert opened(pack(largest), max_pixels=1 << 28) == largest
    with pytest.raises(CodecError, match="is not within"):
        pack(dataclasses.replace(largest, width=257))


def body_with(offset: int, replaced: int, by: bytes) -> bytes:
    """The stream of Kodak with some bytes of its header replaced and the checksum put right."""
    body = pack(KODAK)[:-4]
    return checked(body[:offset] + by + body[offset + replaced :])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (body_with(4, 1, b"\x06"), "header is wrong"),
        (body_with(5, 1, b"\xe9"), "printable ASCII"),
        (body_with(20, 1, b"\x22"), "2 channels"),
        (body_with(20, 1, b"\x93"), "beta is longer"),
        (body_with(21, 2, b"\x40\x00"), "beta is longer"),
        (body_with(21, 2, b"\x7f\xf0"), "not a finite number"),
        (body_with(23, 2, b"\x00"), "768x0 is not within"),
        (body_with(23, 2, b"\x80\x84\x80\x80\x80\x00"), "longer than necessary"),
        (body_with(23, 2, b"\x80\x84\x00"), "longer than necessary"),
        (body_with(23, 2, b"\xff\xff\xff\xff\x7f"), "is not within sides"),
        (body_with(27, 1, b"\x00"), "0 payloads"),
        (body_with(27, 1, b"\x41"), "65 payloads"),
        (body_with(28, 2, b"\xff\xff\xff\xff\x7f"), "bytes, but only 20400 are left"),
    ],
)
def test_headers_that_no_encoder_writes_are_refused(data, message) -> None:
    with pytest.raises(BitstreamError, match=message):
        opened(data)
