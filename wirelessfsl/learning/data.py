"""Samples: training and test half of a data set, and the endless batches of one client.

Inputs are float32 of shape (samples, channels, height, width), or int64 of shape (samples, length) for text; labels are
int64. Where they come from is in :mod:`wirelessfsl.learning.datasets` and :mod:`wirelessfsl.learning.text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.lazy import torch
from wirelessfsl.learning.datasets import Arrays, place, read
from wirelessfsl.learning.text import Windows, text
from wirelessfsl.streams import key, stream

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Dataset:
    """Training and test samples: inputs (n, channels, height, width) float32, labels (n,) int64 below ``classes``.

    Inputs of text are (n, length) int64, below ``classes``.

    parts, test_parts: number of the part of a text that each sample is from, shape (n,); None where there are no parts.
    """

    inputs: Tensor
    labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    classes: int
    parts: Tensor | None = None
    test_parts: Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.inputs.shape[1:])


class ClientData:
    """One client's samples, served as an endless sequence of batches that is a function of the step alone.

    Every epoch is a new order from the named stream (seed, "batches", client, epoch); batches are cut from the
    concatenation of all epochs, so that each has exactly ``batch_size`` samples and each sample comes equally often. A
    client with fewer samples than a batch sees some of them twice in it.
    """

    def __init__(self, inputs: Tensor, labels: Tensor, name: str, seed: int) -> None:
        self.inputs, self.labels, self.name, self.seed = inputs, labels, name, seed
        self._order = lru_cache(maxsize=2)(self._shuffled)

    @property
    def key(self) -> int:
        """Key of the random numbers that training on these samples needs (dropout)."""
        return key(self.seed, "dropout", self.name)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, step: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """Inputs and labels of the ``step``-th batch (from 0)."""
        n = len(self.labels)
        first, last = step * batch_size, (step + 1) * batch_size
        epochs = range(first // n, (last - 1) // n + 1)
        order = self._order(epochs[0]) if len(epochs) == 1 else torch.cat([self._order(e) for e in epochs])
        chosen = order[first - epochs[0] * n : last - epochs[0] * n]
        return self.inputs.index_select(0, chosen), self.labels.index_select(0, chosen)

    def _shuffled(self, epoch: int) -> Tensor:
        return torch.from_numpy(stream(self.seed, "batches", self.name, epoch).permutation(len(self.labels)))


def load(
    name: str,
    root: str | None,
    test_fraction: float | None,
    seed: int,
    image_size: int | None = None,
    windows: Windows = Windows(),  # noqa: B008 (a frozen value)
) -> Dataset:
    """A data set, split into training and test samples.

    name, root, image_size: as :func:`wirelessfsl.learning.datasets.read` takes them.
    test_fraction: None takes the data set's own test half, or 0.2 where it has none; a number pools all samples and
    holds this fraction out, class by class, in an order from stream (seed, "test-split"). Of a text it is the end of
    each part.
    windows: how samples are cut from a text.
    """
    fraction = 0.2 if test_fraction is None else test_fraction
    if name == "text":
        train, test, classes = text(place(name, root), windows, fraction)
        x, y, part, test_x, test_y, test_part = (_tensor(array) for array in (*train, *test))
        return Dataset(x, y, test_x, test_y, classes, *((None, None) if windows.parts == 1 else (part, test_part)))
    first, second = read(name, root, image_size)
    if second is None:
        first, second = _hold_out(first, fraction, seed)
    elif test_fraction is not None:
        pool = np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]])
        first, second = _hold_out(pool, fraction, seed)
    x, y, test_x, test_y = (_tensor(array) for array in (*first, *second))
    return Dataset(x, y, test_x, test_y, classes=int(max(y.max(), test_y.max())) + 1)


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def _hold_out(pool: Arrays, fraction: float, seed: int) -> tuple[Arrays, Arrays]:
    inputs, labels = pool
    rng = stream(seed, "test-split")
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == label))
        held[own[: max(1, round(fraction * len(own)))]] = True
    return (inputs[~held], labels[~held]), (inputs[held], labels[held])
