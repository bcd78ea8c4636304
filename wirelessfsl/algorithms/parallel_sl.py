"""Parallel split learning: all clients' smashed data are one batch for one server model.

Jeon, Kim, "Privacy-Sensitive Parallel Split Learning", ICOIN 2020, 7-9: the parallel scheme that others are compared
with. Client parts are averaged every round, as Wu et al., "Split Learning over Wireless Networks: Parallel Design and
Resource Management", IEEE JSAC 41(4), 2023 (arXiv:2204.08119), do inside of a cluster.

Each round:

    client k <- server: client part w_c
    for every batch, all clients k at once:
        client k:  a_k = f(w_c,k; x_k)                       -> server: a_k, y_k
        server:    w_s <- step with the mean gradient over all samples; dL_k/da_k with L_k the mean over client k's
        client k:  w_c,k <- step                             <- server: dL_k/da_k
    client k -> server: w_c,k
    server: w_c <- sum_k p_k w_c,k

A client that drops out in a round is as it was before; the server keeps what it has learnt. A deadline binds clients: a
server that is busy beyond it still ends its step.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from wirelessfsl.algorithms.exchange import Sent, in_step
from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Node, Steps, World
from wirelessfsl.learning.kernels import average, serve_all
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part, Weights
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.settings import settings
from wirelessfsl.units import Count

if TYPE_CHECKING:
    from torch import Tensor


@settings
class ParallelSL:
    """Parallel split learning: one server pass over the batches of all clients (Jeon and Kim, ICOIN 2020).

    Labels go to the server with the smashed data. The server waits for everybody's batch and steps once with the mean
    gradient over all samples; a client gets that of its own samples, times all samples over its own: the gradient of
    its own mean loss, but for what batch normalisation at the server mixes. Client parts are averaged every round.

    rounds: global rounds.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of both halves; each client and the server have a state of their own.
    weighting: share p_k of a client in the average of the client parts: its number of samples, or the same for all.
    """

    cuts: ClassVar[int] = 1
    messages: ClassVar[tuple[str, ...]] = (ACTIVATIONS, LABELS, GRADIENTS, MODEL_UPLOAD, MODEL_DOWNLOAD)
    merges: ClassVar[bool] = True
    pace: ClassVar[str] = "in_step"

    kind: Literal["parallel_sl"] = "parallel_sl"
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()
    weighting: Literal["samples", "uniform"] = "samples"

    def begin(self, world: World) -> State:
        client_part, server_part = world.initial
        parts = {k: client_part.begin(self.optimizer, world.key(k)) for k in world.clients}
        return State((client_part, server_part.begin(self.optimizer, world.key(world.clients[0]))), parts)

    def train(self, world: World, state: State) -> Steps:
        for t in world.rounds(self.rounds, state):
            rule = self.optimizer.at(t, self.rounds)
            clients = yield from world.participants()
            losses: dict[Node, list[Tensor]] = {}
            for cluster in self.clusters(clients):
                turn = self.turn(world, rule, {k: state.parts[k] for k in cluster}, *state.model)
                client_part, server_part, trained, own = yield from turn
                state.model = client_part, server_part
                state.parts |= trained
                losses |= own
            world.close_round(state.model, losses)

    def clusters(self, clients: tuple[Node, ...]) -> list[tuple[Node, ...]]:
        """Clients that go in step; one cluster after the other continues with the averages of the one before."""
        return [clients]

    def serve(self, rule: Optimizer, world: World, part: Part, sent: Sent, step: int) -> Steps:
        """One batch of every client at the server: its part, each client's cut gradient and each client's loss."""
        smashed, labels = ([*each] for each in zip(*sent.values(), strict=True))
        with world.about(step):
            part, gradients, losses = yield from world.server.compute(
                serve_all, world.stages[1], rule, part, smashed, labels
            )
        return part, dict(zip(sent, gradients, strict=True)), dict(zip(sent, losses, strict=True))

    def turn(
        self, world: World, rule: Optimizer, parts: dict[Node, Part], client_part: Part, server_part: Part
    ) -> Steps:
        """A cluster's local steps: both parts of the model, and the parts and losses of the clients that finished."""
        fetching = {k: self.fetch(world, k, client_part.weights, part) for k, part in parts.items()}
        here: dict[Node, Part] = yield from world.together(fetching, more=True)
        serve = partial(self.serve, rule)
        here, server_part, losses = yield from in_step(
            world,
            here,
            dict.fromkeys(here, rule),
            server_part,
            serve,
            self.local_steps,
            self.batch_size,
            amid=True,
        )
        uploading = {k: world.transfer(k, world.server, model_upload=here[k].weights) for k in losses}
        uploads = yield from world.together(uploading, again=True)
        if uploads:
            shares = world.shares(uploads, self.weighting)
            mean = yield from world.server.compute(average, [*uploads.values()], shares)
            client_part = client_part.load(mean)
        return client_part, server_part, {k: here[k].bare() for k in uploads}, {k: losses[k] for k in uploads}

    def fetch(self, world: World, client: Node, weights: Weights, part: Part) -> Steps:
        """Download of the client part."""
        weights = yield from world.transfer(world.server, client, model_download=weights)
        return part.load(weights)
