"""Figures of a scenario's network, run or not: where the sounding of the one wing meets the drawing of the other.

>>> from wirelessfsl import load_scenario   # doctest: +SKIP
>>> channel(load_scenario("scenarios/nr.yaml"), until_s=5.0).savefig("channel.png")   # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wirelessfsl.results import networks
from wirelessfsl.sounding import cover, plan, sound

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from wirelessfsl.scenario import Scenario


def channel(s: Scenario, until_s: float) -> Figure:
    """SINR, rate, MCS and serving cell of up to four clients over time, and the SINR over the area.

    until_s: end of the time that is shown, s, > 0.

    Raises ValueError if the scheme sends nothing.
    """
    there = plan(s, until_s)
    return networks.channel(sound(s, until_s), cover(s, until_s) if there.places else None, there)


def topology(s: Scenario, until_s: float) -> Figure:
    """Devices, cells, sites and relays in m, and the wires to the server.

    until_s: until when the ways of devices that move are drawn, s, > 0.

    Raises ValueError if the scheme sends nothing.
    """
    return networks.topology(plan(s, until_s))


KINDS = {"channel": channel, "topology": topology}
"""What ``wirelessfsl plot --kind`` can draw of a scenario."""
