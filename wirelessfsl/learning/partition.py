"""How the training samples are dealt to the clients: disjoint, nothing left over."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import Count, Positive

Indices = NDArray[np.intp]
_TRIES = 1000


@settings
class Iid:
    """Every client gets the same number of samples (one more or less) of a random order.

    >>> [len(part) for part in Iid().deal(np.zeros(10, int), 3, np.random.default_rng(0))]
    [4, 3, 3]
    """

    kind: Literal["iid"] = "iid"

    def deal(self, labels: NDArray[np.integer], clients: int, rng: np.random.Generator) -> list[Indices]:
        """Sample indices of each client."""
        return [np.sort(part) for part in np.array_split(rng.permutation(len(labels)), clients)]


@settings
class Dirichlet:
    """Label-skewed shares: each class is dealt by proportions drawn from Dirichlet(alpha) (Yurochkin et al. 2019).

    Drawn anew until every client has ``min_samples`` (Li et al., ICDE 2022, do the same with 10).

    alpha: concentration > 0; small is skewed, 100 is close to iid.
    min_samples: fewest samples of a client, >= 1.

    >>> parts = Dirichlet(alpha=1.0, min_samples=1).deal(np.arange(100) % 10, 4, np.random.default_rng(0))
    >>> sum(len(part) for part in parts)
    100
    """

    kind: Literal["dirichlet"] = "dirichlet"
    alpha: Positive = 0.5
    min_samples: Count = 10

    def deal(self, labels: NDArray[np.integer], clients: int, rng: np.random.Generator) -> list[Indices]:
        """Sample indices of each client. Raises ValueError if no draw gives everybody ``min_samples``."""
        by_class = [rng.permutation(np.flatnonzero(labels == c)) for c in np.unique(labels)]
        for _ in range(_TRIES):
            shares = rng.dirichlet(np.full(clients, self.alpha), size=len(by_class))
            cuts = [(np.cumsum(share)[:-1] * len(own)).astype(int) for share, own in zip(shares, by_class, strict=True)]
            pieces = [np.split(own, cut) for own, cut in zip(by_class, cuts, strict=True)]
            parts = [np.sort(np.concatenate([piece[k] for piece in pieces])) for k in range(clients)]
            if min(len(part) for part in parts) >= self.min_samples:
                return parts
        raise ValueError(
            f"dirichlet(alpha={self.alpha:g}) gave some of {clients} clients fewer than {self.min_samples} of"
            f" {len(labels)} samples in {_TRIES} draws; raise alpha, lower min_samples or have fewer clients"
        )


@settings
class Shards:
    """Pathological skew: samples sorted by label, cut in equal shards, a few for each client (McMahan et al. 2017).

    shards_per_client: shards of one client, >= 1; 2 gives most clients two classes.

    >>> len(Shards().deal(np.arange(100) % 10, 5, np.random.default_rng(0))[0])
    20
    """

    kind: Literal["shards"] = "shards"
    shards_per_client: Count = 2

    def deal(self, labels: NDArray[np.integer], clients: int, rng: np.random.Generator) -> list[Indices]:
        """Sample indices of each client. Raises ValueError if there are more shards than samples."""
        count = clients * self.shards_per_client
        if count > len(labels):
            raise ValueError(f"{count} shards but {len(labels)} samples; lower shards_per_client or have fewer clients")
        shards = np.array_split(np.argsort(labels, kind="stable"), count)
        order = rng.permutation(count).reshape(clients, self.shards_per_client)
        return [np.sort(np.concatenate([shards[i] for i in row])) for row in order]


Partition = Annotated[Iid | Dirichlet | Shards, Kinds()]
