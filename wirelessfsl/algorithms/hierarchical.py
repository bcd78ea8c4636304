"""Hierarchical aggregation: edge servers run a scheme with their clients, and a cloud averages what comes of it.

Liu, Zhang, Song, Letaief, "Client-Edge-Cloud Hierarchical Federated Learning", IEEE ICC 2020 (arXiv:1905.06641),
HierFAVG: there the scheme is FedAvg, with kappa_1 local steps, kappa_2 rounds at the edges, then the cloud.

Each round, for all edges l at once:

    edge l <- cloud: w
    kappa_2 rounds of the scheme among the clients of edge l:  w_l
    edge l -> cloud: w_l
    cloud: w <- sum_l n_l/n w_l,   n_l = sum of the weights of the clients of edge l that took part

w is the whole model: of split schemes the server's half, too. States of optimisers stay at clients and edges. An edge
of which a message is lost, or none of whose clients gets through, is left out of the average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wirelessfsl.algorithms.state import Scheme
from wirelessfsl.engine.edges import Edge
from wirelessfsl.engine.world import Exhausted, Node, Steps, World
from wirelessfsl.learning.kernels import average, changed, difference
from wirelessfsl.learning.stage import Part, Weights, loaded, whole

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Levels:
    """What a round of the cloud leaves to the next: its model, and the scheme's state at every edge server."""

    model: tuple[Part, ...]
    edges: dict[Node, Any]


@dataclass(frozen=True)
class Hierarchical:
    """A scheme at every edge of a world, whose server is the cloud above; the scheme's state has a ``model``."""

    scheme: Scheme

    @property
    def rounds(self) -> int:
        """Rounds of the cloud."""
        return self.scheme.rounds

    @property
    def update(self) -> bool:
        """Whether what is uploaded is the change of the weights."""
        return bool(getattr(self.scheme, "upload", "weights") == "update")

    def begin(self, world: World) -> Levels:
        return Levels(world.initial, {edge.server: self.scheme.begin(edge) for edge in world.edges})

    def train(self, world: World, state: Levels) -> Steps:
        for _ in world.rounds(self.rounds, state):
            losses = yield from self.round(world, state)
            world.close_round(state.model, losses)

    def round(self, world: World, state: Levels) -> Steps:
        """One round: the losses of the clients that finished."""
        weights = whole(state.model)
        sessions = {
            each.server: self.session(world, each, state.edges[each.server], weights)
            for each in world.edges
            if not each.over
        }
        done = yield from world.together(sessions)
        merging = [each for each in done.values() if each]
        if not merging and all(edge.over for edge in world.edges):
            raise Exhausted("no client is left")
        losses: dict[Node, Sequence[Tensor]] = {}
        if merging:
            uploads, shares, own = zip(*merging, strict=True)
            mean = yield from world.server.compute(average, uploads, shares)
            if self.update:
                mean = yield from world.server.compute(changed, weights, mean)
            state.model = loaded(state.model, mean)
            losses = {client: of for each in own for client, of in each.items()}
        return losses

    def session(self, world: World, edge: Edge, own: Any, weights: Weights) -> Steps:
        """An edge's part in a round: its weights at the cloud, their share there, and its clients' losses; or nothing.

        own: the scheme's state at the edge.
        """
        received = yield from world.transfer(world.server, edge.server, model_download=weights)
        own.model = loaded(own.model, received)
        yield from edge.play(self.scheme.train(edge, own))
        if not edge.losses:
            return None
        upload = whole(own.model)
        if self.update:
            upload = yield from edge.server.compute(difference, upload, received)
        upload = yield from world.transfer(edge.server, world.server, model_upload=upload)
        own.model = tuple(part.bare() for part in own.model)
        return upload, sum(world.shares(edge.losses, getattr(self.scheme, "weighting", "samples"))), edge.losses
