"""Files in shared memory, of which other tests and programs of this machine make and remove some at any time."""

from __future__ import annotations

import os
from time import monotonic, sleep

FOLDER = "/dev/shm"


def shared_files() -> set[str]:
    return {*os.listdir(FOLDER)}


def left_there(before: set[str]) -> set[str]:
    """Which files are new and stay, for a while at least."""
    new, end = shared_files() - before, monotonic() + 10.0
    while new and monotonic() < end:
        sleep(0.1)
        new &= shared_files()
    return new
