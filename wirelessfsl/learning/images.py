"""Folders of images: one folder a class, plain or inside of a zip, which is read in place.

Class names in alphabetical order are the labels. Greyscale if all images are, otherwise red, green and blue. Files that
are no images by their name, and hidden ones, are passed over; an image that cannot be read is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile
from zipfile import Path as ZipPath

import numpy as np
from numpy.typing import NDArray

Pixels = tuple[NDArray[np.uint8], NDArray[np.int64]]
Tree = Path | ZipPath


def read_images(root: Path, size: int | None) -> tuple[Pixels, Pixels | None]:
    """Pixels (n, channels, height, width) and labels of the training and the test half, or of all and None.

    root: folder or zip with class folders, or with folders train and test (or train alone) that have them.
    size: side to which images are resized, in pixels; None wants them all of one size.

    Raises ValueError for what is missing, unreadable, or of several sizes.
    """
    try:
        tree: Tree = ZipPath(root) if root.suffix == ".zip" else root
    except (OSError, BadZipFile) as error:
        raise ValueError(f"{root} cannot be read as a zip: {error}") from error
    if not tree.is_dir():
        raise ValueError(f"{root} is neither a folder nor a zip")
    folders = _folders(tree)
    while len(folders) == 1 and "train" not in folders:  # a zip often holds one folder with everything
        folders = _folders(*folders.values())
    if "train" not in folders:
        return _pixels(_files(root, folders), size), None
    halves = {name: _folders(folders[name]) for name in ("train", "test") if name in folders}
    if "test" in halves and list(halves["train"]) != list(halves["test"]):
        odd = ", ".join(sorted(set(halves["train"]) ^ set(halves["test"])))
        raise ValueError(f"{root}: train and test must have the same classes; only one of them has {odd}")
    files = [_files(root, classes) for classes in halves.values()]
    pixels, labels = _pixels([each for half in files for each in half], size)
    cut = len(files[0])
    return (pixels[:cut], labels[:cut]), (pixels[cut:], labels[cut:]) if "test" in halves else None


def _visible(tree: Tree) -> Iterator[Tree]:
    return (entry for entry in tree.iterdir() if not entry.name.startswith((".", "__MACOSX")))


def _folders(tree: Tree) -> dict[str, Tree]:
    """Folders in a folder, by name, in alphabetical order."""
    return {entry.name: entry for entry in sorted(_visible(tree), key=lambda e: e.name) if entry.is_dir()}


def _files(root: Path, classes: dict[str, Tree]) -> list[tuple[Tree, int]]:
    """Every image with its label."""
    from PIL import Image

    known = Image.registered_extensions()
    if len(classes) < 2:
        raise ValueError(f"{root}: found {len(classes)} class folders, must be 2 or more, with images in them")
    found = []
    for label, (name, folder) in enumerate(classes.items()):
        own = sorted((e for e in _visible(folder) if Path(e.name).suffix.lower() in known), key=lambda e: e.name)
        if not own:
            raise ValueError(f"{root}: class folder {name} has no images")
        found += [(file, label) for file in own]
    return found


def _pixels(files: list[tuple[Tree, int]], size: int | None) -> Pixels:
    from PIL import Image, UnidentifiedImageError

    read: list[NDArray[np.uint8]] = []
    for file, _ in files:
        try:
            with file.open("rb") as stream, Image.open(stream) as opened:
                image = opened.convert("L" if opened.mode in ("1", "L", "LA") else "RGB")
        except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise ValueError(f"{file} cannot be read as an image: {error}") from error
        if size is not None and image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.BILINEAR)
        read.append(np.atleast_3d(np.asarray(image)))
        if read[-1].shape[:2] != read[0].shape[:2]:
            (height, width), (first_height, first_width) = read[-1].shape[:2], read[0].shape[:2]
            raise ValueError(
                f"{file} is {width}x{height}, {files[0][0]} is {first_width}x{first_height}: give data.image_size,"
                " to which all are resized"
            )
    channels = max(image.shape[2] for image in read)
    pixels = np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in read])
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), np.array([label for _, label in files])
