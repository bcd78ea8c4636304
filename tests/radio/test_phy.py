"""Spectral efficiency against hand calculations."""

from __future__ import annotations

import numpy as np
import pytest

from wirelessfsl.radio.phy import FixedEfficiency, Shannon, TruncatedShannon


def test_shannon_is_log2_of_one_plus_sinr() -> None:
    np.testing.assert_allclose(Shannon().efficiency(np.array([0.0, 1.0, 3.0, 127.0])), [0.0, 1.0, 2.0, 7.0])


def test_shannon_is_linear_where_the_sinr_is_tiny() -> None:
    np.testing.assert_allclose(Shannon().efficiency(np.array([1e-12])), [1e-12 / np.log(2)], rtol=1e-9)


def test_shannon_is_capped() -> None:
    sinr = np.array([2**7.39 - 1, 2**7.41 - 1, 1e30])
    np.testing.assert_allclose(Shannon(cap_bit_s_hz=7.4).efficiency(sinr), [7.39, 7.4, 7.4])


def test_gap_divides_the_sinr() -> None:
    sinr = np.geomspace(1e-3, 1e2, 9)
    np.testing.assert_allclose(Shannon(gap_db=10.0).efficiency(sinr), Shannon().efficiency(sinr / 10))


def test_fixed_efficiency_ignores_the_sinr() -> None:
    np.testing.assert_array_equal(FixedEfficiency(bit_s_hz=2.5).efficiency(np.array([0.0, 1.0, 1e9])), [2.5] * 3)


@pytest.mark.parametrize(("direction", "alpha", "cap"), [("downlink", 0.6, 4.4), ("uplink", 0.4, 2.0)])
def test_truncated_shannon_scales_capacity_between_its_floor_and_its_cap(
    direction: str, alpha: float, cap: float
) -> None:
    sinr = 10 ** (np.array([-10.01, -9.99, 0.0, 10.0, 22.5]) / 10)
    expected = [0.0, alpha * np.log2(1 + sinr[1]), alpha, alpha * np.log2(11.0), cap]
    np.testing.assert_allclose(TruncatedShannon().one_way(direction).efficiency(sinr), expected)


def test_truncated_shannon_reaches_its_caps_at_the_sinrs_of_the_report() -> None:
    # 22 dB in the downlink and 15 dB in the uplink carry 4.4 and 2.0 bit/s/Hz.
    assert 0.6 * np.log2(1 + 10**2.2) == pytest.approx(4.4, abs=0.02)
    assert 0.4 * np.log2(1 + 10**1.5) == pytest.approx(2.0, abs=0.02)


@pytest.mark.parametrize("phy", [Shannon(), FixedEfficiency(), TruncatedShannon()])
def test_kinds_without_blocks_lose_nothing_and_use_the_whole_band(
    phy: Shannon | FixedEfficiency | TruncatedShannon,
) -> None:
    way = phy.one_way("uplink")
    assert way.occupied_hz(20e6) == 20e6
    np.testing.assert_array_equal(way.residual(np.array([0.0, 1.0])), [0.0, 0.0])
    # log2(1 + 3) and log2(1 + 15) are 3 bits on average, as log2(1 + 7) is.
    np.testing.assert_allclose(way.effective_sinr(np.array([[3.0, 15.0], [2.0, 2.0]])), [7.0, 2.0])


@pytest.mark.parametrize("phy", [Shannon(), FixedEfficiency()])
def test_efficiency_leaves_its_argument_alone_and_takes_no_links(phy: Shannon | FixedEfficiency) -> None:
    sinr = np.array([0.5, 1e9])
    assert phy.efficiency(sinr) is not sinr
    np.testing.assert_array_equal(sinr, [0.5, 1e9])
    assert phy.efficiency(np.array([])).shape == (0,)


def test_ranges_are_checked() -> None:
    with pytest.raises(ValueError, match=r"Shannon.gap_db: got -1.0, must be >= 0"):
        Shannon(gap_db=-1.0)
    with pytest.raises(ValueError, match=r"FixedEfficiency.bit_s_hz: got 0.0, must be > 0"):
        FixedEfficiency(bit_s_hz=0.0)
