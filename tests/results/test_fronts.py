"""Pareto fronts against a comparison of every pair."""

from __future__ import annotations

import numpy as np
import pytest

from wirelessfsl.results import fronts


def slowly(costs: np.ndarray) -> list[bool]:
    return [
        not any(all(b <= a for a, b in zip(one, other, strict=True)) and tuple(other) != tuple(one) for other in costs)
        for one in costs
    ]


@pytest.mark.parametrize("respects", [1, 2, 3, 4])
@pytest.mark.parametrize("values", [3, 1000])
def test_a_front_is_what_no_other_choice_beats(respects: int, values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng([respects, values])  # few values: many ties and equal choices
    monkeypatch.setattr(fronts, "AT_ONCE", 1000)
    for n in (1, 2, 60):
        costs = generator.integers(0, values, (n, respects)).astype(float)
        assert fronts.front(costs).tolist() == slowly(costs)


def test_equal_choices_are_all_on_the_front() -> None:
    assert fronts.front(np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0]])).tolist() == [True, True, False]
