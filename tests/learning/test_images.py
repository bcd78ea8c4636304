"""Class folders and zips of images, and CIFAR-10's binary files."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.learning.plain import same
from wirelessfsl.learning.data import Dataset, load

Pixels = NDArray[np.uint8]


def draw(seed: int, colour: bool = True, size: tuple[int, int] = (6, 5)) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3) if colour else size, dtype=np.uint8)


def save(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def tree(root: Path, colour: bool = True) -> Path:
    """train: 4 cats and 6 dogs, test: 2 and 3; every image from its own seed, 0 to 14 in the order of reading."""
    seed = 0
    for half, cats, dogs in (("train", 4, 6), ("test", 2, 3)):
        for name, count in (("cat", cats), ("dog", dogs)):
            for i in range(count):
                save(root / half / name / f"{i}.png", draw(seed, colour))
                seed += 1
    return root


def zipped(folder: Path, below: str = "") -> Path:
    target = folder.parent / "images.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("__MACOSX/._junk", b"junk")
        for file in sorted(folder.rglob("*")):
            archive.write(file, below + str(file.relative_to(folder)))
    return target


def images(root: Path, size: int | None = None) -> Dataset:
    return load("images", str(root), None, seed=1, image_size=size)


def as_tensor(pixels: Pixels) -> torch.Tensor:
    channels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    return torch.from_numpy(channels.copy()).permute(2, 0, 1).float() / 255


@pytest.mark.parametrize("colour", [True, False], ids=["colour", "grey"])
@pytest.mark.parametrize("form", ["folder", "zip", "zip of one folder"])
def test_images_come_back_pixel_by_pixel_with_the_labels_of_their_folders(
    tmp_path: Path, form: str, colour: bool
) -> None:
    root = tree(tmp_path / "pets", colour)
    if form != "folder":
        root = zipped(root, "pets/" if "one" in form else "")
    data = images(root)
    assert data.labels.tolist() == [0] * 4 + [1] * 6
    assert data.test_labels.tolist() == [0] * 2 + [1] * 3
    assert same(data.inputs, torch.stack([as_tensor(draw(i, colour)) for i in range(10)]))
    assert same(data.test_inputs, torch.stack([as_tensor(draw(i, colour)) for i in range(10, 15)]))


def test_without_halves_a_fifth_of_every_class_is_held_out(tmp_path: Path) -> None:
    data = images(tree(tmp_path) / "train")
    assert sorted(data.test_labels.tolist()) == [0, 1]
    assert len(data.labels) == 8


def test_one_colour_image_makes_all_of_them_colour(tmp_path: Path) -> None:
    tree(tmp_path, colour=False)
    save(tmp_path / "train" / "cat" / "9.png", draw(99))
    data = images(tmp_path)
    assert data.shape == (3, 6, 5)
    assert same(data.inputs[0], as_tensor(draw(0, colour=False)).expand(3, 6, 5))


def test_files_that_are_no_images_by_name_and_hidden_ones_are_passed_over(tmp_path: Path) -> None:
    tree(tmp_path)
    for name in ("train/cat/notes.txt", "train/cat/.hidden.png", ".DS_Store", "readme.md"):
        (tmp_path / name).write_text("no image")
    assert len(images(tmp_path).labels) == 10


def test_images_of_several_sizes_need_one_given(tmp_path: Path) -> None:
    tree(tmp_path)
    save(tmp_path / "train" / "cat" / "9.png", draw(99, size=(7, 4)))
    with pytest.raises(ValueError, match=r"9.png is 4x7, .*0.png is 5x6: give data.image_size"):
        images(tmp_path)
    data = images(tmp_path, size=8)
    assert data.shape == (3, 8, 8)
    flat = torch.full((6, 5, 3), 77, dtype=torch.uint8).numpy()
    save(tmp_path / "train" / "cat" / "0.png", flat)
    assert images(tmp_path, size=9).inputs[0].unique().tolist() == pytest.approx([77 / 255])


def broken(root: Path, how: str) -> None:
    match how:
        case "no classes":
            for file in root.rglob("*.png"):
                file.unlink()
            for folder in sorted(root.rglob("*"), reverse=True):
                folder.rmdir()
        case "one class":
            for half in ("train", "test"):
                for file in (root / half / "dog").iterdir():
                    file.unlink()
                (root / half / "dog").rmdir()
        case "an empty class":
            (root / "train" / "ant").mkdir()
            (root / "test" / "ant").mkdir()
        case "other classes":
            (root / "test" / "dog").rename(root / "test" / "wolf")
        case "a damaged image":
            file = root / "train" / "dog" / "2.png"
            file.write_bytes(file.read_bytes()[:60])
        case "text":
            (root / "train" / "dog" / "2.png").write_text("not an image")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no classes", "found 0 class folders, must be 2 or more"),
        ("one class", "found 1 class folders, must be 2 or more"),
        ("an empty class", "class folder ant has no images"),
        ("other classes", "train and test must have the same classes; only one of them has dog, wolf"),
        ("a damaged image", r"dog/2\.png cannot be read as an image"),
        ("text", r"dog/2\.png cannot be read as an image"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, how: str, message: str) -> None:
    root = tree(tmp_path / "pets")
    broken(root, how)
    with pytest.raises(ValueError, match=message):
        images(root)
    if how != "no classes":
        with pytest.raises(ValueError, match=message):
            images(zipped(root))


def test_what_is_neither_folder_nor_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("no zip")
    for name, message in (
        ("x.zip", "cannot be read as a zip"),
        ("y.zip", "as a zip"),
        ("z", "neither a folder nor a zip"),
    ):
        with pytest.raises(ValueError, match=message):
            images(tmp_path / name)


def cifar(folder: Path, rows: int = 4) -> dict[str, Pixels]:
    """Six small files with rows of label and 3072 pixels."""
    files = {}
    for seed, name in enumerate((*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")):
        files[name] = np.random.default_rng(seed).integers(0, 256, (rows, 3073), dtype=np.uint8)
        files[name][:, 0] = np.arange(rows) % 10
        folder.mkdir(parents=True, exist_ok=True)
        files[name].tofile(folder / f"{name}.bin")
    return files


@pytest.mark.parametrize("inner", ["", "cifar-10-batches-bin"])
def test_cifar10_comes_back_pixel_by_pixel(tmp_path: Path, inner: str) -> None:
    files = cifar(tmp_path / inner)
    data = load("cifar10", str(tmp_path), None, seed=1)
    assert data.shape == (3, 32, 32)
    assert len(data.labels) == 20
    test = files["test_batch"]
    # Row-major planes of red, green, blue (cifar page of the University of Toronto).
    assert same(data.test_inputs, torch.from_numpy(test[:, 1:].reshape(-1, 3, 32, 32).copy()).float() / 255)
    assert data.test_labels.tolist() == [0, 1, 2, 3]


def test_a_damaged_or_missing_cifar_file_is_named_with_the_cure(tmp_path: Path) -> None:
    cifar(tmp_path)
    with (tmp_path / "data_batch_3.bin").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match=r"data_batch_3.bin: not a binary CIFAR-10 file"):
        load("cifar10", str(tmp_path), None, seed=1)
    (tmp_path / "data_batch_3.bin").unlink()
    with pytest.raises(ValueError, match=r"data_batch_3.bin not found; .* run: wirelessfsl download cifar10"):
        load("cifar10", str(tmp_path), None, seed=1)


def real_zip() -> Path | None:
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    roots = [Path(os.environ["WIRELESSFSL_DATA"])] if "WIRELESSFSL_DATA" in os.environ else []
    found = (root / "cifar10-images-12k.zip" for root in [*roots, beside])
    return next((path for path in found if path.is_file()), None)


@pytest.mark.skipif(real_zip() is None, reason="no cifar10-images-12k.zip: set WIRELESSFSL_DATA to its folder")
def test_twelve_thousand_real_images_are_read_out_of_their_zip() -> None:
    path = real_zip()
    assert path is not None
    data = images(path)
    assert len(data.labels) + len(data.test_labels) == 12_000
    assert data.shape == (3, 32, 32)
    assert data.classes == 10
    assert len(set(data.labels.bincount().tolist())) == 1
    assert 0.4 < float(data.inputs.mean()) < 0.55  # the mean of CIFAR-10 is 0.473
