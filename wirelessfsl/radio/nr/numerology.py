"""NR numerology: slots, resource blocks of a carrier, processing times of a device.

Normal cyclic prefix, one carrier, one bandwidth part as wide as the carrier. Follows 3GPP TS 38.211, sec. 4
(slots), TS 38.101-1 and 38.101-2, Table 5.3.2-1 (resource blocks; the common widths of release 15), and TS 38.214,
Tables 5.3-1 and 6.4-1 (processing times of capability 1). Left out: the extended cyclic prefix, carrier aggregation.
"""

from __future__ import annotations

import math
from typing import Literal

SYMBOLS = 14
"""OFDM symbols of a slot."""
SUBCARRIERS = 12
"""Subcarriers of a resource block."""

FrequencyRange = Literal["fr1", "fr2"]
SubcarrierSpacingKhz = Literal[15, 30, 60, 120]

RESOURCE_BLOCKS: dict[tuple[str, int], dict[int, int]] = {
    ("fr1", 15): {5: 25, 10: 52, 15: 79, 20: 106, 25: 133, 30: 160, 40: 216, 50: 270},
    ("fr1", 30): {
        5: 11,
        10: 24,
        15: 38,
        20: 51,
        25: 65,
        30: 78,
        40: 106,
        50: 133,
        60: 162,
        70: 189,
        80: 217,
        90: 245,
        100: 273,
    },
    ("fr1", 60): {10: 11, 15: 18, 20: 24, 25: 31, 30: 38, 40: 51, 50: 65, 60: 79, 70: 93, 80: 107, 90: 121, 100: 135},
    ("fr2", 60): {50: 66, 100: 132, 200: 264},
    ("fr2", 120): {50: 32, 100: 66, 200: 132, 400: 264},
}
"""N_RB of a carrier: by frequency range and subcarrier spacing in kHz, then by channel bandwidth in MHz."""

PDSCH_PROCESSING_SYMBOLS = {15: 8, 30: 10, 60: 17, 120: 20}
"""N1: symbols from the end of a downlink block to its acknowledgement, by subcarrier spacing in kHz."""
PUSCH_PREPARATION_SYMBOLS = {15: 10, 30: 12, 60: 23, 120: 36}
"""N2: symbols from the end of an uplink grant to the first symbol of its block, by subcarrier spacing in kHz."""


def slot_s(spacing_khz: int) -> float:
    """Length of a slot in s: 1 ms / 2^mu for a subcarrier spacing of 15 * 2^mu kHz.

    >>> slot_s(30)
    0.0005
    """
    return 15e-3 / spacing_khz


def shortest_round_trip_slots(spacing_khz: int) -> int:
    """Fewest slots from a block to its retransmission: its own, and N1 symbols and one for the acknowledgement.

    >>> shortest_round_trip_slots(30), shortest_round_trip_slots(120)
    (2, 3)
    """
    return 1 + math.ceil((PDSCH_PROCESSING_SYMBOLS[spacing_khz] + 1) / SYMBOLS)


def resource_blocks(bandwidth_hz: float, spacing_khz: int, frequency_range: FrequencyRange = "fr1") -> int:
    """Number of resource blocks of a carrier.

    bandwidth_hz: channel bandwidth in Hz, guard bands included.
    spacing_khz: subcarrier spacing in kHz.

    Raises ValueError for a bandwidth that the tables do not have at this spacing.

    >>> resource_blocks(100e6, 30)
    273
    """
    widths = RESOURCE_BLOCKS[frequency_range, spacing_khz]
    for mhz, blocks in widths.items():
        if math.isclose(bandwidth_hz, mhz * 1e6):
            return blocks
    allowed = ", ".join(f"{mhz}e6" for mhz in widths)
    raise ValueError(
        f"got {bandwidth_hz:g}, an NR carrier in {frequency_range} with {spacing_khz} kHz subcarriers has {allowed} Hz"
    )


def occupied_hz(blocks: int, spacing_khz: int) -> float:
    """Width of a number of resource blocks in Hz.

    >>> occupied_hz(273, 30)
    98280000.0
    """
    return blocks * SUBCARRIERS * spacing_khz * 1e3
