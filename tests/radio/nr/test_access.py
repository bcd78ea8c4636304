"""Access delay by hand and by drawing it."""

from __future__ import annotations

import numpy as np
import pytest

from wirelessfsl.radio.nr.access import GrantAccess, shortest_k2_slots
from wirelessfsl.radio.nr.numerology import slot_s


def test_slots_of_all_spacings() -> None:
    assert [slot_s(khz) * 1e3 for khz in (15, 30, 60, 120)] == pytest.approx([1.0, 0.5, 0.25, 0.125])


def test_the_mean_is_half_a_period_the_grant_and_k2() -> None:
    access = GrantAccess(request_period_slots=20, grant_slots=4, k2_slots=3)
    assert access.mean_s(30) == pytest.approx((10 + 4 + 3) * 0.5e-3)
    drawn = [access.wait_slots(30, u) for u in np.random.default_rng(1).random(4000).tolist()]
    # Uniform over 20 slots, with a standard deviation of 20 / sqrt(12), from a message half a slot into its own.
    assert np.mean(drawn) - 0.5 == pytest.approx(10 + 4 + 3, abs=4 * 20 / np.sqrt(12 * 4000))
    assert (access.wait_slots(30, 0.0), access.wait_slots(30, 0.999)) == (8, 27)


def test_a_device_never_has_less_time_than_its_preparation_takes() -> None:
    # 10, 12, 23 and 36 symbols after the one of the grant.
    assert [shortest_k2_slots(khz) for khz in (15, 30, 60, 120)] == [1, 1, 2, 3]
    hasty = GrantAccess(k2_slots=0)
    assert hasty.wait_slots(120, 0.0) == 1 + 3 + 3
