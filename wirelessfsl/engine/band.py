"""A band: a fluid server of messages, re-planned when one comes or goes and when the channel changes.

Rates are constant between re-plans; in between the bits that have flown are rate times time, exactly. ``width`` says
how many messages are in the air at once, in each cell: any number is FDMA, one is TDMA in order of arrival.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import compress
from math import inf, ulp
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from simpy import Environment, Event

from wirelessfsl.engine.airs import Air, Contended, ContendedAir, Flying
from wirelessfsl.engine.duties import Duties
from wirelessfsl.engine.flight import Flight
from wirelessfsl.engine.line import Line
from wirelessfsl.engine.node import Node
from wirelessfsl.streams import Floats
from wirelessfsl.units import BITS_PER_BYTE

PATIENCE = 1_000_000
"""Fading blocks in a row in which no message of a band begins or ends, after which the run gives up."""
SILENCE = 50_000
"""As many are enough if no message has any rate in them: seconds of the host, and a rate that comes once in a thousand
blocks is not missed."""


class Stalled(RuntimeError):
    """A band has been flying the same messages for :data:`PATIENCE` fading blocks, or :data:`SILENCE` without a bit."""


class Band(Line):
    """A fluid server: at most ``width`` flights share the band equally, the others wait in line.

    ``_bits`` has, first of all, what the flights in the air have still to fly, in the order of their take-off; the
    other ``_columns`` are about the same flights. ``_rate`` is what they have had since the last plan. Where they
    contend for the channel, ``_used`` is the airtime (s) and the attempts of each, and ``_using`` both per second.
    ``_by_rate`` counts the flights that have to be told their rates, ``_to_many`` has those with several receivers.
    """

    KEPT: ClassVar = (
        *Line.KEPT,
        "air",
        "_rate",
        "_planned_s",
        "_ends_s",
        "_looked_s",
        "_changes_s",
        "_blocks",
        "_silent",
    )

    def __init__(
        self,
        env: Environment,
        air: Air,
        width: float,
        latency_s: float | Callable[[float], float],
        queue_bytes: float = inf,
    ) -> None:
        super().__init__(env, air, width, latency_s, queue_bytes)
        self._lanes = air.lanes
        self._contended = air if isinstance(air, ContendedAir) else None
        self._flying: list[Flight] = []
        self._bits, self._quality, self._sizes = np.empty((3, 8))
        self._links, self._numbers, self._rows = np.zeros((3, 8), np.intp)
        self._uplink, self._used = np.empty(8, np.bool_), np.zeros((8, 2))
        self._using, self._duties = np.empty((0, 2)), Duties()
        self._rate = self._qualities = np.empty(0)
        self._residual: Floats | None = None
        self._planned_s, self._ends_s = 0.0, inf
        self._looked_s = self._changes_s = -inf
        self._blocks = self._silent = self._by_rate = 0
        self._to_many: dict[Flight, None] = {}

    @property
    def _crowded(self) -> bool:
        return len(self._waiting) + len(self._flying) >= self.width

    def look_again(self) -> None:
        if self._changes_s > self.env.now:
            self._qualities = self.air.quality(self._looked_s)

    def plan(self, timer: Event) -> None:
        if timer is not self.timer:
            return
        self._due_s = inf
        now = self.env.now
        self._advance(now)
        if now >= self._ends_s:
            self._land_all(now)
            if self._contended is not None:  # who sends again at once is there before the channel is taken
                self._ends_s = inf
                self._wake_at(now)
                return
        if now >= self._changes_s:
            self._look(now)
        while (ready := self._next()) is not None:
            self._take_off(ready)
        self._ends_s = inf
        if count := len(self._flying):
            bits, links, quality, uplink, sizes, numbers, rows = (column[:count] for column in self._columns[:7])
            flying = Flying(links, quality, bits, uplink, sizes, numbers, now)
            if self._contended is None:
                self._rate = self.air.rates_bit_s(flying)
                self._residual = self.air.residual(flying)
                if (use := self.air.use()) is not None:
                    self._duties.radiate(self._flying, numbers, rows, use, now)
            else:
                self._contend(self._contended.contended(flying, now))
                self._changes_s = self.air.next_change_s(now)
            left_s = bits / self._rate
            self._ends_s = now + left_s[left_s.argmin()].item()
            if self._by_rate:
                for flight, rate in zip(self._flying, self._rate.tolist(), strict=True):
                    flight.flow(rate)
            if (next_s := min(self._ends_s, self._changes_s)) < inf:
                self._wake_at(next_s)

    def _look(self, now: float) -> None:
        """Take in the channel as it is from now on."""
        self._qualities, self._looked_s = self.air.quality(now), now
        self._changes_s = self.air.next_change_s(now)
        self._blocks += 1
        self._silent = 0 if self._rate.any() else self._silent + 1
        if self._blocks > PATIENCE or min(self._blocks, self._silent) > SILENCE:
            self._give_up(now)
        for flight in self._to_many:
            self._rejoin(flight)
        count = len(self._flying)
        self._quality[:count] = self._qualities[self._links[:count]]

    def _contend(self, contended: Contended) -> None:
        """Take over the rates, and let every node be on the air for as long as its messages are."""
        self._rate, self._using = contended.bit_s, np.stack(contended[1:], axis=-1)
        if self._rate.any():
            self._blocks = 0  # some frames at least get through
        airtime: dict[Node, float] = {}
        for flight, share in zip(self._flying, contended.airtime.tolist(), strict=True):
            for node in flight.receivers:
                airtime.setdefault(node, 0.0)
            airtime[flight.sender] = airtime.get(flight.sender, 0.0) + share
        for node, share in airtime.items():
            node.contend(min(share, 1.0))

    def _use_of(self, at: int) -> tuple[float, ...]:
        """Airtime and attempts of a flight, as it has told them to be; nothing where messages do not contend."""
        return () if self._contended is None else tuple(self._used[at].tolist())

    def _give_up(self, now: float) -> None:
        at = int(self._bits[: len(self._flying)].argmax())
        flight, left = self._flying[at], self._bits[at] / BITS_PER_BYTE
        names = ", ".join(receiver.name for receiver in flight.receivers)
        raise Stalled(
            f"the message from {flight.sender.name} to {names}, {flight.size_bytes} bytes, on the air"
            f" since {flight.start_s:.6g} s, has {left:.0f} bytes to go after {self._blocks - 1:,} fading blocks"
            " in which nothing else happened: its link is all but dead. Bring the client nearer, or set"
            " network.transport.timeout_s or participation.deadline_s"
        )

    def _advance(self, now: float) -> None:
        if self._flying and now > self._planned_s:
            bits = self._bits[: len(self._flying)]
            bits -= self._rate * (now - self._planned_s)
            if self._contended is not None:
                self._used[: len(bits)] += self._using * (now - self._planned_s)
            if self._residual is not None:
                for flight, left, lost in zip(self._flying, bits.tolist(), self._residual.tolist(), strict=True):
                    flight.stretches.append((flight.size_bytes - left / BITS_PER_BYTE, lost))
        self._planned_s = now

    def _land_all(self, now: float) -> None:
        """End the flights whose bits have all flown, within the resolution of the clock."""
        done = self._bits[: len(self._flying)] <= self._rate * (4 * ulp(now))
        landed = [(at, self._flying[at], self._use_of(at)) for at in done.nonzero()[0].tolist()]
        if len(landed) == 1:
            self._remove(landed[0][0])
        elif landed:
            self._remove_all(done)
        for _, flight, use in landed:
            self._land(flight, self._latency(now) + self.air.delay_s(flight.link(self._qualities)), use)
            self._blocks = 0

    def _next(self) -> Flight | None:
        """Who has waited longest of those whose lane has room; it no longer waits."""
        if not self._waiting:
            return None
        if self.width == inf or self._lanes == 1:
            if len(self._flying) >= self.width:
                return None
            flight = next(iter(self._waiting))
            self._forget(flight)
            return flight
        crowd = Counter(map(self._lane, self._flying))
        if len(crowd) == self._lanes and min(crowd.values()) >= self.width:
            return None
        for flight in self._waiting:
            if crowd[self._lane(flight)] < self.width:
                self._forget(flight)
                return flight
        return None

    def _lane(self, flight: Flight) -> int:
        return self.air.lane(flight.link(self._qualities))

    def _take_off(self, flight: Flight) -> None:
        at = len(self._flying)
        if at == len(self._bits):
            self._bits, self._links, self._quality, self._uplink, self._sizes, self._numbers, self._rows, self._used = (
                np.resize(own, (2 * at, *own.shape[1:])) for own in self._columns
            )
        self._bits[at] = self._sizes[at] = flight.size_bytes * BITS_PER_BYTE
        self._links[at] = link = flight.link(self._qualities)
        self._quality[at] = self._qualities[link]
        self._uplink[at] = flight.uplink
        self._numbers[at] = flight.number = self._taken_off
        self._used[at] = 0.0
        self._taken_off += 1
        self._flying.append(flight)
        self._blocks = 0
        flight.take_off(self._contended is not None)
        self._by_rate += flight.by_rate
        if len(flight.receivers) > 1:
            self._to_many[flight] = None

    def _take_out(self, flight: Flight) -> tuple[float, ...]:
        at = self._place(flight)
        gone = float(self._bits[at]), *self._use_of(at)
        self._remove(at)
        self._rate = np.delete(self._rate, at)
        if self._contended is not None:
            self._using = np.delete(self._using, at, axis=0)
        return gone

    def _rejoin(self, flight: Flight) -> None:
        at = self._place(flight)
        self._links[at] = link = flight.link(self._qualities)
        self._quality[at] = self._qualities[link]

    def _place(self, flight: Flight) -> int:
        """Where in the columns a flight is."""
        return int(self._numbers[: len(self._flying)].searchsorted(flight.number))

    def _remove(self, at: int) -> None:
        """Close the gap that a flight leaves."""
        count = len(self._flying)
        if at < count - 1:
            for column in self._columns:
                column[at : count - 1] = column[at + 1 : count]
        self._gone(self._flying.pop(at))

    def _remove_all(self, gone: NDArray[np.bool_]) -> None:
        """Close the gaps that several leave."""
        count, kept = len(gone), ~gone
        left = int(kept.sum())
        for column in self._columns:
            column[:left] = column[:count][kept]
        for flight in compress(self._flying, gone.tolist()):
            self._gone(flight)
        self._flying = list(compress(self._flying, kept.tolist()))

    def _gone(self, flight: Flight) -> None:
        self._by_rate -= flight.by_rate
        self._to_many.pop(flight, None)

    @property
    def _columns(self) -> tuple[NDArray[Any], ...]:
        return self._bits, self._links, self._quality, self._uplink, self._sizes, self._numbers, self._rows, self._used
