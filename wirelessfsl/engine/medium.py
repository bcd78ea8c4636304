"""The medium: over which bands a message goes. Nobody else computes an airtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from simpy import Environment

from wirelessfsl.engine.airs import Air
from wirelessfsl.engine.flight import Delivery, Flight
from wirelessfsl.engine.journey import Hop, Journey
from wirelessfsl.engine.kept import Made
from wirelessfsl.engine.line import Line
from wirelessfsl.engine.node import Node
from wirelessfsl.engine.packets import Repeated


class Medium:
    """All bands of the network; ``band`` says which one carries a message from one node to another, None for many.

    A band of a broadcast is the downlink's or, with constant links, one of its own, which no other message slows down.
    Where there is more than the air between two nodes, ``hops`` has the way. ``bands`` are those that keep
    something from one round to the next: with what they are made for, in so far as they have been used.
    """

    def __init__(
        self,
        env: Environment,
        band: Callable[[Node, Node | None], Line],
        bands: Sequence[Made[Line]] = (),
        hops: Callable[[Node, Node], Sequence[Hop]] | None = None,
    ) -> None:
        self.env, self._band, self.bands = env, band, bands
        self._hops = hops
        self._asked: tuple[Air, float] | None = None
        self._qualities = np.empty(0)

    def transmit(self, sender: Node, receiver: Node, size_bytes: int) -> Flight | Journey:
        """Send ``size_bytes``; the returned event happens at the arrival, its value is the :class:`Delivery`."""
        if self._hops is None:
            flight = Flight(self.env, self._band(sender, receiver), sender, [receiver], size_bytes)
            flight.band.send(flight)
            return flight
        hops = self._hops(sender, receiver)
        if len(hops) == 1 and not hops[0].wired:
            return hops[0].begin(self.env, size_bytes)
        return Journey(self.env, hops, sender, receiver, size_bytes)

    def broadcast(self, sender: Node, size_bytes: int) -> Flight:
        """Send ``size_bytes`` once, to all receivers that are entered in the flight at this instant."""
        flight = Flight(self.env, self._band(sender, None), sender, [], size_bytes)
        flight.band.send(flight)
        return flight

    def quality(self, sender: Node, receiver: Node) -> float:
        """Quality of a link now: SNR over the whole band, 1 on a constant link."""
        asked = self._band(sender, receiver).air, self.env.now
        if self._asked != asked:
            self._asked, self._qualities = asked, asked[0].quality(self.env.now)
        return float(self._qualities[max(sender.link, receiver.link)])

    def leave(self, flight: Flight | Journey | Repeated, receiver: Node) -> Delivery:
        """Stop a flight for one of its receivers, for the others it goes on; what became of it for this one."""
        return flight.leave(receiver)
