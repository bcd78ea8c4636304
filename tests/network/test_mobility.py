"""Movement against closed forms: densities, legs, speeds, correlation; and paths as pure functions of time."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from wirelessfsl.network.gauss_markov import GaussMarkov
from wirelessfsl.network.mobility import Between, Standing, Static, StraightLine
from wirelessfsl.network.paths import Moving
from wirelessfsl.network.position_trace import PositionTrace
from wirelessfsl.network.regions import DiscRegion, RectangleRegion
from wirelessfsl.network.waypoint import RandomWaypoint
from wirelessfsl.streams import Floats

MANY = [f"client-{i}" for i in range(4000)]
FEW = MANY[:5]
UNIT = RectangleRegion(width_m=1.0, height_m=1.0)
WIDE = RectangleRegion(width_m=1e7, height_m=1e7)
FAST = {"min_speed_m_s": 1.0, "max_speed_m_s": 10.0}
KINDS = [
    RandomWaypoint(),
    RandomWaypoint(region=DiscRegion(), start="stationary", pause_s=20.0),
    GaussMarkov(),
    StraightLine(),
    StraightLine(edge="wrap", speed_m_s=30.0),
]


def ways(kind: Any, names: list[str] = FEW, seed: int = 1) -> Moving:
    paths: Moving = kind.paths(names, np.zeros((len(names), 2)), seed)
    return paths


def error(values: Floats) -> float:
    """Four standard errors of a mean."""
    return 4 * float(values.std()) / np.sqrt(values.size)


def legs(region: RectangleRegion | DiscRegion) -> Floats:
    """Lengths of the legs of many devices between uniform points, the first of each left out."""
    kind = RandomWaypoint(region=region, min_speed_m_s=1.0, max_speed_m_s=1.0)
    times, corners = kind.paths(MANY, np.zeros((len(MANY), 2)), 1).where._corners(16)  # type: ignore[attr-defined]
    lengths: Floats = np.diff(corners[2::2, :, 2], axis=0)
    np.testing.assert_allclose(np.diff(times[2::2], axis=0), lengths)  # at 1 m/s
    return lengths


@pytest.mark.parametrize(
    ("region", "mean_m"),
    [(UNIT, 0.5214054331647207), (DiscRegion(radius_m=1.0), 0.9054147873672267)],
    ids=["square", "disc"],
)
def test_the_mean_leg_between_uniform_points_is_the_closed_form(
    region: RectangleRegion | DiscRegion, mean_m: float
) -> None:
    assert region.mean_leg_m == pytest.approx(mean_m, rel=1e-12)
    lengths = legs(region)[::2]  # legs that follow each other have a point in common
    assert lengths.mean() == pytest.approx(mean_m, abs=error(lengths))


def test_the_mean_leg_of_a_long_rectangle_is_a_third_of_its_length() -> None:
    assert RectangleRegion(width_m=1e3, height_m=1e-2).mean_leg_m == pytest.approx(1e3 / 3, rel=1e-6)
    lengths = legs(RectangleRegion(width_m=3.0, height_m=1.0))[::2]
    assert lengths.mean() == pytest.approx(RectangleRegion(width_m=3.0, height_m=1.0).mean_leg_m, abs=error(lengths))


def test_waypoints_are_uniform_by_area() -> None:
    points = np.linspace(0.001, 0.999, 999)
    disc = DiscRegion(radius_m=2.0).place(points, points)
    assert np.hypot(*disc.T) ** 2 / 4 == pytest.approx(points)
    assert UNIT.place(points, points[::-1]) == pytest.approx(np.column_stack((points, points[::-1])) - 0.5)


@pytest.mark.parametrize("time_s", [0.0, 37.0])
def test_a_stationary_walk_along_a_line_has_the_density_6x_1_minus_x(time_s: float) -> None:
    line = RectangleRegion(width_m=100.0, height_m=1e-6)
    found = ways(RandomWaypoint(region=line, start="stationary", **FAST), MANY).where(time_s)[:, 0] / 100.0 + 0.5
    assert stats.kstest(found, lambda x: 3 * x**2 - 2 * x**3).pvalue > 1e-3
    half = np.abs(found - 0.5) < 0.25
    assert half.mean() == pytest.approx(0.6875, abs=error(half))


def test_a_walk_from_its_layout_comes_to_that_density_in_the_long_run() -> None:
    line = RectangleRegion(width_m=100.0, height_m=1e-6)
    found = ways(RandomWaypoint(region=line, **FAST), MANY).where(1000.0)[:, 0] / 100.0 + 0.5
    assert stats.kstest(found, lambda x: 3 * x**2 - 2 * x**3).pvalue > 1e-3


def speeds_m_s(kind: RandomWaypoint, time_s: float) -> Floats:
    paths = ways(kind, MANY)
    return (paths.where(time_s + 1e-6)[:, 2] - paths.where(time_s)[:, 2]) / 1e-6


@pytest.mark.parametrize("time_s", [0.0, 5.0, 60.0])
def test_the_mean_speed_of_a_stationary_walk_does_not_decay(time_s: float) -> None:
    found = speeds_m_s(RandomWaypoint(start="stationary", region=DiscRegion(radius_m=50.0), **FAST), time_s)
    assert found.mean() == pytest.approx(9 / np.log(10), abs=error(found))


def test_the_mean_speed_of_a_walk_that_begins_at_its_layout_does() -> None:
    kind = RandomWaypoint(region=DiscRegion(radius_m=50.0), **FAST)
    early, late = speeds_m_s(kind, 0.0), speeds_m_s(kind, 600.0)
    assert early.mean() == pytest.approx(5.5, abs=error(early))
    assert late.mean() == pytest.approx(9 / np.log(10), abs=error(late))


@pytest.mark.parametrize("time_s", [0.0, 8.0, 100.0])
def test_a_stationary_walk_pauses_for_its_share_of_the_time(time_s: float) -> None:
    kind = RandomWaypoint(start="stationary", region=UNIT, pause_s=0.5, min_speed_m_s=1.0, max_speed_m_s=1.0)
    still = speeds_m_s(kind, time_s) < 0.5
    assert still.mean() == pytest.approx(0.5 / (0.5 + 0.5214054331647207), abs=error(still))


def test_a_walk_keeps_its_speed_on_a_leg_pauses_and_goes_straight() -> None:
    paths = ways(RandomWaypoint(pause_s=7.0), ["a"])
    times, corners = paths.where._corners(16)  # type: ignore[attr-defined]
    assert times[1, 0] == 0.0
    for number, (begin, end) in enumerate(pairwise(times[1:, 0])):
        here, there = (paths.where(at)[0] for at in (begin, np.nextafter(end, 0.0)))
        if number % 2:
            assert end - begin == pytest.approx(7.0)
            assert there == pytest.approx(here)
        else:
            assert 0.5 <= (there[2] - here[2]) / (end - begin) <= 1.5
            assert np.hypot(*(there - here)[:2]) == pytest.approx(there[2] - here[2])
            half = paths.where((begin + end) / 2)[0]
            assert half == pytest.approx((here + there) / 2)
    assert corners[-1, 0, 2] > 1000.0


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_gauss_markov_velocities_are_correlated_by_the_memory_to_the_power_of_the_lag(memory: float) -> None:
    kind = GaussMarkov(region=WIDE, memory=memory, mean_speed_m_s=0.0, speed_std_m_s=2.0, step_s=0.5)
    paths = ways(kind, MANY)
    places = np.stack([paths.where(0.5 * k)[:, :2] for k in range(12)])
    velocity = np.diff(places, axis=0) / 0.5
    assert velocity[0].std() == pytest.approx(2.0, rel=4 / np.sqrt(4 * len(MANY)))
    assert velocity[-1].std() == pytest.approx(2.0, rel=4 / np.sqrt(4 * len(MANY)))
    for lag in (1, 2, 5, 10):
        # A sample correlation r of n pairs has standard error (1 - r^2) / sqrt(n).
        found = float((velocity[0] * velocity[lag]).mean() / velocity[0].std() / velocity[lag].std())
        assert found == pytest.approx(memory**lag, abs=4 / np.sqrt(2 * len(MANY)))


def test_gauss_markov_devices_drift_at_the_mean_speed_in_all_directions() -> None:
    paths = ways(GaussMarkov(region=WIDE, memory=0.5, mean_speed_m_s=3.0, speed_std_m_s=0.5), MANY)
    drift = paths.where(100.0)[:, :2] / 100.0
    # Drift is the mean velocity and a normal of variance s^2 (1 + a) / (1 - a) / steps in x and y.
    noise = 0.25 * 3 / 100
    square = (drift**2).sum(axis=1)
    assert square.mean() == pytest.approx(9.0 + 2 * noise, abs=error(square))
    assert drift.mean(axis=0) == pytest.approx(np.zeros(2), abs=error(drift))


def test_nobody_is_faster_than_the_highest_speed_or_leaves_the_region() -> None:
    small = RectangleRegion(width_m=40.0, height_m=20.0)
    for kind in (
        RandomWaypoint(region=small, start="stationary"),
        GaussMarkov(region=small),
        StraightLine(region=small, speed_m_s=5.0),
    ):
        paths = ways(kind, MANY[:500])
        before = paths.where(0.0)
        for time_s in np.arange(0.25, 100.0, 0.25):
            now = paths.where(time_s)
            assert small.holds(now[:, :2]).all()
            step, moved = now[:, 2] - before[:, 2], np.hypot(*(now - before)[:, :2].T)
            assert step.max() <= 0.25 * paths.speed_m_s * (1 + 1e-9)
            assert (moved <= step + 1e-9).all()
            before = now


def test_a_straight_line_is_start_plus_speed_times_time() -> None:
    start = np.array([[1.0, 2.0], [-5.0, 0.0]])
    paths = StraightLine(speed_m_s=3.0, heading_deg=90.0).paths(["a", "b"], start, 1)
    assert paths.where(7.0) == pytest.approx(np.array([[1.0, 23.0, 21.0], [-5.0, 21.0, 21.0]]))


def test_an_edge_reflects_or_leads_to_the_opposite_one() -> None:
    narrow, start = RectangleRegion(width_m=20.0, height_m=20.0), np.array([[4.0, 0.0]])
    for edge, places in ("reflect", (10.0, 4.0, -10.0, 0.0)), ("wrap", (-10.0, -4.0, -10.0, 0.0)):
        paths = StraightLine(region=narrow, heading_deg=0.0, edge=edge).paths(["a"], start, 1)
        found = [paths.where(time_s)[0, 0] for time_s in (6.0, 12.0, 26.0, 36.0)]
        assert found == pytest.approx(places, abs=1e-12)
        assert paths.travelled_m(36.0) == pytest.approx([36.0])


def test_headings_at_random_are_uniform() -> None:
    x, y = ways(StraightLine(region=WIDE), MANY).where(10.0)[:, :2].T
    assert stats.kstest(np.arctan2(y, x) / (2 * np.pi) + 0.5, stats.uniform.cdf).pvalue > 1e-3


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_places_do_not_depend_on_the_order_in_which_one_asks(kind: Any) -> None:
    instants = 3.0, 1000.0, 0.0, 250.5, 250.5, 90.0
    paths = ways(kind)
    for time_s in instants:
        np.testing.assert_array_equal(paths.where(time_s), ways(kind).where(time_s))
        np.testing.assert_array_equal(paths.positions_m(time_s), ways(kind).positions_m(time_s))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_other_devices_and_seeds(kind: Any) -> None:
    alone, another = ways(kind, FEW[2:3]).where(70.0), ways(kind, FEW[2:3], seed=2).where(70.0)
    np.testing.assert_array_equal(alone, ways(kind).where(70.0)[2:3])
    assert not np.any(alone[:, :2] == another[:, :2])


@pytest.mark.parametrize("resolution_m", [0.3, 1.0, 7.0])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_positions_hold_from_change_to_change_and_are_never_further_off_than_the_resolution(
    kind: Any, resolution_m: float
) -> None:
    paths = ways(type(kind)(**(vars(kind) | {"resolution_m": resolution_m})))
    time_s = 0.0
    for _ in range(300):
        change_s = paths.next_change_s(time_s)
        assert change_s > time_s
        held = paths.positions_m(time_s)
        np.testing.assert_array_equal(held, paths.where(time_s)[:, :2])
        before_s = np.nextafter(change_s, 0.0)
        np.testing.assert_array_equal(held, paths.positions_m(before_s))
        assert paths.travelled_m(before_s).max() - paths.travelled_m(time_s).max() <= resolution_m * (1 + 1e-9)
        time_s = change_s


def test_devices_that_stand_never_change() -> None:
    start = np.array([[1.0, 2.0]])
    paths = Static().paths(["a"], start, 1)
    assert (paths.next_change_s(3.0), paths.speed_m_s) == (inf, 0.0)
    np.testing.assert_array_equal(paths.positions_m(9.0), start)
    np.testing.assert_array_equal(paths.travelled_m(9.0), [0.0])


def test_two_devices_are_their_distance_apart_while_they_move() -> None:
    start = np.array([[0.0, 0.0], [0.0, 30.0], [0.0, 0.5]])
    pair = Between(StraightLine(heading_deg=0.0, speed_m_s=2.0).paths(["a", "b", "c"], start, 1), 0, 1)
    assert pair.positions_m(5.0) == pytest.approx(np.array([[30.0, 0.0]]))
    assert (pair.travelled_m(5.0), pair.speed_m_s, pair.next_change_s(0.7)) == ([20.0], 4.0, 1.0)
    assert Between(Standing(start), 0, 2).positions_m(0.0)[0, 0] == 1.0


@pytest.mark.parametrize("low", [2.0, 5.0])
def test_a_waypoint_walk_refuses_a_highest_speed_below_the_lowest(low: float) -> None:
    with pytest.raises(ValueError, match=rf"RandomWaypoint.max_speed_m_s: got 1.5, must be >= min_.* \(= {low:g}\)"):
        RandomWaypoint(min_speed_m_s=low)


TRACE = """# two devices, one of them late
time_s, device, x_m, y_m, note
0,a,0,0,
10,a,100,0,b is not there yet
5,b,0,50,
20,a,100,30,
15,b,0,10,end of b
"""


@pytest.fixture
def trace(tmp_path: Path) -> str:
    file = tmp_path / "trace.csv"
    file.write_text(TRACE)
    return str(file)


def test_a_trace_is_followed_in_straight_lines_and_held_before_and_after(trace: str) -> None:
    paths = PositionTrace(path=trace).paths(["client-0", "client-1", "client-2"], np.zeros((3, 2)), 1)
    for time_s, a, b in [
        (0.0, (0, 0, 0), (0, 50, 0)),
        (2.5, (25, 0, 25), (0, 50, 0)),
        (7.5, (75, 0, 75), (0, 40, 10)),
        (15.0, (100, 15, 115), (0, 10, 40)),
        (99.0, (100, 30, 130), (0, 10, 40)),
    ]:
        assert paths.where(time_s) == pytest.approx(np.array([a, b, a]))  # in turn
    assert paths.speed_m_s == 10.0


def test_a_trace_that_loops_begins_again_and_the_way_goes_on(trace: str) -> None:
    paths = PositionTrace(path=trace, after="loop").paths(["client-0", "client-1"], np.zeros((2, 2)), 1)
    assert paths.where(2.5)[:, :2] == pytest.approx(paths.where(42.5)[:, :2])
    assert paths.travelled_m(42.5) == pytest.approx(np.array([2 * 130 + 25, 2 * 40]))


def test_clients_named_in_a_trace_get_their_own_rows(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("time_s,device,x_m,y_m\n0,client-1,1,0\n0,other,7,0\n0,client-0,0,0\n")
    paths = PositionTrace(path=str(file), after="loop").paths(["client-0", "client-1"], np.zeros((2, 2)), 1)
    np.testing.assert_array_equal(paths.positions_m(4.0)[:, 0], [0.0, 1.0])
    assert paths.next_change_s(0.0) == inf  # a row each: they stand


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": is empty, must have a line of headings: time_s,x_m,y_m"),
        ("time_s,device,x_m,y_m\n", ": has no rows below its line of headings"),
        (
            "time_s,device,x\n0,a,1\n",
            ":1: got the headings time_s,device,x, must have time_s,x_m,y_m (missing: x_m,y_m)",
        ),
        ("time_s,x_m,y_m\n0,1,2\n\n1,far,2\n", ":4: x_m: got 'far', must be a number"),
        ("time_s,x_m,y_m\n0,1,2\n1,nan,2\n", ":3: x_m: got 'nan', must be a number"),
        ("time_s,x_m,y_m\n0,1,2\n1,2\n", ":3: got 2 columns, must be 3 as in the line of headings"),
        ("time_s,x_m,y_m\n-1,1,2\n", ":2: time_s: got -1, must be >= 0"),
        ("time_s,device,x_m,y_m\n3,a,1,2\n3,a,1,2\n", ":3: time_s: got 3, must be > 3, the time before of device a"),
    ],
)
def test_a_trace_with_a_mistake_is_refused_with_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match="csv:") as caught:
        PositionTrace(path=str(file)).tracks()
    assert str(caught.value) == f"{file}{message}"


def test_a_trace_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none.csv: cannot be read: No such file or directory"):
        PositionTrace(path=str(tmp_path / "none.csv")).tracks()
