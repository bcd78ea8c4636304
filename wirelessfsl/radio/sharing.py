"""Links that share a band: the rate of each in its part of the band, and the least part that gives it a rate.

A sender with a power of its own (the uplink) has all of it in its part: an m-th of the band has m times the SNR, so the
rate b B e(s / b) grows less than its share b does. Power that is spread over the band (the downlink) gives each part
the SNR of the whole, so the rate is linear in the share. Whoever allocates a band asks nothing else.

A layer with a least rate (NR, truncated Shannon) carries nothing at a low SNR, so a weak sender would be slower in a
wider part, and a lone one on the whole band might never end. It fills no more of its part than its power is good for.

Shannon's law is solved for the share in closed form, by the Lambert W function (Corless et al., "On the Lambert W
function", Adv. Comput. Math. 5, 1996). Any other efficiency e(x) is tabulated once over the SNR x in the share, in
steps of 0.02 dB: e(x) / x = R / (B s) has the same left side for all links. Left out: gains that differ over the band.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import log
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from wirelessfsl.radio.phy import FixedEfficiency, OneWay, Shannon
from wirelessfsl.streams import Floats
from wirelessfsl.units import db_to_linear

_SNRS: Floats = np.logspace(-6.0, 12.0, 9001)
"""SNRs in a share at which efficiencies are tabulated."""
_STEP = float(_SNRS[1] / _SNRS[0])
_LN2 = log(2.0)


class Requests(Protocol):
    """Messages that share a band. Arrays over the messages have shape (k,); shares are fractions of the band.

    bits: what each has still to send, > 0.
    """

    @property
    def bits(self) -> Floats: ...

    @property
    def alive(self) -> Floats:
        """1 for each that has a rate in some share, 0 for each whose link is dead."""

    def rate_bit_s(self, share: Floats | float) -> Floats:
        """Rate of each in a share of the band, bit/s; 0 in none."""

    def share_for(self, rate_bit_s: Floats) -> Floats:
        """Least share in which each has a rate, in bit/s; infinity where none is enough (it may also be above 1)."""


@dataclass(frozen=True)
class SpreadPower:
    """Messages of one sender, whose power is spread over the band: r(b) = b r(1).

    bits: what each has still to send, shape (k,).
    whole_bit_s: rate r(1) of each on the whole band in bit/s, shape (k,).

    >>> SpreadPower(np.array([1e6]), np.array([2e6])).rate_bit_s(0.5)
    array([1000000.])
    """

    bits: Floats
    whole_bit_s: Floats

    @property
    def alive(self) -> Floats:
        """1 where there is a rate, else 0."""
        return np.sign(self.whole_bit_s)

    def rate_bit_s(self, share: Floats | float) -> Floats:
        """Rate of each in a share, bit/s."""
        return self.whole_bit_s * share

    def share_for(self, rate_bit_s: Floats) -> Floats:
        """Share b = R / r(1) of each for a rate R."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(rate_bit_s > 0.0, rate_bit_s / self.whole_bit_s, 0.0)


@dataclass(frozen=True)
class OwnPower:
    """Messages of senders that each have a power of their own: r(b) = b B e(s / b), see :func:`filled`.

    bits: what each has still to send, shape (k,).
    snr: SNR s of each over the whole band, linear, shape (k,).
    phy: the physical layer, e.
    bandwidth_hz: the whole band B in Hz.

    >>> OwnPower(np.array([1e6]), np.array([1.0]), Shannon(), 1e6).share_for(np.array([1e6])).round(9)
    array([1.])
    """

    bits: Floats
    snr: Floats
    phy: OneWay
    bandwidth_hz: float

    @property
    def alive(self) -> Floats:
        """1 where there is a signal, else 0."""
        return np.sign(self.snr)

    def rate_bit_s(self, share: Floats | float) -> Floats:
        """Rate of each in a share, bit/s."""
        share = np.broadcast_to(np.asarray(share, dtype=np.float64), self.snr.shape)
        some = share > 0.0
        rate = np.zeros(self.snr.shape)
        rate[some] = self.bandwidth_hz * share[some] * filled(self.phy, self.snr[some] / share[some])
        return rate

    @property
    def table(self) -> Table:
        """The physical layer over the SNR in a share."""
        return table(cast(Hashable, self.phy))

    def share_for(self, rate_bit_s: Floats) -> Floats:
        """Least share of each for a rate R: in closed form for Shannon's law, from a table for others."""
        with np.errstate(divide="ignore", invalid="ignore"):
            match self.phy:
                case FixedEfficiency(bit_s_hz=efficiency):
                    return rate_bit_s / (efficiency * self.bandwidth_hz)
                case Shannon(gap_db=gap_db, cap_bit_s_hz=cap):
                    wanted = rate_bit_s / self.bandwidth_hz
                    return np.maximum(shannon_share(wanted, self.snr / db_to_linear(gap_db)), wanted / cap)
            share = self.snr / self.table.snr_for(rate_bit_s / (self.bandwidth_hz * self.snr))
            return np.where(rate_bit_s > 0.0, np.nan_to_num(share, nan=np.inf, posinf=np.inf), 0.0)


