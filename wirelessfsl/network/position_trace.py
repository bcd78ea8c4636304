"""Traces of positions: where devices were measured, or another simulator had them, at given instants.

Between two rows of a device it moves straight on at a constant speed. Left out: map projections; x and y are metres on
a plane with the server at the origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Literal

import numpy as np

from wirelessfsl.network.paths import Legs, Moving
from wirelessfsl.network.tables import dealt, read_table
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import DistanceM

Track = tuple[Floats, Floats]
"""Instants, from 0 on, shape (k,), and x, y and way there, shape (k, 3)."""


@settings
class PositionTrace:
    """Positions from a CSV file with the columns time_s, device, x_m and y_m; linear interpolation.

    x(t) = x_k + (x_{k+1} - x_k) (t - t_k) / (t_{k+1} - t_k) from row k to the next.
    Rows of a device are in order of time; the instant 0 is the beginning of the run. Before its first row a device
    stands there. Where every client has rows under its own name (client-0, client-1, ...) it gets those; otherwise the
    devices of the file are dealt to the clients in turn, in the order in which they first appear.

    path: the file; a relative path is from the folder where the tool runs.
    after: after the last row stand still there (hold), or begin again at the instant 0 with all devices (loop).
    resolution_m: the channel is looked at anew whenever the fastest may have moved that far, in m, > 0.
    sha256: digest that what it reads must have, hexadecimal; a run writes down the present one, so that running its
        scenario again reads the same or is refused.
    """

    kind: Literal["trace"] = "trace"
    path: str
    after: Literal["hold", "loop"] = "hold"
    resolution_m: DistanceM = 1.0
    sha256: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """What it reads."""
        return (self.path,)

    def tracks(self) -> dict[str, Track]:
        """What the file says of every device.

        Raises ValueError with file and line if it cannot be read, or if times of a device do not rise from 0 or later.
        """
        points: dict[str, list[tuple[float, ...]]] = {}
        for line, (time_s, *point), (device,) in read_table(self.path, ("time_s", "x_m", "y_m"), ("device",)):
            rows = points.setdefault(device, [])
            if time_s < 0 or (rows and time_s <= rows[-1][0]):
                least = f"> {rows[-1][0]:g}, the time before of device {device}" if rows else ">= 0"
                raise ValueError(f"{self.path}:{line}: time_s: got {time_s:g}, must be {least}")
            rows.append((time_s, *point))
        return {device: _track(np.array(rows)) for device, rows in points.items()}

    def paths(self, names: Sequence[str], start_m: Floats, seed: int) -> Moving:
        """Paths of the devices of these names; start and seed do not matter.

        Raises ValueError as :meth:`tracks`.
        """
        found = self.tracks()
        longest = max(len(at) for at, _ in found.values())
        period_s = max(float(at[-1]) for at, _ in found.values())
        times = np.full((longest + 1, len(names)), inf)
        places = np.empty((longest + 1, len(names), 3))
        for i, (at, track) in enumerate(dealt(found, names)):
            times[: len(at), i], places[: len(at), i], places[len(at) :, i] = at, track, track[-1]
        legs = Legs(lambda count: (times, places))
        speeds = [np.diff(track[:, 2]) / np.diff(at) for at, track in found.values()]
        speed_m_s = float(max(each.max(initial=0.0) for each in speeds))

        def looped(time_s: float) -> Floats:
            rounds, phase_s = divmod(time_s, period_s)
            place = legs(phase_s)
            place[:, 2] += rounds * places[-1, :, 2]
            return place

        return Moving(looped if self.after == "loop" and period_s else legs, speed_m_s, self.resolution_m)


def _track(rows: Floats) -> Track:
    """Of rows of time, x and y."""
    rows = rows if rows[0, 0] == 0 else np.concatenate((rows[:1] * [0, 1, 1], rows))
    way = np.hypot(*np.diff(rows[:, 1:], axis=0).T).cumsum()
    return rows[:, 0], np.column_stack((rows[:, 1:], np.concatenate(([0.0], way))))
