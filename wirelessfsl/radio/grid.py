"""The grid of an OFDMA band: resource blocks of twelve subcarriers in frequency, slots in time, TDD.

The numerology is NR's (3GPP TS 38.211, sec. 4): blocks of 12 x 15 kHz x 2^mu and slots of 1 ms / 2^mu. NR carriers have
as many blocks as their table says; any other physical layer has as many as fit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from wirelessfsl.radio.nr.numerology import occupied_hz, resource_blocks, slot_s
from wirelessfsl.radio.nr.phy import Nr


class Grid(NamedTuple):
    """So many resource ``blocks`` with this subcarrier spacing.

    >>> Grid(273, 30).width_hz, Grid(273, 30).block_hz, Grid(273, 30).slot_s
    (98280000.0, 360000.0, 0.0005)
    """

    blocks: int
    spacing_khz: int

    @property
    def width_hz(self) -> float:
        """Width of all blocks, Hz."""
        return occupied_hz(self.blocks, self.spacing_khz)

    @property
    def block_hz(self) -> float:
        """Width of a block, Hz."""
        return occupied_hz(1, self.spacing_khz)

    @property
    def slot_s(self) -> float:
        """Length of a slot, s."""
        return slot_s(self.spacing_khz)


def grid(phy: object, bandwidth_hz: float, spacing_khz: int) -> Grid:
    """The grid of a band.

    phy: settings of the physical layer; NR has a spacing of its own.
    bandwidth_hz: width of the band in Hz.
    spacing_khz: subcarrier spacing in kHz of all others.

    Raises ValueError for a band that NR has no carrier for, or that has no room for a block.

    >>> grid(None, 20e6, 15)
    Grid(blocks=111, spacing_khz=15)
    """
    if isinstance(phy, Nr):
        spacing_khz = phy.subcarrier_spacing_khz
        return Grid(resource_blocks(bandwidth_hz, spacing_khz, phy.frequency_range), spacing_khz)
    blocks = math.floor(bandwidth_hz / occupied_hz(1, spacing_khz))
    if blocks < 1:
        raise ValueError(f"got {bandwidth_hz:g}, must be >= {occupied_hz(1, spacing_khz):g}, one resource block")
    return Grid(blocks, spacing_khz)


def is_uplink(slot: int, share: float) -> bool:
    """Whether a slot is the uplink's, which has a share of all, spread evenly: of a fifth it is the last of five.

    >>> [is_uplink(slot, 0.2) for slot in range(5)]
    [False, False, False, False, True]
    """
    return _passed(slot + 1, share) > _passed(slot, share)


def is_downlink(slot: int, share: float, uplink_share: float) -> bool:
    """Whether a slot is the downlink's: one of those that the uplink leaves, or any if both shares are 1.

    >>> [is_downlink(slot, 0.8, 0.2) for slot in range(5)]
    [True, True, True, True, False]
    """
    if share == uplink_share == 1.0:  # each has a band of its own
        return True
    left = slot - _passed(slot, uplink_share)
    return not is_uplink(slot, uplink_share) and is_uplink(left, share / (1.0 - uplink_share))


_ROUNDING = 1e-9


def _passed(slots: int, share: float) -> int:
    """How many of the first slots belong to a share."""
    return math.floor(slots * share + _ROUNDING)
