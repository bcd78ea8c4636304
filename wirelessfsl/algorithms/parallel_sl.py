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
"""

from __future__ import annotations

from typing import ClassVar, Literal

from wirelessfsl.algorithms.in_step import Sent, in_step
from wirelessfsl.engine.world import Steps, World
from wirelessfsl.learning.kernels import serve_all
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.settings import settings
from wirelessfsl.units import Count, Positive


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
    deadline_s: a client that is not done this long after the round's clients began is dropped from it, in s; by default
        the round waits for everybody.
    """

    cuts: ClassVar[int] = 1
    messages: ClassVar[tuple[str, ...]] = (ACTIVATIONS, LABELS, GRADIENTS, MODEL_UPLOAD, MODEL_DOWNLOAD)

    kind: Literal["parallel_sl"] = "parallel_sl"
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()
    weighting: Literal["samples", "uniform"] = "samples"
    deadline_s: Positive | None = None

    def train(self, world: World) -> Steps:
        yield from in_step(self, world, self.serve)

    def serve(self, world: World, rule: Optimizer, part: Part, sent: Sent, step: int) -> Steps:
        smashed, labels = ([*each] for each in zip(*sent.values(), strict=True))
        with world.about(step):
            part, gradients, losses = yield from world.server.compute(
                serve_all, world.stages[1], rule, part, smashed, labels
            )
        return part, dict(zip(sent, gradients, strict=True)), dict(zip(sent, losses.tolist(), strict=True))
