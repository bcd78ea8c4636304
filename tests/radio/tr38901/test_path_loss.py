"""Path loss of TR 38.901 against independent values, at its break points and edges, and along the way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.radio.tr38901.references import SCENARIOS, rows, ways
from wirelessfsl.radio.tr38901.drop import Scenario
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.inh import InH
from wirelessfsl.radio.tr38901.rma import RMa
from wirelessfsl.radio.tr38901.uma import UMa
from wirelessfsl.radio.tr38901.umi import UMi

ALL: list[Scenario] = [*SCENARIOS.values(), UMa(nlos="optional"), UMi(nlos="optional"), InH(nlos="optional")]
scenarios = st.sampled_from([*ALL, InF(hall="hh"), RMa(site_height_m=10.0, device_height_m=10.0)])
carriers_hz = st.floats(0.5e9, 30e9)
distances_m = st.floats(0.0, 20e3)


@pytest.mark.parametrize("row", rows("path_loss"), ids=lambda row: f"{row['scenario']} {row['condition']}")
def test_path_loss_and_deviation_are_the_reference(row: dict[str, str]) -> None:
    scenario, carrier_hz = SCENARIOS[row["scenario"]], float(row["fc_ghz"]) * 1e9
    way = ways(np.array([float(row["d2d_m"])]), float(row["h_ut_m"]), row["condition"] == "LOS")
    assert scenario.loss_db(way, carrier_hz)[0] == pytest.approx(float(row["pl_spec_db"]), abs=1e-3)
    assert scenario.shadowing_std_db(way, carrier_hz)[0] == float(row["sigma_sf_db"])


@pytest.mark.parametrize("row", [row for row in rows("path_loss") if row["scenario"] == "RMa"][::4])
def test_rural_break_point_takes_light_at_3e8(row: dict[str, str]) -> None:
    # c = 299792458 would put the break point at 770.2 instead of 769.7 m.
    assert RMa().break_m(float(row["fc_ghz"]) * 1e9) == pytest.approx(float(row["d_bp_m"]), abs=1e-4)


@pytest.mark.parametrize("scenario", ALL)
def test_without_line_of_sight_it_is_never_less_than_with(scenario: Scenario) -> None:
    # Near the site and at low carriers the formulas without line of sight alone would fall below.
    distance_m = np.geomspace(1.0, 20e3, 500)
    for carrier_hz in (0.5e9, 6e9, 30e9):
        clear, blocked = (scenario.loss_db(ways(distance_m, 1.5, seen), carrier_hz) for seen in (True, False))
        assert np.all(blocked >= clear)


def test_the_greater_of_both_laws_counts_where_they_cross() -> None:
    # InH at 3 m and 0.7 GHz: d3D = sqrt(13); 32.4 + 17.3 lg d + 20 lg f = 38.938, 17.3 + 38.3 lg d + 24.9 lg f = 34.77.
    scenario, way = InH(device_height_m=1.0), ways(np.array([3.0]), 1.0, False)
    assert scenario.loss_db(way, 0.7e9)[0] == pytest.approx(32.4 + 17.3 * np.log10(13) / 2 + 20 * np.log10(0.7))
    dense, slope = InF(hall="dl"), np.log10(40.0)
    assert dense.loss_db(ways(np.array([40.0]), 1.5, False), 1e9)[0] == pytest.approx(18.6 + 35.7 * slope)
    assert dense.loss_db(ways(np.array([10.0]), 1.5, False), 1e9)[0] == pytest.approx(33.0 + 25.5)


@pytest.mark.parametrize(
    ("scenario", "height_m", "expected"),
    [
        # d3D of 100 m in the plane: sqrt(100^2 + 23.5^2) = 102.7241 and sqrt(100^2 + 8.5^2) = 100.3606 m, at 1 GHz.
        (UMa(nlos="optional"), 1.5, 32.4 + 30.0 * np.log10(102.7241)),
        (UMi(nlos="optional"), 1.5, 32.4 + 31.9 * np.log10(100.3606)),
        (InH(nlos="optional"), 1.0, 32.4 + 31.9 * np.log10(np.hypot(100.0, 2.0))),
    ],
)
def test_optional_formulas_by_hand(scenario: Scenario, height_m: float, expected: float) -> None:
    loss_db = scenario.loss_db(ways(np.array([100.0]), height_m, False), 1e9)[0]
    assert loss_db == pytest.approx(expected, abs=1e-4)
    deviations = {"uma": 7.8, "umi": 8.2, "inh": 8.29}
    assert scenario.shadowing_std_db(ways(np.array([100.0]), height_m, False), 1e9)[0] == deviations[scenario.kind]


def test_the_formula_is_of_the_length_and_its_region_of_the_distance_in_the_plane() -> None:
    # d'_BP = 4 * 24 * 0.5 * 2e9 / 3e8 = 320 m; at 319.5 m in the plane the antennas are 320.36 m apart, yet it is PL1.
    length_m = np.hypot(319.5, 23.5)
    assert length_m > 320
    loss_db = UMa().loss_db(ways(np.array([319.5])), 2e9)[0]
    assert loss_db == pytest.approx(28.0 + 22.0 * np.log10(length_m) + 20.0 * np.log10(2.0), abs=1e-9)
    beyond_m = np.hypot(400.0, 23.5)
    far = 28.0 + 40.0 * np.log10(beyond_m) + 20.0 * np.log10(2.0) - 9.0 * np.log10(320.0**2 + 23.5**2)
    assert UMa().loss_db(ways(np.array([400.0])), 2e9)[0] == pytest.approx(far, abs=1e-9)


def test_a_masts_region_is_of_the_distance_in_the_plane_too() -> None:
    # d_BP = 2 pi 150 0.5e9 / 3e8 = 1570.80 m; at 1570 m in the plane the antennas are 1577 m apart, yet it is PL1.
    mast = RMa(site_height_m=150.0, device_height_m=1.0)
    length_m = np.hypot(1570.0, 149.0)
    near = 20.0 * np.log10(40.0 * np.pi * length_m * 0.5 / 3.0) + 0.03 * 5.0**1.72 * np.log10(length_m)
    near += 0.002 * np.log10(5.0) * length_m - 0.044 * 5.0**1.72
    assert mast.loss_db(ways(np.array([1570.0]), 1.0), 0.5e9)[0] == pytest.approx(near, abs=1e-9)


def test_shadowing_in_sight_of_a_mast_is_4_db_to_the_break_point_and_6_db_beyond() -> None:
    break_m = RMa().break_m(0.7e9)
    seen = ways(np.array([break_m - 0.01, break_m + 0.01]))
    np.testing.assert_array_equal(RMa().shadowing_std_db(seen, 0.7e9), [4.0, 6.0])
    np.testing.assert_array_equal(RMa().shadowing_std_db(ways(seen.distance_m, 1.5, False), 0.7e9), [8.0, 8.0])


def test_indoor_devices_have_the_deviation_of_their_buildings() -> None:
    for scenario, std_db in ((UMa(), 7.0), (UMi(), 7.0), (RMa(), 8.0)):
        inside = ways(np.array([50.0]))._replace(indoor=np.array([True]))
        assert scenario.shadowing_std_db(inside, 3.5e9)[0] == std_db


def test_the_environment_of_low_devices_is_1_m_high() -> None:
    for draw in (0.001, 0.999):
        np.testing.assert_array_equal(UMa().environment_m(ways(np.array([20.0, 400.0]), 12.9, draw=draw)), [1.0, 1.0])


def test_the_environment_is_low_near_the_site() -> None:
    np.testing.assert_array_equal(UMa().environment_m(ways(np.array([17.9, 18.1]), 22.5, draw=0.9999)), [1.0, 21.0])


def test_the_environment_of_high_devices_is_drawn_and_kept() -> None:
    # h_UT = 22.5 m at 300 m: C = 0.95^1.5 * 1.25 * 27 * exp(-2) = 4.2293; {12, 15, 18, 21} otherwise.
    n = 100_000
    draw = np.random.default_rng(3).random((2, n))
    way = ways(np.full(n, 300.0), 22.5)._replace(draw=draw)
    height_m = UMa().environment_m(way)
    low = 1.0 / (1.0 + 0.95**1.5 * 1.25 * 27 * np.exp(-2))
    values, counts = np.unique(height_m, return_counts=True)
    np.testing.assert_array_equal(values, [1.0, 12.0, 15.0, 18.0, 21.0])
    # Four standard errors of a proportion, 1 / (2 sqrt(n)) at most.
    np.testing.assert_allclose(counts / n, [low, *[(1 - low) / 4] * 4], atol=4 * 0.5 / np.sqrt(n))
    np.testing.assert_array_equal(UMa().environment_m(way), height_m)
    # A higher environment has a nearer break point, and what is beyond it loses more.
    loss_db = UMa().loss_db(way, 0.5e9)
    assert loss_db[height_m == 21.0].min() > loss_db[height_m == 1.0].max()


def test_devices_near_the_site_have_the_loss_of_the_tables_edge() -> None:
    for scenario in (UMa(), UMi(), RMa()):
        near, edge = scenario.loss_db(ways(np.array([0.0, 10.0])), 3.5e9)
        assert near == edge
    low = InF(hall="sl")
    near, edge = low.loss_db(ways(np.array([0.0, 1.0])), 3.5e9)
    assert near == edge == pytest.approx(31.84 + 19.0 * np.log10(3.5))


@pytest.mark.parametrize("scenario", ALL)
def test_beyond_the_table_the_last_slope_goes_on(scenario: Scenario) -> None:
    decade = np.diff(scenario.loss_db(ways(np.array([20e3, 200e3]), 1.5, False), 0.5e9))[0]
    assert decade == pytest.approx(
        np.diff(scenario.loss_db(ways(np.array([30e3, 300e3]), 1.5, False), 0.5e9))[0], abs=0.01
    )
    assert decade > 20.0


@given(scenarios, carriers_hz, distances_m, st.floats(0.0, 5e3), st.booleans())
def test_who_is_farther_never_loses_less(
    scenario: Scenario, carrier_hz: float, distance_m: float, more_m: float, seen: bool
) -> None:
    near, far = scenario.loss_db(ways(np.array([distance_m, distance_m + more_m]), 1.5, seen), carrier_hz)
    assert far >= near - 1e-9


@given(scenarios, carriers_hz, distances_m, st.booleans())
def test_a_step_of_a_millimetre_changes_next_to_nothing(
    scenario: Scenario, carrier_hz: float, distance_m: float, seen: bool
) -> None:
    # The steepest law has 40 dB a decade from 1 m on: 0.0174 dB a mm. The rural law has a jump at its break point, as
    # d3D is not d2D there: (40 - 20.5) lg(d3D / d_BP), at 10 m antennas or 35 m ones below 0.02 dB from 0.5 GHz on.
    here, there = scenario.loss_db(ways(np.array([distance_m, distance_m + 1e-3]), 1.5, seen), carrier_hz)
    assert abs(there - here) < 0.04


@pytest.mark.parametrize("scenario", ALL)
def test_no_links_have_no_loss(scenario: Scenario) -> None:
    assert scenario.loss_db(ways(np.array([])), 3.5e9).shape == (0,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UMa(device_height_m=23.0), r"UMa.device_height_m: got 23.0, must be <= 22.5"),
        (lambda: UMi(device_height_m=1.0), r"UMi.device_height_m: got 1.0, must be >= 1.5"),
        (lambda: RMa(site_height_m=9.0), r"RMa.site_height_m: got 9.0, must be >= 10"),
        (lambda: RMa(street_width_m=51.0), r"RMa.street_width_m: got 51.0, must be <= 50"),
        (lambda: RMa(building_height_m=4.0), r"RMa.building_height_m: got 4.0, must be >= 5"),
        (lambda: InF(hall="dh", site_height_m=5.0), r"InF.clutter_height_m: got 6, must be .* <= site_height_m = 5 in"),
        (lambda: UMi(indoor_share=0.8, car_share=0.3), r"UMi.car_share: got 0.3, must be <= 1 - indoor_share = 0.2"),
    ],
)
def test_what_the_tables_are_not_for_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
