"""Where a node's energy comes from: the mains, or a battery that runs empty.

A battery is a store of joules and nothing else. Left out: discharge curves, ageing, temperature and the losses of
charging; a figure in mAh becomes joules by capacity * 3.6 * nominal voltage.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import Fraction, Positive


@settings
class NoBattery:
    """Mains: energy never runs out.

    >>> NoBattery().energy_j
    inf
    """

    kind: Literal["none"] = "none"

    @property
    def energy_j(self) -> float:
        """Joules available at the start: infinite."""
        return math.inf


@settings
class Battery:
    """Battery that holds capacity_j * initial_fraction joules at the start and is not charged.

    Default: 4000 mAh at 3.85 V nominal, a telephone's, 4000 * 3.6 * 3.85 = 55,440 J.

    capacity_j: energy of the full battery in J, > 0.
    initial_fraction: state of charge at the start, [0, 1].

    >>> Battery(capacity_j=1000.0, initial_fraction=0.5).energy_j
    500.0
    """

    kind: Literal["battery"] = "battery"
    capacity_j: Positive = 55_440.0
    initial_fraction: Fraction = 1.0

    @property
    def energy_j(self) -> float:
        """Joules available at the start."""
        return self.capacity_j * self.initial_fraction


BatteryModel = Annotated[NoBattery | Battery, Kinds()]
