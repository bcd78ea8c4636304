"""Split federated learning with gradient aggregation: one cut gradient for all clients, broadcast.

Liang, Chen, Zhu, Awan, Jiang, "Communication-and-Computation Efficient Split Federated Learning: Gradient Aggregation
and Resource Management", arXiv:2501.01078 (2025): the gradients of the smashed data are aggregated, and one is
broadcast in place of K. The paper's choice of cut and of bandwidth is not in here.

Each round:

    client k <- server: client part w_c
    for every batch, all clients k at once:
        client k:  a_k = f(w_c,k; x_k)                       -> server: a_k, y_k
        server:    w_s <- step as parallel_sl;  g = sum_k p_k dL_k/da_k, sample j of one client with sample j of another
        client k:  w_c,k <- step with (da_k/dw_c)^T g        <- server, to all at once: g
    client k -> server: w_c,k
    server: w_c <- sum_k p_k w_c,k

Ours, where the abstract is silent: one server model that steps once for all, and the average of the client parts.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from wirelessfsl.algorithms.exchange import Sent
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.engine.world import Steps, World
from wirelessfsl.learning.kernels import average
from wirelessfsl.learning.optim import Optimizer
from wirelessfsl.learning.stage import Part
from wirelessfsl.settings import settings


@settings
class SFLGA(ParallelSL):
    """SFL-GA: parallel split learning with one aggregated cut gradient for all (Liang et al., arXiv:2501.01078).

    Labels go to the server with the smashed data. The server steps as in parallel_sl and broadcasts the weighted mean
    of the clients' cut gradients: the bytes of one instead of K, at the rate of the slowest receiver. Each client takes
    it back through its own activations. Client parts are averaged every round.

    rounds: global rounds.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of both halves; each client and the server have a state of their own.
    weighting: share p_k of a client in the gradient and in the average of the client parts: its number of samples, or
        the same for all.
    """

    merges: ClassVar[bool] = False  # edge servers stand behind wires, and a broadcast is one hop

    kind: Literal["sfl_ga"] = "sfl_ga"  # type: ignore[assignment]

    def serve(self, rule: Optimizer, world: World, part: Part, sent: Sent, step: int) -> Steps:
        part, gradients, losses = yield from ParallelSL.serve(self, rule, world, part, sent, step)
        shares = world.shares(sent, self.weighting)
        with world.about(step):
            (mean,) = yield from world.server.compute(average, [(each,) for each in gradients.values()], shares)
            message = yield from world.broadcast(world.server, gradients=mean)
        return part, dict.fromkeys(sent, message), losses
