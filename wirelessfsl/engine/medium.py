"""The medium: who transmits when, at what rate. Nobody else computes an airtime.

A band is a fluid server. Its rates are constant between re-plans, which happen when a transfer arrives or ends and when
the channel changes; in between the bits that have flown are rate times time, exactly. ``width`` says how many transfers
share the band at once, each with an equal part: any number is FDMA, one is TDMA in order of arrival. Uplink and
downlink have a band each (frequency-division duplex).

Left out: interference, retransmissions, access delay beyond the constant latency.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import ceil, inf, ulp
from typing import Annotated, Literal, NamedTuple, Protocol

import numpy as np
from simpy import Environment, Event
from simpy.events import EventPriority

from wirelessfsl.engine.node import Node
from wirelessfsl.radio.link import Links, Phy
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import BITS_PER_BYTE, BandwidthHz, LatencyS, RateBitS

_LATE = EventPriority(2)
"""SimPy priority of a re-plan: after everything else at its instant, so that simultaneous arrivals share one."""


PATIENCE = 1_000_000
"""Fading blocks in a row in which no message of a band begins or ends, after which the run gives up."""


class Stalled(RuntimeError):
    """A band has been flying the same messages for :data:`PATIENCE` fading blocks."""


@settings
class Fdma:
    """Frequency division: all transfers at once, each on an equal share of the band.

    With n transfers under way each has bandwidth_hz / n; shares are planned anew whenever one comes or goes. Devices
    keep their full transmit power in a narrower share; the server's is spread over the band.

    bandwidth_hz: width of the uplink band in Hz, 1e3 to 1e12.
    downlink_bandwidth_hz: width of the downlink band in Hz; by default as the uplink's.
    latency_s: constant delay of every message in s (access, propagation, processing), 0 to 3600.
    allocation: how the band is shared; equal parts.

    >>> Fdma(bandwidth_hz=20e6).width
    inf
    """

    kind: Literal["fdma"] = "fdma"
    bandwidth_hz: BandwidthHz = 20e6
    downlink_bandwidth_hz: BandwidthHz | None = None
    latency_s: LatencyS = 0.005
    allocation: Literal["equal"] = "equal"

    @property
    def width(self) -> float:
        """Transfers that share the band at once."""
        return inf


@settings
class Tdma:
    """Time division: one transfer at a time on the whole band, first come, first served; one queue per direction.

    bandwidth_hz: width of the uplink band in Hz, 1e3 to 1e12.
    downlink_bandwidth_hz: width of the downlink band in Hz; by default as the uplink's.
    latency_s: constant delay of every message in s (access, propagation, processing), 0 to 3600.

    >>> Tdma(bandwidth_hz=20e6).width
    1.0
    """

    kind: Literal["tdma"] = "tdma"
    bandwidth_hz: BandwidthHz = 20e6
    downlink_bandwidth_hz: BandwidthHz | None = None
    latency_s: LatencyS = 0.005

    @property
    def width(self) -> float:
        """Transfers that share the band at once."""
        return 1.0


@settings
class ConstantLink:
    """A link of its own for every client, with constant rate and latency: wired, or "just give me 10 Mbit/s and 20 ms".

    A message of b bytes takes latency_s + 8 b / rate. Needs no layout and no channel.

    uplink_bit_s: rate from client to server in bit/s, 1 to 1e13.
    downlink_bit_s: rate from server to client in bit/s, 1 to 1e13.
    latency_s: constant delay of every message in s, 0 to 3600.

    >>> ConstantLink().uplink_bit_s
    10000000.0
    """

    kind: Literal["constant"] = "constant"
    uplink_bit_s: RateBitS = 10e6
    downlink_bit_s: RateBitS = 10e6
    latency_s: LatencyS = 0.02


MediumSettings = Annotated[Fdma | Tdma | ConstantLink, Kinds()]


class Delivery(NamedTuple):
    """What became of a message.

    start_s, end_s: first bit on the air, and arrival (after the latency). sent_bytes: what flew. energies in J, of the
    sender's transmitter and of the receivers (each one's own is in :attr:`Flight.heard_j`).
    """

    start_s: float
    end_s: float
    sent_bytes: int
    transmit_j: float
    receive_j: float
    attempts: int
    arrived: bool


class Flight(Event):
    """A message on its way; as an event it happens at the arrival, with the :class:`Delivery` as value.

    A broadcast has several receivers, and the rate of the one that has the lowest.
    """

    def __init__(self, env: Environment, band: Band, sender: Node, receivers: Sequence[Node], size_bytes: int) -> None:
        super().__init__(env)
        self.band, self.sender, self.receivers, self.size_bytes = band, sender, list(receivers), size_bytes
        self.start_s = inf
        self.delivery: Delivery | None = None
        self.heard_j: dict[Node, float] = {}
        self._hearing: dict[Node, float] = {}

    def link(self, qualities: Floats) -> int:
        """The link that its rate depends on: the worst of the receivers'."""
        links = [max(self.sender.link, receiver.link) for receiver in self.receivers]
        return links[0] if len(links) == 1 else min(links, key=qualities.__getitem__)

    def take_off(self) -> None:
        """The first bit goes on the air."""
        self.start_s = self.env.now
        self._transmit = self.sender.begin(self.sender.radio.transmitter)
        self._hearing = {node: node.begin(node.radio.receiver) for node in self.receivers}

    def end(self, receiver: Node) -> None:
        """A receiver stops listening."""
        self.heard_j[receiver] = receiver.end(receiver.radio.receiver, self._hearing.pop(receiver))

    def land(self, latency_s: float, sent_bytes: int, arrived: bool) -> Delivery:
        """The last bit has left the air."""
        transmit_j = self.sender.end(self.sender.radio.transmitter, self._transmit)
        for receiver in self.receivers:
            self.end(receiver)
        end_s, receive_j = self.env.now + latency_s, sum(self.heard_j.values())
        self.delivery = Delivery(self.start_s, end_s, sent_bytes, transmit_j, receive_j, 1, arrived)
        return self.delivery

    def part(self, receiver: Node) -> Delivery:
        """What became of it for one of the receivers that were there at the landing, which share bytes and energy."""
        assert self.delivery is not None
        whole, count, at = self.delivery, len(self.receivers), self.receivers.index(receiver)
        sent_bytes = whole.sent_bytes * (at + 1) // count - whole.sent_bytes * at // count
        return whole._replace(
            sent_bytes=sent_bytes, transmit_j=whole.transmit_j / count, receive_j=self.heard_j[receiver]
        )


