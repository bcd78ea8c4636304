"""Public data sets from where their keepers put them, each file checked against its known checksum."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from wirelessfsl.learning.datasets import DOWNLOADABLE, home


class Source(NamedTuple):
    """Where a data set's files are, and the MD5 of each as its keepers (or torchvision) publish it.

    unpack: members to take out of a tar file.
    """

    url: str
    md5: dict[str, str]
    unpack: tuple[str, ...] = ()


SOURCES = {
    "mnist": Source(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        {
            "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "fashion_mnist": Source(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        {
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
    "cifar10": Source(
        "https://www.cs.toronto.edu/~kriz/",
        {"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
        tuple(f"cifar-10-batches-bin/{n}.bin" for n in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")),
    ),
}
assert sorted(SOURCES) == sorted(DOWNLOADABLE)


class DownloadError(RuntimeError):
    """A file could not be fetched, or is not what it should be; the message says how to do it by hand."""


def download(name: str, folder: Path | None = None, report: Callable[[str], None] = lambda _: None) -> Path:
    """Fetch a data set into a folder (by default where it is looked for); files that are there already are kept.

    name: mnist, fashion_mnist or cifar10.
    report: told of every file.

    Returns the folder. Raises ValueError for another name or, before anything is asked of the network, for a folder
    that cannot be made, and DownloadError if a file cannot be had; nothing half-written is left.
    """
    import pooch

    if name not in SOURCES:
        raise ValueError(f"download: got {name!r}, allowed: {', '.join(SOURCES)}")
    source, folder = SOURCES[name], (home(name) if folder is None else folder).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make {folder}: {error.strerror}; give another folder with --to") from error
    pooch.get_logger().setLevel("ERROR")
    for file, md5 in source.md5.items():
        report(f"{source.url}{file}")
        unpack = pooch.Untar(members=list(source.unpack), extract_dir=".") if source.unpack else None
        try:
            pooch.retrieve(source.url + file, f"md5:{md5}", fname=file, path=folder, processor=unpack)
        except (OSError, ValueError) as error:
            raise DownloadError(
                f"{source.url}{file}: {str(error).partition(chr(10))[0]}. Fetch it in another way and put it into"
                f" {folder}" + (", unpacked" if source.unpack else "")
            ) from error
    return folder
