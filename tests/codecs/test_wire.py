from __future__ import annotations

import struct

import pytest
import torch
import xxhash

from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.identity import Identity
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.wire import DTYPES, IDENTITY_ID, QUANTIZE_ID, CorruptPayload, frame_bytes, raw, restore, write


def seal(contents: str) -> bytes:
    """A payload with a right checksum over any contents, given in hexadecimal."""
    behind = bytes.fromhex(contents)
    return struct.pack("<I", xxhash.xxh3_64_intdigest(behind) & 0xFFFFFFFF) + behind


def test_identity_message_byte_by_byte() -> None:
    payload, _ = Identity().encode((torch.tensor([[1.0, -2.0]]), torch.tensor(7, dtype=torch.uint8)), None)
    contents = (
        "01 01 0200"  # version 1, codec 1, two tensors
        "02 02 01000000 02000000"  # float32, two dimensions: 1 x 2
        "0000803f 000000c0"  # 1.0, -2.0
        "04 00 07"  # uint8, no dimension, 7
    )
    assert payload == seal(contents)
    assert len(payload) == frame_bytes([(1, 2), ()]) + 8 + 1 == 29


def test_headers_are_8_bytes_a_message_2_a_tensor_and_4_a_dimension() -> None:
    assert frame_bytes([]) == 8
    assert frame_bytes([()]) == 8 + 2
    assert frame_bytes([(32, 6, 12, 12), (32,)]) == 8 + (2 + 16) + (2 + 4)


def test_a_message_without_tensors_is_its_header() -> None:
    payload, _ = Identity().encode((), None)
    assert len(payload) == 8
    assert Identity().decode(payload) == ()


def test_a_mutable_buffer_is_read_like_bytes() -> None:
    payload, _ = Identity().encode((torch.arange(3),), None)
    assert torch.equal(Identity().decode(bytearray(payload))[0], torch.arange(3))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_has_its_code_and_comes_back_bit_by_bit(name: str) -> None:
    x = torch.tensor([[0, 1], [1, 1], [0, 0]], dtype=getattr(torch, name))
    payload, _ = Identity().encode((x,), None)
    assert payload[8] == DTYPES.index(name)
    assert torch.equal(Identity().decode(payload)[0], x)
    assert torch.equal(restore(raw(x), x.dtype, (3, 2)), x)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("02 01 0000", "format version 2: this package reads 1"),
        ("01 03 0000", "the codec with id 3, read with the one with id 1"),
        ("01", "payload ends at byte 5, inside a field of bytes 4-8"),
        ("01 01 0000 00", "1 bytes are left over"),
        ("01 01 0100", "payload ends at byte 8"),
        ("01 01 0100 02 01 02", "payload ends at byte 11"),
        ("01 01 0100 0a 00", "tensor 0: unknown dtype code 10, the last one is 9"),
        ("01 01 0100 02 01 02000000 00000000", "payload ends at byte 18, inside a field of bytes 14-22"),
        ("01 01 0100 02 01 02000000 0000000000000000 00", "1 bytes are left over"),
        ("01 01 0200 04 00 01 04 00", "payload ends at byte 13, inside a field of bytes 13-14"),
        ("01 01 0100 02 02 ffffff7f ffffff7f", "inside a field of bytes 18-"),
        ("01 01 0100 02 04 00000000 ffffffff ffffffff ffffffff", "tensor 0: no tensor has the shape"),
    ],
)
def test_contents_that_do_not_add_up_are_refused_although_the_checksum_fits(contents: str, message: str) -> None:
    with pytest.raises(CorruptPayload, match=message):
        Identity().decode(seal(contents))


def test_a_huge_shape_is_refused_without_asking_for_memory() -> None:
    shape = "02 ffffff7f ffffff7f"
    for codec, codec_id in ((Identity(), "01"), (Cast(), "02"), (Quantize(bits=1), "11")):
        with pytest.raises(CorruptPayload):
            codec.decode(seal(f"01 {codec_id} 0100 02 {shape}"))


def test_more_dimensions_than_usual_come_back() -> None:
    x = torch.zeros((1,) * 70)
    payload, _ = Identity().encode((x,), None)
    assert Identity().decode(payload)[0].shape == x.shape


def test_too_many_tensors_are_refused() -> None:
    with pytest.raises(ValueError, match="a message of 65536 tensors: at most 65535 fit"):
        write(IDENTITY_ID, (torch.zeros(()),) * 65536, [])


def test_codec_ids_fit_their_byte_and_differ() -> None:
    ids = [
        payload[5] for payload in (codec.encode((), None)[0] for codec in (Identity(), Cast(), Cast(dtype="bfloat16")))
    ]
    assert len({*ids, *(QUANTIZE_ID + bits for bits in range(1, 17))}) == 3 + 16
