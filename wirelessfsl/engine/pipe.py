"""A pipe: one message at a time at a constant rate, in order of arrival; a wire, or a link that nobody else uses.

It does what a :class:`wirelessfsl.engine.band.Band` of width 1 does on an air of constant rate, number for number, with
numbers where that has columns.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, ulp

from simpy import Environment, Event

from wirelessfsl.engine.airs import ConstantAir
from wirelessfsl.engine.flight import Flight
from wirelessfsl.engine.line import Line
from wirelessfsl.units import BITS_PER_BYTE


class Pipe(Line):
    """One flight at a time; ``_bits`` are what it had still to fly at the last plan."""

    def __init__(
        self,
        env: Environment,
        air: ConstantAir,
        latency_s: float | Callable[[float], float],
        queue_bytes: float = inf,
    ) -> None:
        super().__init__(env, air, 1.0, latency_s, queue_bytes)
        self._rate_bit_s = air.bit_s
        self._flight: Flight | None = None
        self._bits, self._planned_s, self._ends_s = 0.0, 0.0, inf

    @property
    def _crowded(self) -> bool:
        return self._flight is not None or bool(self._waiting)

    def plan(self, timer: Event) -> None:
        if timer is not self.timer:
            return
        self._due_s = inf
        now = self.env.now
        flight = self._flight
        if flight is not None:
            self._advance(now)
            if now >= self._ends_s and self._bits <= self._rate_bit_s * (4 * ulp(now)):
                self._flight = None
                self._land(flight, self._latency(now))
                flight = None
        if flight is None and self._waiting:
            flight, _ = self._waiting.popitem(last=False)
            self._queued_bytes -= flight.size_bytes
            self._flight, self._bits, self._planned_s = flight, float(flight.size_bytes * BITS_PER_BYTE), now
            self._taken_off += 1
            flight.take_off(contends=False)
        if flight is not None:
            self._ends_s = now + self._bits / self._rate_bit_s
            if flight.by_rate:
                flight.flow(self._rate_bit_s)
            self._wake_at(self._ends_s)

    def look_again(self) -> None:
        """It never changes."""

    def _advance(self, now: float) -> None:
        self._bits -= self._rate_bit_s * (now - self._planned_s)
        self._planned_s = now

    def _take_out(self, flight: Flight) -> tuple[float, ...]:
        self._flight = None
        return (self._bits,)

    def _rejoin(self, flight: Flight) -> None:
        """Its rate is the same for any."""
