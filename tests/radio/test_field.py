"""The random field: normal at every place, correlated as wanted over the distance, a function of the place alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from wirelessfsl.radio.field import WAVES, Field
from wirelessfsl.streams import Floats

FIELDS = 4000


def ensemble(place_m: Floats, correlation_distance_m: float) -> Floats:
    """Values of independent fields at the same places, shape (FIELDS, n)."""
    return np.array([Field(seed, ("test",), correlation_distance_m).at(place_m) for seed in range(FIELDS)])


@pytest.mark.parametrize(
    ("distance_m", "correlation_distance_m", "heading"),
    [(10.0, 10.0, 0.0), (25.0, 37.0, 0.0), (25.0, 37.0, 1.0), (25.0, 37.0, 2.5), (1.0, 50.0, 1.0), (100.0, 37.0, 2.5)],
)
def test_correlation_is_gudmundsons(distance_m: float, correlation_distance_m: float, heading: float) -> None:
    start = np.array([120.0, -340.0])
    end = start + distance_m * np.array([math.cos(heading), math.sin(heading)])
    here, there = ensemble(np.array([start, end]), correlation_distance_m).T
    rho = math.exp(-distance_m / correlation_distance_m)
    # Four standard errors of the mean of a product of normal variables, sqrt((1 + rho^2) / n).
    assert np.mean(here * there) == pytest.approx(rho, abs=4 * math.sqrt((1 + rho**2) / FIELDS))


def test_values_at_a_place_are_standard_normal_over_fields() -> None:
    value = ensemble(np.array([[1e3, 7.0]]), 37.0)[:, 0]
    assert value.mean() == pytest.approx(0.0, abs=4 / math.sqrt(FIELDS))
    assert value.std() == pytest.approx(1.0, abs=4 / math.sqrt(2 * FIELDS))
    # The deviation from the normal law is of the order of 1.5 / (24 WAVES) = 0.0005, the test's resolution 0.03.
    assert stats.kstest(value, stats.norm.cdf).pvalue > 1e-3


def test_one_field_has_the_correlation_along_a_long_straight_way() -> None:
    # 200 km in steps of 5 m, so that the way's end hardly counts. One field's products at a lag of D or more are off by
    # 0.02 to 0.04, root mean square over fields and headings; three times that.
    way_m = np.arange(40_000) * 5.0
    value = Field(3, ("test",), 50.0).at(np.column_stack((0.6 * way_m, 0.8 * way_m)))
    assert value.mean() == pytest.approx(0.0, abs=0.12)
    assert value.var() == pytest.approx(1.0, abs=0.12)
    for steps in (1, 5, 10, 40):
        assert np.mean(value[steps:] * value[:-steps]) == pytest.approx(math.exp(-steps * 5.0 / 50.0), abs=0.12)


def test_the_correlation_has_a_cusp() -> None:
    # Differentiable fields would fall by the square of a short distance: 1 - (1/25)^2 and not 1 - 1/25.
    here, there = ensemble(np.array([[0.0, 0.0], [1.0, 0.0]]), 25.0).T
    half_square = np.mean((here - there) ** 2) / 2
    assert half_square == pytest.approx(1 - math.exp(-1 / 25), rel=4 * math.sqrt(2 / FIELDS) + 1 / WAVES)


def test_a_value_belongs_to_the_place_whatever_else_is_asked() -> None:
    place_m = np.random.default_rng(1).uniform(-1e4, 1e4, (1500, 2))
    field = Field(1, ("test",), 10.0)
    everywhere = field.at(place_m)
    np.testing.assert_array_equal(field.at(place_m[[1400, 3]]), everywhere[[1400, 3]])
    np.testing.assert_array_equal(Field(1, ("test",), 10.0).at(place_m[::-1])[::-1], everywhere)
    assert field.at(np.empty((0, 2))).shape == (0,)


def test_another_name_or_seed_is_another_field() -> None:
    place_m = np.random.default_rng(1).uniform(-1e4, 1e4, (2000, 2))
    fields = [Field(1, ("a",), 10.0), Field(1, ("b",), 10.0), Field(2, ("a",), 10.0)]
    correlation = np.corrcoef([field.at(place_m) for field in fields])
    # Places 10 m across in 400 km^2 are all but independent: four standard errors are 4 / sqrt(2000) = 0.09.
    np.testing.assert_allclose(correlation, np.eye(3), atol=0.09)
