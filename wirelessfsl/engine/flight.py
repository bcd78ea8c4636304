"""A flight: one message on its way over a band, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from simpy import Environment, Event

from wirelessfsl.engine.node import Node
from wirelessfsl.streams import Floats

if TYPE_CHECKING:
    from wirelessfsl.engine.line import Line


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


class Relayed(NamedTuple):
    """What a relay has drawn for a message, J, to receive it (``sent`` is False) or to send it on."""

    relay: Node
    sent: bool
    start_s: float
    end_s: float
    energy_j: float


class Flight(Event):
    """A message on its way; as an event it happens at the arrival, with the :class:`Delivery` as value.

    A broadcast has several receivers, and the rate of the one that has the lowest. ``via`` is the link of the band
    and ``uplink`` whether it goes towards the server, if they are not those of the client at an end. Where messages
    contend for the channel, sender and receivers all listen, and what the sender transmits in between is entered at
    the landing. ``by_rate`` says whether a radio in it has a power that depends on the rate: the band tells such a
    flight of every :meth:`flow`. ``number`` is that of its take-off.
    """

    relayed: Sequence[Relayed] = ()

    def __init__(
        self,
        env: Environment,
        band: Line,
        sender: Node,
        receivers: Sequence[Node],
        size_bytes: int,
        via: int | None = None,
        uplink: bool | None = None,
    ) -> None:
        super().__init__(env)
        self.band, self.sender, self.receivers, self.size_bytes = band, sender, list(receivers), size_bytes
        self._via, self.uplink = via, sender.link >= 0 if uplink is None else uplink
        self.start_s, self.number = inf, -1
        self.delivery: Delivery | None = None
        self.heard_j: dict[Node, float] = {}
        self.by_rate = False
        self._hearing: dict[Node, float] = {}
        self._rate_bit_s = self._flown_bits = 0.0
        self.stretches: list[tuple[float, float]] = []
        """Bytes that had flown at the end of each stretch, and the probability that what flew in it is lost."""

    def link(self, qualities: Floats) -> int:
        """The link that its rate depends on: the worst of the receivers'."""
        if self._via is not None:
            return self._via
        own = self.sender.link
        if len(self.receivers) == 1:
            return max(own, self.receivers[0].link)
        return min((max(own, receiver.link) for receiver in self.receivers), key=qualities.__getitem__)

    def take_off(self, contends: bool) -> None:
        """The first bit goes on the air, or begins to contend for it."""
        self.start_s = self._since_s = self.env.now
        radio = self.sender.radio
        self._own = radio.receiver if contends else radio.transmitter
        self._transmit = self.sender.begin(self._own)
        self.by_rate = radio.transmitter.j_per_bit > 0.0
        for node in self.receivers:
            chain = node.radio.receiver
            self._hearing[node] = node.begin(chain)
            self.by_rate |= chain.j_per_bit > 0.0

    def flow(self, rate_bit_s: float) -> None:
        """Its rate from now on."""
        change_bit_s = rate_bit_s - self._rate_bit_s
        self._flown_bits += self._rate_bit_s * (self.env.now - self._since_s)
        self._rate_bit_s, self._since_s = rate_bit_s, self.env.now
        self.sender.flow(self.sender.radio.transmitter, change_bit_s)
        for node in self.receivers:
            node.flow(node.radio.receiver, change_bit_s)

    def end(self, receiver: Node) -> None:
        """A receiver stops listening."""
        chain, bits_j = receiver.radio.receiver, 0.0
        if self.by_rate:
            receiver.flow(chain, -self._rate_bit_s)
            flown_bits = self._flown_bits + self._rate_bit_s * (self.env.now - self._since_s)
            bits_j = chain.j_per_bit * flown_bits
        self.heard_j[receiver] = receiver.end(chain, self._hearing.pop(receiver)) + bits_j

    def land(
        self, latency_s: float, sent_bytes: int, arrived: bool, airtime_s: float = 0.0, attempts: float = 1.0
    ) -> Delivery:
        """The last bit has left the air, after so many attempts with so much airtime between listening."""
        if self.by_rate:
            self.flow(0.0)
        transmit_j = self.sender.end(self._own, self._transmit)
        chain = self.sender.radio.transmitter
        transmit_j += airtime_s * chain.power_w + chain.j_per_bit * self._flown_bits
        for receiver in self.receivers:
            self.end(receiver)
        end_s, receive_j = self.env.now + latency_s, sum(self.heard_j.values())
        self.delivery = Delivery(self.start_s, end_s, sent_bytes, transmit_j, receive_j, round(attempts), arrived)
        return self.delivery

    def lose(self) -> Delivery:
        """It never takes off."""
        self.start_s, self.heard_j = self.env.now, dict.fromkeys(self.receivers, 0.0)
        self.delivery = Delivery(self.env.now, self.env.now, 0, 0.0, 0.0, 1, False)
        return self.delivery

    def part(self, receiver: Node) -> Delivery:
        """What became of it for one of the receivers that were there at the landing, which share bytes and energy."""
        assert self.delivery is not None
        whole, count = self.delivery, len(self.receivers)
        if count == 1:
            return whole
        at = self.receivers.index(receiver)
        sent_bytes = whole.sent_bytes * (at + 1) // count - whole.sent_bytes * at // count
        return whole._replace(
            sent_bytes=sent_bytes, transmit_j=whole.transmit_j / count, receive_j=self.heard_j[receiver]
        )

    def residual(self, flown_bytes: Floats) -> Floats:
        """Probability that the radio has lost what flew as these bytes of the message."""
        if not self.stretches:
            return np.zeros(flown_bytes.shape)
        ends, lost = np.array(self.stretches).T
        at = np.searchsorted(ends, flown_bytes - 0.5)  # bits are counted to rounding
        residual: Floats = lost[np.minimum(at, len(lost) - 1)]
        return residual

    def leave(self, receiver: Node) -> Delivery:
        """Stop for one of its receivers, for the others it goes on; what became of it for this one."""
        return self.band.leave(self, receiver)
