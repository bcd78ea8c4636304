"""Intervals against SciPy's own, and how often they cover what they are about."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from wirelessfsl.results.intervals import NONE, Interval, Ratio, ratio, student
from wirelessfsl.streams import stream

REPEATS = 4000
FOUR_ERRORS = 4 * math.sqrt(0.95 * 0.05 / REPEATS)
"""Four standard errors of a share of 95 %."""

seeds = pytest.mark.parametrize("n", [3, 5, 10])


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_the_interval_of_a_mean_is_that_of_scipy(confidence: float) -> None:
    values = [3.1, 2.2, 5.9, 4.0]
    expected = stats.t.interval(confidence, 3, np.mean(values), stats.sem(values))
    assert student(values, confidence) == pytest.approx(expected, rel=1e-12)


def test_one_value_and_none_have_no_interval() -> None:
    assert all(math.isnan(end) for values in ([], [1.0]) for end in student(values))


def test_a_paired_ratio_is_scipys_paired_test_on_logarithms() -> None:
    above, below = {1: 4.0, 2: 9.0, 3: 5.0, 7: 80.0}, {3: 2.0, 1: 3.0, 2: 3.5, 8: 0.1}
    logs = np.log([4.0, 9.0, 5.0]), np.log([3.0, 3.5, 2.0])
    expected = stats.ttest_rel(*logs).confidence_interval(0.9)
    found = ratio(above, below, 0.9)
    assert found is not None
    assert (found.paired, found.n) == (True, 3)
    assert found.value == pytest.approx((4 * 9 * 5 / (3 * 3.5 * 2)) ** (1 / 3))
    assert found.interval == pytest.approx((math.exp(expected.low), math.exp(expected.high)))


def test_a_ratio_over_other_seeds_is_scipys_welch_test_on_logarithms() -> None:
    above, below = [4.0, 9.0, 5.0], [3.0, 3.5, 2.0, 2.8]
    expected = stats.ttest_ind(np.log(above), np.log(below), equal_var=False).confidence_interval(0.95)
    found = ratio(dict(enumerate(above)), dict(enumerate(below, start=10)))
    assert found is not None
    assert (found.paired, found.n) == (False, 3)
    assert found.value == pytest.approx(stats.gmean(above) / stats.gmean(below))
    assert found.interval == pytest.approx((math.exp(expected.low), math.exp(expected.high)))


def test_a_ratio_of_single_runs_has_no_interval_and_equal_runs_have_a_point() -> None:
    single = ratio({1: 6.0}, {1: 2.0})
    assert single is not None
    assert single[0] == pytest.approx(3.0)
    assert single[1:] == (NONE, False, 1)
    assert ratio({1: 6.0, 2: 6.0}, {3: 2.0, 4: 2.0}) == Ratio(pytest.approx(3), pytest.approx((3, 3)), False, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("above", "below"), [({}, {1: 1.0}), ({1: 1.0}, {}), ({1: 0.0}, {1: 1.0}), ({1: 1.0}, {1: 0.0})]
)
def test_there_is_no_ratio_of_nothing(above: dict[int, float], below: dict[int, float]) -> None:
    assert ratio(above, below) is None


def covered(intervals: list[Interval], truth: float) -> float:
    return float(np.mean([low <= truth <= high for low, high in intervals]))


@seeds
def test_the_interval_of_a_mean_covers_it_as_often_as_it_says(n: int) -> None:
    draws = stream(1, "coverage", n).normal(10.0, 3.0, (REPEATS, n))
    assert covered([student(row) for row in draws.tolist()], 10.0) == pytest.approx(0.95, abs=FOUR_ERRORS)


def log_normal_costs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Costs of two schemes, the first three times as high, on a channel that is good or bad for both of a pair."""
    rng = stream(2, "coverage", n)
    channel = rng.normal(0.0, 1.0, (REPEATS, n))
    own = rng.normal(0.0, 0.2, (2, REPEATS, n))
    return 3 * np.exp(channel + own[0]), np.exp(channel + own[1])


@seeds
def test_the_interval_of_a_paired_ratio_covers_it_as_often_as_it_says(n: int) -> None:
    above, below = log_normal_costs(n)
    found = [ratio(dict(enumerate(a)), dict(enumerate(b))) for a, b in zip(above.tolist(), below.tolist(), strict=True)]
    assert covered([each.interval for each in found if each], 3.0) == pytest.approx(0.95, abs=FOUR_ERRORS)


@seeds
def test_welchs_interval_of_a_ratio_covers_it_about_as_often_as_it_says(n: int) -> None:
    # His degrees of freedom are an approximation: on the safe side for a few runs of equal variances.
    rng = stream(3, "coverage", n)
    above, below = 3 * np.exp(rng.normal(0.0, 0.4, (REPEATS, n))), np.exp(rng.normal(0.0, 0.4, (REPEATS, n)))
    found = [
        ratio(dict(enumerate(a)), dict(enumerate(b, start=n)))
        for a, b in zip(above.tolist(), below.tolist(), strict=True)
    ]
    share = covered([each.interval for each in found if each], 3.0)
    assert 0.95 - FOUR_ERRORS < share < 0.97 + FOUR_ERRORS


def test_pairs_of_seeds_make_intervals_narrower_than_other_seeds_do() -> None:
    above, below = (costs[0].tolist() for costs in log_normal_costs(10))
    paired = ratio(dict(enumerate(above)), dict(enumerate(below)))
    other = ratio(dict(enumerate(above)), dict(enumerate(below, start=10)))
    assert paired is not None
    assert other is not None
    assert paired.interval.high / paired.interval.low < 0.6 * other.interval.high / other.interval.low
