"""Walls, cars and floors of TR 38.901: losses against independent values, draws against their distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.radio.tr38901.references import rows
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.inh import InH
from wirelessfsl.radio.tr38901.rma import RMa
from wirelessfsl.radio.tr38901.uma import UMa
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.radio.tr38901.users import Building, Release, wall_db

N = 40_000
NAMES = [f"client-{i}" for i in range(N)]


@pytest.mark.parametrize("row", rows("walls"), ids=lambda row: f"{row['fc_ghz']} GHz, {row['tr38901_version']}")
def test_losses_of_walls_are_the_reference(row: dict[str, str]) -> None:
    carrier_hz, release = float(row["fc_ghz"]) * 1e9, int(float(row["tr38901_version"]))
    kinds: dict[Building, str] = {"low_loss": "low", "high_loss": "high"}
    for building, name in kinds.items():
        of: Release = 16 if release == 16 else 19
        mean_db, std_db = wall_db(building, carrier_hz, of)
        assert mean_db == pytest.approx(float(row[f"PL_tw_{name}_db"]), abs=1e-4)
        assert std_db == float(row[f"sigma_{name}_db"])


def test_the_simple_wall_takes_20_db() -> None:
    assert wall_db("simple", 3.5e9) == (20.0, 0.0)


def test_shares_of_places() -> None:
    drawn = UMa(indoor_share=0.5, car_share=0.2).users(NAMES, 1, 3.5e9)
    # Four standard errors of a proportion, 1 / (2 sqrt(n)) at most.
    assert drawn.indoor.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(N))
    assert np.mean((drawn.loss_db != 0) & ~drawn.indoor) == pytest.approx(0.2, abs=4 * 0.5 / np.sqrt(N))
    assert np.all(drawn.depth_m[~drawn.indoor] == 0)


@pytest.mark.parametrize(("scenario", "deepest_m"), [(UMa(indoor_share=1.0), 25.0), (RMa(indoor_share=1.0), 10.0)])
def test_the_way_indoors_is_the_lesser_of_two_uniform_ones(scenario: UMa | RMa, deepest_m: float) -> None:
    depth_m = scenario.users(NAMES, 1, 3.5e9).depth_m
    # P(min > x) = (1 - x / D)^2 is a beta distribution with parameters 1 and 2.
    assert stats.kstest(depth_m, stats.beta(1, 2, scale=deepest_m).cdf).pvalue > 1e-3


def test_with_a_simple_wall_the_way_indoors_is_uniform_and_nothing_else_is_drawn() -> None:
    drawn = UMi(indoor_share=1.0, building="simple").users(NAMES, 1, 3.5e9)
    assert stats.kstest(drawn.depth_m, stats.uniform(scale=25.0).cdf).pvalue > 1e-3
    np.testing.assert_allclose(drawn.loss_db, 20.0 + 0.5 * drawn.depth_m)


@pytest.mark.parametrize("building", ["low_loss", "high_loss"])
def test_a_buildings_loss_is_normal_around_wall_and_way(building: Building) -> None:
    drawn = UMi(indoor_share=1.0, building=building).users(NAMES, 1, 28e9)
    mean_db, std_db = wall_db(building, 28e9)
    assert stats.kstest(drawn.loss_db - 0.5 * drawn.depth_m, stats.norm(mean_db, std_db).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("windows", "mean_db"), [("plain", 9.0), ("metallised", 20.0)])
def test_a_cars_loss_is_normal(windows: str, mean_db: float) -> None:
    drawn = RMa(car_share=1.0, windows=windows).users(NAMES, 1, 3.5e9)  # type: ignore[arg-type]
    assert not drawn.indoor.any()
    assert stats.kstest(drawn.loss_db, stats.norm(mean_db, 5.0).cdf).pvalue > 1e-3


def test_floors_are_drawn_of_buildings_of_4_to_8() -> None:
    drawn = UMa(indoor_share=0.8, floor="drawn", device_height_m=2.0).users(NAMES, 1, 3.5e9)
    floor = (drawn.height_m[drawn.indoor] - 1.5) / 3.0
    share = [np.mean([1 / storeys if k < storeys else 0.0 for storeys in range(4, 9)]) for k in range(8)]
    seen = [np.mean(floor == k) for k in range(8)]
    np.testing.assert_allclose(seen, share, atol=4 * 0.5 / np.sqrt(0.8 * N))
    assert np.all(drawn.height_m[~drawn.indoor] == 2.0)
    assert sum(seen) == pytest.approx(1.0)


def test_a_device_is_where_it_is_whoever_else_there_is() -> None:
    scenario = UMa(indoor_share=0.5, car_share=0.2, floor="drawn")
    many, one = scenario.users(NAMES[:50], 1, 3.5e9), scenario.users(NAMES[7:8], 1, 3.5e9)
    for all_of_them, its_own in zip(many, one, strict=True):
        np.testing.assert_array_equal(all_of_them[7:8], its_own)
    assert np.any(scenario.users(NAMES[:50], 2, 3.5e9).loss_db != many.loss_db)


@pytest.mark.parametrize("scenario", [InH(), InF(), UMi()])
def test_without_walls_nothing_is_lost_in_them(scenario: InH | InF | UMi) -> None:
    drawn = scenario.users(NAMES[:3], 1, 3.5e9)
    np.testing.assert_array_equal(drawn.loss_db, np.zeros(3))
    assert not drawn.indoor.any()
