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

from wirelessfsl.engine.edges import Edge, Scheme
from wirelessfsl.engine.world import Exhausted, Node, Steps, World
from wirelessfsl.learning.kernels import average, changed, difference
from wirelessfsl.learning.stage import Weights, loaded, whole


def train(world: World, scheme: Scheme) -> Steps:
    """Let a scheme run at every edge of a world, and the world's server be the cloud above."""
    parts, update = world.initial, getattr(scheme, "upload", "weights") == "update"
    for _ in world.rounds(scheme.rounds):
        weights = whole(parts)
        sessions = {each.server: session(world, each, scheme, weights, update) for each in world.edges if not each.over}
        done = yield from world.together(sessions)
        merging = [each for each in done.values() if each]
        if not merging and all(edge.over for edge in world.edges):
            raise Exhausted("no client is left")
        losses: dict[Node, Sequence[float]] = {}
        if merging:
            uploads, shares, own = zip(*merging, strict=True)
            mean = yield from world.server.compute(average, uploads, shares)
            if update:
                mean = yield from world.server.compute(changed, weights, mean)
            parts = loaded(parts, mean)
            losses = {client: of for each in own for client, of in each.items()}
        world.close_round(parts, losses)


def session(world: World, edge: Edge, scheme: Scheme, weights: Weights, update: bool) -> Steps:
    """An edge's part in a round: its weights at the cloud, their share there, and its clients' losses; or nothing."""
    received = yield from world.transfer(world.server, edge.server, model_download=weights)
    yield from edge.play(scheme, received)
    if not edge.losses:
        return None
    upload = whole(edge.parts)
    if update:
        upload = yield from edge.server.compute(difference, upload, received)
    upload = yield from world.transfer(edge.server, world.server, model_upload=upload)
    return upload, sum(world.shares(edge.losses, getattr(scheme, "weighting", "samples"))), edge.losses
