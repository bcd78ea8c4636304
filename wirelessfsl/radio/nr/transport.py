"""NR transport blocks: how many bits a slot carries, and the code blocks that they are cut into.

Exact, as 3GPP TS 38.214, sec. 5.1.3.2 (size) and TS 38.212, sec. 5.2.2, 6.2.1 and 6.2.2 (code blocks) have it, for one
code word of up to four layers. Also the peak rate of TS 38.306, sec. 4.1.2, by which devices are advertised.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from wirelessfsl.radio.nr.numerology import SUBCARRIERS, SYMBOLS, slot_s
from wirelessfsl.radio.nr.tables import Scheme

SMALL_BLOCKS: tuple[int, ...] = (
    *range(24, 193, 8),
    *range(208, 385, 16),
    *range(408, 529, 24),
    *range(552, 577, 24),
    *range(608, 769, 32),
    *range(808, 929, 40),
    *(984, 1032, 1064, 1128, 1160, 1192, 1224, 1256, 1288, 1320, 1352),
    *range(1416, 1929, 64),
    *(2024, 2088, 2152, 2216, 2280, 2408, 2472, 2536, 2600, 2664, 2728, 2792, 2856, 2976, 3104),
    *range(3240, 3753, 128),
    3824,
)
"""TS 38.214, Table 5.1.3.2-1: the 93 sizes up to 3824 bits."""


def elements(symbols: int, dmrs: int, overhead: int) -> int:
    """Resource elements of a resource block that carry data in a slot: min(156, 12 symbols - dmrs - overhead).

    >>> elements(14, 12, 0)
    156
    """
    return min(156, SUBCARRIERS * symbols - dmrs - overhead)


def transport_block_bits(
    resource_blocks: int, scheme: Scheme, symbols: int = SYMBOLS, dmrs: int = 12, overhead: int = 0, layers: int = 1
) -> int:
    """Transport block size in bits: N_RE R Q_m v, rounded as TS 38.214, sec. 5.1.3.2 says.

    resource_blocks: number of resource blocks, >= 1.
    scheme: modulation Q_m and rate R.
    symbols: symbols of the slot that are the block's, 1 to 14.
    dmrs: resource elements of a resource block with reference symbols.
    overhead: other resource elements of a resource block without data (0, 6, 12 or 18).
    layers: spatial layers v, 1 to 4.

    >>> transport_block_bits(273, Scheme(8, 948.0), layers=4)
    1277992
    """
    information = elements(symbols, dmrs, overhead) * resource_blocks * scheme.efficiency * layers
    if information <= 3824:
        step = 1 << max(3, math.floor(math.log2(information)) - 6)
        rounded = max(24, step * math.floor(information / step))
        return next(size for size in SMALL_BLOCKS if size >= rounded)
    step = 1 << (math.floor(math.log2(information - 24)) - 5)
    rounded = max(3840, step * math.floor((information - 24) / step + 0.5))
    largest = 3816 if scheme.rate <= 0.25 else 8424
    count = math.ceil((rounded + 24) / largest) if scheme.rate <= 0.25 or rounded > 8424 else 1
    return 8 * count * math.ceil((rounded + 24) / (8 * count)) - 24


class CodeBlocks(NamedTuple):
    """``number`` code blocks of ``size_bits`` information bits each, check sums included."""

    number: int
    size_bits: int


def code_blocks(block_bits: int, rate: float) -> CodeBlocks:
    """Code blocks of a transport block, TS 38.212, sec. 5.2.2; base graph 2 takes up to 3840 bits, base graph 1 8448.

    block_bits: transport block size A in bits.
    rate: target code rate R.

    >>> code_blocks(8456, 658 / 1024)
    CodeBlocks(number=2, size_bits=4264)
    """
    second = block_bits <= 292 or (block_bits <= 3824 and rate <= 0.67) or rate <= 0.25
    checked = block_bits + (16 if block_bits <= 3824 else 24)
    largest = 3840 if second else 8448
    if checked <= largest:
        return CodeBlocks(1, checked)
    count = math.ceil(checked / (largest - 24))
    return CodeBlocks(count, checked // count + 24)


def peak_rate_bit_s(
    layers: int, bits: int, resource_blocks: int, spacing_khz: int, overhead: float, scaling: float = 1.0
) -> float:
    """Peak rate of one carrier in bit/s: v Q_m f (948/1024) 12 N_RB (1 - OH) / T_s, with T_s = slot / 14.

    3GPP TS 38.306, sec. 4.1.2.

    layers: spatial layers v.
    bits: bits a modulation symbol Q_m.
    resource_blocks: N_RB.
    spacing_khz: subcarrier spacing in kHz.
    overhead: OH; 0.14 downlink and 0.08 uplink in FR1, 0.18 and 0.10 in FR2.
    scaling: f, one of 1, 0.8, 0.75, 0.4.

    >>> round(peak_rate_bit_s(4, 8, 273, 30, 0.14) / 1e6, 1)
    2337.0
    """
    symbol_s = slot_s(spacing_khz) / SYMBOLS
    return layers * bits * scaling * (948 / 1024) * SUBCARRIERS * resource_blocks * (1 - overhead) / symbol_s
