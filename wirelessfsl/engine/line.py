"""A line of messages before what carries them: who waits, who is called off, and when to look again.

What carries them is a :class:`wirelessfsl.engine.band.Band`, which messages share, or a
:class:`wirelessfsl.engine.pipe.Pipe`, which has one at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from math import ceil, inf
from typing import ClassVar

from simpy import Environment, Event
from simpy.events import EventPriority

from wirelessfsl.engine.airs import Air
from wirelessfsl.engine.flight import Delivery, Flight
from wirelessfsl.engine.node import Node
from wirelessfsl.units import BITS_PER_BYTE

_LATE = EventPriority(2)
"""SimPy priority of a re-plan: after everything else at its instant, so that simultaneous arrivals share one."""


class Line(ABC):
    """Messages that wait for an air, in order of arrival, and those that are in it.

    Of what waits, ``queue_bytes`` have room. ``width`` messages at most are in the air at once, in each lane. The
    latency, s, of what lands may be a function of the instant. ``timer`` is the next re-plan.
    """

    KEPT: ClassVar[tuple[str, ...]] = ("_taken_off", "_due_s")

    def __init__(
        self, env: Environment, air: Air, width: float, latency_s: float | Callable[[float], float], queue_bytes: float
    ) -> None:
        self.env, self.air, self.width = env, air, width
        self._latency_s, self._queue_bytes, self._queued_bytes = latency_s, queue_bytes, 0
        self._waiting: OrderedDict[Flight, None] = OrderedDict()
        self._taken_off, self._due_s = 0, inf
        self.timer: Event | None = None

    def send(self, flight: Flight) -> None:
        """Put a flight in line; it takes off at this instant's re-plan if there is room. It is lost if the line is."""
        if self._queue_bytes < inf and self._queued_bytes + flight.size_bytes > self._queue_bytes and self._crowded:
            flight.succeed(flight.lose())
            return
        self._waiting[flight] = None
        self._queued_bytes += flight.size_bytes
        self._wake_at(self.env.now)

    def abort(self, flight: Flight) -> Delivery:
        """Take a flight out of the line or the air; what had flown has cost its energy. Others speed up at once."""
        now = self.env.now
        if flight.delivery is not None:  # all bits have flown: only the latency was left
            return flight.delivery._replace(end_s=now, arrived=False)
        if flight in self._waiting:
            self._forget(flight)
            return Delivery(now, now, 0, 0.0, 0.0, 0, False)
        self._advance(now)
        left_bits, *use = self._take_out(flight)
        self._wake_at(now)
        left_bytes = max(0, ceil(left_bits / BITS_PER_BYTE))
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
        self._rejoin(flight)
        self._wake_at(now)
        return Delivery(flight.start_s, now, 0, 0.0, flight.heard_j[receiver], 1, False)

    @abstractmethod
    def plan(self, timer: Event) -> None:
        """Let bits fly until now, end and begin flights, and set everybody's rate until the next change."""

    @abstractmethod
    def look_again(self) -> None:
        """Take in the channel as it was looked at last, if that has not changed since."""

    @property
    @abstractmethod
    def _crowded(self) -> bool:
        """Whether there is no room in the air for all that wait and one more."""

    @abstractmethod
    def _advance(self, now: float) -> None:
        """Let bits fly until now."""

    @abstractmethod
    def _take_out(self, flight: Flight) -> tuple[float, ...]:
        """Take a flight out of the air; returns its bits left, and airtime and attempts where messages contend."""

    @abstractmethod
    def _rejoin(self, flight: Flight) -> None:
        """A flight has other receivers than before."""

    def _forget(self, flight: Flight) -> None:
        """A flight waits no more."""
        del self._waiting[flight]
        self._queued_bytes -= flight.size_bytes

    def _latency(self, now: float) -> float:
        return self._latency_s(now) if callable(self._latency_s) else self._latency_s

    def _land(self, flight: Flight, latency_s: float, use: tuple[float, ...] = ()) -> None:
        """All bits of a flight have flown; it arrives after the latency."""
        flight._ok, flight._value = True, flight.land(latency_s, flight.size_bytes, True, *use)
        self.env.schedule(flight, delay=latency_s)

    def _wake_at(self, instant: float) -> None:
        """Re-plan at an instant (and not at the one that was set before)."""
        if instant == self._due_s:
            return
        self._due_s = instant
        self.timer = timer = Event(self.env)
        timer._ok, timer._value = True, None
        timer.callbacks.append(self.plan)
        self.env.schedule(timer, _LATE, max(0.0, instant - self.env.now))
