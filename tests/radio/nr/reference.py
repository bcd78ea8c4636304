"""Reference rows in ``data``, computed independently of this package.

MCS and CQI tables, transport block sizes: Sionna 2.2. Error curves: simulations with an independent LDPC chain in C++.
"""

from __future__ import annotations

import csv
from pathlib import Path


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a file of reference values."""
    with (Path(__file__).parent / "data" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
