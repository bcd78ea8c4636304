"""Pareto fronts: which of several choices no other one beats in everything at once."""

from __future__ import annotations

import numpy as np

from wirelessfsl.results.columns import Floats, Mask

AT_ONCE = 10_000_000
"""Comparisons that are in memory together."""


def front(costs: Floats) -> Mask:
    """Which choices are not dominated: no other one costs as little in everything and less in something.

    Equal choices do not dominate each other. Two costs take one pass over the sorted choices (Kung, Luccio and
    Preparata, J. ACM 22, 1975), more of them a comparison of all pairs.

    costs: of n choices in k >= 1 respects, each the less the better, shape (n, k); no NaN.

    Returns shape (n,).

    >>> front(np.array([[1.0, 3.0], [2.0, 2.0], [2.0, 3.0], [3.0, 1.0]]))
    array([ True,  True, False,  True])
    """
    if costs.shape[1] == 2:
        first, second = costs.T
        order = np.lexsort((second, first))
        best = np.minimum.accumulate(second[order])
        before = np.searchsorted(first[order], first)  # how many cost less in the first respect
        least = np.append(np.inf, best)[before]
        same = best[np.searchsorted(first[order], first, side="right") - 1]
        best_of_all: Mask = (second < least) & (second == same)
        return best_of_all
    some = max(1, AT_ONCE // max(1, costs.size))
    found = np.ones(len(costs), dtype=bool)
    for start in range(0, len(costs), some):
        these = costs[start : start + some, None]
        found[start : start + some] = ~np.any((costs <= these).all(2) & (costs < these).any(2), axis=1)
    return found
