"""Evaluation: stands outside the simulated world, costs no simulated time and is the only reader of test data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.lazy import torch
from wirelessfsl.learning.stage import Part, Stage

if TYPE_CHECKING:
    from torch import Tensor

_CHUNK = 1000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """Result of a model on the test set, class by class.

    loss, correct: sum of cross-entropy and number of correct answers per class, shape (classes,).
    count: test samples per class, shape (classes,).
    """

    loss: Floats
    correct: Floats
    count: Floats

    def mean(self, weights: Floats | None = None) -> tuple[float, float]:
        """Loss and accuracy over the test set, or as expected under other class frequencies ``weights``.

        With a client's own label counts as weights this is the figure on the client's own distribution; classes that
        the test set does not have are left out.
        """
        per_class = np.maximum(self.count, 1.0)
        share = np.where(self.count > 0, self.count if weights is None else weights, 0.0)
        share = share / share.sum()
        return float(share @ (self.loss / per_class)), float(share @ (self.correct / per_class))


def evaluate(stages: Sequence[Stage], parts: Sequence[Part], inputs: Tensor, labels: Tensor) -> Evaluation:
    """Run the whole model, stage after stage, in evaluation mode over the test set."""
    classes = stages[-1].model.classes
    loss, correct = torch.zeros(classes, dtype=torch.float64), torch.zeros(classes, dtype=torch.float64)
    with torch.inference_mode():
        for x, y in zip(torch.split(inputs, _CHUNK), torch.split(labels, _CHUNK), strict=True):
            for stage, part in zip(stages, parts, strict=True):
                x = apply(stage, part, x)
            each = torch.nn.functional.cross_entropy(x, y, reduction="none").double()
            loss.index_add_(0, y, each)
            correct.index_add_(0, y, (x.argmax(1) == y).double())
        count = torch.bincount(labels, minlength=classes).double()
    return Evaluation(loss.numpy(), correct.numpy(), count.numpy())


def apply(stage: Stage, part: Part, x: Tensor) -> Tensor:
    """Output of a stage in evaluation mode (running statistics, no updates)."""
    module = stage.module(training=False)
    names = [name for name, _ in (*module.named_parameters(), *module.named_buffers())]
    out: Tensor = torch.func.functional_call(module, dict(zip(names, part.weights, strict=True)), (x,))
    return out
