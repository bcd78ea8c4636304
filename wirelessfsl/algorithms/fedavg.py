"""Federated averaging: clients train the whole model on their own data, the server averages.

McMahan, Moore, Ramage, Hampson, Aguera y Arcas, "Communication-Efficient Learning of Deep Networks from Decentralized
Data", AISTATS 2017, PMLR 54, 1273-1282, algorithm 1.

Each round, for all clients k at once:

    client k <- server: w
    for every batch:  w_k <- w_k - eta grad
    client k -> server: w_k
    server: w <- sum_k n_k/n w_k
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Node, Steps, World
from wirelessfsl.learning.kernels import average, changed, difference, train
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part, Weights
from wirelessfsl.records import MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.settings import settings
from wirelessfsl.units import Count

if TYPE_CHECKING:
    from torch import Tensor


@settings
class FedAvg:
    """FedAvg: local training of the whole model, averaged every round (McMahan et al., AISTATS 2017, algorithm 1).

    Only model weights travel. The state of an optimiser that has one stays at its client.

    rounds: global rounds.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of the clients.
    upload: what a client sends, its weights or their change since it received them; sparsification, low rank and error
        feedback are made for changes.
    weighting: share of a client in the average: its number of samples, or the same for all.
    """

    cuts: ClassVar[int] = 0
    messages: ClassVar[tuple[str, ...]] = (MODEL_UPLOAD, MODEL_DOWNLOAD)
    merges: ClassVar[bool] = True

    kind: Literal["fedavg"] = "fedavg"
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()
    upload: Literal["weights", "update"] = "weights"
    weighting: Literal["samples", "uniform"] = "samples"

    def begin(self, world: World) -> State:
        (model,) = world.initial
        return State(world.initial, {k: model.begin(self.optimizer, world.key(k)) for k in world.clients})

    def train(self, world: World, state: State) -> Steps:
        for t in world.rounds(self.rounds, state):
            losses = yield from self.round(world, state, self.optimizer.at(t, self.rounds))
            world.close_round(state.model, losses)

    def round(self, world: World, state: State, rule: Optimizer) -> Steps:
        """One round: the losses of the clients that finished."""
        (model,) = state.model
        clients = yield from world.participants()
        sessions = {k: self.session(world, k, rule, model.weights, state.parts[k]) for k in clients}
        done = yield from world.together(sessions)
        if done:
            shares = world.shares(done, self.weighting)
            uploads = [upload for _, upload, _ in done.values()]
            mean = yield from world.server.compute(average, uploads, shares)
            if self.upload == "update":
                mean = yield from world.server.compute(changed, model.weights, mean)
            state.model = (model.load(mean),)
            state.parts |= {k: part.bare() for k, (part, _, _) in done.items()}
        return {k: losses for k, (_, _, losses) in done.items()}

    def session(self, world: World, client: Node, rule: Optimizer, weights: Weights, part: Part) -> Steps:
        """One client's round: its part, the uploaded weights, the loss of every batch."""
        losses = []
        weights = yield from world.transfer(world.server, client, model_download=weights)
        part = part.load(weights)
        for x, y in world.batches(client, self.local_steps, self.batch_size):
            part, loss = yield from self.step(world, client, rule, part, weights, x, y)
            losses.append(loss)
        upload = part.weights
        if self.upload == "update":
            upload = yield from client.compute(difference, upload, weights)
        upload = yield from world.transfer(client, world.server, model_upload=upload)
        return part, upload, losses

    def step(
        self, world: World, client: Node, rule: Optimizer, part: Part, weights: Weights, x: Tensor, y: Tensor
    ) -> Steps:
        """One batch of a client that was sent ``weights``: its part and the loss."""
        return (yield from client.compute(train, world.stages[0], rule, part, x, y))
