"""SplitFed learning, version 1: clients train in parallel with the server, then both halves of the model are averaged.

Thapa, Arachchige, Camtepe, Sun, "SplitFed: When Federated Learning Meets Split Learning", AAAI 2022, 36(8), 8485-8493
(arXiv:2004.12088), algorithms 1 and 2. The server keeps one replica of its half per client.

Each round, for all clients k at once:

    client k <- server: client part w_c
    for every batch (x, y):  split step of w_c,k and the replica w_s,k        (algorithms/exchange.py)
    client k -> server: w_c,k
    server: w_c <- sum_k p_k w_c,k;  w_s <- sum_k p_k w_s,k

Unlike the authors' code, which makes new optimisers all the time, optimiser states persist (at the node that owns them)
and evaluation uses the averaged model.
"""

from __future__ import annotations

from contextlib import suppress
from typing import ClassVar, Literal

from wirelessfsl.algorithms.exchange import split_step
from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Node, Skipped, Steps, World
from wirelessfsl.learning.kernels import average, changed, difference
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part, Weights, recut
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.settings import settings
from wirelessfsl.units import Count


@settings
class SplitFedV1:
    """SplitFed V1: parallel split learning, both halves averaged every round (Thapa et al., AAAI 2022, algorithms 1-2).

    Labels go to the server with the smashed data. Per step a client sends activations and labels and receives the cut
    gradient; per round it receives and sends its part of the model. Groups of devices may have cuts of their own
    (devices.model), since the whole model is averaged.

    rounds: global rounds.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of both halves; each client part and each server replica has a state of its own.
    upload: what a client sends, its weights or their change since it received them; sparsification, low rank and error
        feedback are made for changes.
    weighting: share p_k of a client in the averages: its number of samples, or the same for all.
    """

    cuts: ClassVar[int] = 1
    own: ClassVar[str] = "cuts"
    messages: ClassVar[tuple[str, ...]] = (ACTIVATIONS, LABELS, GRADIENTS, MODEL_UPLOAD, MODEL_DOWNLOAD)
    merges: ClassVar[bool] = True

    kind: Literal["splitfed_v1"] = "splitfed_v1"
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()
    upload: Literal["weights", "update"] = "weights"
    weighting: Literal["samples", "uniform"] = "samples"

    def begin(self, world: World) -> State:
        parts = {k: world.initial_of(k)[0].begin(self.optimizer, world.key(k)) for k in world.clients}
        replicas = {k: world.initial_of(k)[1].begin(self.optimizer, world.key(k)) for k in world.clients}
        return State(world.initial, parts, replicas)

    def train(self, world: World, state: State) -> Steps:
        for t in world.rounds(self.rounds, state):
            losses = yield from self.round(world, state, self.optimizer.at(t, self.rounds))
            world.close_round(state.model, losses)

    def round(self, world: World, state: State, rule: Optimizer) -> Steps:
        """One round: the losses of the clients that finished."""
        client_part, server_part = state.model
        clients = yield from world.participants()
        both, sessions = (client_part.weights, server_part.weights), {}
        for k in clients:
            own, replica = recut(both, world.stages, world.stages_of(k))
            sessions[k] = self.session(world, k, rule, own, state.parts[k], state.replicas[k].load(replica))
        done = yield from world.together(sessions)
        if done:
            shares = world.shares(done, self.weighting)
            whole = {k: (upload, replica.weights) for k, (_, replica, upload, _) in done.items()}
            alike = [recut(weights, world.stages_of(k), world.stages) for k, weights in whole.items()]
            uploads, halves = zip(*alike, strict=True)
            mean = yield from world.server.compute(average, uploads, shares)
            if self.upload == "update":
                mean = yield from world.server.compute(changed, client_part.weights, mean)
            client_part = client_part.load(mean)
            server_part = server_part.load((yield from world.server.compute(average, halves, shares)))
            state.model = client_part, server_part
            state.parts |= {k: part.bare() for k, (part, _, _, _) in done.items()}
            state.replicas |= {k: replica.bare() for k, (_, replica, _, _) in done.items()}
        return {k: losses for k, (_, _, _, losses) in done.items()}

    def session(
        self, world: World, client: Node, rule: Optimizer, weights: Weights, part: Part, replica: Part
    ) -> Steps:
        """One client's round: its part, the server's replica, the uploaded weights, the loss of every batch."""
        server, losses = world.server, []
        weights = yield from world.transfer(server, client, model_download=weights)
        part = part.load(weights)
        for x, y in world.batches(client, self.local_steps, self.batch_size):
            with suppress(Skipped):
                part, replica, loss = yield from split_step(world, client, rule, part, replica, x, y)
                losses.append(loss)
        upload = part.weights
        if self.upload == "update":
            upload = yield from client.compute(difference, upload, weights)
        upload = yield from world.transfer(client, server, model_upload=upload)
        return part, replica, upload, losses
