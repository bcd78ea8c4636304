"""Transport block sizes, code blocks and peak rates against references, and what every size must hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.radio.nr.reference import rows
from wirelessfsl.radio.nr.numerology import RESOURCE_BLOCKS, occupied_hz, resource_blocks, slot_s
from wirelessfsl.radio.nr.tables import MCS, Scheme
from wirelessfsl.radio.nr.transport import SMALL_BLOCKS, code_blocks, peak_rate_bit_s, transport_block_bits

SCHEMES = sorted({scheme for table in MCS.values() for scheme in table})


@pytest.mark.parametrize("row", rows("tbs_reference"), ids=lambda row: row["tbs_bits"])
def test_transport_block_and_its_code_blocks_equal_the_reference(row: dict[str, str]) -> None:
    scheme = MCS[int(row["mcs_table"])][int(row["mcs"])]
    columns = ("n_prb", "n_symb", "n_dmrs_per_prb", "n_oh", "n_layers")
    prb, symbols, dmrs, overhead, layers = (int(row[column]) for column in columns)
    size = transport_block_bits(prb, scheme, symbols, dmrs, overhead, layers)
    assert size == int(row["tbs_bits"])
    assert code_blocks(size, scheme.rate) == (int(row["code_blocks"]), int(row["code_block_bits"]))
    # Code blocks are the transport block, its check sum and one each where there are several.
    check = int(row["tb_crc"]) + int(row["cb_crc"]) * int(row["code_blocks"])
    assert size + check == int(row["code_blocks"]) * int(row["code_block_bits"])


def test_the_largest_block_of_nr_and_the_number_of_small_ones() -> None:
    assert transport_block_bits(273, Scheme(8, 948.0), layers=4) == 1_277_992
    assert len(SMALL_BLOCKS) == 93
    assert list(SMALL_BLOCKS) == sorted(SMALL_BLOCKS)


def test_a_tie_is_rounded_up() -> None:
    # 74 * 120 * 2 * 64/1024 * 4 = 4440 bits are 34.5 steps of 128 above 24. Up, 4480 bits make two code blocks at this
    # rate: 16 * ceil(4504 / 16) - 24 = 4488. To even it would be 4352 bits, so 4360.
    assert transport_block_bits(74, Scheme(2, 64.0), symbols=11, layers=4) == 4488


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(1, 275), st.sampled_from(SCHEMES), st.integers(2, 14), st.integers(1, 4))
def test_code_blocks_are_equal_whole_and_never_too_long(prb: int, scheme: Scheme, symbols: int, layers: int) -> None:
    size = transport_block_bits(prb, scheme, symbols, 12, 0, layers)
    count, block = code_blocks(size, scheme.rate)
    check = 16 if size <= 3824 else 24
    assert count * block == size + check + (24 * count if count > 1 else 0)
    assert block <= (3840 if scheme.rate <= 0.25 else 8448)
    assert size % 8 == 0
    # Quantisation is by at most a 32nd, and to bytes.
    wanted = (12 * symbols - 12 if symbols < 14 else 156) * prb * scheme.efficiency * layers
    assert abs(size - wanted) <= wanted / 16 + 32


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 274), st.sampled_from(SCHEMES))
def test_more_resource_blocks_never_carry_fewer_bits(prb: int, scheme: Scheme) -> None:
    assert transport_block_bits(prb + 1, scheme) >= transport_block_bits(prb, scheme)


@pytest.mark.parametrize(
    ("layers", "bits", "prb", "spacing_khz", "overhead", "megabit_s"),
    [
        (4, 8, 273, 30, 0.14, 2337.00012),
        (1, 6, 273, 30, 0.08, 468.76),
        (1, 8, 106, 15, 0.14, 113.42583),
        (2, 6, 264, 120, 0.18, 3232.26288),
        (1, 6, 52, 15, 0.08, 44.64369),
    ],
)
def test_peak_rates(layers: int, bits: int, prb: int, spacing_khz: int, overhead: float, megabit_s: float) -> None:
    assert peak_rate_bit_s(layers, bits, prb, spacing_khz, overhead) / 1e6 == pytest.approx(megabit_s, abs=0.05)


def test_the_largest_block_is_the_peak_rate_less_one_symbol() -> None:
    # One of 14 symbols is for reference; the block is rounded up by 1.3 %.
    block = transport_block_bits(273, Scheme(8, 948.0), layers=4)
    assert block / slot_s(30) < peak_rate_bit_s(4, 8, 273, 30, overhead=0.0)
    assert block / slot_s(30) == pytest.approx(peak_rate_bit_s(4, 8, 273, 30, overhead=1 / 14), rel=0.015)


@pytest.mark.parametrize(("frequency_range", "spacing_khz"), RESOURCE_BLOCKS)
def test_resource_blocks_fill_a_carrier_and_leave_a_guard(frequency_range: str, spacing_khz: int) -> None:
    for mhz, blocks in RESOURCE_BLOCKS[frequency_range, spacing_khz].items():
        assert 0.79 * mhz * 1e6 < occupied_hz(blocks, spacing_khz) < mhz * 1e6


def test_carriers_that_everybody_knows() -> None:
    assert [resource_blocks(b, 15) for b in (5e6, 10e6, 20e6)] == [25, 52, 106]
    assert [resource_blocks(b, 30) for b in (20e6, 100e6)] == [51, 273]
    assert resource_blocks(400e6, 120, "fr2") == 264


def test_a_bandwidth_that_nr_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(ValueError, match=r"got 1e\+06, an NR carrier in fr1 with 15 kHz subcarriers has 5e6, 10e6"):
        resource_blocks(1e6, 15)
