"""Cluster-based parallel split learning: in parallel inside of a cluster, one cluster after the other.

Wu et al., "Split Learning over Wireless Networks: Parallel Design and Resource Management", IEEE Journal on Selected
Areas in Communications 41(4), 2023 (arXiv:2204.08119), "first parallel, then sequential". Which clients form a cluster
is by their order here; the paper's choice of cut, clusters and spectrum is not in here.

Each round, for one cluster after the other:

    clients k of the cluster <- server: client part w_c, as the cluster before left it
    for every batch, all k of the cluster at once:  as parallel_sl        (algorithms/parallel_sl.py)
    server: w_c <- sum_k p_k w_c,k

With one cluster this is parallel_sl, with clusters of one client split_learning.
"""

from __future__ import annotations

from typing import Literal

from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.engine.world import Node
from wirelessfsl.settings import settings
from wirelessfsl.units import Count


@settings
class CPSL(ParallelSL):
    """Cluster-based parallel split learning: parallel in a cluster, clusters in sequence (Wu et al., JSAC 2023).

    Labels go to the server with the smashed data. Inside of a cluster as parallel_sl; the next cluster continues with
    the average of the client parts and with the server's part.

    cluster_size: clients of a cluster, in their order; the last cluster may be smaller.
    rounds: global rounds; in each every cluster has its turn.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of both halves; each client and the server have a state of their own.
    weighting: share p_k of a client in the average of the client parts: its number of samples, or the same for all.
    """

    kind: Literal["cpsl"] = "cpsl"  # type: ignore[assignment]
    cluster_size: Count = 5

    def clusters(self, clients: tuple[Node, ...]) -> list[tuple[Node, ...]]:
        return [clients[first : first + self.cluster_size] for first in range(0, len(clients), self.cluster_size)]
