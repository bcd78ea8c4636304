"""Layouts: the area-uniform density, the hole, and that clients do not move each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from wirelessfsl.network.layout import Disc, Fixed, FromFile, Hexagon, Layout, Listed, Rectangle
from wirelessfsl.streams import Floats

NAMES = [f"client-{i}" for i in range(20_000)]


def distances_m(positions_m: Floats) -> Floats:
    return np.hypot(positions_m[:, 0], positions_m[:, 1])


def test_disc_is_uniform_by_area() -> None:
    distance_m = distances_m(Disc(radius_m=200.0, min_distance_m=10.0).positions_m(NAMES, seed=1))
    area = (distance_m**2 - 10.0**2) / (200.0**2 - 10.0**2)
    # The area within a client's distance is uniform on [0, 1]: mean 1/2 with standard error 1 / sqrt(12 n).
    assert area.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * len(NAMES)))
    assert stats.kstest(area, stats.uniform.cdf).pvalue > 1e-3
    assert distance_m.min() >= 10.0
    assert distance_m.max() <= 200.0


def test_disc_has_half_its_clients_beyond_0_7_of_the_radius() -> None:
    distance_m = distances_m(Disc(radius_m=1000.0, min_distance_m=1e-3).positions_m(NAMES, seed=2))
    # E d^2 = R^2 / 2 and E d = 2 R / 3 of a full disc, not R^2 / 3 and R / 2 as with uniform radii.
    n = len(NAMES)
    assert np.mean(distance_m**2) == pytest.approx(5e5, abs=5 * 1e6 / np.sqrt(12 * n))
    assert distance_m.mean() == pytest.approx(2000 / 3, abs=5 * 1000 / np.sqrt(18 * n))
    # A quantile has standard error sqrt(q (1 - q) / n) / f; the density at R sqrt(q) is 2 sqrt(q) / R.
    for q in (0.1, 0.25, 0.5, 0.9):
        error = np.sqrt(q * (1 - q) / n) / (2 * np.sqrt(q) / 1000)
        assert np.quantile(distance_m, q) == pytest.approx(1000 * np.sqrt(q), abs=5 * error)


def test_disc_prefers_no_direction() -> None:
    x, y = Disc().positions_m(NAMES, seed=3).T
    assert stats.kstest(np.arctan2(y, x) / (2 * np.pi) + 0.5, stats.uniform.cdf).pvalue > 1e-3


def test_adding_clients_moves_nobody() -> None:
    disc = Disc()
    np.testing.assert_array_equal(disc.positions_m(NAMES[:10], seed=1), disc.positions_m(NAMES[:50], seed=1)[:10])
    np.testing.assert_array_equal(disc.positions_m(NAMES[5:6], seed=1), disc.positions_m(NAMES[:10], seed=1)[5:6])


def test_another_seed_moves_everybody() -> None:
    assert np.all(Disc().positions_m(NAMES[:10], seed=1) != Disc().positions_m(NAMES[:10], seed=2))


def test_a_larger_disc_scales_positions() -> None:
    small = Disc(radius_m=100.0, min_distance_m=10.0).positions_m(NAMES[:10], seed=1)
    large = Disc(radius_m=200.0, min_distance_m=20.0).positions_m(NAMES[:10], seed=1)
    np.testing.assert_allclose(large, 2 * small)


@pytest.mark.parametrize("minimum", [200.0, 300.0])
def test_disc_refuses_a_hole_as_large_as_itself(minimum: float) -> None:
    with pytest.raises(ValueError, match=rf"Disc.min_distance_m: got {minimum}, must be < radius_m \(= 200\)"):
        Disc(radius_m=200.0, min_distance_m=minimum)


def test_fixed_distances_are_taken_in_turn() -> None:
    positions_m = Fixed(distances_m=(50.0, 80.0, 110.0)).positions_m(NAMES[:5], seed=1)
    np.testing.assert_array_equal(distances_m(positions_m), [50.0, 80.0, 110.0, 50.0, 80.0])


@pytest.mark.parametrize("distances", [(), (10.0, 0.0), (-5.0,)])
def test_fixed_refuses_no_distance_and_distances_that_are_none(distances: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"Fixed.distances_m: got \(.*must be one distance or more, each > 0"):
        Fixed(distances_m=distances)


def test_rectangle_is_uniform_by_area_outside_of_its_hole() -> None:
    x, y = Rectangle(width_m=300.0, height_m=100.0, min_distance_m=1e-3).positions_m(NAMES, seed=4).T
    assert stats.kstest(x / 300.0 + 0.5, stats.uniform.cdf).pvalue > 1e-3
    assert stats.kstest(y / 100.0 + 0.5, stats.uniform.cdf).pvalue > 1e-3
    hollow = distances_m(Rectangle(width_m=100.0, height_m=100.0, min_distance_m=40.0).positions_m(NAMES, seed=4))
    assert hollow.min() >= 40.0
    # Up to 50 m lies pi (50^2 - 40^2) of the area 100^2 - pi 40^2 that there is.
    share = np.pi * 900 / (1e4 - np.pi * 1600)
    assert (hollow < 50.0).mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(NAMES)))


def test_hexagon_is_uniform_by_area_with_its_corners_at_30_degrees() -> None:
    positions_m = Hexagon(radius_m=100.0, min_distance_m=1e-3).positions_m(NAMES, seed=5)
    inner = 100.0 * 3**0.5 / 2
    for side in np.deg2rad(60.0 * np.arange(6)):  # the sides are at these directions
        depth = positions_m @ (np.cos(side), np.sin(side))
        assert 0.99 * inner < depth.max() <= inner * (1 + 1e-12)
        assert (depth**2).mean() == pytest.approx(5 / 18 * inner**2, abs=4 * (depth**2).std() / np.sqrt(len(NAMES)))
    share = np.pi / (2 * 3**0.5)
    inside = distances_m(positions_m) < inner
    assert inside.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(NAMES)))


@pytest.mark.parametrize("layout", [Rectangle(min_distance_m=150.0), Hexagon(min_distance_m=150.0)])
def test_a_client_keeps_its_place_whoever_else_there_is(layout: Rectangle | Hexagon) -> None:
    np.testing.assert_array_equal(layout.positions_m(NAMES[5:6], 1), layout.positions_m(NAMES[:50], 1)[5:6])
    assert np.all(layout.positions_m(NAMES[:10], 1) != layout.positions_m(NAMES[:10], 2))


def test_listed_places_and_those_of_a_file_are_taken_in_turn(tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text("name,x_m,y_m\nhome,1,2\nwork,-3.5,4e1\n")
    expected = np.array([[1.0, 2.0], [-3.5, 40.0], [1.0, 2.0]])
    np.testing.assert_array_equal(Listed(at_m=((1.0, 2.0), (-3.5, 40.0))).positions_m(NAMES[:3], 1), expected)
    np.testing.assert_array_equal(FromFile(path=str(file)).positions_m(NAMES[:3], 1), expected)


@pytest.mark.parametrize(
    ("cls", "wrong", "message"),
    [
        (Rectangle, {"height_m": 20.0}, "Rectangle.min_distance_m: got 10.0, must be < 10, half of the lesser extent"),
        (Hexagon, {"radius_m": 10.0}, "Hexagon.min_distance_m: got 10.0, must be < 8.66025, the inner radius"),
        (Listed, {"at_m": ()}, "Listed.at_m: got an empty list, must be one place or more"),
    ],
)
def test_layouts_refuse_what_leaves_no_place(cls: Any, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cls(**wrong)


@pytest.mark.parametrize("layout", [Disc(), Fixed(), Rectangle(), Hexagon(), Listed()])
def test_layout_takes_no_clients(layout: Layout) -> None:
    assert distances_m(layout.positions_m([], seed=1)).shape == (0,)
