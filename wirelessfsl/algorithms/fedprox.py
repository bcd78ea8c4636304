"""FedProx: FedAvg whose clients are held near the model that they were sent.

Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith, "Federated Optimization in Heterogeneous Networks", MLSys 2020
(arXiv:1812.06127), algorithm 2. A client minimises its loss plus (mu / 2) |w - w_global|^2:

    client k:  w_k <- step with dL/dw + mu (w_k - w_global)

and everything else is FedAvg; mu = 0 is FedAvg. The paper's partial work of those that are slow is
``participation: {deadline_s: ..., late: partial}`` in the scenario.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.engine.world import Node, Steps, World
from wirelessfsl.learning.kernels import train_near
from wirelessfsl.learning.optim import Optimizer
from wirelessfsl.learning.stage import Part, Weights
from wirelessfsl.settings import settings
from wirelessfsl.units import NonNegative

if TYPE_CHECKING:
    from torch import Tensor


@settings
class FedProx(FedAvg):
    """FedProx: FedAvg whose clients are held near the global model (Li et al., MLSys 2020, algorithm 2).

    mu: weight of the proximal term (mu / 2) |w - w_global|^2, >= 0; 0 is FedAvg.
    rounds: global rounds.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of the clients.
    upload: what a client sends, its weights or their change since it received them; sparsification, low rank and error
        feedback are made for changes.
    weighting: share of a client in the average: its number of samples, or the same for all.
    """

    kind: Literal["fedprox"] = "fedprox"  # type: ignore[assignment]
    mu: NonNegative = 0.01

    def step(
        self, world: World, client: Node, rule: Optimizer, part: Part, weights: Weights, x: Tensor, y: Tensor
    ) -> Steps:
        return (yield from client.compute(train_near, world.stages[0], rule, part, weights, self.mu, x, y))
