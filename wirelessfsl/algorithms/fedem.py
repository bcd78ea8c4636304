"""Federated expectation-maximisation: clients share a few models, and each mixes them in shares of its own.

Marfoq, Neglia, Bellet, Kameni, Vidal, "Federated Multi-Task Learning under a Mixture of Distributions", NeurIPS 2021
(arXiv:2108.10252), algorithm 1. The data of client k are taken for a mixture, in shares pi_k, of M distributions that
all clients have in common; learner m models one of them.

Each round, for all clients k at once:

    client k <- server: w_1 .. w_M
    for every batch (x, y):
        E-step, with what was received:  q_m(x, y) ~ pi_k,m exp(-L(w_m; x, y)),  sum_m q_m = 1
        M-step, for every m:             w_k,m <- step with the gradient of mean_(x, y) q_m L(w_k,m; x, y)
    pi_k <- mean of q over the round's samples
    client k -> server: w_k,1 .. w_k,M
    server: w_m <- sum_k n_k/n w_k,m

In the paper a client goes through all of its samples once a round; here through local_steps batches, so that budgets
compare with the other schemes, and the E-step is over the same samples. Left out: clients that come later, and updates
instead of weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from wirelessfsl.engine.world import Node, Steps, World
from wirelessfsl.learning.evaluate import Mixture
from wirelessfsl.learning.kernels import average, responsibilities, train_mixture
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part, Weights, initial_parts
from wirelessfsl.records import MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.settings import settings
from wirelessfsl.streams import key
from wirelessfsl.units import Count

Learners = tuple[Part, ...]


@dataclass
class Mixtures:
    """What a round leaves to the next: the learners, and of each client those that it has and its shares."""

    learners: Learners
    parts: dict[Node, Learners]
    shares: dict[Node, tuple[float, ...]]


@settings
class FedEM:
    """FedEM: shared models, mixed by every client in shares of its own (Marfoq et al., NeurIPS 2021, algorithm 1).

    Only model weights travel, all M models in one message; the shares stay at their client. The E-step costs a forward
    pass of every learner, the M-step a pass of each. Learners begin with different values; of pretrained weights only
    the first has them. Each client is evaluated on its own test samples with p(y | x) = sum_m pi_k,m softmax(f_m(x))_y;
    the figure of the run is the mean. One learner is FedAvg.

    learners: M, the number of models, >= 1.
    rounds: global rounds.
    local_steps: batches per client and round; every learner steps once a batch.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of the clients; each learner at each client has a state of its own. A learner's gradient is
        weighted with q, 1 / M at the beginning: what is a good rate for FedAvg is slow here.
    weighting: share of a client in the averages: its number of samples, or the same for all.
    """

    cuts: ClassVar[int] = 0
    messages: ClassVar[tuple[str, ...]] = (MODEL_UPLOAD, MODEL_DOWNLOAD)

    kind: Literal["fedem"] = "fedem"
    learners: Count = 3
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()
    weighting: Literal["samples", "uniform"] = "samples"

    def begin(self, world: World) -> Mixtures:
        keys = (key(world.seed, "initial-weights", m) for m in range(1, self.learners))
        learners = (*world.initial, *(initial_parts(world.stages, each)[0] for each in keys))
        parts = {k: tuple(part.begin(self.optimizer, world.key(k)) for part in learners) for k in world.clients}
        return Mixtures(learners, parts, dict.fromkeys(world.clients, (1.0 / self.learners,) * self.learners))

    def train(self, world: World, state: Mixtures) -> Steps:
        for t in world.rounds(self.rounds, state):
            shares, losses = yield from self.round(world, state, self.optimizer.at(t, self.rounds))
            state.shares |= {k: tuple(mean.tolist()) for k, mean in shares.items()}
            common = tuple((part,) for part in state.learners)
            models = {k: Mixture(shares, common) for k, shares in state.shares.items()}
            world.close_round(models, losses)

    def round(self, world: World, state: Mixtures, rule: Optimizer) -> Steps:
        """One round: shares and losses of the clients that finished."""
        clients = yield from world.participants()
        weights = _weights(state.learners)
        sessions = {k: self.session(world, k, rule, weights, state.parts[k], state.shares[k]) for k in clients}
        done = yield from world.together(sessions)
        if done:
            counts = world.shares(done, self.weighting)
            uploads = [upload for _, _, upload, _ in done.values()]
            mean = yield from world.server.compute(average, uploads, counts)
            state.learners = _loaded(state.learners, mean)
            state.parts |= {k: tuple(part.bare() for part in own) for k, (own, _, _, _) in done.items()}
        return {k: shares for k, (_, shares, _, _) in done.items()}, {k: own for k, (_, _, _, own) in done.items()}

    def session(
        self, world: World, client: Node, rule: Optimizer, weights: Weights, parts: Learners, shares: tuple[float, ...]
    ) -> Steps:
        """One client's round: its learners, its shares, the uploaded weights, the loss of every batch."""
        (stage,) = world.stages
        losses, means = [], []
        received = parts = _loaded(parts, (yield from world.transfer(world.server, client, model_download=weights)))
        for x, y in world.batches(client, self.local_steps, self.batch_size):
            q, mean = yield from client.compute(responsibilities, stage, received, shares, x, y)
            parts, loss = yield from client.compute(train_mixture, stage, rule, parts, x, y, q)
            losses.append(loss)
            means.append((mean,))
        (mean,) = yield from client.compute(average, means, [1] * len(means))
        upload = yield from world.transfer(client, world.server, model_upload=_weights(parts))
        return parts, mean, upload, losses


def _weights(learners: Learners) -> Weights:
    return tuple(tensor for part in learners for tensor in part.weights)


def _loaded(learners: Learners, weights: Weights) -> Learners:
    count = len(learners[0].weights)
    return tuple(part.load(weights[m * count : (m + 1) * count]) for m, part in enumerate(learners))
