"""Edges: the world as a scheme sees it at one of several edge servers, below a cloud.

An edge server has its part of the clients and plays the server of the scheme, for some rounds at a time; in between
the scheme is its state alone, whose model the cloud replaces. States of optimisers stay where they are. Rounds of an
edge are counted here; those of the log are the cloud's, in each of which all edges go as far.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from wirelessfsl.engine.node import Node, Steps
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.sessions import Exhausted, Sessions
from wirelessfsl.engine.world import Cut, Model, World

if TYPE_CHECKING:
    from torch import Tensor


class Edge(World):
    """An edge server's share of a world: the same clock, network and log, with clients and sessions of its own.

    above: the world that it is a part of. rounds: how many of its own there are to one of the cloud. ``losses`` are
    those of the last call of :meth:`play`, and ``over`` says whether no client is left.
    """

    KEPT: ClassVar = ("client_steps", "sessions", "over", "_round")

    def __init__(
        self, above: World, server: Node, clients: Collection[Node], participation: Participation, rounds: int
    ) -> None:
        vars(self).update(vars(above))
        self.server, self.clients, self.participation = server, tuple(clients), participation
        self.sessions = Sessions(self.env, self.journal, participation)
        self.over = False
        self.losses: dict[Node, list[Tensor]] = {}
        self._every, self._round = rounds, 0
        for client in clients:
            client.world = self

    @property
    def round(self) -> int:
        """Number of the edge's own round, from 1."""
        return self._round

    def rounds(self, count: int, state: object) -> Iterator[int]:
        """The cloud's round, as often as the edge has rounds of its own in it."""
        for _ in range(self._every):
            self._round += 1
            yield self.journal.round

    def close_round(self, parts: Model, losses: Mapping[Node, Sequence[Tensor]], cut: Cut = Cut()) -> None:  # noqa: B008
        """End one of the edge's own rounds: remember the losses."""
        self.sessions.close_round()
        for client, own in losses.items():
            self.losses.setdefault(client, []).extend(own)

    def play(self, rounds: Steps) -> Steps:
        """Let the scheme train for the edge's rounds of one of the cloud's."""
        self.losses = {}
        try:
            yield self.env.process(rounds)
        except Exhausted:
            self.over = True
