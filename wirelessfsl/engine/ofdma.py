"""OFDMA, fluid: one direction of a band whose resource blocks a scheduler deals out in shares.

Every message has its share until the channel changes or a message comes or goes, which is the mean of what slots do
(:mod:`wirelessfsl.engine.slotted` plays them). A sender of the power P that has b of N blocks at a time has

    SINR = s min(N / b, c)

with its SNR s over the whole band. Power control limits c, and so does a block, c <= N; the server's power is spread
over the band, c = 1. Left out: that the best blocks differ between links (the effective SINR of the band counts).
"""

from __future__ import annotations

from copy import copy
from math import inf
from typing import ClassVar

import numpy as np

from wirelessfsl.engine.airs import Flying, Index, RadioAir, Use
from wirelessfsl.radio.grid import Grid
from wirelessfsl.radio.link import Links
from wirelessfsl.radio.nr.phy import NrLink
from wirelessfsl.radio.phy import OneWay
from wirelessfsl.radio.power_control import PowerControl
from wirelessfsl.radio.scheduling import Scheduler, Users
from wirelessfsl.streams import Floats


class Averages:
    """What every link has had of late, bit/s: t_c dT/dt = r - T while it has messages, from an equal share on.

    Not kept where t_c is infinite, for schedulers that do not ask.
    """

    KEPT: ClassVar = ("_mean", "_links", "_bit_s", "_since_s", "_until_s")

    def __init__(self, links: int, time_constant_s: float) -> None:
        self._mean, self._time_constant_s = np.full(links, np.nan), time_constant_s
        self._links: Index = np.empty(0, np.intp)
        self._bit_s, self._since_s, self._until_s = np.empty(0), 0.0, 0.0

    def at(self, time_s: float, links: Index, whole_bit_s: Floats) -> Floats:
        """Averages of some links at an instant; one that is new has the n-th part of its rate on the whole band."""
        if self._time_constant_s == inf:
            return np.maximum(whole_bit_s, 1.0) / len(links)
        left = np.exp(min(0.0, self._since_s - min(time_s, self._until_s)) / self._time_constant_s)
        had = np.bincount(self._links, self._bit_s, len(self._mean))[self._links]
        self._mean[self._links] = left * self._mean[self._links] + (1.0 - left) * had
        self._since_s = time_s
        new = np.isnan(self._mean[links])
        self._mean[links[new]] = np.maximum(whole_bit_s[new], 1.0) / len(links)
        return self._mean[links]

    def give(self, links: Index, bit_s: Floats, until_s: float) -> None:
        """From now on, until an instant at the latest, messages over these links have these rates."""
        self._links, self._bit_s, self._until_s = links.copy(), bit_s, until_s  # the band's own array changes


class OfdmaAir(RadioAir):
    """One direction of the radio channel, in shares of resource blocks.

    grid: the blocks. control: power control of devices. access_s: mean wait of a message for its first block.
    time_share: of slots that are this direction's. Others as :class:`RadioAir` has them.
    """

    KEPT: ClassVar = ("averages",)

    def __init__(
        self,
        links: Links,
        phy: OneWay,
        transmit_w: Floats,
        noise_w_hz: Floats,
        bandwidth_hz: float,
        spread: bool,
        grid: Grid,
        scheduler: Scheduler,
        control: PowerControl,
        access_s: float = 0.0,
        time_share: float = 1.0,
    ) -> None:
        super().__init__(links, phy, transmit_w, noise_w_hz, bandwidth_hz, spread)
        self.phy, self.grid, self.scheduler = phy, grid, scheduler
        self._control, self._density_w_hz, self.access_s = control, transmit_w / self._bandwidth_hz, access_s
        self.averages = Averages(len(transmit_w), getattr(scheduler, "time_constant_s", inf))
        self._limit, self._sinr = np.ones(len(transmit_w)), np.ones(len(transmit_w))
        self._whole_bit_s = self.whole_bit_s(self._sinr)
        self._time_share, self._until_s = time_share, inf
        self._use = Use(np.empty(0), np.empty(0))

    def quality(self, time_s: float) -> Floats:
        """SNR of every link over the whole band."""
        self._until_s = self._links.next_change_s(time_s)
        snr = self.snr(time_s)
        if not self._spread:
            wanted = self._control.density_w_hz(self._links.mean(time_s)) / self._density_w_hz
            self._limit = np.minimum(wanted, float(self.grid.blocks))
        return snr

    def sinr(self, links: Index, quality: Floats, part: float | Floats) -> Floats:
        """SINR of links of these qualities that each send in a part of the band, shape (k,)."""
        return quality * np.minimum(1.0 / part, self._limit[links])

    def whole_bit_s(self, sinr: Floats) -> Floats:
        """Rates on the whole band at these SINRs, bit/s."""
        return self._phy.efficiency(sinr) * self._bandwidth_hz

    def rates_bit_s(self, flying: Flying) -> Floats:
        links, now = flying.links, flying.time_s
        part = self._part(len(links))
        sinr = self.sinr(links, flying.quality, part)
        new = sinr != self._sinr[links]  # while there are more messages than blocks, nobody's changes with their number
        self._whole_bit_s[links[new]] = self.whole_bit_s(sinr[new])
        self._sinr[links] = sinr
        whole = self._whole_bit_s[links]
        shares = self.scheduler.shares(Users(whole, self.averages.at(now, links, whole)), self._until_s - now)
        rates = whole * shares
        with np.errstate(divide="ignore"):
            self.averages.give(links, rates, now + (flying.bits / rates).min())
        self._use = Use(self._time_share * shares / part, self.level(links, part))
        return rates

    def level(self, links: Index, part: float | Floats) -> Floats:
        """Part of its power with which each sends that has so much of the band, shape (k,)."""
        return np.minimum(1.0, self._limit[links] * part)

    def use(self) -> Use | None:
        return None if self._spread else self._use

    def rate_bit_s(self, quality: Floats, sharing: float | Floats) -> Floats:
        """Rate on an n-th part of the band, bit/s: without what a scheduler gains by its choice of who sends when."""
        return self.whole_bit_s(quality * np.minimum(1.0 / self._part(sharing), self._limit)) / sharing

    def of(self, links: slice) -> OfdmaAir:
        """The same for some of the links, to ask for rates."""
        own = copy(self)
        own._limit = self._limit[links]
        return own

    def _part(self, count: float | Floats) -> float | Floats:
        """Part of the band that each of so many has at a time, a block at the least."""
        return np.maximum(1.0 / count, 1.0 / self.grid.blocks) if self.scheduler.at_once else 1.0

    def delay_s(self, link: int) -> float:
        """Access, and what retransmissions add to a block: the means of both, s."""
        again_s = self._phy.delay_s(self._sinr[[link]]).item() if isinstance(self._phy, NrLink) else 0.0
        return self.access_s + again_s
