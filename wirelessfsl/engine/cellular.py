"""Cells: who serves a device, who disturbs it, and the rates of messages in several cells at once.

Every cell has a part of the band (all of it, or one of the reuse's equal parts), which its messages share. A device
belongs to the cell whose mean received power (path loss, shadowing and antennas; fading is averaged out) was best when
it was last measured, and changes over to a better one once that is better by the hysteresis (3GPP TS 38.331, event A3);
for a while after it nothing flies. Cells on the same frequencies disturb each other, with what is in the air at the
instant:

    downlink  SINR_i = p g_is / (N + sum_{c != s} a_c p g_ic),    a_c = 1 if cell c sends, else its load
    uplink    SINR_i = n_s p_i g_is / (N R + sum_{k not in s} p_k g_ks)

in powers over a cell's whole band, with n_s messages in the cell, noise N, and a noise rise R by devices that are not
simulated. Interference is spread evenly over the band, and as strong as its fading at the instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import ClassVar

import numpy as np

from wirelessfsl.engine.airs import LEAST, Flying, Index, SharedAir
from wirelessfsl.network.cells import Handover
from wirelessfsl.radio.allocation import Allocation, Equal, checked
from wirelessfsl.radio.link import Links
from wirelessfsl.radio.phy import OneWay
from wirelessfsl.radio.sharing import OwnPower, Requests, SpreadPower, filled, in_part
from wirelessfsl.streams import Floats
from wirelessfsl.units import block, db_to_linear


class Association:
    """The serving cell of every device as a function of time: what was decided at the last multiple of the period.

    links: of every cell, to the same devices; their mean gains are compared.
    """

    KEPT: ClassVar = ("_step", "serving", "back_s", "handovers")

    def __init__(self, links: Sequence[Links], handover: Handover, moving: bool) -> None:
        self._links, self._handover, self._moving = links, handover, moving
        self._step = -1
        self._begin()

    def _begin(self) -> None:
        self._step = 0
        self.serving: Index = np.argmax(self._gains(0.0), axis=1)
        self.back_s = np.zeros(len(self.serving))
        self.handovers = 0

    def _gains(self, time_s: float) -> Floats:
        return np.stack([links.mean(time_s) for links in self._links], axis=1)

    def at(self, time_s: float) -> Index:
        """Serving cell of every device at an instant, shape (n,); ``back_s`` is when its last interruption ends."""
        period_s = self._handover.period_s
        step = block(time_s, period_s) if self._moving else 0
        if step < self._step:
            self._begin()
        every = np.arange(len(self.serving))
        while self._step < step:
            self._step += 1
            gains = self._gains(self._step * period_s)
            best = np.argmax(gains, axis=1)
            better = gains[every, best] > gains[every, self.serving] * db_to_linear(self._handover.hysteresis_db)
            self.serving = np.where(better, best, self.serving)
            self.back_s = np.where(better, self._step * period_s + self._handover.interruption_s, self.back_s)
            self.handovers += int(better.sum())
        return self.serving

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` at which a device may change, or is back after a change."""
        if not self._moving:
            return inf
        later = self.back_s[self.back_s > time_s]
        step_s = (block(time_s, self._handover.period_s) + 1) * self._handover.period_s
        return min(step_s, float(later.min())) if len(later) else step_s


