"""Confidence intervals over seeds: of a mean, and of a ratio of two schemes' costs.

A handful of seeds is the rule, so everything is Student's t. Costs are positive and their spread grows with their size:
ratios are taken on logarithms, where a ratio is a difference of means, and are ratios of geometric means. Seeds are
taken for independent repetitions; what was not observed (a run that never reached its target) has no place here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev, variance
from typing import NamedTuple


class Interval(NamedTuple):
    """A confidence interval; NaN at both ends where there is none."""

    low: float
    high: float


NONE = Interval(math.nan, math.nan)


class Ratio(NamedTuple):
    """How many times as much one scheme takes as another.

    value: ratio of the geometric means.
    interval: its confidence interval.
    paired: whether it is over runs of equal seeds, which met the same channel.
    n: pairs, or runs of the scheme that has fewer.
    """

    value: float
    interval: Interval
    paired: bool
    n: int


def student(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval of the mean of normal values, mean ± t((1 + c) / 2; n - 1) s / sqrt(n) (Student 1908).

    values: one a run.
    confidence: c, in (0, 1).

    Returns NaN ends for fewer than two values.

    >>> low, high = student([1.0, 3.0])
    >>> round(high - 2.0, 3)
    12.706
    """
    n = len(values)
    if n < 2:
        return NONE
    half = _quantile(n - 1, confidence) * stdev(values) / math.sqrt(n)
    return Interval(fmean(values) - half, fmean(values) + half)


def ratio(above: Mapping[int, float], below: Mapping[int, float], confidence: float = 0.95) -> Ratio | None:
    """Ratio of the geometric means of two schemes' costs.

    Over the seeds that both have, two or more of them, it is exp of the mean of d = log a - log b, with Student's
    interval of that mean: the channel is the same in both runs of a pair and drops out. Otherwise it is
    exp(mean log a - mean log b), with Welch's interval for unequal variances and his degrees of freedom (Biometrika 34,
    1947). Both are exact or nearly so if costs are log-normal.

    above, below: a cost by seed.
    confidence: in (0, 1).

    Returns None where a cost is not positive or there is none.

    >>> ratio({1: 4.0, 2: 8.0}, {1: 2.0, 2: 4.0})
    Ratio(value=2.0, interval=Interval(low=2.0, high=2.0), paired=True, n=2)
    """
    if not (above and below) or min(*above.values(), *below.values()) <= 0:
        return None
    both = [seed for seed in above if seed in below]
    if len(both) > 1:
        logs = [math.log(above[seed] / below[seed]) for seed in both]
        return Ratio(math.exp(fmean(logs)), _exp(student(logs, confidence)), True, len(both))
    first, second = ([math.log(cost) for cost in costs.values()] for costs in (above, below))
    difference, n = fmean(first) - fmean(second), min(len(first), len(second))
    value = math.exp(difference)
    if n < 2:
        return Ratio(value, NONE, False, n)
    shares = [variance(logs) / len(logs) for logs in (first, second)]
    if not sum(shares):
        return Ratio(value, Interval(value, value), False, n)
    freedom = sum(shares) ** 2 / sum(
        part**2 / (len(logs) - 1) for part, logs in zip(shares, (first, second), strict=True)
    )
    half = _quantile(freedom, confidence) * math.sqrt(sum(shares))
    return Ratio(value, _exp(Interval(difference - half, difference + half)), False, n)


def _exp(logs: Interval) -> Interval:
    return Interval(math.exp(logs.low), math.exp(logs.high))


def _quantile(freedom: float, confidence: float) -> float:
    """The two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + confidence) / 2))
