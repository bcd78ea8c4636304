"""A journey: a message that takes several hops, one after the other, through the air, relays and wires.

It is stored whole at every node before it goes on. In the log it is one message, from its first bit in the first hop to
its arrival; what it costs a relay is written down beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from simpy import Environment, Event

from wirelessfsl.engine.flight import Delivery, Flight, Relayed
from wirelessfsl.engine.line import Line
from wirelessfsl.engine.node import Node
from wirelessfsl.streams import Floats


class Hop(NamedTuple):
    """One hop of a message: over which band and between whom; ``via`` and ``uplink`` as a flight has them.

    wired: whether its ends have no account.
    """

    band: Line
    sender: Node
    receiver: Node
    via: int | None = None
    uplink: bool | None = None
    wired: bool = False

    def begin(self, env: Environment, size_bytes: int) -> Flight:
        """Let a message into the hop's band."""
        flight = Flight(env, self.band, self.sender, [self.receiver], size_bytes, self.via, self.uplink)
        self.band.send(flight)
        return flight


class Journey(Event):
    """A message on its way over several hops; as an event it happens at the arrival, with the whole as value."""

    def __init__(self, env: Environment, hops: Sequence[Hop], sender: Node, receiver: Node, size_bytes: int) -> None:
        super().__init__(env)
        self._hops, self._ends, self._size_bytes = hops, (sender, receiver), size_bytes
        self._flights: list[Flight] = []
        self._ended: list[Delivery] = []
        self._depart()

    @property
    def relayed(self) -> Sequence[Relayed]:
        """What it has cost those between its ends."""
        drawn = []
        for hop, ended in zip(self._hops, self._ended, strict=False):
            if hop.wired:
                continue
            span = ended.start_s, min(ended.end_s, self.env.now)
            drawn.append(Relayed(hop.sender, True, *span, ended.transmit_j))
            drawn.append(Relayed(hop.receiver, False, *span, ended.receive_j))
        return [each for each in drawn if each.energy_j and each.relay not in self._ends]

    def part(self, receiver: Node) -> Delivery:
        """What became of it."""
        (sender, end), ended = self._ends, self._ended
        done = list(zip(self._hops, ended, strict=False))
        return Delivery(
            ended[0].start_s,
            ended[-1].end_s,
            ended[0].sent_bytes,
            sum(each.transmit_j for hop, each in done if hop.sender is sender),
            sum(each.receive_j for hop, each in done if hop.receiver is end),
            max(each.attempts for each in ended),
            len(ended) == len(self._hops) and ended[-1].arrived,
        )

    def residual(self, flown_bytes: Floats) -> Floats:
        """Probability that one of the hops has lost what flew as these bytes of the message."""
        kept: Floats = np.prod([1.0 - flight.residual(flown_bytes) for flight in self._flights], axis=0)
        return 1.0 - kept

    def leave(self, receiver: Node) -> Delivery:
        """Stop it where it is."""
        if not self.triggered:
            flight = self._flights[-1]
            self._ended.append(flight.leave(flight.receivers[0]))
            if flight.callbacks is not None:  # it may be through the air already
                flight.callbacks.remove(self._arrive)
        return self.part(receiver)._replace(end_s=self.env.now, arrived=False)

    def _depart(self) -> None:
        flight = self._hops[len(self._flights)].begin(self.env, self._size_bytes)
        flight.callbacks.append(self._arrive)
        self._flights.append(flight)

    def _arrive(self, flight: Event) -> None:
        assert isinstance(flight, Flight)
        delivery = flight.part(flight.receivers[0])
        self._ended.append(delivery)
        if delivery.arrived and len(self._ended) < len(self._hops):
            self._depart()
        else:
            self.succeed(self.part(self._ends[1]))
