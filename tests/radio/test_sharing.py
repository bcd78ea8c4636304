"""The least share for a rate undoes the rate of a share, whatever the physical layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirelessfsl.radio.nr.harq import Harq
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.phy import FixedEfficiency, Shannon, TruncatedShannon
from wirelessfsl.radio.sharing import OwnPower, SpreadPower, filled, in_part, shannon_share, table
from wirelessfsl.streams import Floats


@dataclass(frozen=True)
class Plain:
    """Shannon's law as if it were not known to be it."""

    cap_bit_s_hz: float = 100.0

    def efficiency(self, sinr: Floats) -> Floats:
        return np.minimum(np.log2(1.0 + sinr), self.cap_bit_s_hz)


@dataclass(frozen=True)
class Steps:
    """Modulation in steps, and nothing below -6 dB."""

    def efficiency(self, sinr: Floats) -> Floats:
        return np.floor(2.0 * np.minimum(np.log2(1.0 + sinr), 7.0)) / 2.0


LAWS = [Shannon(), Shannon(gap_db=3.0, cap_bit_s_hz=4.0), Plain(), Plain(4.0), FixedEfficiency(bit_s_hz=2.0)]
DECIBELS = st.floats(-30.0, 50.0)


@pytest.mark.parametrize("phy", LAWS, ids=repr)
@given(snr_db=DECIBELS, share=st.floats(1e-5, 1.0))
def test_the_share_for_the_rate_of_a_share_is_that_share(phy: Any, snr_db: float, share: float) -> None:
    requests = OwnPower(np.ones(1), np.array([10.0 ** (snr_db / 10.0)]), phy, 1e6)
    rate = requests.rate_bit_s(share)
    again = requests.share_for(rate)
    # Near the limit of a wide band the rate hardly depends on the share: there the rate tells.
    assert again[0] == pytest.approx(share, rel=1e-3)
    assert requests.rate_bit_s(again)[0] == pytest.approx(rate[0], rel=1e-6)


@given(snr_db=DECIBELS, share=st.floats(1e-4, 1.0))
def test_with_steps_the_share_is_the_least_that_gives_the_rate(snr_db: float, share: float) -> None:
    requests = OwnPower(np.ones(1), np.array([10.0 ** (snr_db / 10.0)]), Steps(), 1e6)
    rates = [requests.rate_bit_s(b)[0] for b in np.geomspace(1e-6, share, 400)]
    wanted = 0.99 * max(rates)  # a step may end between two entries of the table, which are 0.02 dB apart
    least = float(requests.share_for(np.array([wanted]))[0])
    assert least <= share
    assert requests.rate_bit_s(least)[0] >= wanted * 0.995
    assert all(requests.rate_bit_s(least * part)[0] < wanted for part in np.linspace(0.01, 0.99, 50))


def test_beyond_the_limit_of_a_wide_band_no_share_is_enough() -> None:
    snr, limit = np.array([3.0]), 3.0 / np.log(2.0)
    assert shannon_share(np.array([limit * 1.0001]), snr) == np.inf
    assert 1e3 < shannon_share(np.array([limit * 0.9999]), snr)[0] < np.inf
    assert OwnPower(np.ones(1), snr, Plain(), 1.0).share_for(np.array([limit * 1.0001])) == np.inf


def test_nothing_needs_nothing_and_a_dead_link_has_no_rate() -> None:
    spread = SpreadPower(np.ones(2), np.array([0.0, 2.0]))
    assert spread.share_for(np.array([0.0, 1.0])).tolist() == [0.0, 0.5]
    assert spread.share_for(np.array([1.0, 0.0])).tolist() == [np.inf, 0.0]
    for phy in Shannon(), Plain(), FixedEfficiency():
        own = OwnPower(np.ones(2), np.array([0.0, 1.0]), phy, 1.0)
        assert own.share_for(np.zeros(2)).tolist() == [0.0, 0.0]
        assert own.alive.tolist() == [0.0, 1.0]
        assert own.rate_bit_s(0.0).tolist() == [0.0, 0.0]


def test_far_above_the_table_the_efficiency_is_the_last_one() -> None:
    strong = OwnPower(np.ones(1), np.array([1e9]), Plain(7.0), 1.0)
    assert strong.share_for(np.array([7e-6])) == pytest.approx(1e-6, rel=1e-9)
    assert table(Plain(7.0)).top == 7.0


@pytest.mark.parametrize(
    "phy", [TruncatedShannon().one_way("uplink"), Nr().one_way("uplink"), Steps()], ids=lambda phy: type(phy).__name__
)
def test_a_weak_sender_is_as_quick_in_the_whole_band_as_in_the_part_that_it_can_fill(phy: Any) -> None:
    knee, best = table(phy).knee, table(phy).slope[0]
    requests = OwnPower(np.ones(3), knee * np.array([1e-1, 1e-2, 1e-4]), phy, 1e6)
    part = np.array([1e-1, 1e-2, 1e-4])
    assert requests.rate_bit_s(part) == pytest.approx(1e6 * part * phy.efficiency(np.full(3, knee)), rel=1e-9)
    assert requests.rate_bit_s(1.0) == pytest.approx(requests.rate_bit_s(part), rel=1e-9)
    assert requests.rate_bit_s(1.0) == pytest.approx(1e6 * requests.snr * best)  # the most bits a watt can carry
    assert (phy.efficiency(requests.snr) < filled(phy, requests.snr)).all()
    assert in_part(phy, requests.snr) == pytest.approx(requests.snr / part)


@pytest.mark.parametrize(
    "phy", [*LAWS, TruncatedShannon().one_way("uplink"), Nr().one_way("uplink")], ids=lambda phy: type(phy).__name__
)
def test_a_strong_sender_fills_its_share(phy: Any) -> None:
    snr = table(phy).knee * np.logspace(0.0, 6.0, 50)
    assert (filled(phy, snr) == phy.efficiency(snr)).all()


def test_what_a_weak_sender_fills_does_not_depend_on_who_sends_lost_blocks_again() -> None:
    again, lossy = (Nr(harq=Harq(transmissions=1)).one_way("uplink", acknowledged) for acknowledged in (True, False))
    snr = table(again).knee * np.array([0.0, 1e-3, 0.1, 0.9, 2.0])
    assert in_part(lossy, snr) == pytest.approx(in_part(again, snr))
    arrives = filled(lossy, snr) * (1.0 - lossy.residual(in_part(lossy, snr)))
    assert arrives == pytest.approx(filled(again, snr))
