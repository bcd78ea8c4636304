"""Packets: what a message is cut into, and what becomes of it when some are lost.

A packet carries consecutive bytes of its message, and is lost or not as a whole. It is lost with a set probability, on
whatever medium, and with that of the radio's blocks in the stretch in which its last byte flew, where HARQ's failures
are not made good underneath. Packet k of the n-th message of a link has, for each of its transmissions, a uniform
number of its own, whatever else is sent and however long the message is. Left out: losses that come in bursts beyond
what fading makes of them, packets out of order, and windows and congestion control of a real transport.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from simpy import Environment, Event

from wirelessfsl.engine.flight import Delivery, Flight, Relayed
from wirelessfsl.engine.journey import Journey
from wirelessfsl.engine.node import Node
from wirelessfsl.engine.transport import Transport
from wirelessfsl.streams import stream

Mask = NDArray[np.bool_]
Counts = NDArray[np.int_]


Piece: TypeAlias = tuple[str, int, bool]
"""Bytes of one kind in a message: kind, size, and whether these are those that did not arrive, as often as not."""


class Packets:
    """The packets of one message, of kinds that follow each other in it.

    ``failed`` says how often each was lost.

    name: of its random numbers: sender, receiver and number of the message on this link. sizes: by kind, in bytes.
    """

    def __init__(self, seed: int, name: tuple[str, str, int], sizes: Mapping[str, int], transport: Transport) -> None:
        self._seed, self._name, self.transport = seed, name, transport
        ends, size_bytes = list(accumulate(sizes.values())), sum(sizes.values())
        self._spans = list(zip(sizes, [0, *ends], ends, strict=False))
        self._again = not transport.leaves_holes(next(iter(sizes)))
        self._begins = np.arange(0, size_bytes, transport.packet_bytes)
        self.sizes = np.minimum(transport.packet_bytes, size_bytes - self._begins)
        self.failed: Counts = np.zeros(len(self.sizes), np.int_)

    def lost(self, flight: Flight | Journey, sent: Mask | Literal[True] = True, attempt: int = 0) -> Mask:
        """Which of the packets that were sent in a flight are lost, shape (n,); by default all were."""
        drawn = stream(self._seed, "packets", *self._name, attempt).random(len(self.sizes))
        arrives = (1.0 - self.transport.packet_loss) * (1.0 - flight.residual(np.cumsum(self.sizes * sent)))
        lost: Mask = sent & (drawn >= arrives)
        return lost

    def pieces(self) -> list[Piece]:
        """What flew of every kind, and as a piece of its own what of it was lost; empty ones are left out."""
        pieces: list[Piece] = []
        for kind, begin, end in self._spans:
            overlap = np.minimum(self._begins + self.sizes, end) - np.maximum(self._begins, begin)
            lost = int(np.maximum(overlap, 0) @ self.failed) if self._again or self.transport.leaves_holes(kind) else 0
            pieces += [(kind, end - begin - (0 if self._again else lost), False), (kind, lost, True)]
        return [piece for piece in pieces if piece[1]]

    def holes(self) -> dict[str, Mask]:
        """Which bytes of the payloads of kinds with holes were lost; the overhead is ahead of the first."""
        lost, ahead = np.repeat(self.failed > 0, self.sizes), self.transport.overhead_bytes
        return {
            kind: lost[begin + ahead * (begin == 0) : end]
            for kind, begin, end in self._spans
            if self.transport.leaves_holes(kind)
        }


class Repeated(Event):
    """A message whose lost packets are sent again; as an event it happens when none is missing, or at the limit.

    Every attempt is a flight of what is missing, ``feedback_s`` after the one before has arrived. In the log it is one
    message.
    """

    def __init__(
        self, env: Environment, packets: Packets, receiver: Node, send: Callable[[int], Flight | Journey]
    ) -> None:
        super().__init__(env)
        self._packets, self._receiver, self._send = packets, receiver, send
        self._missing = np.ones(len(packets.sizes), np.bool_)
        self._flights: list[Flight | Journey] = []
        self._ended: list[Delivery] = []
        self._left = False
        self._depart()

    @property
    def relayed(self) -> Sequence[Relayed]:
        """What it has cost those between its ends."""
        return [each for flight in self._flights for each in flight.relayed]

    def part(self, receiver: Node) -> Delivery:
        """What became of it."""
        ended = self._ended
        return Delivery(
            ended[0].start_s,
            ended[-1].end_s,
            sum(each.sent_bytes for each in ended),
            sum(each.transmit_j for each in ended),
            sum(each.receive_j for each in ended),
            sum(each.attempts for each in ended),
            not self._missing.any(),
        )

    def leave(self, receiver: Node) -> Delivery:
        """Stop it where it is."""
        self._left = True
        if len(self._ended) < len(self._flights):
            self._ended.append(self._flights[-1].leave(receiver))
        return self.part(receiver)._replace(end_s=self.env.now, arrived=False)

    def _depart(self) -> None:
        flight = self._send(int(self._packets.sizes[self._missing].sum()))
        flight.callbacks.append(self._arrive)
        self._flights.append(flight)

    def _arrive(self, _: Event) -> None:
        if self._left:
            return
        flight = self._flights[-1]
        delivery = flight.part(self._receiver)
        self._ended.append(delivery)
        if delivery.arrived:
            self._missing = self._packets.lost(flight, self._missing, len(self._ended) - 1)
            self._packets.failed += self._missing
        rules = self._packets.transport
        if delivery.arrived and self._missing.any() and len(self._ended) <= rules.retransmissions:
            self.env.timeout(rules.feedback_s).callbacks.append(self._again)
        else:
            self.succeed(self.part(self._receiver))

    def _again(self, _: Event) -> None:
        if not self._left:
            self._depart()
