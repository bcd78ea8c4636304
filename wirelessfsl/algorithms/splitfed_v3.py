"""SplitFed learning, version 3: clients keep parts of their own, the server's replicas are averaged.

Gawali et al., "Comparison of Privacy-Preserving Distributed Deep Learning Methods in Healthcare", MIUA 2021
(arXiv:2012.12591), section on SplitFedv3.

Each round, for all clients k at once:

    for every batch (x, y):  split step of w_c,k and the replica w_s,k        (algorithms/exchange.py)
    server: w_s <- sum_k p_k w_s,k
"""

from __future__ import annotations

from contextlib import suppress
from typing import ClassVar, Literal

from wirelessfsl.algorithms.exchange import split_step
from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Node, Skipped, Steps, World
from wirelessfsl.learning.kernels import average
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS
from wirelessfsl.settings import settings
from wirelessfsl.units import Count


@settings
class SplitFedV3:
    """SplitFed V3: private client parts, the server's replicas averaged every round (Gawali et al., MIUA 2021).

    Labels go to the server with the smashed data. No parameter ever travels; clients begin with the same values and may
    have parts of different models (devices.model). Each client is evaluated with its own part on its own test samples;
    the figure of the run is their mean.

    rounds: global rounds.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of both halves; each client part and each server replica has a state of its own.
    weighting: share p_k of a client in the average: its number of samples, or the same for all.
    """

    cuts: ClassVar[int] = 1
    messages: ClassVar[tuple[str, ...]] = (ACTIVATIONS, LABELS, GRADIENTS)
    own: ClassVar[str] = "parts"

    kind: Literal["splitfed_v3"] = "splitfed_v3"
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()
    weighting: Literal["samples", "uniform"] = "samples"

    def begin(self, world: World) -> State:
        _, server_part = world.initial
        parts = {k: world.initial_of(k)[0].copy().begin(self.optimizer, world.key(k)) for k in world.clients}
        replicas = {k: server_part.begin(self.optimizer, world.key(k)) for k in world.clients}
        return State((server_part,), parts, replicas)

    def train(self, world: World, state: State) -> Steps:
        for t in world.rounds(self.rounds, state):
            losses = yield from self.round(world, state, self.optimizer.at(t, self.rounds))
            world.close_round({k: (state.parts[k], *state.model) for k in world.clients}, losses)

    def round(self, world: World, state: State, rule: Optimizer) -> Steps:
        """One round: the losses of the clients that finished."""
        (server_part,) = state.model
        clients = yield from world.participants()
        replicas = {k: state.replicas[k].load(server_part.weights) for k in clients}
        sessions = {k: self.session(world, k, rule, state.parts[k], replicas[k]) for k in clients}
        done = yield from world.together(sessions)
        if done:
            shares = world.shares(done, self.weighting)
            halves = [replica.weights for _, replica, _ in done.values()]
            server_part = server_part.load((yield from world.server.compute(average, halves, shares)))
            state.model = (server_part,)
            state.parts |= {k: part for k, (part, _, _) in done.items()}
            state.replicas |= {k: replica.bare() for k, (_, replica, _) in done.items()}
        return {k: losses for k, (_, _, losses) in done.items()}

    def session(self, world: World, client: Node, rule: Optimizer, part: Part, replica: Part) -> Steps:
        """One client's round: its part, the server's replica, the loss of every batch."""
        losses = []
        for x, y in world.batches(client, self.local_steps, self.batch_size):
            with suppress(Skipped):
                part, replica, loss = yield from split_step(world, client, rule, part, replica, x, y)
                losses.append(loss)
        return part, replica, losses
