"""Figures of a scenario's network, run or not: where the sounding of the one wing meets the drawing of the other.

>>> from wirelessfsl import load_scenario   # doctest: +SKIP
>>> channel(load_scenario("scenarios/nr.yaml"), until_s=5.0).savefig("channel.png")   # doctest: +SKIP
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wirelessfsl.quantities import QUANTITIES
from wirelessfsl.results import networks
from wirelessfsl.results.axes import Axis, setting
from wirelessfsl.results.store import Run
from wirelessfsl.scenario import load_scenario
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


def against(runs: Sequence[Run], x: str, allow_code: bool = False) -> Axis:
    """What a figure is to be drawn against.

    runs: of whom.
    x: a setting by its path with dots, or one of :data:`wirelessfsl.quantities.QUANTITIES`. A quantity is a mean over
        the seeds of all the runs, so that equal networks have one value whichever seeds were run on each.
    allow_code: whether the scenarios may import code.

    Raises ValueError for a run that has no such thing.
    """
    if x not in QUANTITIES:
        return setting(runs, x)
    quantity = QUANTITIES[x]
    seeds = sorted({run.scenario["seed"] for run in runs})
    known: dict[str, float] = {}
    values: dict[Path, float | str] = {}
    for run in runs:
        network = json.dumps([run.scenario.get(part) for part in ("network", "devices", "server", "data")])
        if network not in known:
            file = run.path / "scenario.yaml"
            of_seeds = [quantity.of(load_scenario(file, seed=seed, allow_code=allow_code)) for seed in seeds]
            known[network] = sum(of_seeds) / len(of_seeds)
        values[run.path] = known[network]
    return Axis(quantity.name, quantity.unit, values)
