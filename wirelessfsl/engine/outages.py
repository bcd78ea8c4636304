"""Outages: when a client is down, one after the other, as its model of failures has them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from math import inf
from typing import ClassVar

from simpy import Event

from wirelessfsl.engine.node import Node


class Outages:
    """The outages of a client: ``next`` is when it goes down or comes back, and ``passed`` how often it has so far.

    intervals: those in which it is down, in order.
    """

    KEPT: ClassVar = ("passed",)

    def __init__(self, node: Node, intervals: Iterator[tuple[float, float]]) -> None:
        self.node, self.passed = node, 0
        self._instants = (instant_s for interval in intervals for instant_s in interval)
        self.next: Event | None = None
        self._wait(next(self._instants, inf))

    def skip(self) -> None:
        """Leave out the instants that have passed."""
        deque(islice(self._instants, self.passed), maxlen=0)

    def change(self, _: Event) -> None:
        """The client fails, or is repaired."""
        self.passed += 1
        then_s = next(self._instants, inf)
        if self.passed % 2 == 0:
            self.node.world.back(self.node)
        elif self.node.gone:
            return
        else:
            self.node.gone = then_s == inf
            self.node.world.sessions.fell(self.node, "failure")
        self._wait(then_s)

    def _wait(self, until_s: float) -> None:
        if until_s < inf:
            env = self.node.env
            self.next = env.timeout(until_s - env.now)
            self.next.callbacks.append(self.change)
