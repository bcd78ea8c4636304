"""Grids of OFDMA bands, and the slots of a direction."""

from __future__ import annotations

import pytest

from wirelessfsl.radio.grid import Grid, grid, is_downlink, is_uplink
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.phy import Shannon


def test_nr_has_the_blocks_of_its_carrier_and_others_as_many_as_fit() -> None:
    assert grid(Nr(), 100e6, 15) == Grid(273, 30)
    assert grid(Shannon(), 100e6, 30) == Grid(277, 30)
    assert grid(Shannon(), 180e3, 15) == Grid(1, 15)


def test_a_band_without_room_for_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="got 100000, must be >= 180000, one resource block"):
        grid(Shannon(), 100e3, 15)


@pytest.mark.parametrize(("uplink", "downlink"), [(0.2, 0.8), (0.25, 0.7), (0.3, 0.3), (1 / 3, 2 / 3)])
def test_shares_of_tdd_are_slots_that_no_two_directions_have(uplink: float, downlink: float) -> None:
    slots = range(6000)
    ups = {slot for slot in slots if is_uplink(slot, uplink)}
    downs = {slot for slot in slots if is_downlink(slot, downlink, uplink)}
    assert not ups & downs
    assert (len(ups), len(downs)) == pytest.approx((uplink * len(slots), downlink * len(slots)), abs=1.5)


def test_with_a_band_each_both_directions_have_their_whole_share() -> None:
    assert all(is_uplink(slot, 1.0) and is_downlink(slot, 1.0, 1.0) for slot in range(100))
