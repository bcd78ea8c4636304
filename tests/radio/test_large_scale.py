"""Large scale: path loss, line of sight and shadowing together, against closed forms and along ways."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from wirelessfsl.radio.large_scale import LargeScale, PathLoss, Shadowing
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.propagation import LogDistance, LogNormal, NoShadowing, UrbanMacro
from wirelessfsl.radio.shadowing import ByScenario, Correlated
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.inh import InH
from wirelessfsl.radio.tr38901.rma import RMa
from wirelessfsl.radio.tr38901.uma import UMa
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.radio.tr38901.users import wall_db
from wirelessfsl.streams import Floats, keys

N = 20_000
NAMES = [f"client-{i}" for i in range(N)]
CARRIER_HZ = 3.5e9


def disc(radius_m: float, count: int = N, seed: int = 5) -> Floats:
    """Places uniform by area around the site, shape (count, 2)."""
    u, v = np.random.default_rng(seed).random((2, count))
    return radius_m * np.sqrt(u)[:, None] * np.column_stack((np.cos(2 * np.pi * v), np.sin(2 * np.pi * v)))


def ring(distance_m: float, count: int = N) -> Floats:
    angle = np.arange(count) * (2 * np.pi / count)
    return distance_m * np.column_stack((np.cos(angle), np.sin(angle)))


def large_scale(path_loss: PathLoss, shadowing: Shadowing, count: int = N, seed: int = 1, site: str = "") -> LargeScale:
    return LargeScale(path_loss, shadowing, CARRIER_HZ, NAMES[:count], seed, site)


def test_simple_laws_have_the_numbers_they_always_had() -> None:
    place_m = disc(500.0, 10)
    loss_db = large_scale(UrbanMacro(), LogNormal(), 10).loss_db(place_m)
    shadow_db = LogNormal().loss_db(keys(1, [("shadowing", name) for name in NAMES[:10]]))
    expected = UrbanMacro().loss_db(np.hypot(*place_m.T), CARRIER_HZ) + shadow_db
    np.testing.assert_array_equal(loss_db, expected)
    assert large_scale(UrbanMacro(), LogNormal(), 10).line_of_sight(place_m).all()


def test_urban_macro_takes_metres_and_its_formula_kilometres() -> None:
    assert large_scale(UrbanMacro(), NoShadowing(), 1).loss_db(np.array([[300.0, 400.0]]))[0] == pytest.approx(116.7813)


@pytest.mark.parametrize(
    ("scenario", "distance_m"),
    [(UMa(), 100.0), (UMi(), 60.0), (RMa(), 800.0), (InH(), 6.0), (InH(office="open"), 60.0), (InF(hall="dh"), 8.0)],
)
def test_the_share_in_line_of_sight_is_its_probability(scenario: PathLoss, distance_m: float) -> None:
    assert isinstance(scenario, UMa | UMi | RMa | InH | InF)
    drops, count = 400, 16
    place_m = ring(distance_m, count)
    seen = np.array(
        [large_scale(scenario, NoShadowing(), count, s).line_of_sight(place_m).mean() for s in range(drops)]
    )
    height_m = np.full(1, scenario.users(NAMES[:1], 1, CARRIER_HZ).height_m[0])
    probability = scenario.los_probability(np.array([distance_m]), height_m)[0]
    # Drops are independent, places in one are not: four standard errors of the mean over drops.
    assert seen.mean() == pytest.approx(probability, abs=4 * seen.std() / math.sqrt(drops))


@pytest.mark.parametrize("sight", ["always", "never"])
def test_line_of_sight_can_be_set(sight: str) -> None:
    links = large_scale(UMi(line_of_sight=sight), NoShadowing(), 500)  # type: ignore[arg-type]
    assert links.line_of_sight(disc(500.0, 500)).all() == (sight == "always")
    assert links.line_of_sight(disc(500.0, 500)).any() == (sight == "always")


@pytest.mark.parametrize("apart_m", [2.0, 20.0, 60.0])
def test_neighbours_are_seen_alike(apart_m: float) -> None:
    # Where P_LOS = exp(-(d - 10) / 1000) is 1/2, signs of two normal variables differ with arccos(rho) / pi.
    drops, half = 1500, apart_m / 2
    side_m = math.sqrt((10.0 + 1000.0 * math.log(2.0)) ** 2 - half**2)
    place_m = np.array([[side_m, half], [side_m, -half]])
    seen = np.array([large_scale(RMa(), NoShadowing(), 2, s).line_of_sight(place_m) for s in range(drops)])
    differ = math.acos(math.exp(-apart_m / 60.0)) / math.pi
    assert np.mean(seen[:, 0] != seen[:, 1]) == pytest.approx(differ, abs=4 * math.sqrt(differ * (1 - differ) / drops))


def test_indoor_devices_lose_the_wall_and_the_way_behind_it() -> None:
    inside = large_scale(UMi(indoor_share=1.0, line_of_sight="always"), NoShadowing())
    outside = large_scale(UMi(line_of_sight="always"), NoShadowing())
    place_m = disc(300.0)
    extra_db = inside.loss_db(place_m) - outside.loss_db(place_m)
    mean_db, std_db = wall_db("low_loss", CARRIER_HZ)
    # 0.5 of a depth whose mean is 25 / 3 m and variance 25^2 / 18 m^2; four standard errors.
    std_all = math.sqrt(std_db**2 + 0.25 * 625 / 18)
    assert extra_db.mean() == pytest.approx(mean_db + 0.5 * 25 / 3, abs=4 * std_all / math.sqrt(N))


def test_indoor_devices_are_seen_where_their_wall_is() -> None:
    # At 40 m the probability is 0.631 for the device and 0.72 on average for its wall.
    drops, place_m, scenario = 2000, np.array([[40.0, 0.0]]), UMi(indoor_share=1.0)
    seen = [large_scale(scenario, NoShadowing(), 1, s).line_of_sight(place_m)[0] for s in range(drops)]
    wall_m = [40.0 - scenario.users(NAMES[:1], s, CARRIER_HZ).depth_m[0] for s in range(drops)]
    probability = scenario.los_probability(np.array(wall_m), np.full(drops, 1.5)).mean()
    assert probability > 0.7
    assert np.mean(seen) == pytest.approx(probability, abs=4 * 0.5 / math.sqrt(drops))


@pytest.mark.parametrize(
    ("scenario", "sight_m", "shadowing_m"),
    [
        (UMa(), 50.0, (37.0, 50.0, 7.0)),
        (UMi(), 50.0, (10.0, 13.0, 7.0)),
        (RMa(), 60.0, (37.0, 120.0, 120.0)),
        (InH(), 10.0, (10.0, 6.0)),
        (InF(hall="sl"), 5.0, (10.0, 10.0)),
        (InF(hall="dh", clutter_size_m=3.0), 1.5, (10.0, 10.0)),
    ],
)
def test_correlation_distances_are_those_of_the_report(
    scenario: UMa | UMi | RMa | InH | InF, sight_m: float, shadowing_m: tuple[float, ...]
) -> None:
    # TR 38.901, Tables 7.6.3.1-2 (line of sight) and 7.5-6 (shadowing in sight, not in sight, indoors).
    assert scenario.sight_correlation_m == sight_m
    assert scenario.shadowing_correlation_m == shadowing_m


@pytest.mark.parametrize(("distance_m", "correlation_distance_m"), [(10.0, 10.0), (25.0, 37.0)])
def test_correlated_shadowing_follows_gudmundson_along_a_way(distance_m: float, correlation_distance_m: float) -> None:
    # The path loss is constant on a ring, so what changes along its chord is the shadow of sigma 8 dB.
    sites, count = 3000, 2
    flat = LogDistance(exponent=0.0, reference_loss_db=0.0)
    ways = np.array([[200.0, 0.0], [200.0 + distance_m, 0.0]])
    shadow_db = np.array(
        [
            large_scale(flat, Correlated(std_db=8.0, correlation_distance_m=correlation_distance_m), count, s).loss_db(
                ways
            )
            for s in range(sites)
        ]
    )
    rho = math.exp(-distance_m / correlation_distance_m)
    assert np.mean(shadow_db**2) == pytest.approx(64.0, abs=4 * 64 * math.sqrt(2 / sites))
    assert np.mean(shadow_db[:, 0] * shadow_db[:, 1]) / 64 == pytest.approx(
        rho, abs=4 * math.sqrt((1 + rho**2) / sites)
    )


@pytest.mark.parametrize(
    ("scenario", "std_db", "correlation_m"),
    [
        (UMi(line_of_sight="always"), 4.0, 10.0),
        (UMi(line_of_sight="never"), 7.82, 13.0),
        (UMi(indoor_share=1.0, building="simple"), 7.0, 7.0),
        (UMa(line_of_sight="always"), 4.0, 37.0),
        (UMa(line_of_sight="never"), 6.0, 50.0),
        (RMa(line_of_sight="always"), 4.0, 37.0),
        (RMa(line_of_sight="never"), 8.0, 120.0),
        (InH(line_of_sight="always"), 3.0, 10.0),
        (InH(line_of_sight="never"), 8.03, 6.0),
        (InF(hall="dl", line_of_sight="never"), 7.2, 10.0),
    ],
)
def test_shadowing_by_scenario_has_its_deviation_and_correlation(
    scenario: PathLoss, std_db: float, correlation_m: float
) -> None:
    drops = 300
    start, step = np.array([[60.0, 80.0]]), np.array([[0.8, -0.6]])
    ways = np.concatenate((start, start + 0.5 * correlation_m * step))
    pairs = [
        large_scale(scenario, ByScenario(), 2, s).loss_db(ways)
        - large_scale(scenario, NoShadowing(), 2, s).loss_db(ways)
        for s in range(drops)
    ]
    shadow_db, rho = np.array(pairs), math.exp(-0.5)
    assert np.mean(shadow_db[:, 0] ** 2) == pytest.approx(std_db**2, rel=4 * math.sqrt(2 / drops))
    correlation = np.mean(shadow_db[:, 0] * shadow_db[:, 1]) / std_db**2
    assert correlation == pytest.approx(rho, abs=4 * math.sqrt((1 + rho**2) / drops))


def test_a_mast_shadows_with_6_db_beyond_its_break_point() -> None:
    far = ring(5000.0, 1)  # d_BP is 2.9 km at 2.6 GHz with these heights
    links = [
        [
            LargeScale(RMa(line_of_sight="always"), shadowing, 2.6e9, NAMES[:1], s).loss_db(far)[0]
            for shadowing in (ByScenario(), NoShadowing())
        ]
        for s in range(1000)
    ]
    shadow_db = np.subtract(*np.transpose(links))
    assert shadow_db.std() == pytest.approx(6.0, rel=4 / math.sqrt(2 * 1000))


def test_two_sites_shadow_independently_and_a_device_is_behind_one_wall() -> None:
    flat, place_m = LogDistance(exponent=0.0, reference_loss_db=0.0), disc(5e3)
    here, there = (
        large_scale(flat, Correlated(correlation_distance_m=10.0), N, 1, site).loss_db(place_m) for site in "ab"
    )
    assert np.corrcoef(here, there)[0, 1] == pytest.approx(0.0, abs=4 / math.sqrt(N))
    walls = UMi(indoor_share=0.5, line_of_sight="always")
    here, there = (large_scale(walls, NoShadowing(), N, 1, site).loss_db(place_m) for site in "ab")
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("path_loss", [UMa(indoor_share=0.5, floor="drawn"), UMi(), RMa(), InH(), InF()])
def test_the_loss_belongs_to_device_and_place_whatever_else_there_is(path_loss: PathLoss) -> None:
    place_m = disc(300.0, 700)
    everybody = large_scale(path_loss, ByScenario(), 700)
    few = LargeScale(path_loss, ByScenario(), CARRIER_HZ, [NAMES[600], NAMES[3]], 1)
    there = everybody.loss_db(place_m)
    everybody.loss_db(place_m[::-1])
    np.testing.assert_array_equal(everybody.loss_db(place_m), there)
    np.testing.assert_array_equal(few.loss_db(place_m[[600, 3]]), there[[600, 3]])


def test_lognormal_outage_is_the_q_function_of_the_margin() -> None:
    # Q(6 / 8) = 0.2266273524, over drops with a field of its own each; four standard errors of a proportion.
    flat, drops = LogDistance(exponent=0.0, reference_loss_db=100.0), 400
    place_m = np.random.default_rng(2).uniform(-1e4, 1e4, (100, 2))
    lost = [
        large_scale(flat, Correlated(std_db=8.0, correlation_distance_m=10.0), 100, s).loss_db(place_m) > 106.0
        for s in range(drops)
    ]
    assert norm.sf(6 / 8) == pytest.approx(0.2266273524)
    assert np.mean(lost) == pytest.approx(0.2266273524, abs=4 * np.std(np.mean(lost, axis=1)) / math.sqrt(drops))


@pytest.mark.parametrize("shadowing", [LogNormal(std_db=8.0), Correlated(std_db=8.0, correlation_distance_m=5.0)])
def test_coverage_of_a_cell_is_reudinks(shadowing: Shadowing) -> None:
    # Half of the edge is covered: 0.5 + exp(2 / b^2) Q(2 / b) of the area, b = 10 alpha lg(e) / sigma, is covered.
    b = 10 * 3.7 * math.log10(math.e) / 8.0
    coverage = 0.5 + math.exp(2 / b**2) * norm.sf(2 / b)
    assert coverage == pytest.approx(0.7621683874)
    law = LogDistance(exponent=3.7, reference_loss_db=0.0)
    edge_db = 37.0 * math.log10(2000.0)
    shares = [
        np.mean(large_scale(law, shadowing, 2000, seed).loss_db(disc(2000.0, 2000, seed)) < edge_db)
        for seed in range(40)
    ]
    # Four standard errors of the mean over 40 drops.
    assert np.mean(shares) == pytest.approx(coverage, abs=4 * np.std(shares) / math.sqrt(40))


ALL_INDOORS = {"indoor_share": 1.0, "building": "high_loss"}
KNOBS: list[tuple[type, dict[str, object], dict[str, object]]] = [
    *((kind, {}, {"line_of_sight": "never"}) for kind in (UMa, UMi, RMa, InH, InF)),
    *((kind, {"line_of_sight": "never"}, {"nlos": "optional"}) for kind in (UMa, UMi, InH)),
    *((kind, {"line_of_sight": "never"}, {"device_height_m": 1.7}) for kind in (UMa, UMi, RMa, InH, InF)),
    *((kind, {}, {"indoor_share": 0.5}) for kind in (UMa, UMi, RMa)),
    *((kind, {}, {"car_share": 0.5}) for kind in (UMa, UMi, RMa)),
    *((kind, {"car_share": 0.5}, {"windows": "metallised"}) for kind in (UMa, UMi, RMa)),
    *((kind, ALL_INDOORS, {"release": 16}) for kind in (UMa, UMi)),
    *((kind, ALL_INDOORS, {"building": "low_loss"}) for kind in (UMa, UMi)),
    *((kind, ALL_INDOORS, {"floor": "drawn"}) for kind in (UMa, UMi)),
    *((RMa, {"line_of_sight": "never"}, {knob: 12.0}) for knob in ("site_height_m", "building_height_m")),
    (RMa, {"line_of_sight": "never"}, {"street_width_m": 12.0}),
    (InH, {}, {"office": "open"}),
    (InH, {}, {"site_height_m": 4.0}),
    (InF, {"line_of_sight": "never"}, {"hall": "dl"}),
    (InF, {}, {"site_height_m": 4.0}),
    (InF, {}, {"clutter_size_m": 4.0}),
    (InF, {}, {"clutter_density": 0.5}),
    (InF, {"hall": "sh"}, {"clutter_height_m": 4.0}),
]


@pytest.mark.parametrize(("kind", "given", "change"), KNOBS)
def test_every_knob_changes_the_loss(kind: type, given: dict[str, object], change: dict[str, object]) -> None:
    place_m = disc(100.0, 500)
    before, after = (large_scale(kind(**given | more), NoShadowing(), 500).loss_db(place_m) for more in ({}, change))
    assert np.any(before != after)


def test_every_knob_of_the_scenarios_is_among_them() -> None:
    tried = {(kind, knob) for kind, _, change in KNOBS for knob in change}
    assert tried == {(kind, name) for kind in (UMa, UMi, RMa, InH, InF) for name in vars(kind()) if name != "kind"}


def test_log_normal_shadowing_stays_allowed_with_a_scenario() -> None:
    place_m = disc(300.0, 5)
    shadowed = large_scale(UMi(), LogNormal(), 5).loss_db(place_m) - large_scale(UMi(), NoShadowing(), 5).loss_db(
        place_m
    )
    np.testing.assert_allclose(shadowed, LogNormal().loss_db(keys(1, [("shadowing", name) for name in NAMES[:5]])))


def test_what_cannot_be_together_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Channel.shadowing: got 'tr38901', needs a path_loss of uma, umi, rma"):
        Channel(shadowing=ByScenario())
    with pytest.raises(
        ValueError, match=r"Channel.carrier_hz: got 6e\+10, must be 5e\+08 to 3e\+10 with path_loss rma"
    ):
        Channel(path_loss=RMa(), carrier_hz=60e9)
    with pytest.raises(ValueError, match=r"Channel.carrier_hz: got 4e\+08, must be 5e\+08 to 1e\+11"):
        Channel(path_loss=InF(), carrier_hz=0.4e9)
    with pytest.raises(ValueError, match=r"Channel.carrier_hz: got 2.8e\+10, must be <= 6e9"):
        Channel(path_loss=UMi(indoor_share=0.1, building="simple"), carrier_hz=28e9)
