"""Allocation: how a band is divided among the messages in the air (``network.medium.allocation``).

A band asks again whenever a message comes or goes and whenever the channel changes, with what is left of every message;
so an allocation sees neither the future nor who computes. The solvers are :mod:`wirelessfsl.radio.division`. A class of
the user's own needs the method ``shares``; what it gives is checked.
"""

from __future__ import annotations

from typing import Annotated, Literal

from wirelessfsl.radio import division
from wirelessfsl.radio.sharing import Requests
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import Floats


@settings
class Equal:
    """Equal shares for all messages in the air: b_i = 1 / k of the band for each of k."""

    kind: Literal["equal"] = "equal"

    def shares(self, requests: Requests) -> Floats:
        """Fractions of the band, shape (k,)."""
        return division.equal(requests)


@settings
class Proportional:
    """Shares in proportion to the bits that are left: who has twice as much to send has twice the band.

    b_i = D_i / sum_j D_j with D bits left. Links of equal quality get through together.
    """

    kind: Literal["proportional"] = "proportional"

    def shares(self, requests: Requests) -> Floats:
        """Fractions of the band, shape (k,)."""
        return division.proportional(requests)


@settings
class MinMakespan:
    """Shares at which all messages in the air get through at the same instant, the first at which all can.

    min T subject to sum b <= 1 and r(b) >= D / T, with D bits left and the rate r in a share b: no other shares let the
    last message end earlier, if no other comes and the channel stays. In a share the SNR is s / b for a sender with a
    power of its own, for which Shannon's law gives b by the Lambert W function.

    As in Yang et al., "Energy Efficient Federated Learning Over Wireless Communication Networks", IEEE TWC 20 (2021).
    """

    kind: Literal["min_makespan"] = "min_makespan"

    def shares(self, requests: Requests) -> Floats:
        """Fractions of the band, shape (k,)."""
        return division.min_makespan(requests)[1]


@settings
class MaxMin:
    """Shares with the greatest least rate: all have the same rate, whatever they have to send.

    max min_i r_i(b_i) subject to sum b <= 1, with the rate r in a share b: the weakest link has the widest share.
    """

    kind: Literal["max_min"] = "max_min"

    def shares(self, requests: Requests) -> Floats:
        """Fractions of the band, shape (k,)."""
        return division.max_min(requests)


@settings
class MaxRate:
    """Shares with the greatest sum of rates.

    max sum_i r_i(b_i) subject to sum b <= 1, with the rate r in a share b.

    In the downlink all goes to the best link, and the others wait; in the uplink, where each sender has its own power,
    shares are in proportion to the SNR.
    """

    kind: Literal["max_rate"] = "max_rate"

    def shares(self, requests: Requests) -> Floats:
        """Fractions of the band, shape (k,)."""
        return division.max_rate(requests)


@settings
class ProportionalFair:
    """Shares with the greatest sum of the logarithms of the rates.

    max sum_i ln r_i(b_i) subject to sum b <= 1, with the rate r in a share b.

    Equal ones in the downlink, where rates are linear in the share. In the uplink a strong sender gains more by a wider
    share than a weak one, whose power is the limit, and has a wider one.

    Kelly, "Charging and rate control for elastic traffic", Eur. Trans. Telecomm. 8 (1997).
    """

    kind: Literal["proportional_fair"] = "proportional_fair"

    def shares(self, requests: Requests) -> Floats:
        """Fractions of the band, shape (k,)."""
        return division.proportional_fair(requests)


Allocation = Annotated[
    Equal | Proportional | MinMakespan | MaxMin | MaxRate | ProportionalFair,
    Kinds(words=True),
]


def checked(shares: Floats, requests: Requests, allocation: Allocation) -> Floats:
    """The shares of an allocation, if they are ones.

    Raises ValueError if they are not k numbers >= 0 that add up to 1 at most.
    """
    if shares.shape == requests.bits.shape and (shares >= 0.0).all() and shares.sum() <= 1.0 + 1e-9:
        return shares
    raise ValueError(
        f"allocation {type(allocation).__name__}: got shares {shares!r}, must be {len(requests.bits)} numbers >= 0"
        " that add up to 1 at most"
    )