class Air(Protocol):
    """What a band needs to know of the radio: arrays over links, pure functions of time."""

    def quality(self, time_s: float) -> Floats: ...
    def rate_bit_s(self, quality: Floats, sharing: float | Floats) -> Floats: ...
    def next_change_s(self, time_s: float) -> float: ...


class RadioAir:
    """One direction of the radio channel, and the rate of one of n equal shares of its band.

    With the power P in a share B/n the SNR is P g / (N0 B/n): an uplink sender has all its power there, so its SNR
    grows with n; the downlink's power is spread over the band (``spread``), so each share has P/n and the SNR stays.

    transmit_w, noise_w_hz: per link, shape (n,).
    """

    def __init__(
        self, links: Links, phy: Phy, transmit_w: Floats, noise_w_hz: Floats, bandwidth_hz: float, spread: bool
    ) -> None:
        self._links, self._phy, self._bandwidth_hz, self._spread = links, phy, bandwidth_hz, spread
        self._per_gain = transmit_w / (noise_w_hz * bandwidth_hz)
        self._everyone = np.arange(len(transmit_w), dtype=np.intp)

    def quality(self, time_s: float) -> Floats:
        """What the rate depends on: SNR of every link over the whole band or, if that is all, its efficiency."""
        snr = self._per_gain * self._links.gain(self._everyone, time_s)
        return self._phy.efficiency(snr) if self._spread else snr

    def rate_bit_s(self, quality: Floats, sharing: float | Floats) -> Floats:
        efficiency = quality if self._spread else self._phy.efficiency(quality * sharing)
        return efficiency * (self._bandwidth_hz / sharing)

    def next_change_s(self, time_s: float) -> float:
        return self._links.next_change_s(time_s)


class PairAir(RadioAir):
    """The radio channel between two clients: one link, which answers for any."""

    def quality(self, time_s: float) -> Floats:
        return np.broadcast_to(super().quality(time_s), 2**59)


class ConstantAir:
    """A pipe of constant rate, shared equally; the same for every link."""

    def __init__(self, bit_s: float) -> None:
        self._bit_s = bit_s
        self._quality = np.broadcast_to(1.0, 2**59)  # takes no memory

    def quality(self, time_s: float) -> Floats:
        return self._quality

    def rate_bit_s(self, quality: Floats, sharing: float | Floats) -> Floats:
        return quality * (self._bit_s / sharing)

    def next_change_s(self, time_s: float) -> float:
        return inf


