"""Probability of line of sight of TR 38.901 against independent values and at its edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.radio.tr38901.references import SCENARIOS, rows
from wirelessfsl.radio.tr38901.drop import Scenario
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.inh import InH
from wirelessfsl.radio.tr38901.uma import UMa


def probability(scenario: Scenario, distance_m: float, height_m: float = 1.5) -> float:
    return float(scenario.los_probability(np.array([distance_m]), np.array([height_m]))[0])


@pytest.mark.parametrize("row", rows("line_of_sight"), ids=lambda row: f"{row['scenario']} {row['d2d_out_m']}")
def test_probability_is_the_reference(row: dict[str, str]) -> None:
    seen = probability(SCENARIOS[row["scenario"]], float(row["d2d_out_m"]), float(row["h_ut_m"]))
    assert seen == pytest.approx(float(row["p_los_spec"]), abs=1e-6)


@pytest.mark.parametrize("row", [row for row in rows("path_loss") if row["p_los_spec"]], ids=lambda row: row["d2d_m"])
def test_probability_beside_the_reference_path_losses(row: dict[str, str]) -> None:
    name = {"InH": "InH-open"}.get(row["scenario"], row["scenario"])
    seen = probability(SCENARIOS[name], float(row["d2d_m"]), float(row["h_ut_m"]))
    assert seen == pytest.approx(float(row["p_los_spec"]), abs=1e-6)
    if row["p_los_inh_mixed_spec"]:
        mixed = probability(InH(office="mixed"), float(row["d2d_m"]))
        assert mixed == pytest.approx(float(row["p_los_inh_mixed_spec"]), abs=1e-6)


def test_offices_differ_by_a_factor_of_three_at_10_m() -> None:
    assert probability(InH(office="open"), 10.0) == pytest.approx(math.exp(-5 / 70.8))
    assert probability(InH(office="mixed"), 10.0) == pytest.approx(0.32 * math.exp(-3.5 / 32.6))


def test_offices_change_their_law_where_the_table_says() -> None:
    assert probability(InH(office="mixed"), 6.5) == 0.32
    assert probability(InH(office="mixed"), 6.4999) == pytest.approx(math.exp(-5.2999 / 4.7))
    assert probability(InH(office="open"), 49.0) == pytest.approx(math.exp(-44 / 70.8))
    assert probability(InH(office="open"), 49.0001) == pytest.approx(0.54, abs=1e-6)


@pytest.mark.parametrize(
    ("hall", "free_m"),
    [
        # k = -s / ln(1 - r), times (8 - 1.5) / (h_c - 1.5) under a high site.
        (InF(hall="sl"), 10 / -math.log(0.8)),
        (InF(hall="dl"), 2 / -math.log(0.4)),
        (InF(hall="sh"), 10 / -math.log(0.8) * 6.5 / 0.5),
        (InF(hall="dh"), 2 / -math.log(0.4) * 6.5 / 4.5),
        (InF(hall="sl", clutter_size_m=5.0, clutter_density=0.5), 5 / math.log(2)),
        (InF(hall="dh", clutter_height_m=3.0, site_height_m=4.5), 2 / -math.log(0.4) * 3.0 / 1.5),
        (InF(hall="hh"), math.inf),
    ],
)
def test_sight_in_a_hall_falls_exponentially(hall: InF, free_m: float) -> None:
    for distance_m in (0.0, 3.0, 40.0):
        assert probability(hall, distance_m) == pytest.approx(math.exp(-distance_m / free_m))


def test_high_devices_are_seen_over_the_roofs_and_low_ones_are_not() -> None:
    assert probability(UMa(), 200.0, 13.0) == probability(UMa(), 200.0, 1.5)
    assert probability(UMa(), 200.0, 22.5) > 2.5 * probability(UMa(), 200.0, 13.0)


@given(
    st.sampled_from([*SCENARIOS.values(), InF(hall="hh")]),
    st.floats(0.0, 20e3),
    st.floats(0.0, 5e3),
    st.floats(1.5, 13.0),
)
def test_it_is_a_probability_and_falls_with_distance(
    scenario: Scenario, distance_m: float, more_m: float, height_m: float
) -> None:
    if isinstance(scenario, InF):
        height_m = 1.5
    near, far = (probability(scenario, d, height_m) for d in (distance_m, distance_m + more_m))
    assert 0.0 <= far <= near <= 1.0


@given(st.floats(0.0, 20e3), st.floats(1.5, 22.5))
def test_above_the_roofs_it_is_still_a_probability(distance_m: float, height_m: float) -> None:
    assert 0.0 <= probability(UMa(), distance_m, height_m) <= 1.0
