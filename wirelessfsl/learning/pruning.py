"""Pruning of a client's part: which weights go, when, and what is left to send, to compute and to store.

A :class:`Plan` is a stage and the flags of what is kept of it. Without structure, single weights are zero and stay so;
the stage computes as before, unless the device gains from zeros. By filter, whole filters go, and with them what
depends on them: the channels of the next layers, their normalisation, and at the end channels of the smashed data. What
depends on what is the business of :mod:`wirelessfsl.learning.filters`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np

from wirelessfsl.lazy import torch
from wirelessfsl.learning.evaluate import activations
from wirelessfsl.learning.filters import Left
from wirelessfsl.learning.optim import Optimizer
from wirelessfsl.learning.stage import Part, Stage, Weights, filter_groups_of, shrunk, uses_of_weights
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import Count, Fraction, Ge, Gt, Lt

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

Sparsity = Annotated[float, Gt(0), Lt(1)]


@settings
class OneShot:
    """All at once: the sparsity is 0 before a round and the target from it on.

    round: the first round whose clients get the pruned model.

    >>> [OneShot(round=2).share(t) for t in (1, 2, 3)]
    [0.0, 1.0, 1.0]
    """

    kind: Literal["one_shot"] = "one_shot"
    round: Count = 1

    def share(self, round: int) -> float:
        """What part of the target sparsity holds in a round (from 1)."""
        return float(round >= self.round)


@settings
class Cubic:
    """Gradual pruning, s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n dt))^3 with s_i = 0, in n steps of dt rounds.

    Source: Zhu and Gupta, To Prune, or Not to Prune: Exploring the Efficacy of Pruning for Model Compression, 2017,
    eq. 1.

    start: t_0, the last round without pruning.
    steps: n.
    every_rounds: dt.

    >>> [round(0.5 * Cubic(steps=10).share(t), 4) for t in range(1, 7)]
    [0.0, 0.1355, 0.244, 0.3285, 0.392, 0.4375]
    """

    kind: Literal["cubic"] = "cubic"
    start: Annotated[int, Ge(0)] = 1
    steps: Count = 10
    every_rounds: Count = 1

    def share(self, round: int) -> float:
        """What part of the target sparsity holds in a round (from 1)."""
        done = min(max((round - self.start) // self.every_rounds, 0), self.steps)
        return 1.0 - (1.0 - done / self.steps) ** 3


Schedule = Annotated[OneShot | Cubic, Kinds()]


@settings
class NoPruning:
    """The whole model is sent, trained and kept.

    >>> NoPruning().sparsity_at(5)
    0.0
    """

    kind: Literal["none"] = "none"

    taylor: ClassVar[bool] = False

    def sparsity_at(self, round: int) -> float:
        """Sparsity in a round (from 1)."""
        return 0.0


@settings
class _Gradual:
    """What the ways to prune share: how much, which first, and when."""

    sparsity: Sparsity = 0.5
    importance: Literal["magnitude", "taylor"] = "magnitude"
    schedule: Schedule = Cubic()

    def __post_init__(self) -> None:
        if self.taylor and self.schedule.share(1):
            raise ValueError("schedule: importance by first-order Taylor needs a round of training before it prunes")

    @property
    def taylor(self) -> bool:
        """Whether gradients are asked for."""
        return self.importance == "taylor"

    def sparsity_at(self, round: int) -> float:
        """Sparsity in a round (from 1)."""
        return self.sparsity * self.schedule.share(round)


@settings
class WeightPruning(_Gradual):
    """Single weights of least importance are zero: of all matrices and filters of the client's part together.

    On the wire a model is ceil(n / 8) bytes of flags for n such weights, and those that are kept. Biases and
    normalisation are not pruned.

    sparsity: share of the weights that is zero in the end, in (0, 1).
    importance: |w| of the averaged model; or first-order Taylor, (g w)^2 summed over the batches since the last time
        and averaged over clients, who send it along (Molchanov et al., Importance Estimation for Neural Network
        Pruning, CVPR 2019, eq. 8).
    schedule: when.
    sparse_speedup: which part of the multiplications with zeros the devices save, in [0, 1]. A weight counts as often
        as it is used: at each position of a feature map. 0 is what dense kernels do.

    >>> WeightPruning(sparsity=0.5, schedule=OneShot()).sparsity_at(1)
    0.5
    """

    kind: Literal["weights"] = "weights"
    sparse_speedup: Fraction = 0.0


@settings
class FilterPruning(_Gradual):
    """Whole filters of convolutions go, so that the part is really smaller: fewer weights, FLOPs and smashed channels.

    In every layer (or group of layers that must agree, such as those around a residual connection) the round(s c) of c
    filters that matter least, but never all. On the wire a model is a flag for each filter, and what is left of it. The
    state of a client's optimiser begins anew when its part shrinks.

    sparsity: share of the filters of every layer that is gone in the end, in (0, 1).
    importance: of a filter, the sum over its weights; as in weights.
    schedule: when.

    >>> FilterPruning(sparsity=0.5, schedule=OneShot()).sparsity_at(1)
    0.5
    """

    kind: Literal["filters"] = "filters"


Pruning = Annotated[NoPruning | WeightPruning | FilterPruning, Kinds()]


@dataclass(frozen=True)
class Plan:
    """A stage and what is kept of it.

    stage: the whole one.
    by: how it is pruned.
    flags: one bit for every weight or filter that can go, set where it is kept; empty while nothing is pruned.
    """

    stage: Stage
    by: NoPruning | WeightPruning | FilterPruning = NoPruning()  # noqa: RUF009 (a frozen value)
    flags: bytes = b""

    @property
    def slim(self) -> Stage:
        """The stage that the client computes."""
        return replace(self.stage, filters=self.flags) if self.by.kind == "filters" else self.stage

    @property
    def message(self) -> Weights:
        """The flags as they fly: one tensor, or nothing while nothing is pruned."""
        return (torch.frombuffer(bytearray(self.flags), dtype=torch.uint8),) if self.flags else ()

    def received(self, message: Weights) -> tuple[Plan, Weights]:
        """A message taken apart: its plan, and the weights before it."""
        whole = len(_shapes(self.stage))
        weights, flags = message[:whole], message[whole:]
        return replace(self, flags=flags[0].numpy().tobytes() if flags else b""), weights

    def pack(self, weights: Weights) -> Weights:
        """Of weights of the whole stage those that are kept: rows of numbers, or the tensors of the smaller stage.

        weights: parameters and buffers, or parameters alone.
        """
        return tuple(
            tensor if left is None else tensor.reshape(-1)[left.at].view(left.shape)
            for tensor, left in zip(weights, _left(self), strict=False)
        )

    def flown(self, held: Weights) -> Weights:
        """Of what a client holds (weights, importance of its parameters) what flies: as :meth:`pack` makes it."""
        return held if self.by.kind == "filters" else self.pack(held)

    def unpack(self, packed: Weights) -> Weights:
        """What :meth:`pack` made, as tensors of the whole stage, zero where nothing was kept.

        packed: parameters and buffers, with importances of the parameters behind them or without.
        """
        rows = [*zip(_left(self), _shapes(self.stage), strict=True)]
        return tuple(
            tensor if left is None else _filled(tensor, left, shape)
            for tensor, (left, shape) in zip(packed, rows + rows, strict=False)
        )

    def load(self, part: Part, weights: Weights, optimizer: Optimizer, counting: bool = False) -> Part:
        """A client's part with the weights of a message; the optimiser's state begins anew if it does not fit any more.

        counting: whether the importance of weights is counted from now on.
        """
        loaded = part.load(weights)
        if isinstance(self.by, WeightPruning) and self.flags:
            loaded = part.load(self.unpack(weights))
            ones = self.unpack(self.pack(tuple(torch.ones_like(p) for p in loaded.params)))
            masks = tuple(one if left else None for one, left in zip(ones, _left(self), strict=False))
            loaded = loaded._replace(masks=masks, work=1.0 - self.by.sparse_speedup * self._zeros())
        if [p.shape for p in loaded.params] != [p.shape for p in part.params]:
            loaded = loaded._replace(optimizer=optimizer.init(loaded.params))
        return loaded._replace(importance=tuple(torch.zeros_like(p) for p in loaded.params) if counting else ())

    @property
    def parameters(self) -> int:
        """How many of the stage's tensors are parameters; the others are buffers."""
        return _params(self.stage)

    @property
    def sparsity(self) -> float:
        """Share of the weights or filters that can go and are gone."""
        count = sum(_groups(self))
        return 1.0 - int(_bits(self.flags, count).sum()) / count if self.flags else 0.0

    def _zeros(self) -> float:
        """Share of the multiplications that are with zeros, in a stage with single weights pruned."""
        uses = uses_of_weights(self.stage)
        rows = [*zip(uses, _left(self), _shapes(self.stage), strict=False)]
        whole = sum(used * prod(shape) for used, _, shape in rows)
        kept = sum(used * (len(left.at) if left else prod(shape)) for used, left, shape in rows)
        return 1.0 - kept / whole if whole else 0.0

    def widen(self, smashed: Tensor) -> Tensor:
        """Smashed data of the whole stage, zero in the channels that are gone."""
        left = shrunk(self.slim).output if self.slim.filters else None
        if left is None:
            return smashed
        shape = (len(smashed), *self.stage.output_shape())
        flat = smashed.new_zeros(shape[0], prod(shape[1:]))
        flat[:, left.at.to(flat.device)] = smashed.reshape(len(smashed), -1)
        return flat.view(shape)

    def narrow(self, gradient: Tensor) -> Tensor:
        """Of the gradient of the whole smashed data what belongs to the channels that are left."""
        left = shrunk(self.slim).output if self.slim.filters else None
        if left is None:
            return gradient
        return gradient.reshape(len(gradient), -1)[:, left.at.to(gradient.device)].view(-1, *left.shape)

    def raised(self, sparsity: float, importance: Weights) -> Plan:
        """The plan of a higher sparsity; what is gone stays gone.

        importance: of every parameter of the whole stage, in its shape.
        """
        groups = _groups(self)
        score = torch.cat([each.double().flatten() for each in _scores(self, importance)])
        if self.flags:
            score[~torch.from_numpy(_bits(self.flags, sum(groups)))] = -torch.inf
        keep = np.ones(len(score), dtype=bool)
        at = 0
        for count in groups:
            gone = min(round(sparsity * count), count - 1)
            keep[at + torch.argsort(score[at : at + count], stable=True)[:gone].numpy()] = False
            at += count
        return replace(self, flags=np.packbits(keep, bitorder="little").tobytes() if not keep.all() else b"")


