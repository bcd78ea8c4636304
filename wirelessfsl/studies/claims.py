"""Who works on which point: a claim is a lock on one byte of a file in the study's folder.

The byte's position is the point's digest, so that one empty file serves all points and the run folder itself can be
moved while it is claimed. The system drops a lock with the process that has it, however that ends: no claim is stale.
A process has one claim at a time.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILE = ".claims"


@contextmanager
def claimed(folder: Path, digest: str) -> Iterator[bool]:
    """Claim a point for as long as the block lasts; gives whether it is ours, False if another process has it.

    folder: of the study.
    digest: of the point.
    """
    with (folder / _FILE).open("ab") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(digest, 16))
        except OSError:
            yield False
        else:
            yield True


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process writes files of the study as a whole, and keep others from it."""
    with (folder / _FILE).open("ab") as file:
        fcntl.lockf(file, fcntl.LOCK_EX, 1, 1 << 32)  # behind all digests
        yield


def free(folder: Path, digest: str) -> bool:
    """Whether nobody has claimed a point."""
    with claimed(folder, digest) as ours:
        return ours
