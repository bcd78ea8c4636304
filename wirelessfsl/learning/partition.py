"""How samples are dealt to the clients, no sample to two: training samples by a partition, test samples after it.

A partition says in what clients differ: in nothing (``iid``), in their labels (``dirichlet``, ``classes``, ``shards``,
``prominent``), in how much they have (``quantity``, ``stratified``), or in where their samples are from
(``contiguous``, ``by_speaker``), after McMahan et al. (AISTATS 2017), Li et al. ("Federated Learning on Non-IID Data
Silos: An Experimental Study", ICDE 2022) and LEAF (Caldas et al., 2018). Clients whose samples of one class look
different (feature skew) are left out. :func:`deal_test` gives each client a test part with the class mix of its
training part, and :func:`test_of_parts` one from where its training samples are from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import Count, Positive, PositiveFraction

Indices = NDArray[np.intp]
Labels = NDArray[np.integer]
_TRIES = 1000


@settings
class Iid:
    """Every client gets the same number of samples (one more or less) of a random order.

    >>> [len(part) for part in Iid().deal(np.zeros(10, int), 3, np.random.default_rng(0))]
    [4, 3, 3]
    """

    kind: Literal["iid"] = "iid"

    def deal(self, labels: Labels, clients: int, rng: np.random.Generator) -> list[Indices]:
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

    def deal(self, labels: Labels, clients: int, rng: np.random.Generator) -> list[Indices]:
        """Sample indices of each client. Raises ValueError if no draw gives everybody ``min_samples``."""
        by_class = [rng.permutation(np.flatnonzero(labels == c)) for c in np.unique(labels)]
        return _by_drawn_shares(self, by_class, clients, rng)


@settings
class Classes:
    """Label skew by count: every client has samples of the same number of classes (#C=k in Li et al., ICDE 2022).

    Each client draws its classes from those that the fewest clients have so far, so the numbers of a class's clients
    differ by one at most, and every class has a client if clients x classes_per_client >= classes. The samples of a
    class are dealt evenly, at random, to the clients that have it; those of a class that nobody has are not used.

    classes_per_client: classes of one client, from 1 to the number of classes; 1 is the most skewed.

    >>> labels = np.arange(100) % 10
    >>> [len(np.unique(labels[part])) for part in Classes().deal(labels, 5, np.random.default_rng(0))]
    [2, 2, 2, 2, 2]
    """

    kind: Literal["classes"] = "classes"
    classes_per_client: Count = 2

    def deal(self, labels: Labels, clients: int, rng: np.random.Generator) -> list[Indices]:
        """Sample indices of each client.

        Raises ValueError if a client is to have more classes than there are, or a class has fewer samples than clients.
        """
        names = np.unique(labels)
        if self.classes_per_client > len(names):
            raise ValueError(f"got {self.classes_per_client} classes_per_client, must be <= {len(names)} classes")
        chosen = np.empty((clients, self.classes_per_client), dtype=int)
        clients_of = np.zeros(len(names), dtype=int)
        for client in rng.permutation(clients):
            order = rng.permutation(len(names))
            chosen[client] = order[np.argsort(clients_of[order], kind="stable")][: self.classes_per_client]
            clients_of[chosen[client]] += 1
        owner = np.full(len(labels), -1)
        for c in np.flatnonzero(clients_of):
            own = rng.permutation(np.flatnonzero(labels == names[c]))
            if clients_of[c] > len(own):
                raise ValueError(
                    f"class {names[c]} has {len(own)} samples for {clients_of[c]} clients;"
                    " lower classes_per_client or have fewer clients"
                )
            owner[own] = np.resize(rng.permutation(np.flatnonzero((chosen == c).any(axis=1))), len(own))
        return [np.flatnonzero(owner == client) for client in range(clients)]


@settings
class Shards:
    """Pathological skew: samples sorted by label, cut in equal shards, a few for each client (McMahan et al. 2017).

    shards_per_client: shards of one client, >= 1; 2 gives most clients two classes.

    >>> len(Shards().deal(np.arange(100) % 10, 5, np.random.default_rng(0))[0])
    20
    """

    kind: Literal["shards"] = "shards"
    shards_per_client: Count = 2

    def deal(self, labels: Labels, clients: int, rng: np.random.Generator) -> list[Indices]:
        """Sample indices of each client. Raises ValueError if there are more shards than samples."""
        count = clients * self.shards_per_client
        if count > len(labels):
            raise ValueError(f"{count} shards but {len(labels)} samples; lower shards_per_client or have fewer clients")
        shards = np.array_split(np.argsort(labels, kind="stable"), count)
        order = rng.permutation(count).reshape(clients, self.shards_per_client)
        return [np.sort(np.concatenate([shards[i] for i in row])) for row in order]


@settings
class Quantity:
    """Quantity skew: sizes drawn from Dirichlet(alpha), labels as in all samples (Li et al., ICDE 2022, quantity skew).

    Drawn anew until every client has ``min_samples`` (Li et al. do the same with 10).

    alpha: concentration > 0; small is skewed, 100 is close to equal sizes.
    min_samples: fewest samples of a client, >= 1.

    >>> [len(part) for part in Quantity(min_samples=1).deal(np.zeros(100, int), 3, np.random.default_rng(0))]
    [14, 17, 69]
    """

    kind: Literal["quantity"] = "quantity"
    alpha: Positive = 0.5
    min_samples: Count = 10

    def deal(self, labels: Labels, clients: int, rng: np.random.Generator) -> list[Indices]:
        """Sample indices of each client. Raises ValueError if no draw gives everybody ``min_samples``."""
        return _by_drawn_shares(self, [rng.permutation(len(labels))], clients, rng)


@settings
class Stratified:
    """Sizes as given, and as many samples of each class: small equal or unequal iid clients.

    A client with n samples has n / C of each of the C classes; what is left over goes one each to the classes from the
    client's own number on. What is not dealt is not used.

    samples: samples of a client, one number for all or one a client, >= 1.

    >>> labels = np.arange(200) % 10
    >>> [len(part) for part in Stratified(samples=(100, 20, 15)).deal(labels, 3, np.random.default_rng(0))]
    [100, 20, 15]
    """

    kind: Literal["stratified"] = "stratified"
    samples: tuple[Count, ...] = (100,)

    def deal(self, labels: Labels, clients: int, rng: np.random.Generator) -> list[Indices]:
        """Sample indices of each client. Raises ValueError if a class has too few, or sizes do not fit the clients."""
        if len(self.samples) not in (1, clients):
            raise ValueError(f"got {len(self.samples)} samples, must be 1 for all or 1 for each of {clients} clients")
        sizes = self.samples if len(self.samples) == clients else self.samples * clients
        classes = len(np.unique(labels))
        counts = [_spread(n, range(k, k + classes), classes) for k, n in enumerate(sizes)]
        return _by_counts(labels, np.array(counts), rng)


@settings
class Prominent:
    """Label skew with prominent classes (Wadhwa et al., arXiv:2303.10624, setting 2 of the authors' code).

    Client i has most of its samples from the classes i, i + 1, ... (modulo C), the same number of each, and the others
    evenly from the remaining classes, those that follow first: with 500 samples of 10 classes 225, 225, 7, 7 and six
    times 6. Test samples are dealt by the same rule, as many to each client as the classes allow.

    samples: samples of every client, >= 1.
    prominent_classes: number of a client's prominent classes, >= 1.
    share: share of its samples that is from these, in (0, 1].

    >>> labels = np.repeat(np.arange(10), 500)
    >>> np.bincount(labels[Prominent().deal(labels, 10, np.random.default_rng(0))[3]]).tolist()
    [6, 6, 6, 225, 225, 7, 7, 6, 6, 6]
    """

    kind: Literal["prominent"] = "prominent"
    samples: Count = 500
    prominent_classes: Count = 2
    share: PositiveFraction = 0.9

    def deal(self, labels: Labels, clients: int, rng: np.random.Generator) -> list[Indices]:
        """Sample indices of each client. Raises ValueError if a class has too few samples."""
        return _by_counts(labels, self._counts(self.samples, clients, len(np.unique(labels))), rng)

    def deal_test(
        self, train: Sequence[Labels], test_labels: Labels, classes: int, rng: np.random.Generator
    ) -> Indices:
        """Whose each test sample is, -1 for nobody, shape (samples,): as :func:`deal_test`, by this rule."""
        there, clients = np.bincount(test_labels, minlength=classes), len(train)
        size = len(test_labels) // clients
        while (self._counts(size, clients, classes).sum(axis=0) > there).any():
            size -= 1
        owner = np.full(len(test_labels), -1)
        for client, own in enumerate(_by_counts(test_labels, self._counts(size, clients, classes), rng)):
            owner[own] = client
        return owner

    def _counts(self, size: int, clients: int, classes: int) -> NDArray[np.intp]:
        """Samples of every client of every class, shape (clients, classes). Raises ValueError for too few classes."""
        many = self.prominent_classes
        if many > classes:
            raise ValueError(f"got {many} prominent_classes, must be <= {classes} classes")
        each = round(size * self.share / many) if many < classes else size // many
        counts = np.zeros((clients, classes), dtype=np.intp)
        for client, row in enumerate(counts):
            row[[(client + i) % classes for i in range(many)]] = each
            row += _spread(size - each * many, range(client + many, client + classes), classes)
        return counts


@settings
class Contiguous:
    """Every client gets a run of consecutive samples, all equally long (one more or less), in the data set's order.

    A text is cut in as many runs as there are clients before its samples are, and the end of each is its client's test.

    >>> [part.tolist() for part in Contiguous().deal(np.zeros(5, int), 2, np.random.default_rng(0))]
    [[0, 1, 2], [3, 4]]
    """

    kind: Literal["contiguous"] = "contiguous"

    def deal(self, labels: Labels, clients: int, rng: np.random.Generator) -> list[Indices]:
        """Sample indices of each client."""
        return np.array_split(np.arange(len(labels)), clients)


@settings
class BySpeaker:
    """Every client gets all that some speakers of a text say; clients have about the same number of samples.

    Speakers are dealt whole, those with most samples first, each to the client that has the fewest so far (Graham,
    SIAM J. Appl. Math. 17, 1969); who is first is random. LEAF's clients (Caldas et al., 2018) are one speaker each.

    >>> [part.tolist() for part in BySpeaker().deal(np.array([4, 7, 7, 4, 7, 5]), 2, np.random.default_rng(0))]
    [[0, 3, 5], [1, 2, 4]]
    """

    kind: Literal["by_speaker"] = "by_speaker"

    def deal(self, speakers: Labels, clients: int, rng: np.random.Generator) -> list[Indices]:
        """Sample indices of each client. Raises ValueError if there are more clients than speakers."""
        names, sizes = np.unique(speakers, return_counts=True)
        if clients > len(names):
            raise ValueError(f"{clients} clients but {len(names)} speakers with samples; have fewer clients")
        order = rng.permutation(len(names))
        held = np.zeros(clients, dtype=int)
        client_of = np.empty(len(names), dtype=int)
        first = rng.permutation(clients)
        for speaker in order[np.argsort(-sizes[order], kind="stable")]:
            client = first[held[first].argmin()]
            client_of[speaker] = client
            held[client] += sizes[speaker]
        owner = client_of[np.searchsorted(names, speakers)]
        return [np.flatnonzero(owner == client) for client in range(clients)]


Partition = Annotated[
    Iid | Dirichlet | Classes | Shards | Quantity | Stratified | Prominent | Contiguous | BySpeaker, Kinds()
]


def deal_test(train: Sequence[Labels], test_labels: Labels, classes: int, rng: np.random.Generator) -> Indices:
    """Whose each test sample is, so that every client's test part has the class mix of its training part.

    The T test samples of a class, in random order, go to the clients in proportion to their training samples n_k of it:
    client k gets T n_k / sum(n) of them, rounded by largest remainders (ties at random), so off by less than one. Of
    a class that no client trains on nobody gets any, and a client with few samples may get none at all.

    train: labels of each client's training part.
    test_labels: labels of the test samples, shape (samples,).
    classes: number of classes; labels are below it.
    rng: the random order.

    Returns the client of each test sample, an index into ``train`` or -1 for nobody, shape (samples,).

    >>> deal_test([np.array([0, 0, 0, 1]), np.array([0])], np.array([0, 1, 0, 0, 2, 0]), 3, np.random.default_rng(0))
    array([ 0,  0,  0,  0, -1,  1])
    """
    owner = np.full(len(test_labels), -1)
    held = np.array([np.bincount(own, minlength=classes) for own in train], dtype=int).reshape(len(train), classes)
    for label in np.flatnonzero(held.any(axis=0)):
        own = rng.permutation(np.flatnonzero(test_labels == label))
        share, remainder = np.divmod(held[:, label] * len(own), held[:, label].sum())
        order = rng.permutation(len(train))
        largest_first = order[np.argsort(-remainder[order], kind="stable")]
        share[largest_first[: len(own) - share.sum()]] += 1
        owner[own] = np.repeat(np.arange(len(train)), share)
    return owner


def test_of_parts(dealt: Sequence[Indices], parts: Labels, test_parts: Labels) -> Indices:
    """Whose each test sample is, so that it is from a part whose training samples its client has.

    dealt: training samples of each client. parts, test_parts: part of each training and test sample, shape (samples,);
    no part has training samples with two clients.

    Returns the client of each test sample, an index into ``dealt``, shape (samples,).

    >>> test_of_parts([np.array([1, 2]), np.array([0])], np.array([3, 8, 5]), np.array([5, 3, 8]))
    array([0, 1, 0])
    """
    client_of = np.full(max(parts.max(), test_parts.max()) + 1, -1)
    for client, own in enumerate(dealt):
        client_of[parts[own]] = client
    return client_of[test_parts]


def _spread(total: int, chosen: range, classes: int) -> NDArray[np.intp]:
    """A number spread evenly over the chosen classes (modulo ``classes``), one more for the first; shape (classes,)."""
    counts = np.zeros(classes, dtype=np.intp)
    for at, name in enumerate(chosen):
        counts[name % classes] += total // len(chosen) + (at < total % len(chosen))
    return counts


def _by_counts(labels: Labels, counts: NDArray[np.intp], rng: np.random.Generator) -> list[Indices]:
    """Sample indices of each client, at random, so many of each class; counts has shape (clients, classes)."""
    names, there = np.unique(labels, return_counts=True)
    for name, has, wanted in zip(names, there, counts.sum(axis=0), strict=True):
        if wanted > has:
            raise ValueError(
                f"class {name} has {has} samples, {wanted} are wanted; lower samples or have fewer clients"
            )
    pools = [rng.permutation(np.flatnonzero(labels == name)) for name in names]
    dealt = [np.split(pool, np.cumsum(own))[:-1] for pool, own in zip(pools, counts.T, strict=True)]
    return [np.sort(np.concatenate(own)) for own in zip(*dealt, strict=True)]


def _by_drawn_shares(
    partition: Dirichlet | Quantity, pools: Sequence[Indices], clients: int, rng: np.random.Generator
) -> list[Indices]:
    """Each pool cut by shares drawn from Dirichlet(alpha), anew until every client has ``min_samples`` of them all."""
    sizes = np.array([[len(pool)] for pool in pools])
    for _ in range(_TRIES):
        shares = rng.dirichlet(np.full(clients, partition.alpha), size=len(pools))
        cuts = (np.cumsum(shares, axis=1)[:, :-1] * sizes).astype(int)
        counts = np.diff(cuts, prepend=0, append=sizes).sum(axis=0)
        if counts.min() >= partition.min_samples:
            pieces = [np.split(pool, cut) for pool, cut in zip(pools, cuts, strict=True)]
            return [np.sort(np.concatenate(own)) for own in zip(*pieces, strict=True)]
    raise ValueError(
        f"{partition.kind}(alpha={partition.alpha:g}) gave some of {clients} clients fewer than"
        f" {partition.min_samples} of {sizes.sum()} samples in {_TRIES} draws; raise alpha, lower min_samples or have"
        " fewer clients"
    )