def check(by: NoPruning | WeightPruning | FilterPruning, stage: Stage) -> None:
    """Raises ValueError if a stage cannot be pruned in this way.

    That is: if there is nothing to prune, or if a stage without filters would compute something else than with zeros in
    their place.
    """
    plan = Plan(stage, by)
    try:
        count = 1 if by.kind == "none" else sum(_groups(plan))
    except Exception as error:  # as below
        raise ValueError(f"filters of this part cannot be pruned: {type(error).__name__}: {error}") from error
    if not count:
        what = "convolution whose filters" if by.kind == "filters" else "layer whose weights"
        raise ValueError(f"the client's part has no {what} could be pruned")
    if by.kind != "filters":
        return
    random = torch.Generator().manual_seed(0)
    parameters, buffers = [*stage.module().parameters()], [*stage.module().buffers()]
    # Weights that neither fade nor explode in a deep network, in double precision.
    weights = (
        *(torch.rand(p.shape, generator=random).double() / max(prod(p.shape[1:]), 1) ** 0.5 for p in parameters),
        *(torch.rand(b.shape, generator=random).to(_double(b.dtype)) for b in buffers),
    )
    x = torch.rand(2, *stage.model.shape, generator=random).double()
    try:
        plan = plan.raised(0.5, tuple(w.abs() for w in weights[: len(parameters)]))
        kept = plan.pack(weights)
        full, slim = (
            activations(each, Part(held[: len(parameters)], held[len(parameters) :]), x)
            for each, held in ((stage, plan.unpack(kept)), (plan.slim, kept))
        )
        same = torch.allclose(full, plan.widen(slim), rtol=1e-6, atol=1e-9 * float(full.abs().max()))
    except Exception as error:  # a model of the user's own may hold what the search for dependencies does not know
        raise ValueError(f"filters of this part cannot be pruned: {type(error).__name__}: {error}") from error
    if not same:
        raise ValueError(
            "filters cannot be pruned here: what follows them makes something of zeros (a sigmoid, a normalisation over"
            " channels)"
        )


