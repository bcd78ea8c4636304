"""What memory this host can give a process: what is free of its own, or of the control group that it is in, if less.

For Linux, control groups of version 1 and 2; elsewhere what is built in. What other processes will ask for is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

VARIABLE = "WIRELESSFSL_MEMORY_BYTES"
"""Environment variable that says what the host can give a process, in place of what it says itself."""
_FILES = "memory.max", "memory.current", "inactive_file"
_FILES_OF_V1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"


def available_bytes(root: Path = Path("/")) -> int | None:
    """What this process may have in all, with what it has already; None if nobody knows.

    root: where the host's files are.

    Raises ValueError if the environment variable is no positive number.
    """
    if given := os.environ.get(VARIABLE):
        with suppress(ValueError, OverflowError):
            if (said := int(float(given))) > 0:
                return said
        raise ValueError(f"{VARIABLE}: got {given!r}, must be a number of bytes above 0, such as 16e9")
    free = [*_of_host(root), *_of_groups(root)]
    return resident_bytes(root) + min(free) if free else None


def resident_bytes(root: Path = Path("/")) -> int:
    """What this process has of the host's memory now; 0 if nobody knows."""
    with suppress(OSError):
        return int((root / "proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _of_host(root: Path) -> Iterator[int]:
    """What is free of the host's memory, or all that it has."""
    with suppress(OSError, KeyError):
        yield _numbers(root / "proc/meminfo")["MemAvailable:"] * 1024
        return
    with suppress(OSError, ValueError):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_groups(root: Path) -> Iterator[int]:
    """What is left to the control groups that this process is in, and to those above them."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, inside = line.split(":", 2)
            if controllers in ("", "memory"):
                top = root / "sys/fs/cgroup" / controllers
                here = top / inside.lstrip("/")
                for group in (here, *here.parents):
                    yield from _left(group, controllers == "memory")
                    if group == top:
                        break


def _left(group: Path, first_version: bool) -> Iterator[int]:
    """What is left of a group's limit; pages of files that it has read can be given up."""
    limit, usage, reclaimable = _FILES_OF_V1 if first_version else _FILES
    with suppress(OSError, ValueError):  # a limit of "max" is none
        used = int((group / usage).read_text()) - _numbers(group / "memory.stat").get(reclaimable, 0)
        yield max(0, int((group / limit).read_text()) - used)


def _numbers(path: Path) -> dict[str, int]:
    """Names and numbers of a file with a pair in each line."""
    rows = (line.split() for line in path.read_text().splitlines())
    return {row[0]: int(row[1]) for row in rows}
