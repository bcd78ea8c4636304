"""A band: a fluid server of messages, re-planned when one comes or goes and when the channel changes.

Rates are constant between re-plans; in between the bits that have flown are rate times time, exactly. ``width`` says
how many messages are in the air at once, in each cell: any number is FDMA, one is TDMA in order of arrival.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from math import ceil, inf, ulp
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from simpy import Environment, Event
from simpy.events import EventPriority

from wirelessfsl.engine.airs import Air, Contended, ContendedAir, Flying, Use
from wirelessfsl.engine.flight import Delivery, Flight
from wirelessfsl.engine.node import Node
from wirelessfsl.streams import Floats
from wirelessfsl.units import BITS_PER_BYTE

_LATE = EventPriority(2)
"""SimPy priority of a re-plan: after everything else at its instant, so that simultaneous arrivals share one."""

PATIENCE = 1_000_000
"""Fading blocks in a row in which no message of a band begins or ends, after which the run gives up."""
SILENCE = 50_000
"""As many are enough if no message has any rate in them: seconds of the host, and a rate that comes once in a thousand
blocks is not missed."""


class Stalled(RuntimeError):
    """A band has been flying the same messages for :data:`PATIENCE` fading blocks, or :data:`SILENCE` without a bit."""


class Band:
    """A fluid server: at most ``width`` flights share the band equally, the others wait in line.

    ``_bits`` has, first of all, what the flights in the air have still to fly, in the order of their take-off; the
    other ``_columns`` are about the same flights. ``_rate`` is what they have had since the last plan. Where they
    contend for the channel, ``_used`` is the airtime (s) and the attempts of each, and ``_using`` both per second.
    ``_by_rate`` counts the flights that have to be told their rates. The latency, s, of what lands may be a function of
    the instant. ``timer`` is the next re-plan.
    """

    KEPT: ClassVar = (
        "air",
        "_taken_off",
        "_rate",
        "_planned_s",
        "_ends_s",
        "_looked_s",
        "_changes_s",
        "_due_s",
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
        self.env, self.air, self.width = env, air, width
        self._latency_s = latency_s if callable(latency_s) else lambda _: latency_s
        self._queue_bytes = queue_bytes
        self._waiting: deque[Flight] = deque()
        self._flying: list[Flight] = []
        self._bits, self._links, self._uplink = np.empty(8), np.empty(8, np.intp), np.empty(8, np.bool_)
        self._sizes, self._numbers = np.empty(8), np.empty(8, np.intp)
        self._contended = air if isinstance(air, ContendedAir) else None
        self._used, self._using = np.zeros((8, 2)), np.empty((0, 2))
        self._taken_off = 0
        self._rate = self._qualities = np.empty(0)
        self._residual: Floats | None = None
        self._planned_s, self._ends_s, self._due_s = 0.0, inf, inf
        self._looked_s = self._changes_s = -inf
        self.timer: Event | None = None
        self._blocks = self._silent = self._by_rate = 0

    def send(self, flight: Flight) -> None:
        """Put a flight in line; it takes off at this instant's re-plan if there is room. It is lost if the line is."""
        free = len(self._waiting) + len(self._flying) < self.width or self._queue_bytes == inf
        if not free and sum(each.size_bytes for each in self._waiting) + flight.size_bytes > self._queue_bytes:
            flight.succeed(flight.lose())
            return
        self._waiting.append(flight)
        self._wake_at(self.env.now)

    def abort(self, flight: Flight) -> Delivery:
        """Take a flight out of the line or the air; what had flown has cost its energy. Others speed up at once."""
        now = self.env.now
        if flight.delivery is not None:  # all bits have flown: only the latency was left
            return flight.delivery._replace(end_s=now, arrived=False)
        if flight in self._waiting:
            self._waiting.remove(flight)
            return Delivery(now, now, 0, 0.0, 0.0, 0, False)
        self._advance(now)
        at = self._flying.index(flight)
        left_bytes = max(0, ceil(self._bits[at] / BITS_PER_BYTE))
        use = self._use_of(at)
        self._remove(at)
        self._rate = np.delete(self._rate, at)
        if self._contended is not None:
            self._using = np.delete(self._using, at, axis=0)
        self._wake_at(now)
        return flight.land(0.0, flight.size_bytes - left_bytes, False, *use)

    def leave(self, flight: Flight, receiver: Node) -> Delivery:
        """Let a receiver listen no more; the rate is that of the others from now on, who share what flies."""
        now = self.env.now
        if len(flight.receivers) == 1:
            aborted = self.abort(flight)
            return aborted if flight.delivery is None else flight.part(receiver)._replace(end_s=now, arrived=False)
        if flight.delivery is not None:
            return flight.part(receiver)._replace(end_s=now, arrived=False)
        flight.receivers.remove(receiver)
        if flight in self._waiting:
            return Delivery(now, now, 0, 0.0, 0.0, 0, False)
        self._advance(now)
        flight.end(receiver)
        self._links[self._flying.index(flight)] = flight.link(self._qualities)
        self._wake_at(now)
        return Delivery(flight.start_s, now, 0, 0.0, flight.heard_j[receiver], 1, False)

    def _wake_at(self, instant: float) -> None:
        """Re-plan at an instant (and not at the one that was set before)."""
        if instant == self._due_s:
            return
        self._due_s = instant
        self.timer = timer = Event(self.env)
        timer._ok, timer._value = True, None
        timer.callbacks.append(self.plan)
        self.env.schedule(timer, _LATE, max(0.0, instant - self.env.now))

    def look_again(self) -> None:
        """Take in the channel as it was looked at last, if that has not changed since."""
        if self._changes_s > self.env.now:
            self._qualities = self.air.quality(self._looked_s)

    def plan(self, timer: Event) -> None:
        """Let bits fly until now, end and begin flights, and set everybody's rate until the next change."""
        if timer is not self.timer:
            return
        self._due_s = inf
        now = self.env.now
        self._advance(now)
        if now >= self._ends_s:
            self._land(now)
            if self._contended is not None:  # who sends again at once is there before the channel is taken
                self._ends_s = inf
                self._wake_at(now)
                return
        if now >= self._changes_s:
            self._qualities, self._looked_s = self.air.quality(now), now
            self._changes_s = self.air.next_change_s(now)
            self._blocks += 1
            self._silent = 0 if self._rate.any() else self._silent + 1
            if self._blocks > PATIENCE or min(self._blocks, self._silent) > SILENCE:
                self._give_up(now)
            for at, flight in enumerate(self._flying):
                if len(flight.receivers) > 1:
                    self._links[at] = flight.link(self._qualities)
        while (ready := self._next()) is not None:
            self._take_off(ready)
        self._ends_s = inf
        if count := len(self._flying):
            bits, links, uplink, sizes, numbers = (column[:count] for column in self._columns[:5])
            flying = Flying(links, self._qualities[links], bits, uplink, sizes, numbers, now)
            if self._contended is None:
                self._rate = self.air.rates_bit_s(flying)
                self._residual = self.air.residual(flying)
                if (use := self.air.use()) is not None:
                    self._radiate(use)
            else:
                self._contend(self._contended.contended(flying, now))
                self._changes_s = self.air.next_change_s(now)
            self._ends_s = now + (bits / self._rate).min().item()
            if self._by_rate:
                for flight, rate in zip(self._flying, self._rate.tolist(), strict=True):
                    flight.flow(rate)
            if (next_s := min(self._ends_s, self._changes_s)) < inf:
                self._wake_at(next_s)

    def _radiate(self, use: Use) -> None:
        """Let every sender be on the air for its share of the time, with its part of the power."""
        duties: dict[Node, float] = {}
        levels: dict[Node, float] = {}
        for flight, duty, level in zip(self._flying, use.duty.tolist(), use.level.tolist(), strict=True):
            duties[flight.sender] = min(1.0, duties.get(flight.sender, 0.0) + duty)
            levels[flight.sender] = max(level, levels.get(flight.sender, 0.0))
        for node, duty in duties.items():
            node.radiate(duty, levels[node])

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

    def _land(self, now: float) -> None:
        """End the flights whose bits have all flown, within the resolution of the clock."""
        done = self._bits[: len(self._flying)] <= self._rate * (4 * ulp(now))
        landed = [(at, self._flying[at], self._use_of(at)) for at in done.nonzero()[0].tolist()]
        for at, _, _ in reversed(landed):
            self._remove(at)
        for _, flight, use in landed:
            latency_s = self._latency_s(now) + self.air.delay_s(flight.link(self._qualities))
            flight._ok, flight._value = True, flight.land(latency_s, flight.size_bytes, True, *use)
            self.env.schedule(flight, delay=latency_s)
            self._blocks = 0

    def _next(self) -> Flight | None:
        """Who has waited longest of those whose lane has room; it no longer waits."""
        if not self._waiting:
            return None
        if self.width == inf:
            return self._waiting.popleft()
        crowd = Counter(map(self._lane, self._flying))
        if len(crowd) == self.air.lanes and min(crowd.values()) >= self.width:
            return None
        for flight in self._waiting:
            if crowd[self._lane(flight)] < self.width:
                self._waiting.remove(flight)
                return flight
        return None

    def _lane(self, flight: Flight) -> int:
        return self.air.lane(flight.link(self._qualities))

    def _take_off(self, flight: Flight) -> None:
        at = len(self._flying)
        if at == len(self._bits):
            self._bits, self._links, self._uplink, self._sizes, self._numbers, self._used = (
                np.resize(own, (2 * at, *own.shape[1:])) for own in self._columns
            )
        self._bits[at] = self._sizes[at] = flight.size_bytes * BITS_PER_BYTE
        self._links[at] = flight.link(self._qualities)
        self._uplink[at] = flight.uplink
        self._numbers[at] = self._taken_off
        self._used[at] = 0.0
        self._taken_off += 1
        self._flying.append(flight)
        self._blocks = 0
        flight.take_off(self._contended is not None)
        self._by_rate += flight.by_rate

    def _remove(self, at: int) -> None:
        count = len(self._flying)
        for column in self._columns:
            column[at : count - 1] = column[at + 1 : count]
        self._by_rate -= self._flying.pop(at).by_rate

    @property
    def _columns(self) -> tuple[NDArray[Any], ...]:
        return self._bits, self._links, self._uplink, self._sizes, self._numbers, self._used
