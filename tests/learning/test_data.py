"""Data sets: files are read as they are or refused, and test samples stay out of training."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.learning.plain import same
from wirelessfsl.learning.data import load
from wirelessfsl.learning.datasets import DATASETS

Images = NDArray[np.uint8]


def idx(array: NDArray[np.uint8]) -> bytes:
    """An IDX file of unsigned bytes."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def unique_images(count: int, first: int = 0) -> tuple[Images, Images]:
    """Images of 4x3 that carry their own number in the first two pixels; labels 0 to 4 in turn."""
    number = np.arange(first, first + count)
    images = np.random.default_rng(first).integers(0, 256, (count, 4, 3), dtype=np.uint8)
    images[:, 0, 0], images[:, 0, 1] = number % 256, number // 256
    return images, (number % 5).astype(np.uint8)


def write(folder: Path, half: str, images: Images, labels: Images, zipped: bool = False) -> None:
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        raw = idx(array)
        name = f"{half}-{kind}-ubyte" + (".gz" if zipped else "")
        (folder / name).write_bytes(gzip.compress(raw) if zipped else raw)


def numbers(inputs: Tensor) -> list[int]:
    pixels = (inputs * 255).round().int()
    return (pixels[:, 0, 0, 0] + 256 * pixels[:, 0, 0, 1]).tolist()


def test_digits_are_1797_images_of_8x8_in_ten_classes() -> None:
    data = load("digits", None, None, seed=1)
    assert len(data.labels) + len(data.test_labels) == 1797
    assert data.shape == (1, 8, 8)
    assert data.classes == 10
    assert (data.inputs.dtype, data.labels.dtype) == (torch.float32, torch.int64)
    assert (float(data.inputs.min()), float(data.inputs.max())) == (0.0, 1.0)


@pytest.mark.parametrize("name", ["digits", "blobs"])
def test_a_fifth_of_every_class_is_held_out_by_default(name: str) -> None:
    data = load(name, None, None, seed=1)
    for train, test in zip(data.labels.bincount(), data.test_labels.bincount(), strict=True):
        assert int(test) == round(0.2 * int(train + test))


def test_the_seed_decides_which_samples_are_held_out() -> None:
    once, again, other = (load("digits", None, None, seed) for seed in (1, 1, 2))
    assert same(once.test_inputs, again.test_inputs)
    assert not same(once.test_inputs, other.test_inputs)


def test_blobs_are_the_same_whatever_the_seed() -> None:
    pools = [load("blobs", None, None, seed) for seed in (1, 2)]
    sums = [torch.cat([d.inputs, d.test_inputs]).sum((1, 2, 3)).sort().values for d in pools]
    assert same(*sums)


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_idx_files_come_back_pixel_by_pixel(tmp_path: Path, zipped: bool) -> None:
    train, test = unique_images(40), unique_images(10, first=40)
    write(tmp_path, "train", *train, zipped=zipped)
    write(tmp_path, "t10k", *test, zipped=zipped)
    data = load("mnist", str(tmp_path), None, seed=1)
    assert data.shape == (1, 4, 3)
    assert data.classes == 5
    assert same(data.inputs, torch.from_numpy(train[0])[:, None].float() / 255)
    assert same(data.test_inputs, torch.from_numpy(test[0])[:, None].float() / 255)
    assert same(data.labels, torch.from_numpy(train[1]).long())
    assert same(data.test_labels, torch.from_numpy(test[1]).long())


@pytest.mark.parametrize(("fraction", "held_out"), [(0.2, 60), (0.5, 150)])
def test_a_fraction_pools_both_halves_and_no_test_sample_is_trained_on(
    tmp_path: Path, fraction: float, held_out: int
) -> None:
    write(tmp_path, "train", *unique_images(200))
    write(tmp_path, "t10k", *unique_images(100, first=200))
    data = load("mnist", str(tmp_path), fraction, seed=1)
    trained, tested = numbers(data.inputs), numbers(data.test_inputs)
    assert len(tested) == held_out
    assert sorted(trained + tested) == list(range(300))
    assert [n % 5 for n in tested] == data.test_labels.tolist()
    assert set(Counter(n % 5 for n in tested).values()) == {held_out // 5}


def test_one_half_alone_is_split(tmp_path: Path) -> None:
    write(tmp_path, "t10k", *unique_images(100))
    data = load("mnist", str(tmp_path), None, seed=1)
    assert (len(data.labels), len(data.test_labels)) == (80, 20)


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").mkdir()
    write(tmp_path / "mnist", "train", *unique_images(50))
    monkeypatch.setenv("WIRELESSFSL_DATA", str(tmp_path))
    assert len(load("mnist", None, None, seed=1).labels) == 40


def test_missing_files_are_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\[\.gz\].*set data\.root or WIRELESSFSL_DATA"):
        load("mnist", str(tmp_path), None, seed=1)


GOOD = idx(unique_images(20)[0])


@pytest.mark.parametrize(
    ("suffix", "raw"),
    [
        ("", b""),
        ("", GOOD[:3]),
        ("", GOOD[:9]),
        ("", GOOD[:-1]),
        ("", GOOD + b"\0"),
        ("", b"\0\0\x0d" + GOOD[3:]),  # floats
        ("", b"GIF8" + GOOD[4:]),
        ("", GOOD[:4] + b"\xff" * 12 + GOOD[16:]),  # sizes whose product overflows 64 bits
        ("", idx(unique_images(20)[1])),  # labels where images should be
        ("", idx(unique_images(21)[0])),  # an image more than labels
        (".gz", GOOD),
        (".gz", gzip.compress(GOOD, mtime=0)[:-20]),
        (".gz", gzip.compress(GOOD, mtime=0)[:40] + b"\0" * 40),
        (".gz", gzip.compress(GOOD[:-1], mtime=0)),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value or "plain",
)
def test_a_damaged_idx_file_is_refused_by_name(tmp_path: Path, suffix: str, raw: bytes) -> None:
    write(tmp_path, "train", *unique_images(20))
    (tmp_path / "train-images-idx3-ubyte").unlink()
    (tmp_path / f"train-images-idx3-ubyte{suffix}").write_bytes(raw)
    with pytest.raises(ValueError, match="train"):
        load("mnist", str(tmp_path), None, seed=1)


def real_mnist() -> Path | None:
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    roots = [Path(os.environ["WIRELESSFSL_DATA"])] if "WIRELESSFSL_DATA" in os.environ else []
    return next((root / "mnist" for root in [*roots, beside] if (root / "mnist").is_dir()), None)


@pytest.mark.skipif(real_mnist() is None, reason="no MNIST files: set WIRELESSFSL_DATA to the folder above mnist/")
def test_the_ten_thousand_of_mnist_split_into_8000_and_2000_class_by_class() -> None:
    data = load("mnist", str(real_mnist()), 0.2, seed=1)
    if len(data.labels) + len(data.test_labels) != 10_000:
        pytest.skip("both halves of MNIST are there")
    assert (len(data.labels), len(data.test_labels)) == (8000, 2000)
    assert data.shape == (1, 28, 28)
    # Class frequencies of the 10,000 test images (LeCun et al. 1998).
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (data.labels.bincount() + data.test_labels.bincount()).tolist() == counts
    assert data.test_labels.bincount().tolist() == [round(0.2 * n) for n in counts]


def test_every_data_set_by_name_is_documented() -> None:
    assert all(reader.__doc__ for reader in DATASETS.values())