class CellularAir(SharedAir):
    """One direction of the radio channel in several cells.

    links: of every cell, to the same devices. transmit_w, noise_w_hz: per device, shape (n,): in the downlink of the
    stations' power and the devices' noise. bandwidth_hz: of all frequencies together. spread: whether this is the
    downlink. reuse: of every cell, the group of cells on its frequencies. load: share of the time in which a station
    sends that has no message of the simulation. noise_rise: by devices that are not simulated, linear. allocation: of
    a cell's band to its messages. loses: whether what the physical layer gives up is lost.
    """

    KEPT: ClassVar = ("_association",)

    def __init__(
        self,
        links: Sequence[Links],
        association: Association,
        phy: OneWay,
        transmit_w: Floats,
        noise_w_hz: Floats,
        bandwidth_hz: float,
        spread: bool,
        reuse: Sequence[int],
        load: float = 0.0,
        noise_rise: float = 1.0,
        allocation: Allocation = Equal(),  # noqa: B008 (a frozen value)
        loses: bool = False,
    ) -> None:
        self._links, self._association, self._phy, self._spread = links, association, phy, spread
        group = np.asarray(reuse)
        self._bandwidth_hz = phy.occupied_hz(bandwidth_hz) / len(set(reuse))
        self._per_gain = transmit_w / (noise_w_hz * self._bandwidth_hz * noise_rise)
        self._disturbs = (group[:, None] == group) & ~np.eye(len(group), dtype=np.bool_)
        self._allocation, self._loses, self._sinr = allocation, loses, np.empty(0)
        self._load, self._every = load, np.arange(len(transmit_w))
        self._now_s, self._snr, self._serving = -1.0, np.empty((0, 0)), np.empty(0, np.intp)

    @property
    def lanes(self) -> int:
        return len(self._links)

    def lane(self, link: int) -> int:
        """The cell that serves a device now."""
        return int(self._serving[link])

    def serving(self, time_s: float) -> Index:
        """The cell that serves every device at an instant, shape (n,)."""
        return self._association.at(time_s)

    def look(self, time_s: float) -> None:
        """Take in the channel at an instant."""
        self._now_s, self._serving = time_s, self._association.at(time_s)
        self._snr = np.stack([self._snr_of(links.gain(time_s)) for links in self._links], axis=1)

    def _snr_of(self, gain: Floats) -> Floats:
        if gain.ndim == 1:
            return self._per_gain * gain
        return self._phy.effective_sinr(self._per_gain[:, None] * gain)

    def quality(self, time_s: float) -> Floats:
        """SNR of every link to its own cell, over the whole band of the cell; 0 while it changes over."""
        self.look(time_s)
        return np.where(self._association.back_s > time_s, 0.0, self._snr[self._every, self._serving])

    def disturbance(self, links: Index, flying: Index, sharing: Floats) -> Floats:
        """Interference on some links, in units of their noise, while others are in the air.

        flying: links in the air. sharing: messages in the air in every cell, shape (cells,).
        """
        own = self._serving[links]
        if self._spread:
            sends = np.where(sharing > 0, 1.0, self._load)
            disturbance: Floats = (self._snr[links] * self._disturbs[own]) @ sends
        else:
            disturbance = (self._snr[flying] * self._disturbs[self._serving[flying]]).sum(axis=0)[own]
        return disturbance

    def rates_bit_s(self, flying: Flying) -> Floats:
        there = flying.quality > 0
        cells = self._serving[flying.links]
        sharing = np.bincount(cells[there], minlength=len(self._links)).astype(np.float64)
        own = np.maximum(sharing[cells], 1.0)
        sinr = flying.quality / (1.0 + self.disturbance(flying.links, flying.links[there], sharing))
        self._sinr = sinr if self._spread else sinr * own
        if isinstance(self._allocation, Equal):
            efficiency = self._phy.efficiency(sinr) if self._spread else filled(self._phy, self._sinr)
            rates: Floats = efficiency * (self._bandwidth_hz / own)
            return rates * there
        rates = np.zeros(len(sinr))
        for cell in np.unique(cells[there]):
            here = there & (cells == cell)
            if self._spread:
                bit_s = self._phy.efficiency(sinr[here]) * self._bandwidth_hz
                requests: Requests = SpreadPower(flying.bits[here], bit_s)
            else:
                requests = OwnPower(flying.bits[here], sinr[here], self._phy, self._bandwidth_hz)
            shares = checked(self._allocation.shares(requests), requests, self._allocation)
            rates[here] = requests.rate_bit_s(shares)
            self._sinr[here] = sinr[here] if self._spread else sinr[here] / np.maximum(shares, LEAST)
        return rates

    def residual(self, flying: Flying) -> Floats | None:
        if not self._loses:
            return None
        return self._phy.residual(self._sinr if self._spread else in_part(self._phy, self._sinr))

    def expected(self, time_s: float) -> Floats:
        """SINR of every link over the whole band of its cell, with interference by the load alone."""
        snr = self.quality(time_s)
        silent = np.full(len(self._links), 0.0)
        disturbed: Floats = snr / (1.0 + self.disturbance(self._every, self._every[:0], silent))
        return disturbed

    def rate_bit_s(self, quality: Floats, sharing: float | Floats) -> Floats:
        """Rate of links where so many messages are in the air in all cells together, spread as devices are now."""
        crowd = np.sum((np.bincount(self._serving) / len(self._serving)) ** 2)
        own = np.maximum(1.0, sharing * crowd)
        efficiency = self._phy.efficiency(quality) if self._spread else filled(self._phy, quality * own)
        rates: Floats = efficiency * (self._bandwidth_hz / own)
        return rates

    def next_change_s(self, time_s: float) -> float:
        changes = (links.next_change_s(time_s) for links in self._links)
        return min(self._association.next_change_s(time_s), *changes)
