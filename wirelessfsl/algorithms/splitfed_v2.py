"""SplitFed learning, version 2: one server model, which takes the clients' batches one by one in random order.

Thapa, Arachchige, Camtepe, Sun, "SplitFed: When Federated Learning Meets Split Learning", AAAI 2022, 36(8), 8485-8493
(arXiv:2004.12088), section "SplitFedV2". There the server goes through the clients one by one; here clients compute and
send at once, and the random order is drawn anew for every batch.

Each round:

    client k <- server: client part w_c
    for every batch, all clients k at once:
        client k:  a_k = f(w_c,k; x_k)                       -> server: a_k, y_k
        server, for k in random order:  loss, w_s <- step, dL/da_k
        client k:  w_c,k <- step                             <- server: dL/da_k
    client k -> server: w_c,k
    server: w_c <- sum_k p_k w_c,k
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from wirelessfsl.algorithms.exchange import Sent
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.engine.world import Node, Steps, World
from wirelessfsl.learning.kernels import serve
from wirelessfsl.learning.optim import Optimizer
from wirelessfsl.learning.stage import Part
from wirelessfsl.settings import settings
from wirelessfsl.streams import stream

if TYPE_CHECKING:
    from torch import Tensor


@settings
class SplitFedV2(ParallelSL):
    """SplitFed V2: one server model that steps client by client in random order (Thapa et al., AAAI 2022).

    Labels go to the server with the smashed data. Only the client parts are averaged, every round.

    rounds: global rounds.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of both halves; each client and the server have a state of their own.
    weighting: share p_k of a client in the average of the client parts: its number of samples, or the same for all.
    """

    kind: Literal["splitfed_v2"] = "splitfed_v2"  # type: ignore[assignment]

    def serve(self, rule: Optimizer, world: World, part: Part, sent: Sent, step: int) -> Steps:
        clients = [*sent]
        gradients: dict[Node, object] = {}
        losses: dict[Node, Tensor] = {}
        for i in stream(world.seed, "order", world.round, step).permutation(len(clients)):
            k = clients[i]
            smashed, labels = sent[k]
            with world.about(step):
                part, gradients[k], loss = yield from world.server.compute(
                    serve, world.stages[1], rule, part, smashed, labels
                )
            losses[k] = loss
        return part, gradients, losses
