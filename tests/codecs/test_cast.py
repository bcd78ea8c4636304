from __future__ import annotations

import pytest
import torch

from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.chain import Chain


def through(codec: Cast, x: torch.Tensor) -> torch.Tensor:
    chain = Chain((codec,))
    return chain.decode(chain.encode((x,))[0])[0]


@pytest.mark.parametrize(
    ("codec", "body"),
    [(Cast(), "003c 00c0 662e"), (Cast(dtype="bfloat16"), "803f 00c0 cd3d")],
)
def test_one_minus_two_and_a_tenth_byte_by_byte(codec: Cast, body: str) -> None:
    payload, _ = Chain((codec,)).encode((torch.tensor([1.0, -2.0, 0.1]),))
    # one tensor | float32, one dimension of 3 | three 16-bit numbers
    assert payload[6:] == bytes.fromhex(f"0100 02 01 03000000 {body}")


def test_ties_round_to_the_even_significand() -> None:
    ulp = 2.0**-10
    x = torch.tensor([1 + ulp / 2, 1 + 3 * ulp / 2])
    assert through(Cast(), x).tolist() == [1.0, 1 + 2 * ulp]


def test_the_greatest_error_of_float16_is_half_a_spacing() -> None:
    x = torch.linspace(1.0, 2.0, 100_001, dtype=torch.float64).float()
    error = (through(Cast(), x) - x).abs()
    assert error.max() <= 2.0**-11
    assert error.max() > 0.99 * 2.0**-11


def test_values_of_the_narrow_type_come_back_exactly() -> None:
    for codec, dtype in ((Cast(), torch.float16), (Cast(dtype="bfloat16"), torch.bfloat16)):
        every = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(dtype)
        finite = every[every.isfinite()]
        assert torch.equal(through(codec, finite.float()), finite.float())


def test_16_bit_tensors_fly_as_they_are_whatever_the_dtype_of_the_cast() -> None:
    # 65408 would become 65536 in bfloat16, and an infinity when the receiver takes it back to float16.
    for x in (torch.tensor([65408.0, 1 + 2.0**-10]).half(), torch.tensor([1e38, 1e-38]).bfloat16()):
        for codec in (Cast(), Cast(dtype="bfloat16")):
            assert torch.equal(through(codec, x), x)


@pytest.mark.parametrize(
    ("dtype", "value"), [("float16", 65520.0), ("float16", -1e30), ("bfloat16", 3.4e38), ("bfloat16", 1e300)]
)
def test_a_finite_value_that_would_become_infinite_is_refused_by_name(dtype: str, value: float) -> None:
    codec = Cast(dtype=dtype)  # type: ignore[arg-type]
    x = torch.tensor([1.0, value, 2.0], dtype=torch.float64)
    with pytest.raises(ValueError, match=rf"{value:g} is too large for {dtype}".replace("+", r"\+")):
        codec.encode(x, None)
    with pytest.raises(ValueError, match="too large"):
        codec.encode(x[1], None)


def test_labels_and_counters_fly_raw() -> None:
    labels, counter, mask = torch.tensor([2**40, -1]), torch.tensor(3, dtype=torch.int32), torch.tensor([True, False])
    payload, _ = Chain((Cast(),)).encode((labels, counter, mask), None)
    assert len(payload) == 8 + (2 + 4 + 16) + (2 + 4) + (2 + 4 + 2)
    assert all(map(torch.equal, Chain((Cast(),)).decode(payload), (labels, counter, mask)))


def test_half_precision_halves_the_body_and_costs_a_flop_an_element() -> None:
    assert Chain((Cast(),)).size_bytes([(32, 10)], [torch.float32]) == 8 + 2 + 8 + 640
    assert Chain((Cast(),)).size_bytes([(32, 10)], [torch.float64]) == 8 + 2 + 8 + 640
    assert Chain((Cast(),)).encode_flops([(32, 10)], [torch.float32]) == 320.0
    assert Chain((Cast(),)).decode_flops([(32, 10)], [torch.float32]) == 320.0