def filled(phy: OneWay, snr: Floats) -> Floats:
    """Efficiency of senders with a power of their own in a share of which they fill what they can, bit/s/Hz of it.

    e(x), and below the SNR x* of the greatest goodput over x, at which a watt carries most bits, x e(x*) / x*: a
    sender narrows its signal to the part x / x* of its share. Shannon's law has no such SNR and is as it is.

    phy: the physical layer, e.
    snr: x over the whole share, linear, shape (k,).

    >>> from wirelessfsl.radio.phy import TruncatedShannon
    >>> filled(TruncatedShannon().one_way("uplink"), np.array([0.01, 0.02])).round(4)
    array([0.0055, 0.011 ])
    """
    return filling(phy)(snr)


def filling(phy: OneWay) -> Callable[[Floats], Floats]:
    """:func:`filled` of a physical layer, which for one without such an SNR is its efficiency.

    phy: the physical layer, e.
    """
    return partial(_filled, phy) if table(cast(Hashable, phy)).knee else phy.efficiency


def _filled(phy: OneWay, snr: Floats) -> Floats:
    there = in_part(phy, snr)
    return phy.efficiency(there) * np.divide(snr, there, out=np.ones_like(there), where=there > snr)


def in_part(phy: OneWay, snr: Floats) -> Floats:
    """SNR in the part that senders with these SNRs in their whole share fill (:func:`filled`), shape (k,)."""
    return np.maximum(snr, table(cast(Hashable, phy)).knee)


def shannon_share(efficiency: Floats, snr: Floats) -> Floats:
    """Share b of a band with b log2(1 + s / b) = R, for a sender that has its whole power in it.

    b = R ln 2 / (-W(-y exp(-y)) - y), y = R ln 2 / s, with the branch -1 of the Lambert W function. However wide the
    band, the rate stays below s / ln 2: where y >= 1 no share is enough.

    efficiency: R, the rate over the width of the band in bit/s/Hz, >= 0, shape (k,).
    snr: s over the whole band, linear, shape (k,).

    Returns shares, shape (k,); infinity where none is enough.

    >>> shannon_share(np.array([1.0, 2.0]), np.array([1.0, 1.0])).round(9)
    array([ 1., inf])
    """
    from scipy.special import lambertw  # not before it is needed: reading a scenario is to be quick

    with np.errstate(divide="ignore", invalid="ignore"):
        y = efficiency * _LN2 / snr
        share = efficiency * _LN2 / (-lambertw(-y * np.exp(-y), -1).real - y)
    return np.where(efficiency > 0.0, np.where(y < 1.0, share, np.inf), 0.0)


class Table(NamedTuple):
    """Efficiency e of a physical layer over the SNR x in a share.

    slope: greatest e(x') / x' at x or above, which falls in x. fairness: x (1 - d ln e / d ln x), greatest so far,
    which grows in x; both over ``_SNRS``. knee: x of the greatest
    goodput over x, 0 where it falls in x. top: efficiency at the last.
    """

    slope: Floats
    fairness: Floats
    knee: float
    top: float

    def snr_for(self, wanted: Floats) -> Floats:
        """Greatest x with e(x) / x at least as wanted; 0 where there is none."""
        at = len(_SNRS) - np.searchsorted(self.slope[::-1], wanted, "left")  # so many from the left are enough
        low = np.clip(at - 1, 0, len(_SNRS) - 2)
        above, below = np.log(self.slope[low]), np.log(self.slope[low + 1])
        inner = _SNRS[low] * _STEP ** ((above - np.log(wanted)) / (above - below))
        return np.where(at == 0, 0.0, np.where(at == len(_SNRS), self.top / wanted, inner))

    def snr_of(self, wanted: Floats) -> Floats:
        """x at which the fairness is as wanted, shape (k,)."""
        some = self.fairness > 0.0
        with np.errstate(divide="ignore"):  # no fairness is the least there is
            snr: Floats = np.exp(np.interp(np.log(wanted), np.log(self.fairness[some]), np.log(_SNRS[some])))
        return snr


@lru_cache(64)
def table(phy: Any) -> Table:
    """The table of a physical layer."""
    efficiency = phy.efficiency(_SNRS.copy())
    slope = np.maximum.accumulate((efficiency / _SNRS)[::-1])[::-1]
    best = np.argmax(getattr(phy, "goodput", phy.efficiency)(_SNRS.copy()) / _SNRS)
    with np.errstate(divide="ignore", invalid="ignore"):
        bend = np.gradient(np.log(efficiency), np.log(_SNRS))
    fairness = np.maximum.accumulate(_SNRS * np.clip(1.0 - np.nan_to_num(bend, nan=1.0, posinf=1.0), 0.0, 1.0))
    return Table(slope, fairness, float(_SNRS[best]) if best else 0.0, float(efficiency[-1]))
