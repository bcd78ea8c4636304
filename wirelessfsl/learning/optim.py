"""Optimisers as pure functions: parameters, gradients and state in; new parameters and state out.

The rules are torch's own (torch.optim.SGD and Adam with the same arguments give the same numbers); only the state is
passed instead of kept. A schedule says what part of the learning rate holds in a round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import cos, pi
from typing import TYPE_CHECKING, Annotated, Literal, Self

from wirelessfsl.lazy import torch
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import Count, Fraction, Ge, Gt, Le, Lt, NonNegative, Positive

if TYPE_CHECKING:
    from torch import Tensor

Tensors = tuple["Tensor", ...]


@settings
class Constant:
    """The same learning rate in every round.

    >>> Constant().factor(7, rounds=10)
    1.0
    """

    kind: Literal["constant"] = "constant"

    def factor(self, round: int, rounds: int) -> float:
        """Factor of the learning rate in a round (from 1) of so many."""
        return 1.0


@settings
class StepDecay:
    """The learning rate falls by steps: factor^floor((t - 1) / every_rounds) in round t (torch's StepLR).

    every_rounds: rounds between two steps, >= 1.
    factor_per_step: what the rate is multiplied with at each step, in (0, 1].

    >>> [StepDecay(every_rounds=2).factor(t, rounds=4) for t in (1, 2, 3, 4)]
    [1.0, 1.0, 0.1, 0.1]
    """

    kind: Literal["step"] = "step"
    every_rounds: Count = 10
    factor_per_step: Annotated[float, Gt(0), Le(1)] = 0.1

    def factor(self, round: int, rounds: int) -> float:
        """Factor of the learning rate in a round (from 1) of so many."""
        return self.factor_per_step ** ((round - 1) // self.every_rounds)


@settings
class Cosine:
    """The learning rate falls along half a cosine: f + (1 - f) (1 + cos(pi (t - 1) / T)) / 2 in round t of T.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, eq. 5, without restarts.

    final_fraction: f, the fraction of the rate that is left at the end, in [0, 1].

    >>> [round(Cosine().factor(t, rounds=2), 3) for t in (1, 2)]
    [1.0, 0.5]
    """

    kind: Literal["cosine"] = "cosine"
    final_fraction: Fraction = 0.0

    def factor(self, round: int, rounds: int) -> float:
        """Factor of the learning rate in a round (from 1) of so many."""
        return self.final_fraction + (1 - self.final_fraction) * (1 + cos(pi * (round - 1) / rounds)) / 2


Schedule = Annotated[Constant | StepDecay | Cosine, Kinds()]


@settings
class SGD:
    """Stochastic gradient descent, w <- w - lr v with v <- momentum v + g + weight_decay w (torch.optim.SGD).

    lr: learning rate, > 0.
    momentum: in [0, 1); 0 keeps no state.
    weight_decay: L2 penalty added to the gradient, >= 0.
    schedule: how the learning rate changes from round to round.

    >>> SGD(lr=0.1).momentum
    0.0
    """

    kind: Literal["sgd"] = "sgd"
    lr: Positive = 0.1
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.0
    weight_decay: NonNegative = 0.0
    schedule: Schedule = Constant()

    def at(self, round: int, rounds: int) -> Self:
        """This rule with the learning rate of a round (from 1) of so many."""
        return replace(self, lr=self.lr * self.schedule.factor(round, rounds), schedule=Constant())

    def init(self, params: Tensors) -> Tensors:
        """State for these parameters: one momentum buffer each (zeros), or nothing without momentum."""
        return tuple(torch.zeros_like(p) for p in params) if self.momentum else ()

    def step(self, params: Tensors, gradients: Sequence[Tensor], state: Tensors) -> tuple[Tensors, Tensors]:
        """Parameters and state after one step."""
        if not params:
            return (), state
        move = tuple(gradients)
        if self.weight_decay:
            move = tuple(torch._foreach_add(move, params, alpha=self.weight_decay))
        if self.momentum:
            move = tuple(torch._foreach_add(torch._foreach_mul(state, self.momentum), move))
            state = move
        return tuple(torch._foreach_add(params, move, alpha=-self.lr)), state


@settings
class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1) with bias correction, as torch.optim.Adam.

    lr: step size, > 0.
    beta1: decay of the first moment, in [0, 1).
    beta2: decay of the second moment, in [0, 1).
    eps: added to the root of the second moment, > 0.
    weight_decay: L2 penalty added to the gradient, >= 0.
    schedule: how the learning rate changes from round to round.

    >>> Adam().lr
    0.001
    """

    kind: Literal["adam"] = "adam"
    lr: Positive = 1e-3
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.0
    schedule: Schedule = Constant()

    def at(self, round: int, rounds: int) -> Self:
        """This rule with the learning rate of a round (from 1) of so many."""
        return replace(self, lr=self.lr * self.schedule.factor(round, rounds), schedule=Constant())

    def init(self, params: Tensors) -> Tensors:
        """State for these parameters: the step count, first and second moments."""
        if not params:
            return ()
        return (torch.zeros(()), *(torch.zeros_like(p) for p in params), *(torch.zeros_like(p) for p in params))

    def step(self, params: Tensors, gradients: Sequence[Tensor], state: Tensors) -> tuple[Tensors, Tensors]:
        """Parameters and state after one step."""
        if not params:
            return (), state
        n = len(params)
        count, first, second = state[0] + 1, state[1 : n + 1], state[n + 1 :]
        t = float(count)
        gradients = tuple(gradients)
        if self.weight_decay:
            gradients = torch._foreach_add(gradients, params, alpha=self.weight_decay)
        first = torch._foreach_lerp(first, gradients, 1 - self.beta1)
        second = torch._foreach_addcmul(
            torch._foreach_mul(second, self.beta2), gradients, gradients, value=1 - self.beta2
        )
        root = torch._foreach_div(torch._foreach_sqrt(second), (1 - self.beta2**t) ** 0.5)
        denominator = torch._foreach_add(root, self.eps)
        moved = torch._foreach_addcdiv(params, first, denominator, value=-self.lr / (1 - self.beta1**t))
        return tuple(moved), (count, *first, *second)


Optimizer = Annotated[SGD | Adam, Kinds()]
