"""The columns of a run as NumPy arrays, names as codes: what every fold of the reading wing works on.

A run of a million facts has a dozen different names, so a name column is one small integer a row and a fold compares
integers. Only the columns that some fold needs are here; the whole tables are ``Run.events`` and ``Run.metrics``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.records import is_server

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]
Mask = NDArray[np.bool_]


class Names(NamedTuple):
    """A column of names: row i holds ``names[codes[i]]``, or no name where the code is -1.

    codes: integers, shape (rows,).
    names: the different names.

    >>> Names(np.array([0, 1, 0, -1]), ("tx", "rx")).among("tx")
    array([ True, False,  True, False])
    """

    codes: Ints
    names: tuple[str, ...]

    def among(self, *wanted: str) -> Mask:
        """Which rows hold one of the wanted names; shape (rows,)."""
        wished: Mask = np.array([*(name in wanted for name in self.names), False], dtype=bool)
        return wished[self.codes]

    @property
    def servers(self) -> Mask:
        """Which rows hold the name of a server; shape (rows,)."""
        return self.among(*filter(is_server, self.names))

    def totals(self, values: Floats | Ints, rows: Mask) -> dict[str, float]:
        """Sum of ``values`` over the chosen rows by name, names in alphabetical order, only those that occur.

        >>> Names(np.array([1, 0, 1]), ("b", "a")).totals(np.array([1, 2, 4]), np.array([True, True, True]))
        {'a': 5.0, 'b': 2.0}
        """
        codes = self.codes[rows]
        sums = np.bincount(codes, weights=values[rows], minlength=len(self.names))
        occurs = np.bincount(codes, minlength=len(self.names)) > 0
        return {name: float(total) for name, total, here in sorted(zip(self.names, sums, occurs, strict=True)) if here}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The events of a run, one array a column, each of shape (rows,); see :class:`wirelessfsl.records.Event`.

    ``node`` and ``peer`` share one tuple of names, so that their codes can be compared.
    """

    start_s: Floats
    end_s: Floats
    node: Names
    peer: Names
    activity: Names
    phase: Names
    round: Ints
    bytes: Ints
    energy_j: Floats
    attempts: Ints
    delivered: Mask

    def where(self, rows: Mask) -> Facts:
        """The chosen rows."""
        columns: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, column in columns.items():
            columns[name] = Names(column.codes[rows], column.names) if isinstance(column, Names) else column[rows]
        return Facts(**columns)


@dataclass(frozen=True, kw_only=True)
class Evaluations:
    """The evaluations of a run, one array a column, each of shape (rows,); see :class:`wirelessfsl.records.Metric`.

    ``client`` has the code -1 where the figure is over all clients; ``accuracy`` is NaN where there is none.
    """

    round: Ints
    time_s: Floats
    client: Names
    split: Names
    loss: Floats
    accuracy: Floats
    energy_j: Floats
    uplink_bytes: Ints
    downlink_bytes: Ints
