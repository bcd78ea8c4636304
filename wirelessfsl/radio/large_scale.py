"""Large scale: what a link loses over its way, as a function of where the device stands.

Path loss by distance and shadowing that belongs to the link. Left out: heights, line of sight, walls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np

from wirelessfsl.radio.propagation import FreeSpace, LogDistance, LogNormal, NoShadowing, UrbanMacro
from wirelessfsl.settings import Kinds
from wirelessfsl.streams import Floats, keys

PathLoss = Annotated[FreeSpace | LogDistance | UrbanMacro, Kinds()]
Shadowing = Annotated[NoShadowing | LogNormal, Kinds()]


class LargeScale:
    """The loss between a site and devices with these names.

    path_loss, shadowing: the laws. carrier_hz: carrier frequency, Hz. names: of the devices, n of them. seed: of the
    run. site: name of the site; the links to another have other shadowing.
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
        self._path_loss, self._carrier_hz = path_loss, carrier_hz
        at = (site,) if site else ()
        self._shadowing_db = shadowing.loss_db(keys(seed, [("shadowing", name, *at) for name in names]))

    def loss_db(self, offset_m: Floats) -> Floats:
        """Loss of every link in dB, shape (n,).

        offset_m: position of every device as seen from the site, m, shape (n, 2).
        """
        distance = np.hypot(offset_m[:, 0], offset_m[:, 1])
        loss: Floats = self._path_loss.loss_db(distance, self._carrier_hz) + self._shadowing_db
        return loss
