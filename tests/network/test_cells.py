"""Hexagonal cells: distances of the grid, the torus that wrap-around makes, sectors, reuse, and uniform drops."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from wirelessfsl.network.cells import Hexagonal
from wirelessfsl.streams import Floats

NAMES = [f"client-{i}" for i in range(5700)]
RINGS = [0, 1, 2]


def lengths(offsets_m: Floats) -> Floats:
    return np.hypot(offsets_m[..., 0], offsets_m[..., 1])


@pytest.mark.parametrize("rings", RINGS)
def test_neighbours_are_an_inter_site_distance_apart_and_the_first_is_at_the_origin(rings: int) -> None:
    sites = Hexagonal(rings=rings, inter_site_distance_m=200.0).sites_m
    assert len(sites) == 3 * rings**2 + 3 * rings + 1
    assert sites[0].tolist() == [0.0, 0.0]
    assert lengths(sites).max() == pytest.approx(200.0 * rings)
    apart = [lengths(a - b) for a, b in combinations(sites, 2)]
    assert min(apart, default=200.0) == pytest.approx(200.0)
    # A hexagonal patch of r rings has 9 r^2 + 3 r pairs of neighbours.
    assert np.isclose(apart, 200.0).sum() == 9 * rings**2 + 3 * rings


@pytest.mark.parametrize("rings", RINGS)
def test_with_wrap_around_every_site_sees_the_others_as_the_middle_one_does(rings: int) -> None:
    cells = Hexagonal(rings=rings)
    seen = np.sort(lengths(cells.offsets_m(cells.sites_m)), axis=1)
    assert seen == pytest.approx(np.broadcast_to(seen[0], seen.shape), abs=1e-6)
    assert np.isclose(seen[:, 1:7], 500.0).all()
    assert lengths(cells.offsets_m(cells.sites_m[:1])) == pytest.approx(lengths(cells.sites_m)[None])


@pytest.mark.parametrize("rings", RINGS)
def test_no_image_is_nearer_than_the_one_that_is_taken(rings: int) -> None:
    cells = Hexagonal(rings=rings)
    points = cells.positions_m(NAMES[:200], seed=1)
    found = lengths(cells.offsets_m(points))
    # All images of a lattice that the two shortest translations span, far around.
    x, y = first = 500.0 * np.array([1.5 * rings + 1, -rings * 3**0.5 / 2])
    second = np.array([x / 2 - y * 3**0.5 / 2, x * 3**0.5 / 2 + y / 2])  # turned by 60 degrees
    around = [a * first + b * second for a in range(-3, 4) for b in range(-3, 4)]
    nearest = np.min([lengths(points[:, None] - cells.sites_m - shift) for shift in around], axis=0)
    assert found == pytest.approx(nearest)
    assert (found <= lengths(points[:, None] - cells.sites_m) + 1e-9).all()


def test_without_wrap_around_offsets_are_plain_differences() -> None:
    cells = Hexagonal(rings=1, sectors=3, wrap_around=False)
    points = np.array([[1.0, 2.0], [-700.0, 30.0]])
    plain = points[:, None] - cells.sites_m.repeat(3, axis=0)
    np.testing.assert_array_equal(cells.offsets_m(points), plain)


def test_three_parts_of_the_band_are_different_at_all_neighbours_and_used_alike() -> None:
    cells = Hexagonal(rings=2, reuse=3, wrap_around=False)
    groups = cells.reuse_group
    for a, b in combinations(range(19), 2):
        if np.isclose(lengths(cells.sites_m[a] - cells.sites_m[b]), 500.0):
            assert groups[a] != groups[b]
    assert sorted(np.bincount(groups)) == [6, 6, 7]
    assert Hexagonal(sectors=3, reuse=3).reuse_group.tolist() == [0, 1, 2] * 7
    assert set(Hexagonal(sectors=3).reuse_group) == set(Hexagonal(rings=2).reuse_group) == {0}


def test_the_antenna_has_the_patterns_gain_half_its_power_and_floor() -> None:
    cells = Hexagonal(rings=0, sectors=3, wrap_around=False)
    angle = np.deg2rad([30.0, 30.0 + 32.5, 30.0 - 32.5, 90.0, 210.0])
    gain = cells.gain_db(cells.offsets_m(100.0 * np.column_stack((np.cos(angle), np.sin(angle)))))
    assert gain[:, 0] == pytest.approx([8.0, 5.0, 5.0, 8.0 - 12 * (60 / 65) ** 2, -22.0])
    assert gain[4] == pytest.approx([-22.0, 8.0 - 12 * (60 / 65) ** 2, 8.0 - 12 * (60 / 65) ** 2])
    np.testing.assert_array_equal(Hexagonal().gain_db(np.ones((4, 7, 2))), np.zeros((4, 7)))


@pytest.mark.parametrize("sectors", [1, 3])
@pytest.mark.parametrize("rings", RINGS)
def test_a_device_is_dropped_in_its_cell_which_is_its_nearest_and_strongest(rings: int, sectors: int) -> None:
    cells = Hexagonal(rings=rings, sectors=sectors)  # type: ignore[arg-type]
    offsets = cells.offsets_m(cells.positions_m(NAMES, seed=1))
    own = np.arange(len(NAMES)) % len(cells.site_of)
    apart = lengths(offsets)
    row = np.arange(len(NAMES))
    assert apart[row, own] == pytest.approx(apart.min(axis=1))
    assert apart.min() >= 35.0
    assert apart[row, own].max() <= 500.0 / 3**0.5
    own_sectors = (cells.site_of == cells.site_of[own][:, None]).nonzero()[1].reshape(-1, sectors)
    gains = np.take_along_axis(cells.gain_db(offsets), own_sectors, axis=1)
    assert gains.max(axis=1) == pytest.approx(cells.gain_db(offsets)[row, own])


@pytest.mark.parametrize("sectors", [1, 3])
def test_drops_are_uniform_by_area(sectors: int) -> None:
    cells = Hexagonal(rings=0, sectors=sectors, min_distance_m=1e-3)  # type: ignore[arg-type]
    x, y = cells.positions_m(NAMES, seed=2).T / 500.0
    n = len(NAMES)
    # In a hexagon of inner radius a: E x^2 = E y^2 = 5 a^2 / 18, and the disc inside has pi / (2 sqrt(3)) of the area.
    square = x**2 + y**2
    assert square.mean() == pytest.approx(5 / 36, abs=4 * square.std() / np.sqrt(n))
    share = np.pi / (2 * 3**0.5)
    assert (square < 0.25).mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / n))
    assert (x.mean(), y.mean()) == pytest.approx((0.0, 0.0), abs=4 * x.std() / np.sqrt(n))


def test_adding_devices_moves_nobody() -> None:
    cells = Hexagonal(sectors=3)
    np.testing.assert_array_equal(cells.positions_m(NAMES[:10], 1), cells.positions_m(NAMES[:50], 1)[:10])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_distance_m": 300.0}, r"min_distance_m: got 300.0, must be <= 0.4 inter_site_distance_m \(= 200\)"),
        (
            {"reuse": 3},
            "reuse: got 3, must be 1 with wrap_around and one sector: .*; take sectors: 3 or wrap_around: f",
        ),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Hexagonal(**wrong)  # type: ignore[arg-type]
