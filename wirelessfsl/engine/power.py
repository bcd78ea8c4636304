"""Power under the clock: the exact integral of what a node's processor and radio draw, state by state.

Nothing is polled: a meter is settled when its state changes. What several transfers share (a base station transmits to
many devices at once) is divided through a running integral of power per transfer, so that every transfer knows its
joules at its end and they add up to the whole.
"""

from __future__ import annotations

from collections import defaultdict
from math import inf

from wirelessfsl.devices.radio_power import RadioPower

IDLE, BUSY, TRANSMIT, RECEIVE, DUPLEX, SLEEP, OFF = "idle", "busy", "transmit", "receive", "duplex", "sleep", "off"


class Meter:
    """Time (s) and energy (J) of one component by power state; ``state`` draws ``power_w`` since ``since_s``.

    For a share ``airtime`` of this time it transmits instead, which draws ``airtime_w`` of ``power_w``.
    """

    __slots__ = ("airtime", "airtime_w", "energy_j", "power_w", "since_s", "state", "time_s")

    def __init__(self, power_w: float) -> None:
        self.state, self.power_w, self.since_s, self.airtime, self.airtime_w = IDLE, power_w, 0.0, 0.0, 0.0
        self.time_s: dict[str, float] = defaultdict(float)
        self.energy_j: dict[str, float] = defaultdict(float)

    def settle(self, now: float) -> None:
        """Book the time since the last change."""
        elapsed = now - self.since_s
        if elapsed:
            self.time_s[self.state] += elapsed * (1.0 - self.airtime)
            self.energy_j[self.state] += elapsed * (self.power_w - self.airtime_w)
            if self.airtime:
                self.time_s[TRANSMIT] += elapsed * self.airtime
                self.energy_j[TRANSMIT] += elapsed * self.airtime_w
            self.since_s = now

    def change(self, now: float, state: str, power_w: float, airtime: float = 0.0, airtime_w: float = 0.0) -> None:
        """Book the time so far; from now on another state."""
        if now > self.since_s:
            self.settle(now)
        self.state, self.power_w, self.airtime, self.airtime_w = state, power_w, airtime, airtime_w


class Chain:
    """Transmitter or receiver of a radio: its power is shared equally by the transfers under way.

    ``begin`` and ``end`` read the integral of power per transfer, so a transfer's energy is the difference.
    """

    __slots__ = ("active", "power_w", "share_j", "since_s")

    def __init__(self, power_w: float) -> None:
        self.power_w, self.active, self.share_j, self.since_s = power_w, 0, 0.0, 0.0

    def settle(self, now: float) -> None:
        """Book the energy since the last change."""
        if self.active:
            self.share_j += (now - self.since_s) * self.power_w / self.active
        self.since_s = now

    def begin(self, now: float) -> float:
        self.settle(now)
        self.active += 1
        return self.share_j

    def end(self, now: float, begun_j: float) -> float:
        self.settle(now)
        self.active -= 1
        return self.share_j - begun_j


class Radio:
    """A node's radio: two chains; while both are silent idle power or, after ``sleep_after_s``, sleep power.

    ``airtime`` is the share of the time in which it transmits between listening, where it contends for a channel.
    """

    __slots__ = ("_sleeps_s", "_up", "airtime", "meter", "power", "receiver", "transmitter")

    def __init__(self, power: RadioPower) -> None:
        self.power = power
        self.transmitter, self.receiver = Chain(power.transmit_w), Chain(power.receive_w)
        self.meter = Meter(power.idle_w)
        self.airtime = 0.0
        self._up = True
        self._sleeps_s = inf if power.sleep_after_s is None else power.sleep_after_s

    @property
    def next_change_s(self) -> float:
        """When the radio will fall asleep if nothing happens; inf if it will not."""
        return self._sleeps_s

    def settle(self, now: float) -> None:
        if now >= self._sleeps_s:
            self.meter.change(self._sleeps_s, SLEEP, self.power.sleep_w)
            self._sleeps_s = inf
        self.meter.settle(now)

    def contend(self, now: float, airtime: float) -> None:
        """Listen, but for a share of the time in which it transmits; to be followed by :meth:`update`."""
        self.receiver.settle(now)
        self.receiver.power_w = self.power.receive_w * (1.0 - airtime)
        self.airtime = airtime

    def update(self, now: float, up: bool) -> None:
        """Enter the state that the chains (or a switched-off node) demand."""
        if now >= self._sleeps_s:
            self.settle(now)
        sending, receiving = self.transmitter.active > 0, self.receiver.active > 0
        self._sleeps_s = inf
        if not up:
            self.meter.change(now, OFF, 0.0)
        elif sending and receiving:
            self.meter.change(now, DUPLEX, self.transmitter.power_w + self.receiver.power_w)
        elif sending:
            self.meter.change(now, TRANSMIT, self.transmitter.power_w)
        elif receiving:
            airtime_w = self.airtime * self.transmitter.power_w
            self.meter.change(now, RECEIVE, self.receiver.power_w + airtime_w, self.airtime, airtime_w)
        else:
            self.meter.change(now, IDLE, self.power.idle_w)
            if self.power.sleep_after_s is not None:
                self._sleeps_s = now + self.power.sleep_after_s