def _double(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype.is_floating_point else dtype


def _shapes(stage: Stage) -> list[tuple[int, ...]]:
    module = stage.module()
    return [tuple(t.shape) for t in (*module.parameters(), *module.buffers())]


def _bits(flags: bytes, count: int) -> NDArray[np.bool_]:
    return np.unpackbits(np.frombuffer(flags, np.uint8), count=count, bitorder="little").astype(bool)


def _filled(values: Tensor, left: Left, shape: tuple[int, ...]) -> Tensor:
    full = values.new_zeros(prod(shape))
    full[left.at] = values.flatten()
    return full.view(shape)


def _groups(plan: Plan) -> list[int]:
    """How many weights or filters compete with each other, group by group."""
    if plan.by.kind == "filters":
        return [group.size for group in filter_groups_of(plan.stage)]
    return [sum(prod(shape) for shape in _shapes(plan.stage)[: _params(plan.stage)] if len(shape) > 1)]


def _params(stage: Stage) -> int:
    return len([*stage.module().parameters()])


def _scores(plan: Plan, importance: Weights) -> list[Tensor]:
    """Importance of every weight or filter that can go, in the order of the flags."""
    if plan.by.kind == "filters":
        return [sum(importance[i].flatten(1).sum(1) for i in group.weights) for group in filter_groups_of(plan.stage)]  # type: ignore[misc]
    return [each for each in importance if each.ndim > 1]


@lru_cache(maxsize=8)
def _left(plan: Plan) -> tuple[Left | None, ...]:
    """What is left of every parameter and buffer of a plan's stage; None is all."""
    shapes, count = _shapes(plan.stage), _params(plan.stage)
    if not plan.flags:
        return (None,) * len(shapes)
    if plan.by.kind == "filters":
        return shrunk(plan.slim).tensors
    bits, at = _bits(plan.flags, sum(_groups(plan))), 0
    left: list[Left | None] = []
    for i, shape in enumerate(shapes):
        if i < count and len(shape) > 1:
            kept = np.flatnonzero(bits[at : at + prod(shape)])
            left.append(Left(torch.from_numpy(kept), (len(kept),)))
            at += prod(shape)
        else:
            left.append(None)
    return tuple(left)
