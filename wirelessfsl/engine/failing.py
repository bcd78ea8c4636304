"""Airs whose links are down at times: a link that is carries nothing, and leaves its part of the band to the others.

A message over it stays in the air: its sender goes on trying, at the power that sending takes, and on a band of one at
a time (TDMA) the others wait behind it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from wirelessfsl.engine.airs import Air, Contended, ContendedAir, Flying, Use
from wirelessfsl.network.failures import Downtimes
from wirelessfsl.streams import Floats


class FailingAir(Air):
    """An air as it is but for downtimes of its links; one answers for any."""

    KEPT: ClassVar = ("air",)

    def __init__(self, air: Air, downtimes: Downtimes) -> None:
        self.air, self._downtimes = air, downtimes
        self._none_up, self._up = False, np.empty(0, np.bool_)

    @property
    def lanes(self) -> int:
        return self.air.lanes

    def lane(self, link: int) -> int:
        return self.air.lane(link)

    def quality(self, time_s: float) -> Floats:
        """As it is for links that are up, else 0."""
        up, quality = self._downtimes.up(time_s), self.air.quality(time_s)
        self._none_up = not up.any()
        if len(up) == 1:
            return np.broadcast_to(0.0, 2**59) if self._none_up else quality
        return np.where(up, quality[: len(up)], 0.0)

    def rates_bit_s(self, flying: Flying) -> Floats:
        there = self._there(flying)
        rates = np.zeros(len(flying.bits))
        if len(there.bits):
            rates[flying.quality > 0] = self.air.rates_bit_s(there)
        return rates

    def residual(self, flying: Flying) -> Floats | None:
        there = self._there(flying)
        residual = np.zeros(len(flying.bits))
        if not len(there.bits):
            return residual
        lost = self.air.residual(there)
        if lost is None:
            return None
        residual[flying.quality > 0] = lost
        return residual

    def delay_s(self, link: int) -> float:
        return self.air.delay_s(link)

    def use(self) -> Use | None:
        """As it is for links that are up; over others senders try all the time, with their whole power."""
        if (use := self.air.use()) is None:
            return None
        every = Use(*np.ones((2, len(self._up))))
        if self._up.any():
            for of_all, own in zip(every, use, strict=True):
                of_all[self._up] = own
        return every

    def next_change_s(self, time_s: float) -> float:
        """The next change of a link that is up, or of which links are."""
        changes_s = self._downtimes.next_change_s(time_s)
        return changes_s if self._none_up else min(changes_s, self.air.next_change_s(time_s))

    def _there(self, flying: Flying) -> Flying:
        """The messages whose links are up."""
        self._up = up = flying.quality > 0
        columns: list[Any] = [column[up] for column in flying[:-1]]
        return Flying._make([*columns, flying.time_s])


class FailingContendedAir(FailingAir, ContendedAir):
    """As :class:`FailingAir`, where messages contend: over a link that is down they do not."""

    air: ContendedAir

    def contended(self, flying: Flying, time_s: float) -> Contended:
        found = Contended(*np.zeros((3, len(flying.bits))))
        for every, own in zip(found, self.air.contended(self._there(flying), time_s), strict=True):
            every[flying.quality > 0] = own
        return found


def failing(air: Air, downtimes: Downtimes) -> FailingAir:
    """The air with downtimes of its links."""
    return (FailingContendedAir if isinstance(air, ContendedAir) else FailingAir)(air, downtimes)
