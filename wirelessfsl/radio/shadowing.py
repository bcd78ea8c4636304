"""Shadowing that is alike for neighbours and changes along the way: a field over the plane instead of a number a link.

Each site has fields of its own, so the shadows that one device has from two sites are independent.
"""

from __future__ import annotations

from typing import Annotated, Literal

from wirelessfsl.radio.propagation import StdDb
from wirelessfsl.settings import settings
from wirelessfsl.units import Ge, Le

CorrelationM = Annotated[float, Ge(0.01), Le(1e5)]


@settings
class Correlated:
    """Correlated log-normal shadowing: a normal loss in dB that neighbours share and that changes along the way.

    X(x) ~ N(0, s^2) in dB with correlation exp(-d/D) between places d apart.

    Gudmundson, "Correlation model for shadow fading in mobile radio systems", Electron. Lett. 27 (1991).

    std_db: standard deviation s in dB, 0 to 30.
    correlation_distance_m: D in m, 0.01 to 1e5; where the correlation has fallen to 1/e.

    >>> Correlated(std_db=6.0).correlation_distance_m
    50.0
    """

    kind: Literal["correlated"] = "correlated"
    std_db: StdDb = 8.0
    correlation_distance_m: CorrelationM = 50.0


@settings
class ByScenario:
    """Correlated log-normal shadowing with the deviations and distances of the TR 38.901 scenario in ``path_loss``.

    A field of its own for devices in line of sight, for those without and for those in buildings, each with its
    standard deviation and correlation distance; who changes from one to the other meets another shadow.

    3GPP TR 38.901, Table 7.4.1-1 (deviations) and Table 7.5-6 (distances).

    >>> ByScenario().kind
    'tr38901'
    """

    kind: Literal["tr38901"] = "tr38901"
