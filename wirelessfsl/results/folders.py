"""Where the runs are: a folder that holds run folders stands for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def run_folders(folders: Iterable[str | Path]) -> list[Path]:
    """The run folders that are named or lie anywhere below a named folder, in the order of their names, each once.

    Raises ValueError for a folder without any.
    """
    found: dict[Path, None] = {}
    for folder in folders:
        inside = [*_below(Path(folder))]
        if not inside:
            raise ValueError(f"{folder}: no run folder in it; give folders that `wirelessfsl run` or `sweep` made")
        found.update(dict.fromkeys(inside))
    return [*found]


def _below(folder: Path) -> Iterator[Path]:
    for here, inner, files in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if "manifest.json" in files:
            inner.clear()  # what lies in a run folder belongs to the run
            yield Path(here)
