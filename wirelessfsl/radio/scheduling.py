"""Schedulers: who has which resource blocks of an OFDMA band (``network.medium.scheduler``).

Each is stated twice: as shares of the band until the next change of the channel, for the fluid default, and as whole
blocks of one slot. Round robin divides the blocks, so that all who have something to send send at once; the others give
the band to one at a time, by how good its channel is. Left out: that the best blocks differ between links, quality of
service classes, and delay or error of what the scheduler knows.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import Gt, Le

Blocks = NDArray[np.intp]


class Users(NamedTuple):
    """Messages that have something to send; arrays of shape (k,).

    whole_bit_s: rate of each on the whole band now. average_bit_s: mean that each has had of late, > 0.
    """

    whole_bit_s: Floats
    average_bit_s: Floats


_LEAST_BIT_S = 1e-300
"""An average that a dead link's is at least, so that it has no worth."""


@settings
class RoundRobin:
    """All messages in the air have equally many resource blocks, at the same time.

    Where the blocks do not divide evenly, or are fewer than the messages, those with one more change with the slots.
    So in the mean each has the same share, and never less than a block at a time.

    >>> RoundRobin().blocks(10, Users(np.ones(3), np.ones(3)), slot=1)
    array([3, 4, 3])
    """

    kind: Literal["round_robin"] = "round_robin"

    at_once = True

    def shares(self, users: Users, span_s: float) -> Floats:
        """Shares of the band, shape (k,): equal."""
        count = len(users.whole_bit_s)
        return np.full(count, 1.0 / count)

    def blocks(self, free: int, users: Users, slot: int) -> Blocks:
        """How many of the free blocks each has in a slot, shape (k,)."""
        count = len(users.whole_bit_s)
        every, more = divmod(free, count)
        turn = (np.arange(count) - slot * more) % count
        return every + (turn < more).astype(np.intp)


@settings
class ProportionalFair:
    """The band goes to the message whose rate is the best in proportion to what it has had of late.

    In a slot it is argmax r_i / T_i of the rates r on the whole band, with t_c dT/dt = served - T. Over a span in which
    the channel stays, such slots maximise sum log T at its end: with e = 1 - exp(-span / t_c) the shares x maximise
    sum log((1 - e) T_i + e r_i x_i), which water-filling does, x_i = max(0, w - (1 - e) T_i / (e r_i)). In a short span
    that is the best alone, in a long one equal shares of the time. Of K users that fade alike each has 1/K of the time,
    at the rate of the best of K.

    Viswanath, Tse and Laroia, "Opportunistic Beamforming Using Dumb Antennas", IEEE Trans. Inf. Theory 48 (2002).

    time_constant_s: t_c of the average in s, > 0 to 1000.

    >>> ProportionalFair().shares(Users(np.array([2.0, 1.0]), np.ones(2)), span_s=1e-3)
    array([1., 0.])
    """

    kind: Literal["proportional_fair"] = "proportional_fair"
    time_constant_s: Annotated[float, Gt(0), Le(1000)] = 0.5

    at_once = False

    def shares(self, users: Users, span_s: float) -> Floats:
        """Shares of the time until the channel changes, shape (k,).

        span_s: time until then, s; infinity if it never does.
        """
        alive = users.whole_bit_s > 0.0
        shares = np.zeros(len(alive))
        if alive.any():
            spans = max(span_s / self.time_constant_s, 1e-9)  # rounding may leave nothing of a span that ends now
            shares[alive] = _fill(users.average_bit_s[alive] / users.whole_bit_s[alive] / np.expm1(spans))
        return shares

    def blocks(self, free: int, users: Users, slot: int) -> Blocks:
        """How many of the free blocks each has in a slot, shape (k,): all, or none."""
        worth = users.whole_bit_s / np.maximum(users.average_bit_s, _LEAST_BIT_S)
        return _all_to(int(np.argmax(worth)), free, users)


@settings
class MaxRate:
    """The band goes to the message with the highest rate, until it is through; to equals in turn.

    The greatest sum of rates, and no end of waiting for whoever is far away while others send.

    Knopp and Humblet, "Information Capacity and Power Control in Single-Cell Multiuser Communications", ICC 1995.

    >>> MaxRate().shares(Users(np.array([2.0, 1.0, 2.0]), np.ones(3)), span_s=1.0)
    array([0.5, 0. , 0.5])
    """

    kind: Literal["max_rate"] = "max_rate"

    at_once = False

    def shares(self, users: Users, span_s: float) -> Floats:
        """Shares of the time, shape (k,)."""
        best = users.whole_bit_s == users.whole_bit_s.max()
        shares: Floats = best / best.sum()
        return shares

    def blocks(self, free: int, users: Users, slot: int) -> Blocks:
        """How many of the free blocks each has in a slot, shape (k,): all, or none."""
        best = np.flatnonzero(users.whole_bit_s == users.whole_bit_s.max())
        return _all_to(int(best[slot % len(best)]), free, users)


Scheduler = Annotated[RoundRobin | ProportionalFair | MaxRate, Kinds(words=True)]


def _fill(floor: Floats) -> Floats:
    """Shares x = max(0, w - floor) with the level w at which they add up to 1.

    >>> _fill(np.array([0.0, 0.5, 9.0]))
    array([0.75, 0.25, 0.  ])
    """
    floor = floor - floor.min()  # shares depend on differences only
    rising = np.sort(floor)
    levels = (1.0 + np.cumsum(rising)) / np.arange(1, len(floor) + 1)
    level = levels[np.flatnonzero(levels > rising)[-1]]
    shares: Floats = np.maximum(0.0, level - floor)
    return shares


def _all_to(one: int, free: int, users: Users) -> Blocks:
    blocks = np.zeros(len(users.whole_bit_s), np.intp)
    blocks[one] = free
    return blocks
