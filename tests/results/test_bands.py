"""Means over seeds: step functions on a common grid, and Student's interval by hand."""

from __future__ import annotations

import numpy as np
import pytest

from wirelessfsl.results.bands import mean_interval, stepped


def test_a_curve_holds_its_value_until_its_next_point_and_is_not_carried_beyond_either_end() -> None:
    slow = (np.array([2.0, 6.0, 10.0]), np.array([0.2, 0.6, 0.9]))
    fast = (np.array([1.0, 3.0, 5.0, 7.0]), np.array([0.1, 0.3, 0.5, 0.7]))
    grid, values = stepped([slow, fast])
    assert grid.tolist() == [2.0, 3.0, 5.0, 6.0, 7.0]
    assert values.tolist() == [[0.2, 0.2, 0.2, 0.6, 0.6], [0.1, 0.3, 0.5, 0.5, 0.7]]


def test_of_two_values_at_one_place_the_later_counts() -> None:
    assert stepped([(np.array([0.0, 1.0, 1.0]), np.array([5.0, 6.0, 7.0]))])[1].tolist() == [[5.0, 7.0]]


def test_curves_that_do_not_overlap_have_no_mean() -> None:
    grid, values = stepped([(np.array([1.0]), np.array([1.0])), (np.array([2.0]), np.array([2.0]))])
    assert grid.size == 0
    assert values.shape == (2, 0)
    assert mean_interval(np.repeat(values, 2, axis=0)).low.size == 0


def test_the_interval_of_three_values_is_students() -> None:
    """1, 2 and 6: mean 3, s = sqrt(7), t = 4.303; 3 ± 6.573."""
    found = mean_interval(np.array([[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]]))
    assert found.mean.tolist() == [3.0, 5.0]
    assert found.low == pytest.approx([3.0 - 6.573, 5.0], abs=1e-3)
    assert found.high == pytest.approx([3.0 + 6.573, 5.0], abs=1e-3)


def test_two_runs_have_a_mean_and_no_interval() -> None:
    found = mean_interval(np.array([1.0, 3.0]))
    assert found.mean == 2.0
    assert np.isnan([found.low, found.high]).all()
