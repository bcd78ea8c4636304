"""Charts: the network of a scenario as plain tables, which the simulator fills and the figures draw.

Beside the log, which has no samples of the channel, this is what the two wings of the package share. Nothing here
depends on who is drawing: places are in m, times in s, rates in bit/s.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Texts = NDArray[Any]


class Samples(NamedTuple):
    """The channel of some clients over time: columns with a row for every direction, client and instant.

    time_s: instant. client: name. direction: uplink or downlink.
    x_m, y_m: where the client is; NaN where the medium knows no places.
    cell: name of the cell, site or relay that serves it; empty where the medium has no radio.
    sinr_db: over the whole band, with fading; NaN without radio, -inf where nothing is received.
    mean_sinr_db: as ``sinr_db``, without fading.
    rate_bit_s: of a message that has the whole band, or while it is on the air where messages contend.
    mcs: index of the modulation and coding scheme; -1 for none, or where there are none.
    """

    time_s: Floats
    client: Texts
    direction: Texts
    x_m: Floats
    y_m: Floats
    cell: Texts
    sinr_db: Floats
    mean_sinr_db: Floats
    rate_bit_s: Floats
    mcs: NDArray[np.intp]


class Coverage(NamedTuple):
    """What a device would have at the points of a grid, without fading; by direction, shape (ny, nx).

    x_m, y_m: of the columns and rows, shape (nx,) and (ny,).
    sinr_db: over the whole band. rate_bit_s: of a message that has it. cell: who would serve the device.
    left_out: what is drawn for each device and not for each place, and so is not in it. Beyond the cells of a cluster
    that wraps around there are NaN.
    """

    x_m: Floats
    y_m: Floats
    sinr_db: dict[str, Floats]
    rate_bit_s: dict[str, Floats]
    cell: Texts
    left_out: tuple[str, ...]


class Place(NamedTuple):
    """A node with a place: role is device, site or relay."""

    name: str
    role: str
    x_m: float
    y_m: float


class Line(NamedTuple):
    """What joins two nodes beside the air: a wire, with the same rate both ways, or a pipe; ``note`` says more."""

    ends: tuple[str, str]
    up_bit_s: float
    down_bit_s: float
    delay_s: float
    note: str = ""


class Plan(NamedTuple):
    """Who is where, and what hangs together.

    places: devices (where they begin), sites and relays; none if the medium knows no places.
    borders_m: of cells, each a closed line, shape (points, 2).
    ways_m: of devices that move, by name, shape (instants, 2). served: by device, what serves it at the
    beginning, where the device sees it: a site's nearest image, if cells wrap around.
    lines: wires and pipes. server: the node that the server is.
    """

    places: tuple[Place, ...]
    borders_m: tuple[Floats, ...]
    ways_m: dict[str, Floats]
    served: dict[str, Place]
    lines: tuple[Line, ...]
    server: str
