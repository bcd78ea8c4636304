"""Quantities of a scenario's network that are none of its settings, and that figures are drawn against all the same."""

from __future__ import annotations

from collections.abc import Callable
from math import hypot
from typing import NamedTuple

from wirelessfsl.networking import ways_of
from wirelessfsl.scenario import Scenario
from wirelessfsl.sounding import plan, sound


class Quantity(NamedTuple):
    """What it is, for people, what it is in, and how a scenario has it."""

    name: str
    unit: str
    of: Callable[[Scenario], float]


def distance_m(s: Scenario) -> float:
    """Mean distance of the devices from what serves them (site or relay) at the beginning, m.

    Raises ValueError if the scheme sends nothing, or if the medium has rates without places.
    """
    there = plan(s)
    if not there.served:
        raise ValueError(f"{s.name}: network.medium {s.network.medium.kind} has rates without places: no distances")
    at = {place.name: place for place in there.places}
    apart = [hypot(at[name].x_m - by.x_m, at[name].y_m - by.y_m) for name, by in there.served.items()]
    return sum(apart) / len(apart)


def snr_db(s: Scenario) -> float:
    """Mean over the devices of their SINR in dB at the beginning: uplink, the whole band, without fading.

    Raises ValueError if the scheme sends nothing, or if the medium has no radio.
    """
    samples = sound(s, clients=[f"client-{i}" for i in range(s.data.clients)], instants=1)
    mean = float(samples.mean_sinr_db[samples.direction == "uplink"].mean())
    if mean != mean:
        raise ValueError(f"{s.name}: network.medium {s.network.medium.kind} has rates without radio: no SNR")
    return mean


def speed_m_s(s: Scenario) -> float:
    """The highest speed at which a device may move, m/s."""
    return ways_of(s).speed_m_s


QUANTITIES = {
    "distance": Quantity("mean distance", "m", distance_m),
    "snr": Quantity("mean uplink SINR", "dB", snr_db),
    "speed": Quantity("speed", "m/s", speed_m_s),
}
"""By the names that ``wirelessfsl plot --x`` takes beside settings."""
