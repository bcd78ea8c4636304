"""Edges: the world as a scheme sees it at one of several edge servers, below a cloud.

An edge server has its part of the clients and plays the server of the scheme, round after round. After some of them
the scheme stands still (:meth:`Edge.merged`) until the cloud has other values for it; states of optimisers stay where
they are. Rounds of an edge are counted here; those of the log are the cloud's, in each of which all edges go as far.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from typing import Any, Protocol

from simpy import Event, Process

from wirelessfsl.engine.node import Node, Steps
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.sessions import Exhausted, Sessions
from wirelessfsl.engine.world import Cut, Model, World
from wirelessfsl.learning.stage import Part, Weights, loaded


class Scheme(Protocol):
    """A training scheme whose server goes on with what :meth:`World.merged` says; its rounds are the cloud's."""

    @property
    def rounds(self) -> int: ...

    def train(self, world: World) -> Steps:
        """The whole training."""


class Edge(World):
    """An edge server's share of a world: the same clock, network and log, with clients and sessions of its own.

    above: the world that it is a part of. rounds: how many of its own there are to one of the cloud. ``parts`` and
    ``losses`` are what came of the last call of :meth:`play`, and ``over`` says whether no client is left.
    """

    def __init__(
        self, above: World, server: Node, clients: Collection[Node], participation: Participation, rounds: int
    ) -> None:
        vars(self).update(vars(above))
        self.server, self.clients, self.participation = server, tuple(clients), participation
        self.sessions = Sessions(self.env, self.journal, participation)
        self.over = False
        self.parts: tuple[Part, ...] = ()
        self.losses: dict[Node, list[float]] = {}
        self._every, self._round = rounds, 0
        self._scheme: Process | None = None
        self._done = self._go = self.env.event()
        for client in clients:
            client.world = self

    @property
    def round(self) -> int:
        """Number of the edge's own round, from 1."""
        return self._round

    def rounds(self, count: int) -> Iterator[int]:
        """The cloud's rounds, each as often as the edge has rounds of its own in it."""
        while True:
            self._round += 1
            yield self.journal.round

    def close_round(self, parts: Model, losses: Mapping[Node, Sequence[float]], cut: Cut = Cut()) -> None:  # noqa: B008
        """End one of the edge's own rounds: remember what came of it."""
        assert not isinstance(parts, Mapping)
        self.sessions.close_round()
        self.parts = tuple(parts)
        for client, own in losses.items():
            self.losses.setdefault(client, []).extend(own)

    def merged(self, parts: Sequence[Part]) -> Generator[Event, Any, tuple[Part, ...]]:
        """After the last of its rounds, wait for the cloud's values."""
        if self.round % self._every:
            return tuple(parts)
        self._go = self.env.event()
        self._done.succeed()
        return loaded(parts, (yield self._go))

    def play(self, scheme: Scheme, weights: Weights) -> Steps:
        """Let the scheme go on with these values of the whole model, until it is the cloud's turn again."""
        self.losses = {}
        self._done = self.env.event()
        if self._scheme is None:
            self.initial = loaded(self.initial, weights)
            self._scheme = self.env.process(scheme.train(self))
        else:
            self._go.succeed(weights)
        try:
            yield self._done | self._scheme
        except Exhausted:
            self.over = True
