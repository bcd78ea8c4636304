"""Cut layer and bandwidth together: at which cut, and with which shares of the band, the last client is through first.

A cut says how long a client computes before it sends, and how much it sends; for given cuts the shares are those of
:func:`wirelessfsl.radio.division.min_makespan`. For one cut of all the cuts are tried; for cuts of each one's own all
combinations are, where there are few, else one client after another takes its best (coordinate descent from the best
common cut). Follows Wu et al., IEEE JSAC 41(4), 2023. Left out: what a cut does to learning.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.radio.division import min_makespan
from wirelessfsl.radio.sharing import Requests
from wirelessfsl.streams import Floats

EXACT = 4096
"""Combinations of cuts up to which all are tried."""


class Joint(NamedTuple):
    """Cuts of the n clients, their shares of the band, both shape (n,), and when the last is through, s."""

    cuts: NDArray[np.intp]
    shares: Floats
    seconds: float


def common_cut(
    requests: Callable[[Floats], Requests], bits: Floats, ready_s: Floats, after_s: Floats | float = 0.0
) -> Joint:
    """The cut of all clients at which a round is shortest.

    requests: messages of so many bits, (n,), over the clients' links.
    bits: what each client sends at each cut, shape (cuts, n).
    ready_s: when it can begin to, at each cut, s, shape (cuts, n).
    after_s: what comes when all are through, at each cut, s, shape (cuts,).
    """
    found = [min_makespan(requests(size), ready) for size, ready in zip(bits, ready_s, strict=True)]
    seconds = np.array([each for each, _ in found]) + after_s
    best = int(np.argmin(seconds))
    return Joint(np.full(bits.shape[1], best), found[best][1], float(seconds[best]))


def own_cuts(requests: Callable[[Floats], Requests], bits: Floats, ready_s: Floats) -> Joint:
    """A cut of each client's own, so that the last is through first; exact up to :data:`EXACT` combinations.

    requests: messages of so many bits, (n,), over the clients' links.
    bits: what each client sends at each cut, shape (cuts, n).
    ready_s: when it can begin to, at each cut, s, shape (cuts, n).
    """
    count, clients = bits.shape
    everyone = np.arange(clients)

    def at(cuts: NDArray[np.intp]) -> Joint:
        seconds, shares = min_makespan(requests(bits[cuts, everyone]), ready_s[cuts, everyone])
        return Joint(cuts, shares, seconds)

    if count**clients <= EXACT:
        return min((at(np.array(cuts)) for cuts in product(range(count), repeat=clients)), key=lambda it: it.seconds)
    best, before = common_cut(requests, bits, ready_s), np.inf
    while best.seconds < before:
        before = best.seconds
        for client in everyone:
            tried = [at(np.where(everyone == client, cut, best.cuts)) for cut in range(count)]
            best = min([best, *tried], key=lambda it: it.seconds)
    return best
