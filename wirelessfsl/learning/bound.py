"""A bound on the gradients of split federated learning with compression, from constants that can be measured.

Over T steps with learning rate eta <= 1 / (2 beta), N clients, client parts averaged every I steps:

    1/T sum_t E |grad f(w_t)|^2 <= 4 (f_0 - f*) / (eta T)
                                   + 16 beta^2 eta^2 sum_j [I_j > 1] I_j^2 G_j^2
                                   + 4 beta eta sigma^2 / N
                                   + 4 (1 + beta eta + [I > 1] 4 beta^2 eta^2 I^2) 1/T sum_t eps_t

Source: Li, Tang, Guo, Chen, "SplitLite", 2026, theorem 1, for any perturbation eps_t of the gradients that are applied;
of the same form as in Yu, Yang, Zhu, "Parallel Restarted SGD with Faster Convergence and Less Communication", AAAI
2019, theorem 1. There the sum over j is over the client's layers; here the server's replicas drift, too, if a round has
several steps, and are averaged every round. That, and what eps_t is made of, eps_quant + eps_prune + eps_drop, is this
project's reconstruction: the paper of lightweight FedSL (arXiv:2412.06414) has a bound of its own, with I, the cut, the
pruning rate and the bits, which is not this one. The theorem asks for plain SGD, all clients in every step and a smooth
f, and speaks of expectations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import NamedTuple


@dataclass(frozen=True, kw_only=True)
class Constants:
    """What the bound needs to know of a model, its data and where training led; losses are in nats.

    beta: smoothness of f, the largest |grad f(v) - grad f(w)| / |v - w|, >= 0.
    gap: f_0 - f*, loss at the beginning above the least possible, >= 0.
    variance: sigma^2, expected squared distance of a mini-batch's gradient from its client's, all layers, >= 0.
    client_sizes: numbers in each parameter tensor of the client's part.
    client_moments: G_j^2, expected squared norm of a mini-batch's gradient, of each of these tensors.
    server_moment: sum of G_j^2 over the server's part.
    client_weights: |w_c|^2 of the client's part.
    activations: |a|^2 of a mini-batch at the cut.
    sensitivity: Lambda^2, how much the squared change of the gradient is of the squared change of the activations.
    """

    beta: float
    gap: float
    variance: float
    client_sizes: tuple[int, ...]
    client_moments: tuple[float, ...]
    server_moment: float
    client_weights: float
    activations: float
    sensitivity: float

    @property
    def largest_rate(self) -> float:
        """The largest learning rate for which the theorem holds, 1 / (2 beta)."""
        return 1 / (2 * self.beta) if self.beta else inf


class Terms(NamedTuple):
    """The bound term by term, in the unit of |grad f|^2.

    start: of where training begins. drift: of clients that step on their own. variance: of mini-batches.
    quantisation, pruning, dropout: of the perturbations.
    """

    start: float
    drift: float
    variance: float
    quantisation: float
    pruning: float
    dropout: float

    @property
    def total(self) -> float:
        """The bound."""
        return sum(self)


def bound(
    constants: Constants,
    *,
    iterations: int,
    rate: float,
    clients: float,
    interval: int = 1,
    server_interval: int = 1,
    sparsity: Sequence[float] = (0.0,),
    bits: int | None = None,
    dropout: float = 0.0,
) -> Terms:
    """The bound after so many steps, term by term; as if the theorem held, whatever the learning rate.

    iterations: T, 1 or more.
    rate: eta, the learning rate, > 0.
    clients: N; with unequal shares p_k in the averages 1 / sum_k p_k^2.
    interval: I, steps between two averages of the client parts.
    server_interval: steps between two averages of the server's replicas.
    sparsity: s_t in [0, 1] of the client part, at equal distances over the steps.
    bits: q of the client's gradients, 2 or more; None rounds nothing.
    dropout: p in [0, 1), share of the activations that is dropped.

    >>> linear = Constants(beta=1.0, gap=2.0, variance=3.0, client_sizes=(4,), client_moments=(1.0,),
    ...     server_moment=1.0, client_weights=1.0, activations=1.0, sensitivity=1.0)
    >>> bound(linear, iterations=100, rate=0.5, clients=3)
    Terms(start=0.16, drift=0.0, variance=2.0, quantisation=0.0, pruning=0.0, dropout=0.0)
    """
    c, step = constants, constants.beta * rate
    apart = (interval > 1) * interval**2
    server_apart = (server_interval > 1) * server_interval**2
    amplified = 4 * (1 + step + 4 * step**2 * apart)
    return Terms(
        start=4 * c.gap / (rate * iterations),
        drift=16 * step**2 * (apart * sum(c.client_moments) + server_apart * c.server_moment),
        variance=4 * step * c.variance / clients,
        quantisation=amplified * quantisation_error(c, bits),
        pruning=amplified * sum(pruning_error(c, s) for s in sparsity) / len(sparsity),
        dropout=amplified * dropout_error(c, dropout),
    )


def quantisation_error(constants: Constants, bits: int | None) -> float:
    """eps_quant = sum_j min(n_j / s^2, sqrt(n_j) / s) G_j^2 with s = 2^(q - 1) - 1, tensor by tensor.

    Source: Alistarh et al., QSGD, NeurIPS 2017, lemma 3.1; of :mod:`wirelessfsl.learning.rounding`.
    """
    if bits is None:
        return 0.0
    levels: int = 2 ** (bits - 1) - 1
    tensors = zip(constants.client_sizes, constants.client_moments, strict=True)
    return sum(min(size / levels**2, sqrt(size) / levels) * moment for size, moment in tensors)


def pruning_error(constants: Constants, sparsity: float) -> float:
    """eps_prune = beta^2 s |w_c|^2: the gradient is taken elsewhere, |w_c - m w_c|^2 <= s |w_c|^2.

    That holds where the smallest weights go. Ours.
    """
    return constants.beta**2 * sparsity * constants.client_weights


def dropout_error(constants: Constants, dropout: float) -> float:
    """eps_drop = Lambda^2 |a|^2 p / (1 - p): kept activations are scaled by 1 / (1 - p). Ours."""
    return constants.sensitivity * constants.activations * dropout / (1 - dropout)
