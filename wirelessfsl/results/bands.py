"""Runs that differ by seed as one: the mean, and an interval that says how far it is known.

The interval is Student's, from three runs on: that of two is wider than any figure. A curve of a run is what is known
at each of its points and until the next, so curves are put on a common grid as step functions. The grid is every point
of any of them at which all have begun and none has ended: nothing is extrapolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from wirelessfsl.results.columns import Floats
from wirelessfsl.results.intervals import NONE, student

FEW = 3
"""Runs from which an interval is told."""


class Mean(NamedTuple):
    """Mean over runs with the ends of its 95 % interval, each of the shape of one run's value; NaN for fewer than 3."""

    mean: Floats
    low: Floats
    high: Floats


def mean_interval(values: Floats) -> Mean:
    """Mean over runs and its 95 % interval, :func:`wirelessfsl.results.intervals.student`.

    values: of n runs, shape (n, ...).
    """
    columns = values.reshape(len(values), -1).T.tolist()
    told = np.array([student(each) if len(each) >= FEW else NONE for each in columns]).reshape(-1, 2)
    return Mean(values.mean(0), *told.T.reshape(2, *values.shape[1:]))


def stepped(curves: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Curves as step functions on their common grid; empty where none begins before another one ends.

    curves: x, not decreasing, and y of each, shape (points,).

    Returns the grid, shape (grid,), and y on it, shape (curves, grid).

    >>> stepped([(np.array([1.0, 3.0]), np.array([10.0, 30.0])), (np.array([2.0, 4.0]), np.array([20.0, 40.0]))])
    (array([2., 3.]), array([[10., 30.],
           [20., 20.]]))
    """
    begin, end = max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves)
    every = np.unique(np.concatenate([x for x, _ in curves]))
    grid = every[(every >= begin) & (every <= end)]
    return grid, np.array([y[np.searchsorted(x, grid, side="right") - 1] for x, y in curves])
