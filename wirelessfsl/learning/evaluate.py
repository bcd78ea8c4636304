"""Evaluation: stands outside the simulated world, costs no simulated time and is the only reader of test data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.lazy import torch
from wirelessfsl.learning.stage import Many, Part, Stage, over_lanes

if TYPE_CHECKING:
    from torch import Tensor

_CHUNK = 1000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """Result of a model on the test set, sample by sample.

    loss: cross-entropy, shape (samples,).
    correct: whether the answer was right, shape (samples,).
    """

    loss: Floats
    correct: NDArray[np.bool_]

    def mean(self) -> tuple[float, float]:
        """Loss and accuracy over the whole test set."""
        return float(self.loss.mean()), float(self.correct.mean())

    def mean_by_owner(self, owner: NDArray[np.integer]) -> dict[int, tuple[float, float]]:
        """Loss and accuracy of every owner over its own samples; an owner without samples is not in it.

        owner: whose each sample is, shape (samples,); samples of -1 are nobody's.

        >>> result = Evaluation(np.array([1.0, 2.0, 4.0, 8.0]), np.array([True, False, True, True]))
        >>> result.mean_by_owner(np.array([3, 0, 3, -1]))
        {0: (2.0, 0.0), 3: (2.5, 1.0)}
        """
        owners, place, count = np.unique(owner, return_inverse=True, return_counts=True)
        loss, accuracy = (np.bincount(place, weights=each) / count for each in (self.loss, self.correct))
        means = zip(owners.tolist(), loss.tolist(), accuracy.tolist(), strict=True)
        return {k: (mean_loss, share) for k, mean_loss, share in means if k >= 0}


@dataclass(frozen=True)
class Mixture:
    """Models whose answers are mixed, p(y | x) = sum_m shares_m softmax(f_m(x))_y.

    shares: of the models, adding up to 1.
    models: the parts of each.
    """

    shares: tuple[float, ...]
    models: tuple[tuple[Part, ...], ...]


def evaluate(
    stages: Sequence[Stage],
    model: Sequence[Part] | Mixture,
    inputs: Tensor,
    labels: Tensor,
    chunk: int = _CHUNK,
    cut: Callable[[int, Tensor], Tensor] | None = None,
    device: str = "cpu",
) -> Evaluation:
    """Run the whole model, stage after stage, in evaluation mode over the test set.

    model: parts of the stages, or a mixture of several models.
    chunk: samples at a time. cut: what becomes of smashed data before stage 1, 2, .... device: where all that is
        computed; inputs, labels and results are in the host's memory.
    """
    loss, correct, there = [], [], _on(model, device)
    with torch.inference_mode():
        for x, y in zip(torch.split(inputs, chunk), torch.split(labels, chunk), strict=True):
            logits = _logits(stages, there, x.to(device), cut).cpu()
            loss.append(torch.nn.functional.cross_entropy(logits, y, reduction="none").double())
            correct.append(logits.argmax(1) == y)
    return Evaluation(torch.cat(loss).numpy(), torch.cat(correct).numpy())


def _logits(
    stages: Sequence[Stage], model: Sequence[Part] | Mixture, x: Tensor, cut: Callable[[int, Tensor], Tensor] | None
) -> Tensor:
    """What the model says of x; of a mixture logarithms of probabilities."""
    if isinstance(model, Mixture):
        each = [torch.log_softmax(_logits(stages, parts, x, cut), 1) for parts in model.models]
        return torch.logsumexp(torch.stack(each, 2) + torch.tensor(model.shares).to(x.device).log(), 2)
    for index, (stage, part) in enumerate(zip(stages, model, strict=True)):
        x = apply(stage, part, cut(index, x) if cut and index else x)
    return x


def _on(model: Sequence[Part] | Mixture, device: str) -> Sequence[Part] | Mixture:
    """A model on a device."""
    if isinstance(model, Mixture):
        return replace(model, models=tuple(tuple(_on(parts, device)) for parts in model.models))  # type: ignore[arg-type]
    return [part.load(tuple(tensor.to(device) for tensor in part.weights)) for part in model]


def activations(stage: Stage | Many, part: Part, x: Tensor) -> Tensor:
    """Output of a stage in evaluation mode, without a gradient."""
    with torch.no_grad():
        return apply(stage, part, x)


def apply(stage: Stage | Many, part: Part, x: Tensor) -> Tensor:
    """Output of a stage in evaluation mode (running statistics, no updates)."""
    module = (stage.stage if isinstance(stage, Many) else stage).module(training=False)
    names = [name for name, _ in (*module.named_parameters(), *module.named_buffers())]

    def run(*tensors: Tensor) -> Any:
        return torch.func.functional_call(module, dict(zip(names, tensors[:-1], strict=True)), (tensors[-1],))

    out: Tensor = over_lanes(run, *part.weights, x) if isinstance(stage, Many) else run(*part.weights, x)
    return out
