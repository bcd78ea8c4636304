from __future__ import annotations

import math
import struct

import numpy as np
import pytest
import torch

from tests.codecs.test_wire import seal
from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.packing import pack, unpack
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.wire import CorruptPayload


def through(codec: Quantize, x: torch.Tensor) -> torch.Tensor:
    chain = Chain((codec,))
    return chain.decode(chain.encode((x,))[0])[0]


def test_three_values_at_two_bits_byte_by_byte() -> None:
    payload, _ = Chain((Quantize(bits=2),)).encode((torch.tensor([0.0, 1.2, 3.0]),), None)
    contents = (
        "0100"  # one tensor
        "02 01 03000000"  # float32, one dimension of 3
        "00000000 00004040"  # lo = 0.0, hi = 3.0 as float32
        "34"  # codes 0, 1, 3 from the least significant bit: 0b11_01_00
    )
    assert payload == seal(contents, Chain((Quantize(bits=2),)))
    assert Chain((Quantize(bits=2),)).decode(payload)[0].tolist() == [0.0, 1.0, 3.0]


def test_ten_bits_run_across_bytes() -> None:
    payload, _ = Chain((Quantize(bits=10),)).encode((torch.tensor([[0.0, 1.0], [513.0, 1023.0]]),), None)
    # codes 0, 1, 513, 1023: bits 10-19 hold 1, 20-29 hold 0b1000000001, 30-39 hold ones
    assert payload[-5:] == bytes.fromhex("00 04 10 e0 ff")


def test_the_grid_of_a_float64_tensor_flies_as_float64() -> None:
    x = torch.tensor([0.1, 0.3], dtype=torch.float64)
    payload, _ = Chain((Quantize(bits=1),)).encode((x,), None)
    assert payload[-17:] == struct.pack("<dd", 0.1, 0.3) + b"\x02"
    assert Chain((Quantize(),)).size_bytes([(2,)], [torch.float64]) == 8 + 6 + 16 + 2


def test_size_is_8_bytes_a_tensor_and_the_bits_rounded_up() -> None:
    for bits in range(1, 17):
        size = Chain((Quantize(bits=bits),)).size_bytes(
            [(7, 3), (0,), ()], [torch.float32, torch.float16, torch.bfloat16]
        )
        assert size == 8 + (2 + 8 + 8 + math.ceil(21 * bits / 8)) + (2 + 4 + 8) + (2 + 8 + math.ceil(bits / 8))


def test_a_tie_rounds_to_the_even_code() -> None:
    assert through(Quantize(bits=2), torch.tensor([0.0, 0.5, 1.5, 2.5, 3.0])).tolist() == [0.0, 0.0, 2.0, 2.0, 3.0]


def test_the_ends_of_the_grid_come_back_exactly() -> None:
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    for bits in (1, 4, 8, 11, 16):
        y = through(Quantize(bits=bits), x)
        assert y.aminmax() == x.aminmax()


def test_values_on_the_grid_come_back_exactly() -> None:
    for bits in range(1, 17):
        x = torch.arange(2.0**bits)
        assert torch.equal(through(Quantize(bits=bits), x), x)


def test_a_bit_more_halves_the_root_mean_square_error() -> None:
    x = torch.rand(200_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[0], x[1] = 0.0, 1.0
    # The error is uniform over a step, so rms = step / sqrt(12). Its square is estimated from 2e5 samples with a
    # relative standard deviation of sqrt(4 / 5 / 2e5) = 0.2 %: 1 % is ten standard deviations of the root.
    for bits in (2, 5, 8, 12):
        rms = (through(Quantize(bits=bits), x) - x).square().mean().sqrt().item()
        assert rms == pytest.approx(1 / (2**bits - 1) / math.sqrt(12), rel=0.01)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_constant_tensor_comes_back_exactly(dtype: torch.dtype) -> None:
    for value in (0.0, 0.1, -3e4, torch.finfo(dtype).max, torch.finfo(dtype).tiny / 2):
        x = torch.full((2, 3), value, dtype=dtype)
        assert torch.equal(through(Quantize(bits=3), x), x)


def test_a_range_of_one_subnormal_step_comes_back_exactly() -> None:
    x = torch.tensor([0.0, 5e-324], dtype=torch.float64)
    assert torch.equal(through(Quantize(bits=16), x), x)


def test_the_whole_range_of_float32_has_a_grid() -> None:
    largest = torch.finfo(torch.float32).max
    x = torch.tensor([-largest, 0.0, largest])
    y = through(Quantize(bits=16), x)
    assert (y[0], y[2]) == (x[0], x[2])
    assert abs(y[1]) <= largest / (2**16 - 1) * (1 + 1e-6)


@pytest.mark.parametrize("values", [[1.0, math.nan], [math.inf, 0.0], [-math.inf], [-1.7e308, 1.7e308]])
def test_values_without_a_finite_range_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"quantize: values from .* must be finite"):
        Chain((Quantize(),)).encode((torch.tensor(values, dtype=torch.float64),), None)


def test_a_grid_that_is_not_finite_is_refused_although_the_checksum_fits() -> None:
    chain = Chain((Quantize(bits=8),))
    with pytest.raises(CorruptPayload, match="a grid from 0 to inf"):
        chain.decode(seal("0100 02 00 00000000 0000807f 00", chain))


def test_labels_and_counters_fly_raw() -> None:
    labels, counter = torch.tensor([2**40, -1]), torch.tensor(3)
    payload, _ = Chain((Quantize(bits=1),)).encode((labels, counter), None)
    assert len(payload) == 8 + (2 + 4 + 16) + (2 + 8)
    assert all(map(torch.equal, Chain((Quantize(bits=1),)).decode(payload), (labels, counter)))


@pytest.mark.parametrize("bits", range(1, 17))
def test_packing_is_a_little_endian_stream_of_bits(bits: int) -> None:
    rng = np.random.default_rng(bits)
    for count in (0, 1, 2, 7, 8, 9, 63, 64, 1001):
        codes = rng.integers(0, 2**bits, count).astype(np.uint16)
        as_integer = sum(int(code) << bits * index for index, code in enumerate(codes))
        packed = pack(codes, bits).tobytes()
        assert packed == as_integer.to_bytes(math.ceil(count * bits / 8), "little")
        assert np.array_equal(unpack(memoryview(packed), count, bits), codes)


@pytest.mark.parametrize("bits", [0, 17, -1])
def test_bits_outside_1_to_16_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=r"Quantize.bits: got -?\d+, must be"):
        Quantize(bits=bits)


def test_cost_is_6_flops_an_element_to_encode_and_3_to_decode() -> None:
    assert Chain((Quantize(),)).encode_flops([(10, 10), (3,)], [torch.float32, torch.int64]) == 600.0
    assert Chain((Quantize(),)).decode_flops([(10, 10), (3,)], [torch.float32, torch.int64]) == 300.0