class Band:
    """A fluid server: at most ``width`` flights share the band equally, the others wait in line.

    The flights in the air stand, in the order of their take-off, in the first columns of ``_table``: bits still to fly,
    and quality of the link. ``_rate`` is what they have had since the last plan.
    """

    def __init__(self, env: Environment, air: Air, width: float, latency_s: float) -> None:
        self.env, self.air, self.width, self.latency_s = env, air, width, latency_s
        self._waiting: deque[Flight] = deque()
        self._flying: list[Flight] = []
        self._table = np.empty((2, 8))
        self._rate = self._qualities = np.empty(0)
        self._planned_s, self._ends_s, self._changes_s, self._due_s = 0.0, inf, -inf, inf
        self._timer: Event | None = None
        self._blocks = 0

    def send(self, flight: Flight) -> None:
        """Put a flight in line; it takes off at this instant's re-plan if there is room."""
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
        left_bytes = max(0, ceil(self._table[0, at] / BITS_PER_BYTE))
        self._remove(at)
        self._rate = np.delete(self._rate, at)
        self._wake_at(now)
        return flight.land(0.0, flight.size_bytes - left_bytes, False)

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
        self._table[1, self._flying.index(flight)] = self._qualities[flight.link(self._qualities)]
        self._wake_at(now)
        return Delivery(flight.start_s, now, 0, 0.0, flight.heard_j[receiver], 1, False)

    def _wake_at(self, instant: float) -> None:
        """Re-plan at an instant (and not at the one that was set before)."""
        if instant == self._due_s:
            return
        self._due_s = instant
        self._timer = timer = Event(self.env)
        timer._ok, timer._value = True, None
        timer.callbacks.append(self._plan)
        self.env.schedule(timer, _LATE, max(0.0, instant - self.env.now))

    def _plan(self, timer: Event) -> None:
        """Let bits fly until now, end and begin flights, and set everybody's rate until the next change."""
        if timer is not self._timer:
            return
        self._due_s = inf
        now = self.env.now
        self._advance(now)
        if now >= self._ends_s:
            self._land(now)
        if now >= self._changes_s:
            self._qualities = self.air.quality(now)
            self._changes_s = self.air.next_change_s(now)
            self._blocks += 1
            if self._blocks > PATIENCE:
                self._give_up(now)
            self._table[1, : len(self._flying)] = self._qualities[
                [flight.link(self._qualities) for flight in self._flying]
            ]
        while self._waiting and len(self._flying) < self.width:
            self._take_off(self._waiting.popleft())
        self._ends_s = inf
        if count := len(self._flying):
            bits, quality = self._table[:, :count]
            self._rate = self.air.rate_bit_s(quality, count)
            self._ends_s = now + (bits / self._rate).min().item()
            if (next_s := min(self._ends_s, self._changes_s)) < inf:
                self._wake_at(next_s)

    def _give_up(self, now: float) -> None:
        at = int(self._table[0, : len(self._flying)].argmax())
        flight, left = self._flying[at], self._table[0, at] / BITS_PER_BYTE
        names = ", ".join(receiver.name for receiver in flight.receivers)
        raise Stalled(
            f"the message from {flight.sender.name} to {names}, {flight.size_bytes} bytes, on the air"
            f" since {flight.start_s:.6g} s, has {left:.0f} bytes to go after {PATIENCE:,} fading blocks in which"
            " nothing else happened: its link is all but dead. Bring the client nearer, or set"
            " network.transport.timeout_s or participation.deadline_s"
        )

    def _advance(self, now: float) -> None:
        if self._flying and now > self._planned_s:
            bits = self._table[0, : len(self._flying)]
            bits -= self._rate * (now - self._planned_s)
        self._planned_s = now

    def _land(self, now: float) -> None:
        """End the flights whose bits have all flown, within the resolution of the clock."""
        done = self._table[0, : len(self._flying)] <= self._rate * (4 * ulp(now))
        landed = [(at, self._flying[at]) for at in done.nonzero()[0].tolist()]
        for at, _ in reversed(landed):
            self._remove(at)
        for _, flight in landed:
            flight._ok, flight._value = True, flight.land(self.latency_s, flight.size_bytes, True)
            self.env.schedule(flight, delay=self.latency_s)
            self._blocks = 0

    def _take_off(self, flight: Flight) -> None:
        at = len(self._flying)
        if at == self._table.shape[1]:
            self._table = np.concatenate((self._table, np.empty_like(self._table)), axis=1)
        self._table[0, at] = flight.size_bytes * BITS_PER_BYTE
        self._table[1, at] = self._qualities[flight.link(self._qualities)]
        self._flying.append(flight)
        self._blocks = 0
        flight.take_off()

    def _remove(self, at: int) -> None:
        count = len(self._flying)
        self._table[:, at : count - 1] = self._table[:, at + 1 : count]
        del self._flying[at]


class Medium:
    """All bands of the network; ``band`` says which one carries a message from one node to another, None for many.

    A band of a broadcast is the downlink's or, with constant links, one of its own, which no other message slows down.
    """

    def __init__(self, env: Environment, band: Callable[[Node, Node | None], Band]) -> None:
        self.env, self._band = env, band

    def transmit(self, sender: Node, receiver: Node, size_bytes: int) -> Flight:
        """Send ``size_bytes``; the returned event happens at the arrival, its value is the :class:`Delivery`."""
        flight = Flight(self.env, self._band(sender, receiver), sender, [receiver], size_bytes)
        flight.band.send(flight)
        return flight

    def broadcast(self, sender: Node, size_bytes: int) -> Flight:
        """Send ``size_bytes`` once, to all receivers that are entered in the flight at this instant."""
        flight = Flight(self.env, self._band(sender, None), sender, [], size_bytes)
        flight.band.send(flight)
        return flight

    def quality(self, sender: Node, receiver: Node) -> float:
        """Quality of a link now: SNR over the whole band, 1 on a constant link."""
        link = max(sender.link, receiver.link)
        return float(self._band(sender, receiver).air.quality(self.env.now)[link])

    def abort(self, flight: Flight) -> Delivery:
        """Stop a flight that nobody waits for any more."""
        return flight.band.abort(flight)

    def leave(self, flight: Flight, receiver: Node) -> Delivery:
        """Stop a flight for one of its receivers, for the others it goes on; what became of it for this one."""
        return flight.band.leave(flight, receiver)
