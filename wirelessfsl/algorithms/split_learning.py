"""Split learning: one client after the other trains with the server, and hands its part of the model on.

Gupta, Raskar, "Distributed learning of deep neural network over multiple agents", Journal of Network and Computer
Applications 116, 2018, 1-8 (arXiv:1810.06060), algorithms 1 and 2.

Each round, for client k = 1, 2, ... in turn:

    client k <- server: client part w_c, as the client before left it    (peer: <- the client before)
    for every batch (x, y):  split step of w_c and w_s                   (algorithms/exchange.py)
    client k -> server: w_c                                              (peer: nothing)

States of optimisers stay where they are: a client's at the client, the server's at the server.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from wirelessfsl.algorithms.exchange import split_step
from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Node, Skipped, Steps, World
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part, Weights
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.settings import settings
from wirelessfsl.streams import stream
from wirelessfsl.units import Count


@dataclass
class Turns(State):
    """A state with the clients that have trained, the last one first."""

    trained: list[Node] = field(default_factory=list)


@settings
class SplitLearning:
    """Sequential split learning: clients train in turn and hand their part on (Gupta and Raskar, JNCA 2018, alg. 1-2).

    Labels go to the server with the smashed data. Nothing is averaged: there is one model, which clients train in turn.
    A client that drops out in its turn leaves the model as it was before.

    rounds: global rounds; in each every client that takes part has its turn.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of both halves; each client and the server have a state of their own.
    order: of the clients: always the same, or a new random one every round.
    hand_over: how the client part goes from one client to the next: through the server, up and down; or as peers, from
        device to device over a band as wide as the uplink's (on constant links at its rate). Of peers the last one that
        is up hands its part on.
    """

    cuts: ClassVar[int] = 1
    messages: ClassVar[tuple[str, ...]] = (ACTIVATIONS, LABELS, GRADIENTS, MODEL_UPLOAD, MODEL_DOWNLOAD)
    pace: ClassVar[str] = "in_turn"

    kind: Literal["split_learning"] = "split_learning"
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()
    order: Literal["fixed", "random"] = "fixed"
    hand_over: Literal["server", "peer"] = "server"

    def begin(self, world: World) -> Turns:
        client_part, server_part = world.initial
        parts = {k: client_part.copy().begin(self.optimizer, world.key(k)) for k in world.clients}
        return Turns((client_part, server_part.begin(self.optimizer, world.key(world.clients[0]))), parts)

    def train(self, world: World, state: Turns) -> Steps:
        for t in world.rounds(self.rounds, state):
            client_part, server_part = state.model
            rule = self.optimizer.at(t, self.rounds)
            clients = yield from world.participants()
            if self.order == "random":
                clients = tuple(clients[i] for i in stream(world.seed, "order", t).permutation(len(clients)))
            losses = {}
            for k in clients:
                last = next((h for h in state.trained if h.up), None) if self.hand_over == "peer" else world.server
                held = client_part.weights if last in (None, world.server) else state.parts[last].weights
                turn = self.turn(world, k, rule, last, held, state.parts[k], server_part)
                done = yield from world.together({k: turn})
                if done:
                    part, server_part, weights, losses[k] = done[k]
                    state.parts[k] = part if self.hand_over == "peer" else part.bare()
                    client_part = client_part.load(weights)
                    state.trained = [k, *(h for h in state.trained if h is not k)]
            state.model = client_part, server_part
            world.close_round(state.model, losses)

    def turn(
        self, world: World, client: Node, rule: Optimizer, last: Node | None, weights: Weights, part: Part, top: Part
    ) -> Steps:
        """One client's turn: its part, the server's, the weights that go on, the loss of every batch.

        last: who has the weights; None if nobody has any but the client's own.
        """
        server, losses = world.server, []
        if last is server:
            part = part.load((yield from world.transfer(server, client, model_download=weights)))
        elif last not in (None, client):
            part = part.load((yield from world.hand_over(last, model_upload=weights)))
        for x, y in world.batches(client, self.local_steps, self.batch_size):
            with suppress(Skipped):
                part, top, loss = yield from split_step(world, client, rule, part, top, x, y)
                losses.append(loss)
        weights = part.weights
        if last is server:
            weights = yield from world.transfer(client, server, model_upload=weights)
        return part, top, weights, losses
