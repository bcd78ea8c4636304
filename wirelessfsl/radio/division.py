"""How to divide a band among messages: solvers, each exact for the problem that its docstring states.

Shares are fractions of the band, shape (k,), and add up to 1 at most; a dead link gets none. ``ready_s`` is when each
message can begin; a share is its owner's all the time, also before. Follows the usual convex formulations (Yang et al.,
IEEE TWC 20(3), 2021; Boyd and Vandenberghe, Convex Optimization, 2004, ch. 4). Left out: shares that change on the way,
which the simulation makes of these by asking again whenever a message comes or goes.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heapreplace

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.radio.sharing import OwnPower, Requests, SpreadPower
from wirelessfsl.streams import Floats

_PRECISION = 1e-13
_NOTHING = 1e-60
"""Relative, of the time or the rate that all have in common."""


def makespan_s(requests: Requests, shares: Floats, ready_s: Floats | float = 0.0) -> float:
    """When the last message is through, s: max c + D / r(b). Infinity where one has no rate.

    requests: bits D and rates r.
    shares: b, shape (k,).
    ready_s: c, when each begins, s.

    >>> makespan_s(SpreadPower(np.array([1e6, 2e6]), np.array([1e6, 4e6])), np.array([0.5, 0.5]))
    2.0
    """
    with np.errstate(divide="ignore"):
        return float((ready_s + requests.bits / requests.rate_bit_s(shares)).max())


def equal(requests: Requests) -> Floats:
    """The same for each.

    >>> equal(SpreadPower(np.ones(4), np.ones(4)))
    array([0.25, 0.25, 0.25, 0.25])
    """
    return np.full(len(requests.bits), 1.0 / len(requests.bits))


def proportional(requests: Requests) -> Floats:
    """In proportion to the bits.

    >>> proportional(SpreadPower(np.array([1.0, 3.0]), np.ones(2)))
    array([0.25, 0.75])
    """
    shares: Floats = requests.bits / requests.bits.sum()
    return shares


def min_makespan(requests: Requests, ready_s: Floats | float = 0.0) -> tuple[float, Floats]:
    """Least time T in which all messages get through at constant shares, and the shares.

    min T subject to sum b <= 1 and r(b) >= D / (T - c), solved by a root of sum b(T) = 1, where b(T) is the least share
    for the rate D / (T - c), which falls in T. Where r is concave in b, as Shannon's law is, no shares that change on
    the way are quicker if all are ready at once.

    requests: bits D and rates r.
    ready_s: c, when each can begin, s, shape (k,); by default at once.

    Returns T in s, and shares, shape (k,). Dead links are left out: they get nothing, and T is of the others.
    Where the power of a link is the limit, so that no wider share would help it, a part of the band stays free.

    >>> t, b = min_makespan(SpreadPower(np.array([1e6, 2e6, 3e6]), np.array([1e6, 2e6, 6e6])))
    >>> round(t, 9), b.round(9).tolist()
    (2.5, [0.4, 0.4, 0.2])
    """
    return _balanced(requests, requests.bits, ready_s)


def _balanced(requests: Requests, bits: Floats, ready_s: Floats | float = 0.0) -> tuple[float, Floats]:
    """As :func:`min_makespan`, of so many bits."""
    alive = requests.alive > 0.0
    if not alive.any():
        return np.inf, np.zeros(len(alive))
    begin_s = float(np.max(np.where(alive, ready_s, -np.inf)))

    def shares(after_s: float) -> Floats:
        rate = bits / np.maximum(begin_s + after_s - ready_s, 1e-300)
        return np.where(alive, requests.share_for(np.where(alive, rate, 0.0)), 0.0)

    after_s = _least(lambda after_s: shares(after_s).sum())
    found = shares(after_s)
    return begin_s + after_s, found / max(1.0, float(found.sum()))


def max_min(requests: Requests) -> Floats:
    """The shares with the greatest least rate, at which all rates are the same.

    >>> max_min(SpreadPower(np.ones(3), np.array([1.0, 2.0, 6.0]))).round(9)
    array([0.6, 0.3, 0.1])
    """
    return _balanced(requests, np.ones(len(requests.bits)))[1]


def max_rate(requests: Requests) -> Floats:
    """The shares with the greatest sum of rates.

    Of power that is spread over the band the best link gets all (equal ones share it). Senders with a power of their
    own get b = s / sum s, which gives all of them the same SNR sum s and is best for every concave efficiency, by
    Jensen's inequality: sum b e(s / b) <= e(sum s).

    >>> max_rate(SpreadPower(np.ones(3), np.array([1.0, 2.0, 6.0])))
    array([0., 0., 1.])
    """
    match requests:
        case OwnPower(snr=snr):
            best = snr
        case SpreadPower(whole_bit_s=rate):
            best = (rate == rate.max()).astype(np.float64) * np.sign(rate)
        case _:
            raise TypeError(f"max_rate: got {type(requests).__name__}, must be OwnPower or SpreadPower")
    shares: Floats = best / max(best.sum(), 1e-300)
    return shares


def proportional_fair(requests: Requests) -> Floats:
    """The shares with the greatest sum of the logarithms of the rates (Kelly, Eur. Trans. Telecomm. 8, 1997).

    Equal ones where rates are linear in the share. Else, with the SNR x = s / b in the share and the elasticity
    a = d ln r / d ln b = 1 - d ln e / d ln x, all have the same a / b; that is x a(x) = m s, and a root of sum b = 1
    gives m.

    >>> proportional_fair(SpreadPower(np.ones(4), np.array([1.0, 2.0, 6.0, 0.0]))).round(3)
    array([0.333, 0.333, 0.333, 0.   ])
    """
    alive = requests.alive > 0.0
    if not alive.any():
        return np.zeros(len(alive))
    if not isinstance(requests, OwnPower):
        return np.where(alive, 1.0 / alive.sum(), 0.0)
    found = np.zeros(len(alive))
    snr, of = requests.snr[alive], requests.table
    found[alive] = snr / of.snr_of(_least(lambda m: float((snr / of.snr_of(m * snr)).sum())) * snr)
    return found / max(1.0, float(found.sum()))


def _least(wanted: Callable[[float], float]) -> float:
    """Least x at which a falling function is 1 or less: a root, or 0 if it is that everywhere.

    It is the root of 1 / wanted(x) - 1, which is linear where the function is 1 / x.
    """
    from scipy.optimize import brentq

    high = 1.0
    while wanted(high) > 1.0:
        high *= 4.0
    low = high / 4.0
    while wanted(low) <= 1.0:
        if low < _NOTHING:
            return 0.0
        low, high = low / 4.0, low
    x: float = brentq(lambda x: 1.0 / wanted(x) - 1.0, low, high, xtol=1e-300, rtol=_PRECISION)
    return x * (1.0 + 2.0 * _PRECISION)  # on the side where it is 1 or less


def in_turn_s(requests: Requests, ready_s: Floats | float = 0.0) -> float:
    """When the last message is through if each in turn has the whole band, who is ready first goes first, s.

    That order is the best there is (Jackson's rule for release times; Pinedo, Scheduling, 2016, sec. 3.1).

    requests: bits and rates.
    ready_s: when each can begin, s, shape (k,); by default at once.

    >>> in_turn_s(SpreadPower(np.array([1.0, 1.0]), np.array([1.0, 1.0])), np.array([3.0, 0.5]))
    4.0
    """
    ready = np.broadcast_to(np.asarray(ready_s, dtype=np.float64), requests.bits.shape)
    airtime = requests.bits / requests.rate_bit_s(1.0)
    now = 0.0
    for at in np.argsort(ready, kind="stable"):
        now = max(now, float(ready[at])) + float(airtime[at])
    return now


def water_filling(gain_per_w: Floats, total_w: float) -> Floats:
    """Powers of parallel channels with the greatest sum of log2(1 + g p): p = max(0, level - 1 / g).

    Tse and Viswanath, Fundamentals of Wireless Communication (2005), sec. 5.3.3.

    gain_per_w: SNR g of each channel at a watt, linear, > 0, shape (k,).
    total_w: what the powers add up to, W, > 0.

    >>> water_filling(np.array([1.0, 0.5, 0.1]), 3.0)
    array([2., 1., 0.])
    """
    floor = 1.0 / gain_per_w
    ordered = np.sort(floor)
    levels = (total_w + np.cumsum(ordered)) / np.arange(1, len(floor) + 1)
    power: Floats = np.maximum(levels[np.count_nonzero(levels > ordered) - 1] - floor, 0.0)
    return power


# Whole resource blocks


def rounded(shares: Floats, blocks: int) -> NDArray[np.intp]:
    """Shares in whole blocks, as many as the shares have: the largest remainders are rounded up.

    shares: fractions of the band, sum <= 1, shape (k,).
    blocks: of the whole band, >= 1.

    Returns numbers of blocks, shape (k,), whose sum is that of ``blocks * shares``, rounded.

    >>> rounded(np.array([0.5, 0.3, 0.2]), 4)
    array([2, 1, 1])
    """
    exact = shares * blocks
    whole = np.floor(exact + 1e-9).astype(np.intp)
    more = round(float(exact.sum())) - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[: max(0, more)]] += 1
    return whole


def greedy_blocks(requests: Requests, blocks: int, ready_s: Floats | float = 0.0) -> NDArray[np.intp]:
    """Blocks one after the other, each for the message that would be through last; at first one for each.

    The greedy subchannel allocation of EPSL (Lin et al., arXiv 2303.15991). With as many blocks as it takes for one
    each, and rates that grow with the share, no other division is through earlier.

    requests: bits and rates; all blocks are alike.
    blocks: of the whole band, at least as many as messages.
    ready_s: when each can begin, s.

    Returns numbers of blocks, shape (k,). Raises ValueError if there are fewer blocks than messages.

    >>> greedy_blocks(SpreadPower(np.array([1.0, 3.0]), np.ones(2)), 4)
    array([1, 3])
    """
    count = len(requests.bits)
    if blocks < count:
        raise ValueError(f"blocks: got {blocks} for {count} messages, must be one each or more")
    with np.errstate(divide="ignore"):
        ends = [ready_s + requests.bits / requests.rate_bit_s(n / blocks) for n in range(1, blocks - count + 2)]
    held = np.ones(count, dtype=np.intp)
    queue = [(-float(end), at) for at, end in enumerate(ends[0])]
    heapify(queue)
    for _ in range(blocks - count):
        _, last = queue[0]
        held[last] += 1
        heapreplace(queue, (-float(ends[held[last] - 1][last]), last))
    return held


def one_each(values: Floats) -> NDArray[np.intp]:
    """A block of its own for each message, with the greatest sum of values (Kuhn, Nav. Res. Logist. Q. 2, 1955).

    values: such as the rate of each message in each block, shape (k, blocks), k <= blocks.

    Returns the number of each one's block, shape (k,).

    >>> one_each(np.array([[3.0, 2.0], [2.0, 0.0]]))
    array([1, 0])
    """
    from scipy.optimize import linear_sum_assignment

    taken: NDArray[np.intp] = linear_sum_assignment(values, maximize=True)[1]
    return taken
