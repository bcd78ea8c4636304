"""Data sets: one that ships with a dependency, one of random numbers, and readers of files that are there.

``digits`` ships with scikit-learn, ``blobs`` is for tests and for timing. ``mnist`` and ``fashion_mnist`` are IDX
files, ``cifar10`` its binary version, ``images`` any folder or zip of class folders; ``text`` has a reader of its own
(:mod:`wirelessfsl.learning.text`). Nothing is downloaded here:
``wirelessfsl download`` does that. Inputs are float32 in [0, 1] of shape (samples, channels, height, width), labels are
int64.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable
from functools import lru_cache
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.streams import stream

Arrays = tuple[NDArray[np.float32], NDArray[np.int64]]
Halves = tuple[Arrays, Arrays | None]
"""Training and test half, or all samples and None."""


def digits(folder: Path, image_size: int | None) -> Halves:
    """Optical recognition of handwritten digits (UCI; 1,797 images of 8x8), as shipped with scikit-learn."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return (images.reshape(-1, 1, 8, 8).astype(np.float32) / 16.0, labels.astype(np.int64)), None


def blobs(folder: Path, image_size: int | None) -> Halves:
    """Ten Gaussian classes as 8x8 images, 2,000 samples: no meaning, no files; for tests and timing."""
    rng = stream(0, "blobs")
    labels = np.arange(2000, dtype=np.int64) % 10
    centres = rng.normal(size=(10, 1, 8, 8))
    return ((centres[labels] + rng.normal(size=(2000, 1, 8, 8))).astype(np.float32), labels), None


def mnist(folder: Path, image_size: int | None) -> Halves:
    """MNIST (LeCun et al. 1998; 28x28) from IDX files ``{train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]``."""
    halves = []
    for half in ("train", "t10k"):
        files = [_find(folder, f"{half}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")]
        if files[0] is not None and files[1] is not None:
            images, labels = (_read_idx(file) for file in files if file is not None)
            if images.ndim != 3 or labels.shape != images.shape[:1]:
                raise ValueError(f"{folder}: {half} images of shape {images.shape} with labels of {labels.shape}")
            halves.append(_scaled(images[:, None], labels))
    if not halves:
        raise ValueError(f"no IDX files in {folder}: looked for train-images-idx3-ubyte[.gz] and"
                         " train-labels-idx1-ubyte[.gz], or the same with t10k")  # fmt: skip
    return (halves[0], halves[1]) if len(halves) == 2 else (halves[0], None)


def fashion_mnist(folder: Path, image_size: int | None) -> Halves:
    """Fashion-MNIST (Xiao et al. 2017; clothing, 28x28): IDX files with the names of MNIST's."""
    return mnist(folder, image_size)


def cifar10(folder: Path, image_size: int | None) -> Halves:
    """CIFAR-10 (Krizhevsky 2009; 32x32, colour), binary version: ``data_batch_{1..5}.bin`` and ``test_batch.bin``."""
    inner = folder / "cifar-10-batches-bin"
    folder = inner if inner.is_dir() else folder
    names = [f"data_batch_{i}.bin" for i in range(1, 6)]
    missing = [name for name in (*names, "test_batch.bin") if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"no CIFAR-10 in {folder}: {', '.join(missing)} not found")
    train = np.concatenate([_read_cifar(folder / name) for name in names])
    test = _read_cifar(folder / "test_batch.bin")
    return _cifar_arrays(train), _cifar_arrays(test)


def images(folder: Path, image_size: int | None) -> Halves:
    """Images of your own: a folder or a zip of class folders, or of train/ and test/ with class folders in them."""
    from wirelessfsl.learning.images import read_images

    train, test = read_images(folder, image_size)
    return _scaled(*train), None if test is None else _scaled(*test)


DATASETS: dict[str, Callable[[Path, int | None], Halves]] = {
    "blobs": blobs,
    "cifar10": cifar10,
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "images": images,
    "mnist": mnist,
}
FILE_BASED = ("cifar10", "fashion_mnist", "images", "mnist", "text")
"""Data sets that are read from files of the user's, and so take ``root``."""
DOWNLOADABLE = ("cifar10", "fashion_mnist", "mnist")


def home(name: str) -> Path:
    """Where a data set's files are looked for and downloaded to: $WIRELESSFSL_DATA/<name>, without it data/<name>."""
    return Path(os.environ.get("WIRELESSFSL_DATA", "data")) / name


def place(name: str, root: str | None) -> Path:
    """Where a data set's files are: ``root``, or by default :func:`home`."""
    return (home(name) if root is None else Path(root)).absolute()


def read(name: str, root: str | None, image_size: int | None) -> Halves:
    """The samples of a data set; kept, so that checking a scenario and running it reads files once.

    name: a name out of :data:`DATASETS`.
    root: folder (or zip) of its files; by default :func:`home`.
    image_size: side that images are resized to, in pixels; by default they stay as they are.

    Raises ValueError that says which file is missing or broken, and what to do.
    """
    return _read(name, place(name, root), image_size)


@lru_cache(maxsize=1)
def _read(name: str, folder: Path, image_size: int | None) -> Halves:
    try:
        return DATASETS[name](folder, image_size)
    except ValueError as error:
        if name not in DOWNLOADABLE:
            raise
        raise ValueError(f"{error}; set data.root or WIRELESSFSL_DATA, or run: wirelessfsl download {name}") from error


def _scaled(pixels: NDArray[np.uint8], labels: NDArray[np.integer]) -> Arrays:
    return np.divide(pixels, 255.0, dtype=np.float32), labels.astype(np.int64)


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


def _read_cifar(path: Path) -> NDArray[np.uint8]:
    """Rows of a binary CIFAR-10 file: label, then 32x32 red, green and blue, shape (n, 3073)."""
    raw = np.fromfile(path, np.uint8)
    if not raw.size or raw.size % 3073 or raw[::3073].max() > 9:
        raise ValueError(f"{path}: not a binary CIFAR-10 file, or truncated")
    return raw.reshape(-1, 3073)


def _cifar_arrays(rows: NDArray[np.uint8]) -> Arrays:
    return _scaled(rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0])
