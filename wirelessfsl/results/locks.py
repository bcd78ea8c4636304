"""One writer a folder: a lock that the system holds for a process, and that ends with it, however that ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InUse(ValueError):
    """Another process writes to the folder."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one who writes to a folder, by a lock on the file ``.lock`` in it.

    Raises InUse if another process is.
    """
    with (folder / ".lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"{folder}: another process is writing to it; wait until it ends, or end it") from None
        yield
