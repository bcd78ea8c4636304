"""Files that appear whole under their name, or not at all: whatever stops the program, nobody reads half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import BinaryIO

_FULL = ENOSPC, EDQUOT, EFBIG


class NoSpace(RuntimeError):
    """A file could not be written, because its disk, a quota or a limit is full; nothing of it is left."""


def is_full(error: OSError) -> bool:
    """Whether an error says that there is no room for a file."""
    return error.errno in _FULL


def write(path: Path, content: bytes, durable: bool = False) -> None:
    """Write a file in one piece: :func:`whole` with all of its content."""
    with whole(path, durable) as file:
        file.write(content)


@contextmanager
def whole(path: Path, durable: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of an older one when the block ends, and is nowhere if it fails.

    path: the file. Half of it has another name, of this process alone, beside it, so that the renaming is atomic.
    durable: whether it is on the disk when the block has ended, and survives a loss of power.

    Raises NoSpace if the disk is full, OSError for other reasons.
    """
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    try:
        with half.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(half, path)
    except OSError as error:
        half.unlink(missing_ok=True)
        if is_full(error):
            raise NoSpace(f"{path}: no space left ({error.strerror})") from error
        raise
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    if durable:
        _settle(path.parent)


def settle(folder: Path) -> None:
    """Let all that is in a folder be on the disk, so that it survives a loss of power."""
    for path in folder.rglob("*"):
        _settle(path)


def _settle(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
