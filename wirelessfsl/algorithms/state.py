"""What a round leaves to the next: the only thing of a scheme that outlives a round, and so what a checkpoint keeps.

Between two rounds nothing is in flight, and a scheme is its state: plain data, which ``begin`` makes before the first
round and every round of ``train`` reads and writes. What a round needs for itself is a local variable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from wirelessfsl.engine.world import Node, Steps, World
from wirelessfsl.learning.stage import Part


class Scheme(Protocol):
    """A training scheme: a frozen dataclass of settings."""

    @property
    def rounds(self) -> int: ...

    def begin(self, world: World) -> Any:
        """The state before the first round."""

    def train(self, world: World, state: Any) -> Steps:
        """The rounds of :meth:`World.rounds`, which read the state and write to it."""


@dataclass
class State:
    """What most schemes carry from round to round, each what it has of it; some have a class with more.

    model: parts that all clients have in common, as the server has them.
    parts: those of each client.
    replicas: those that the server has for each client.
    """

    model: tuple[Part, ...] = ()
    parts: dict[Node, Part] = field(default_factory=dict)
    replicas: dict[Node, Part] = field(default_factory=dict)
