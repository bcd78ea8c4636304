from __future__ import annotations

import struct

import pytest
import torch
import xxhash

from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.wire import DTYPES, FORMAT_VERSION, CorruptPayload, frame_bytes, raw, restore, write

NOTHING = Chain()


def seal(contents: str, chain: Chain = NOTHING) -> bytes:
    """A payload with a right checksum and fingerprint before any contents, given in hexadecimal."""
    behind = struct.pack("<H", chain.fingerprint ^ FORMAT_VERSION) + bytes.fromhex(contents)
    return struct.pack("<I", xxhash.xxh3_64_intdigest(behind) & 0xFFFFFFFF) + behind


def test_identity_message_byte_by_byte() -> None:
    payload, _ = Chain().encode((torch.tensor([[1.0, -2.0]]), torch.tensor(7, dtype=torch.uint8)), None)
    contents = (
        "0200"  # two tensors
        "02 02 01000000 02000000"  # float32, two dimensions: 1 x 2
        "04 00"  # uint8, no dimension
        "0000803f 000000c0"  # 1.0, -2.0
        "07"
    )
    assert payload == seal(contents)
    assert len(payload) == frame_bytes([(1, 2), ()]) + 8 + 1 == 29


def test_headers_are_8_bytes_a_message_2_a_tensor_and_4_a_dimension() -> None:
    assert frame_bytes([]) == 8
    assert frame_bytes([()]) == 8 + 2
    assert frame_bytes([(32, 6, 12, 12), (32,)]) == 8 + (2 + 16) + (2 + 4)


def test_a_message_without_tensors_is_its_header() -> None:
    payload, _ = Chain().encode((), None)
    assert len(payload) == 8
    assert Chain().decode(payload) == ()


def test_a_mutable_buffer_is_read_like_bytes() -> None:
    payload, _ = Chain().encode((torch.arange(3),), None)
    assert torch.equal(Chain().decode(bytearray(payload))[0], torch.arange(3))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_has_its_code_and_comes_back_bit_by_bit(name: str) -> None:
    x = torch.tensor([[0, 1], [1, 1], [0, 0]], dtype=getattr(torch, name))
    payload, _ = Chain().encode((x,), None)
    assert payload[8] == DTYPES.index(name)
    assert torch.equal(Chain().decode(payload)[0], x)
    assert torch.equal(restore(raw(x), x.dtype, (3, 2)), x)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("", "payload ends at byte 6, inside a field of bytes 4-8"),
        ("0000 00", "1 bytes are left over"),
        ("0100", "payload ends at byte 8"),
        ("0100 02 01 02", "payload ends at byte 11"),
        ("0100 0a 00", "tensor 0: unknown dtype code 10, the last one is 9"),
        ("0200 04 00 0a 00", "tensor 1: unknown dtype code 10, the last one is 9"),
        ("0100 02 01 02000000 00000000", "payload ends at byte 18, inside a field of bytes 14-22"),
        ("0100 02 01 02000000 0000000000000000 00", "1 bytes are left over"),
        ("0200 04 00 04 00 01", "payload ends at byte 13, inside a field of bytes 13-14"),
        ("0100 02 02 ffffff7f 01000000", "inside a field of bytes 18-"),
        ("0100 02 02 ffffff7f 02000000", "tensor 0: no tensor has the shape"),
        ("0100 02 04 00000000 ffffffff ffffffff ffffffff", "tensor 0: no tensor has the shape"),
    ],
)
def test_contents_that_do_not_add_up_are_refused_although_the_checksum_fits(contents: str, message: str) -> None:
    with pytest.raises(CorruptPayload, match=message):
        Chain().decode(seal(contents))


def test_a_huge_shape_is_refused_without_asking_for_memory() -> None:
    shape = "02 ffffff7f ffffff7f"
    for chain in (Chain(), Chain((Cast(),)), Chain((Quantize(bits=1),))):
        with pytest.raises(CorruptPayload):
            chain.decode(seal(f"0100 02 {shape}", chain))


def test_more_dimensions_than_usual_come_back() -> None:
    x = torch.zeros((1,) * 70)
    payload, _ = Chain().encode((x,), None)
    assert Chain().decode(payload)[0].shape == x.shape


def test_too_many_tensors_are_refused() -> None:
    with pytest.raises(ValueError, match="a message of 65536 tensors: at most 65535 fit"):
        write(0, [(torch.float32, ())] * 65536, [])


def test_another_version_of_the_format_is_refused() -> None:
    behind = struct.pack("<HH", FORMAT_VERSION + 1, 0)
    with pytest.raises(CorruptPayload, match="another version of the format"):
        Chain().decode(struct.pack("<I", xxhash.xxh3_64_intdigest(behind) & 0xFFFFFFFF) + behind)


def test_fingerprints_of_different_settings_differ() -> None:
    chains = [Chain(), Chain((Cast(),)), *(Chain((Quantize(bits=bits),)) for bits in range(1, 17))]
    assert len({chain.fingerprint for chain in chains}) == len(chains)
