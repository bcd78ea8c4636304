"""Samples: training and test half of a data set, and the endless batches of one client.

Inputs are float32 of shape (samples, channels, height, width), or int64 of shape (samples, length) for text; labels are
int64. Where they come from is in :mod:`wirelessfsl.learning.datasets` and :mod:`wirelessfsl.learning.text`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.lazy import torch
from wirelessfsl.learning.datasets import Arrays, place, read
from wirelessfsl.learning.partition import Indices
from wirelessfsl.learning.text import Windows, text
from wirelessfsl.streams import key, stream

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Dataset:
    """Training and test samples: inputs (n, channels, height, width) float32, labels (n,) int64 below ``classes``.

    Inputs of text are (n, length) int64, below ``classes``.

    parts, test_parts: number of the part of a text that each sample is from, shape (n,); None where there are no parts.
    public: inputs and labels of training samples that stay at the server; None if there are none.
    """

    inputs: Tensor
    labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    classes: int
    parts: Tensor | None = None
    test_parts: Tensor | None = None
    public: tuple[Tensor, Tensor] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.inputs.shape[1:])


class ClientData:
    """One client's samples, served as an endless sequence of batches that is a function of the step alone.

    Every epoch is a new order from the named stream (seed, "batches", client, epoch); batches are cut from the
    concatenation of all epochs, so that each has exactly ``batch_size`` samples and each sample comes equally often. A
    client with fewer samples than a batch sees some of them twice in it.

    inputs, labels: of all clients' samples, which are not copied.
    own: numbers of this client's, shape (n,); by default all are.
    """

    def __init__(self, inputs: Tensor, labels: Tensor, name: str, seed: int, own: Indices | None = None) -> None:
        self.name, self.seed = name, seed
        self._inputs, self._labels, self._own = inputs, labels, np.arange(len(labels)) if own is None else own
        self._orders: dict[int, Tensor] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return ClientData, (self._inputs, self._labels, self.name, self.seed, self._own)

    @property
    def sample(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self._inputs.shape[1:])

    @property
    def dtype(self) -> torch.dtype:
        """Of the inputs."""
        return self._inputs.dtype

    @property
    def labels(self) -> Tensor:
        """Labels of its samples."""
        return self._labels[self._own]

    @property
    def key(self) -> int:
        """Key of the random numbers that training on these samples needs (dropout)."""
        return key(self.seed, "dropout", self.name)

    @property
    def source(self) -> tuple[int, int]:
        """Which tensors its samples are of."""
        return id(self._inputs), id(self._labels)

    def __len__(self) -> int:
        return len(self._own)

    def batch(self, step: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """Inputs and labels of the ``step``-th batch (from 0)."""
        return self.at(self.chosen(step, batch_size))

    def at(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and labels of the samples with these numbers."""
        chosen = chosen.to(self._inputs.device)
        return self._inputs.index_select(0, chosen), self._labels.index_select(0, chosen)

    def on(self, there: Callable[[Tensor], Tensor]) -> ClientData:
        """The same client with its samples elsewhere. there: where a tensor is on that device."""
        return ClientData(there(self._inputs), there(self._labels), self.name, self.seed, self._own)

    def chosen(self, step: int, batch_size: int) -> Tensor:
        """Numbers of the samples of the ``step``-th batch (from 0)."""
        n = len(self)
        first, last = step * batch_size, (step + 1) * batch_size
        epochs = range(first // n, (last - 1) // n + 1)
        order = self._order(epochs[0]) if len(epochs) == 1 else torch.cat([self._order(e) for e in epochs])
        return order[first - epochs[0] * n : last - epochs[0] * n]

    def _order(self, epoch: int) -> Tensor:
        """Numbers of the samples in an epoch; those of two are kept, as a batch may be of both."""
        if epoch not in self._orders:
            order = self._own[stream(self.seed, "batches", self.name, epoch).permutation(len(self))]
            self._orders = {**dict([*self._orders.items()][-1:]), epoch: torch.from_numpy(order)}
        return self._orders[epoch]


class Clients:
    """Several clients in place of one: their batches, stacked. Their samples are of the same tensors."""

    def __init__(self, clients: Sequence[ClientData]) -> None:
        self._clients = clients

    def batch(self, step: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """Inputs and labels of the ``step``-th batch (from 0) of each."""
        numbers = torch.cat([each.chosen(step, batch_size) for each in self._clients])
        x, y = self._clients[0].at(numbers)
        return x.view(len(self._clients), batch_size, *x.shape[1:]), y.view(len(self._clients), batch_size)


class BlankData:
    """Stands for one client's samples in a run that is about time alone: batches of the right shapes without numbers.

    sample: shape of one sample. dtype: of the inputs.
    """

    key = 0

    def __init__(self, sample: tuple[int, ...], dtype: torch.dtype) -> None:
        self.sample, self.dtype = sample, dtype

    def __len__(self) -> int:
        return 1

    def batch(self, step: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """Inputs and labels of any batch."""
        inputs = torch.empty((batch_size, *self.sample), dtype=self.dtype, device="meta")
        return inputs, torch.empty(batch_size, dtype=torch.int64, device="meta")


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


def set_apart(data: Dataset, fraction: float, seed: int) -> Dataset:
    """A data set of which a share of the training samples is public.

    fraction: the share of each class (of a text with parts: of each part). The order is from stream (seed, "public").

    Raises ValueError if that is no sample.
    """
    by = data.labels if data.parts is None else data.parts
    public = torch.from_numpy(_drawn(by.numpy(), fraction, stream(seed, "public"), at_least=0))
    if not public.any():
        raise ValueError(f"{fraction:g} of {len(by)} training samples is none; raise it")
    return replace(
        data,
        inputs=data.inputs[~public],
        labels=data.labels[~public],
        parts=None if data.parts is None else data.parts[~public],
        public=(data.inputs[public], data.labels[public]),
    )


def _hold_out(pool: Arrays, fraction: float, seed: int) -> tuple[Arrays, Arrays]:
    inputs, labels = pool
    held = _drawn(labels, fraction, stream(seed, "test-split"), at_least=1)
    return (inputs[~held], labels[~held]), (inputs[held], labels[held])


def _drawn(groups: NDArray[Any], fraction: float, rng: np.random.Generator, at_least: int) -> NDArray[np.bool_]:
    """A share of each group, in random order, as a mask."""
    held = np.zeros(len(groups), dtype=bool)
    for group in np.unique(groups):
        own = rng.permutation(np.flatnonzero(groups == group))
        held[own[: max(at_least, round(fraction * len(own)))]] = True
    return held
