"""Path loss against hand calculations and published formulas; shadowing against the normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from wirelessfsl.radio.propagation import FreeSpace, LogDistance, LogNormal, NoShadowing, UrbanMacro
from wirelessfsl.streams import keys

CARRIER_HZ = 3.5e9
MANY = np.random.default_rng(1).integers(0, 2**64, size=200_000, dtype=np.uint64)


def test_free_space_is_32_45_plus_20_lg_ghz_plus_20_lg_m() -> None:
    distance_m = np.array([1.0, 50.0, 1234.0])
    expected = 32.45 + 20 * np.log10(3.5) + 20 * np.log10(distance_m)
    # 32.45 is 32.4478 rounded to two decimals.
    np.testing.assert_allclose(FreeSpace().loss_db(distance_m, CARRIER_HZ), expected, atol=0.005)


def test_free_space_gains_6_db_per_doubling_of_distance_or_carrier() -> None:
    near, far = FreeSpace().loss_db(np.array([100.0, 200.0]), CARRIER_HZ)
    octave = FreeSpace().loss_db(np.array([100.0]), 2 * CARRIER_HZ)[0]
    assert far - near == pytest.approx(20 * np.log10(2))
    assert octave - near == pytest.approx(20 * np.log10(2))


def test_free_space_never_amplifies_in_the_near_field() -> None:
    np.testing.assert_array_equal(FreeSpace().loss_db(np.array([1e-6, 1e-3]), CARRIER_HZ), [0.0, 0.0])


def test_log_distance_with_exponent_2_and_no_reference_loss_is_free_space() -> None:
    distance_m = np.geomspace(1.0, 1e4, 20)
    np.testing.assert_allclose(
        LogDistance(exponent=2.0).loss_db(distance_m, CARRIER_HZ), FreeSpace().loss_db(distance_m, CARRIER_HZ)
    )


def test_log_distance_grows_by_ten_times_the_exponent_per_decade() -> None:
    model = LogDistance(exponent=3.7, reference_distance_m=10.0, reference_loss_db=60.0)
    np.testing.assert_allclose(model.loss_db(np.array([10.0, 100.0, 1000.0]), CARRIER_HZ), [60.0, 97.0, 134.0])


def test_log_distance_treats_shorter_distances_as_the_reference_distance() -> None:
    model = LogDistance(reference_distance_m=10.0, reference_loss_db=60.0)
    np.testing.assert_array_equal(model.loss_db(np.array([0.1, 10.0]), CARRIER_HZ), [60.0, 60.0])


def test_log_distance_takes_a_reference_loss_of_a_kilometre() -> None:
    by_hand = LogDistance(exponent=3.76, reference_distance_m=1000.0, reference_loss_db=128.1)
    assert by_hand.loss_db(np.array([2000.0]), CARRIER_HZ)[0] == pytest.approx(128.1 + 37.6 * np.log10(2))


def test_urban_macro_takes_metres_and_its_formula_kilometres() -> None:
    # 3GPP TR 36.814/36.942: 128.1 + 37.6 lg(d / km). With metres put for kilometres, 1 km would lose 240.9 dB.
    loss_db = UrbanMacro().loss_db(np.array([1000.0, 500.0, 100.0, 35.0]), 2e9)
    np.testing.assert_allclose(loss_db, [128.1, 116.7813, 90.5, 73.3569], atol=1e-4)


def test_urban_macro_covers_the_micro_cell_of_the_same_report() -> None:
    assert UrbanMacro(intercept_db=140.7, slope_db=36.7).loss_db(np.array([100.0]), 2e9)[0] == pytest.approx(104.0)


@pytest.mark.parametrize("model", [FreeSpace(), LogDistance(), UrbanMacro()])
def test_path_loss_leaves_its_argument_alone_and_takes_no_links(model: FreeSpace | LogDistance | UrbanMacro) -> None:
    distance_m = np.array([10.0, 20.0])
    model.loss_db(distance_m, CARRIER_HZ)
    np.testing.assert_array_equal(distance_m, [10.0, 20.0])
    assert model.loss_db(np.array([]), CARRIER_HZ).shape == (0,)


def test_no_shadowing_is_zero_decibel() -> None:
    np.testing.assert_array_equal(NoShadowing().loss_db(MANY[:3]), np.zeros(3))


def test_log_normal_shadowing_is_normal_in_decibel() -> None:
    loss_db = LogNormal(std_db=8.0).loss_db(MANY)
    n = len(MANY)
    # Five standard errors: 8 / sqrt(n) of the mean, 8 / sqrt(2 n) of the standard deviation.
    assert loss_db.mean() == pytest.approx(0.0, abs=5 * 8 / np.sqrt(n))
    assert loss_db.std() == pytest.approx(8.0, abs=5 * 8 / np.sqrt(2 * n))
    assert stats.kstest(loss_db, stats.norm(scale=8.0).cdf).pvalue > 1e-3


def test_log_normal_shadowing_is_not_rayleigh() -> None:
    # A shadow drawn from Rayleigh(8) instead of N(0, 8) would never be negative and have a mean of 8 sqrt(pi/2) = 10.
    loss_db = LogNormal(std_db=8.0).loss_db(MANY)
    assert np.mean(loss_db < 0) == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(len(MANY)))
    assert stats.kstest(loss_db, stats.rayleigh(scale=8.0).cdf).pvalue < 1e-12


def test_shadowing_outage_is_the_q_function_of_the_margin() -> None:
    # Q(6 / 8) = 0.2266273524; five standard errors of a proportion.
    outage = np.mean(LogNormal(std_db=8.0).loss_db(MANY) > 6.0)
    assert outage == pytest.approx(0.2266273524, abs=5 * np.sqrt(0.2266 * 0.7734 / len(MANY)))


def test_shadowing_belongs_to_the_key_whatever_other_links_there_are() -> None:
    three = keys(1, [("shadowing", name) for name in ("a", "b", "c")])
    np.testing.assert_array_equal(LogNormal().loss_db(three)[2:], LogNormal().loss_db(three[2:]))


def test_shadowing_of_zero_std_is_none() -> None:
    np.testing.assert_array_equal(np.abs(LogNormal(std_db=0.0).loss_db(MANY[:5])), NoShadowing().loss_db(MANY[:5]))


def test_ranges_are_checked() -> None:
    with pytest.raises(ValueError, match=r"LogNormal.std_db: got -1.0, must be >= 0"):
        LogNormal(std_db=-1.0)
    with pytest.raises(ValueError, match=r"LogDistance.reference_loss_db: got -1.0, must be >= 0"):
        LogDistance(reference_loss_db=-1.0)


@pytest.mark.parametrize("model", [FreeSpace(), LogDistance(), UrbanMacro()])
def test_path_loss_is_finite_where_a_device_meets_the_site(model: FreeSpace | LogDistance | UrbanMacro) -> None:
    here, near = model.loss_db(np.array([0.0, 1e-3]), carrier_hz=2e9)
    assert here == near >= 0.0
