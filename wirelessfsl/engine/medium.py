"""The medium: which band carries a message. Nobody else computes an airtime.

Left out: interference, retransmissions, access delay beyond the constant latency.
"""

from __future__ import annotations

from collections.abc import Callable

from simpy import Environment

from wirelessfsl.engine.band import Band
from wirelessfsl.engine.flight import Delivery, Flight
from wirelessfsl.engine.node import Node


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
