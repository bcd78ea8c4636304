"""A drop of a TR 38.901 scenario: one site, its devices, and what is drawn for the ways between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wirelessfsl.radio.field import Field
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.inh import InH
from wirelessfsl.radio.tr38901.rma import RMa
from wirelessfsl.radio.tr38901.uma import UMa
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.radio.tr38901.ways import Ways
from wirelessfsl.streams import Floats, keys, uniforms

Scenario = UMa | UMi | RMa | InH | InF


class Drop:
    """Devices of a scenario around one site.

    The site sees a device where Phi(X) < P_LOS, X a field over the plane with the scenario's correlation distance:
    neighbours are seen alike, and who moves comes into sight and out of it.

    scenario: the setting. carrier_hz: carrier frequency, Hz. names: of the devices, n of them. seed: of the run.
    site: what names the site in its streams.
    """

    def __init__(
        self, scenario: Scenario, carrier_hz: float, names: Sequence[str], seed: int, site: tuple[str, ...]
    ) -> None:
        self._scenario, self._carrier_hz = scenario, carrier_hz
        self._users = scenario.users(names, seed, carrier_hz)
        link_keys = keys(seed, [("environment", name, *site) for name in names])
        self._draw = np.array([uniforms(link_keys, 0), uniforms(link_keys, 1)])
        self._sight = Field(seed, ("line of sight", *site), scenario.sight_correlation_m)
        self._shadows = [
            Field(seed, ("shadowing of a condition", condition, *site), distance_m)
            for condition, distance_m in enumerate(scenario.shadowing_correlation_m)
        ]

    def ways(self, offset_m: Floats) -> Ways:
        """The ways to devices at these places.

        offset_m: positions as seen from the site, m, shape (n, 2).
        """
        from scipy.special import ndtr  # slow to import

        users, distance_m = self._users, np.hypot(offset_m[:, 0], offset_m[:, 1])
        if self._scenario.line_of_sight == "drawn":
            outside_m = np.maximum(distance_m - users.depth_m, 0.0)
            seen = ndtr(self._sight.at(offset_m)) < self._scenario.los_probability(outside_m, users.height_m)
        else:
            seen = np.full(distance_m.shape, self._scenario.line_of_sight == "always")
        return Ways(distance_m, users.height_m, seen, users.indoor, self._draw)

    def loss_db(self, ways: Ways) -> Floats:
        """Path loss and the loss of walls and cars, dB, shape (n,)."""
        return self._scenario.loss_db(ways, self._carrier_hz) + self._users.loss_db

    def shadowing_db(self, offset_m: Floats, ways: Ways) -> Floats:
        """Shadowing by the scenario's table, dB, shape (n,): a field for those in sight, those not, and those indoors.

        offset_m: positions as seen from the site, m, shape (n, 2).
        """
        conditions = ways.line_of_sight & ~ways.indoor, ~ways.line_of_sight & ~ways.indoor, ways.indoor
        shadow = np.empty(len(offset_m))
        for condition, field in zip(conditions, self._shadows, strict=False):
            shadow[condition] = field.at(offset_m[condition])
        return shadow * self._scenario.shadowing_std_db(ways, self._carrier_hz)
