"""Large scale: what a link loses over its way, as a function of where the device stands.

Path loss and shadowing of a site's links; in the scenarios of TR 38.901 also line of sight, walls and cars. Everything
drawn is a pure function of seed, names and place, so a device that returns to a place finds it as it was. Left out:
heights of the ground, and shadowing common to several sites.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple, get_args

import numpy as np

from wirelessfsl.radio.field import Field
from wirelessfsl.radio.propagation import FreeSpace, LogDistance, LogNormal, NoShadowing, UrbanMacro
from wirelessfsl.radio.shadowing import ByScenario, Correlated
from wirelessfsl.radio.tr38901.drop import Drop, Scenario
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.inh import InH
from wirelessfsl.radio.tr38901.rma import RMa
from wirelessfsl.radio.tr38901.uma import UMa
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.radio.tr38901.ways import Bools, Ways
from wirelessfsl.settings import Kinds
from wirelessfsl.streams import Floats, keys

PathLoss = Annotated[FreeSpace | LogDistance | UrbanMacro | UMa | UMi | RMa | InH | InF, Kinds()]
Shadowing = Annotated[NoShadowing | LogNormal | Correlated | ByScenario, Kinds()]
SCENARIOS = ", ".join(choice.kind for choice in get_args(Scenario))


def check(path_loss: PathLoss, shadowing: Shadowing, carrier_hz: float) -> None:
    """Raises ValueError for what cannot be together in a channel: a law, a shadowing and a carrier."""
    if not isinstance(path_loss, Scenario):
        if isinstance(shadowing, ByScenario):
            raise ValueError(f"Channel.shadowing: got 'tr38901', needs a path_loss of {SCENARIOS}; or take correlated")
        return
    low, high = path_loss.carriers_hz
    if not low <= carrier_hz <= high:
        raise ValueError(
            f"Channel.carrier_hz: got {carrier_hz:g}, must be {low:g} to {high:g} with path_loss {path_loss.kind}"
        )
    if getattr(path_loss, "building", "") == "simple" and carrier_hz > 6e9:
        raise ValueError(f"Channel.carrier_hz: got {carrier_hz:g}, must be <= 6e9 with path_loss.building simple")


class _Law(NamedTuple):
    """A law that knows distances only: every way is clear."""

    path_loss: FreeSpace | LogDistance | UrbanMacro
    carrier_hz: float

    def ways(self, offset_m: Floats) -> Ways:
        distance_m = np.hypot(offset_m[:, 0], offset_m[:, 1])
        clear, ground = np.ones(len(offset_m), dtype=np.bool_), np.zeros(len(offset_m))
        return Ways(distance_m, ground, clear, ~clear, np.zeros((2, 0)))

    def loss_db(self, ways: Ways) -> Floats:
        return self.path_loss.loss_db(ways.distance_m, self.carrier_hz)


class LargeScale:
    """The loss between a site and devices with these names.

    path_loss, shadowing: the laws. carrier_hz: carrier frequency, Hz. names: of the devices, n of them. seed: of the
    run. site: name of the site; the links to another have other shadowing.

    >>> here = np.array([[30.0, 40.0], [30.0, 40.0]])
    >>> a, b = LargeScale(UMi(), ByScenario(), 3.5e9, ["a", "b"], seed=1).loss_db(here)
    >>> bool(a == b)
    True
    """

    def __init__(
        self,
        path_loss: PathLoss,
        shadowing: Shadowing,
        carrier_hz: float,
        names: Sequence[str],
        seed: int,
        site: str = "",
    ) -> None:
        check(path_loss, shadowing, carrier_hz)
        at = (site,) if site else ()
        self._shadowing_db: Callable[[Floats, Ways], Floats]
        if isinstance(path_loss, Scenario):
            self._links: Drop | _Law = Drop(path_loss, carrier_hz, names, seed, at)
        else:
            self._links = _Law(path_loss, carrier_hz)
        if isinstance(shadowing, Correlated):
            field = Field(seed, ("shadowing field", *at), shadowing.correlation_distance_m)
            self._shadowing_db = lambda offset_m, ways: shadowing.std_db * field.at(offset_m)
        elif isinstance(shadowing, ByScenario):
            assert isinstance(self._links, Drop)
            self._shadowing_db = self._links.shadowing_db
        else:
            of_links = shadowing.loss_db(keys(seed, [("shadowing", name, *at) for name in names]))
            self._shadowing_db = lambda offset_m, ways: of_links

    def loss_db(self, offset_m: Floats) -> Floats:
        """Loss of every link in dB, shape (n,).

        offset_m: position of every device as seen from the site, m, shape (n, 2).
        """
        ways = self._links.ways(offset_m)
        return self._links.loss_db(ways) + self._shadowing_db(offset_m, ways)

    def ways(self, offset_m: Floats) -> Ways:
        """The ways to devices at these places; without heights and walls where the law knows distances only.

        offset_m: position of every device as seen from the site, m, shape (n, 2).
        """
        return self._links.ways(offset_m)

    def line_of_sight(self, offset_m: Floats) -> Bools:
        """Whether the site sees each device, shape (n,); always where the law knows distances only.

        offset_m: position of every device as seen from the site, m, shape (n, 2).
        """
        return self.ways(offset_m).line_of_sight
