"""Power under the clock: the exact integral of what a node's processor and radio draw, state by state.

Nothing is polled: a meter is settled when its state changes. What several transfers share (a base station transmits to
many devices at once) is divided through a running integral of power per transfer, so that every transfer knows its
joules at its end and they add up to the whole.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from math import inf
from typing import Any, ClassVar

from wirelessfsl.devices.power_states import InTurns, Powered
from wirelessfsl.units import linear_to_db

IDLE, BUSY, TRANSMIT, RECEIVE, DUPLEX, SLEEP, OFF = "idle", "busy", "transmit", "receive", "duplex", "sleep", "off"


LEAST_DBM = -40.0
"""Radiated power below which no radio draws less."""


class Meter:
    """Time (s) and energy (J) of one component by power state; ``state`` draws ``power_w`` since ``since_s``.

    For a share ``airtime`` of this time it transmits instead, which draws ``airtime_w`` of ``power_w``.
    """

    __slots__ = ("airtime", "airtime_w", "energy_j", "power_w", "since_s", "state", "time_s")
    KEPT: ClassVar = __slots__

    def __init__(self, power_w: float, state: str = IDLE) -> None:
        self.state, self.power_w, self.since_s, self.airtime, self.airtime_w = state, power_w, 0.0, 0.0, 0.0
        self.time_s: dict[str, float] = defaultdict(float)
        self.energy_j: dict[str, float] = defaultdict(float)

    def settle(self, now: float) -> None:
        """Book the time since the last change."""
        elapsed, state = now - self.since_s, self.state
        if elapsed:
            self.time_s[state] += elapsed * (1.0 - self.airtime)
            self.energy_j[state] += elapsed * (self.power_w - self.airtime_w)
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

    ``begin`` and ``end`` read the integral of power per transfer, so a transfer's energy is the difference. What every
    bit takes besides is the transfer's own; ``flow_bit_s`` is the rate of all of them together.
    """

    __slots__ = ("active", "flow_bit_s", "j_per_bit", "power_w", "share_j", "since_s")
    KEPT: ClassVar = ("flow_bit_s", "power_w", "share_j", "since_s")

    def __init__(self, power_w: float, j_per_bit: float = 0.0) -> None:
        self.power_w, self.j_per_bit = power_w, j_per_bit
        self.active, self.flow_bit_s, self.share_j, self.since_s = 0, 0.0, 0.0, 0.0

    def _settle(self, now: float) -> None:
        if self.active:
            self.share_j += (now - self.since_s) * self.power_w / self.active
        self.since_s = now

    def change(self, now: float, power_w: float) -> None:
        """From now on another power."""
        if power_w != self.power_w:
            self._settle(now)
            self.power_w = power_w

    def begin(self, now: float) -> float:
        self._settle(now)
        self.active += 1
        return self.share_j

    def end(self, now: float, begun_j: float) -> float:
        self._settle(now)
        self.active -= 1
        if not self.active:
            self.flow_bit_s = 0.0
        return self.share_j - begun_j

    def drawn_w(self, airtime: float = 1.0) -> float:
        """Power of all transfers under way, if the chain is on for this share of the time."""
        return airtime * self.power_w + self.j_per_bit * self.flow_bit_s


class Radio:
    """A node's radio: two chains; while both are silent the states of its model, one after the other.

    ``next_change_s`` is when a silent radio enters its next state if nothing happens; inf if it will not. ``airtime``
    is the share of the time in which it transmits between listening, where it contends for a channel. ``sending_w`` is
    what it draws while it has something to send.
    """

    __slots__ = (
        "_next",
        "_silent_s",
        "airtime",
        "meter",
        "next_change_s",
        "power",
        "receiver",
        "sending_w",
        "states",
        "transmitter",
    )
    KEPT: ClassVar = ("_next", "_silent_s", "airtime", "meter", "next_change_s", "receiver", "sending_w", "transmitter")

    def __init__(self, power: Powered) -> None:
        self.power, self.states = power, power.states
        self.transmitter = Chain(self.states.transmit_w, self.states.transmit_j_per_bit)
        self.receiver = Chain(self.states.receive_w, self.states.receive_j_per_bit)
        self.meter = Meter(self.states.silent[0].power_w, self.states.silent[0].state)
        self.airtime, self.next_change_s, self.sending_w = 0.0, inf, self.states.transmit_w
        self._fall_silent(0.0)

    @property
    def silent_j(self) -> list[float]:
        """Energy of each state in which the radio was on and silent, or off."""
        return [joules for state, joules in self.meter.energy_j.items() if state not in (TRANSMIT, RECEIVE, DUPLEX)]

    def settle(self, now: float) -> None:
        while now >= self.next_change_s:
            begun = self.states.silent[self._next]
            self.meter.change(self.next_change_s, begun.state, begun.power_w)
            self._look_ahead(self._next + 1)
        self.meter.settle(now)

    def begin(self, chain: Chain, now: float, up: bool) -> float:
        """A transfer begins; the first on its chain changes the state."""
        begun_j = chain.begin(now)
        if chain.active == 1:
            self.update(now, up)
        else:
            self.meter.settle(now)
        return begun_j

    def end(self, chain: Chain, now: float, up: bool, begun_j: float) -> float:
        """A transfer's energy (J) at its end; the last on its chain changes the state."""
        energy_j = chain.end(now, begun_j)
        if chain.active == 0:
            self.update(now, up)
        else:
            self.meter.settle(now)
        return energy_j

    def radiate(self, duty: float, level: float) -> None:
        """Send for a share of the time, at a part of the power; to be followed by :meth:`update`."""
        self.sending_w = duty * self.sent_w(level) + (1.0 - duty) * self.states.silent[0].power_w

    def sent_w(self, level: float) -> float:
        """What it draws while it sends at a part of its power."""
        radio: Any = self.power.radio if isinstance(self.power, InTurns) else self.power
        if level < 1.0:
            radio = replace(radio, tx_power_dbm=max(LEAST_DBM, radio.tx_power_dbm + linear_to_db(level)))
        sent_w: float = radio.states.transmit_w
        return sent_w

    def update(self, now: float, up: bool) -> None:
        """Enter the state that the chains (or a switched-off node) demand."""
        if now >= self.next_change_s:
            self.settle(now)
        states, transmitter, receiver = self.states, self.transmitter, self.receiver
        once_w = states.shared_w / 2 if transmitter.active and receiver.active else 0.0
        if not transmitter.active:
            self.sending_w = states.transmit_w
        transmitter.change(now, self.sending_w - once_w)
        receiver.change(now, states.receive_w * (1.0 - self.airtime) - once_w)
        self.next_change_s = inf
        if not up:
            self.meter.change(now, OFF, 0.0)
        elif transmitter.active and receiver.active:
            self.meter.change(now, DUPLEX, transmitter.drawn_w() + receiver.drawn_w())
        elif transmitter.active:
            self.meter.change(now, TRANSMIT, transmitter.drawn_w())
        elif receiver.active:
            sent_w = transmitter.drawn_w(self.airtime)
            self.meter.change(now, RECEIVE, receiver.drawn_w() + sent_w, self.airtime, sent_w)
        else:
            self._fall_silent(now)

    def _fall_silent(self, now: float) -> None:
        first = self.states.silent[0]
        self.meter.change(now, first.state, first.power_w)
        self._silent_s = now
        self._look_ahead(1)

    def _look_ahead(self, number: int) -> None:
        """The state of this number, if there is one, is the next."""
        silent = self.states.silent
        self._next = number
        self.next_change_s = self._silent_s + silent[number].after_s if number < len(silent) else inf
