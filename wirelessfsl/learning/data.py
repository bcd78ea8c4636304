"""Data sets: real images from files that are there (nothing is downloaded), and one made from random numbers.

``digits`` ships with scikit-learn. ``mnist`` reads IDX files (plain or gzip). ``blobs`` is for tests and for timing.
Inputs are float32 of shape (samples, channels, height, width), labels int64.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.lazy import torch
from wirelessfsl.streams import key, stream

if TYPE_CHECKING:
    from torch import Tensor

Arrays = tuple[NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True)
class Dataset:
    """Training and test samples: inputs (n, channels, height, width) float32, labels (n,) int64 below ``classes``."""

    inputs: Tensor
    labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    classes: int

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


def digits(root: str | None) -> tuple[Arrays, Arrays | None]:
    """Optical recognition of handwritten digits (UCI; 1,797 images of 8x8), as shipped with scikit-learn."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return (images.reshape(-1, 1, 8, 8).astype(np.float32) / 16.0, labels.astype(np.int64)), None


def mnist(root: str | None) -> tuple[Arrays, Arrays | None]:
    """MNIST (LeCun et al. 1998) from IDX files ``{train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]``.

    ``root`` is the folder, by default $WIRELESSFSL_DATA/mnist. Pixels are scaled to [0, 1]. Raises ValueError that
    names the missing file.
    """
    folder = Path(root) if root is not None else Path(os.environ.get("WIRELESSFSL_DATA", ".")) / "mnist"
    halves = []
    for half in ("train", "t10k"):
        files = [_find(folder, f"{half}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")]
        if files[0] is not None and files[1] is not None:
            images, labels = (_read_idx(file) for file in files if file is not None)
            if images.ndim != 3 or labels.shape != images.shape[:1]:
                raise ValueError(f"{folder}: {half} images of shape {images.shape} with labels of {labels.shape}")
            halves.append((images[:, None].astype(np.float32) / 255.0, labels.astype(np.int64)))
    if not halves:
        raise ValueError(
            f"no MNIST files in {folder}: looked for train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz], or"
            " the same with t10k; set data.root or WIRELESSFSL_DATA to the folder that has them"
        )
    return (halves[0], halves[1]) if len(halves) == 2 else (halves[0], None)


def blobs(root: str | None) -> tuple[Arrays, Arrays | None]:
    """Ten Gaussian classes as 8x8 images, 2,000 samples: no meaning, no files; for tests and timing."""
    rng = stream(0, "blobs")
    labels = np.arange(2000, dtype=np.int64) % 10
    centres = rng.normal(size=(10, 1, 8, 8))
    return ((centres[labels] + rng.normal(size=(2000, 1, 8, 8))).astype(np.float32), labels), None


DATASETS: dict[str, Callable[[str | None], tuple[Arrays, Arrays | None]]] = {
    "blobs": blobs,
    "digits": digits,
    "mnist": mnist,
}
NEEDS_ROOT = ("mnist",)
"""Data sets that are read from files of the user's, and so take ``root``."""


def load(name: str, root: str | None, test_fraction: float | None, seed: int) -> Dataset:
    """A data set, split into training and test samples.

    test_fraction: None takes the data set's own test half, or 0.2 where it has none; a number pools all samples and
    holds this fraction out, class by class, in an order from stream (seed, "test-split").
    """
    train, test = DATASETS[name](root)
    if test is None or test_fraction is not None:
        pool = train if test is None else (np.concatenate([train[0], test[0]]), np.concatenate([train[1], test[1]]))
        train, test = _hold_out(pool, 0.2 if test_fraction is None else test_fraction, seed)
    x, y, test_x, test_y = (torch.from_numpy(np.ascontiguousarray(array)) for array in (*train, *test))
    return Dataset(x, y, test_x, test_y, classes=int(max(train[1].max(), test[1].max())) + 1)


def _hold_out(pool: Arrays, fraction: float, seed: int) -> tuple[Arrays, Arrays]:
    inputs, labels = pool
    rng = stream(seed, "test-split")
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == label))
        held[own[: max(1, round(fraction * len(own)))]] = True
    return (inputs[~held], labels[~held]), (inputs[held], labels[held])


def _find(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Array of an IDX file: two zero bytes, type 8 (unsigned byte), number of dimensions, sizes, data."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: not a gzip file, or truncated: {error}") from error
    dims = raw[3] if len(raw) >= 4 else 0
    head = 4 + 4 * dims
    sizes = [int.from_bytes(raw[at : at + 4]) for at in range(4, head, 4)]
    if raw[:3] != b"\0\0\x08" or len(raw) != head + prod(sizes):
        raise ValueError(f"{path}: not an IDX file of unsigned bytes, or truncated")
    return np.frombuffer(raw, dtype=np.uint8, offset=head).reshape(sizes)
