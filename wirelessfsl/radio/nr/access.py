"""NR access delay: how long a device with data waits for its first uplink slot.

A connected device asks at its next scheduling request occasion, the base station answers with a grant, and the block
starts k2 slots after it. Left out: the random access and connection set-up of an idle device (tens of ms), handover,
lost requests, and the wait for other devices, which is the scheduler's.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from wirelessfsl.radio.nr.numerology import PUSCH_PREPARATION_SYMBOLS, SYMBOLS, slot_s
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import Ge, Le


def shortest_k2_slots(spacing_khz: int) -> int:
    """Fewest slots from a grant, in the first symbol of its slot, to its block: N2 symbols must fit in between.

    >>> shortest_k2_slots(30), shortest_k2_slots(120)
    (1, 3)
    """
    return math.ceil((1 + PUSCH_PREPARATION_SYMBOLS[spacing_khz]) / SYMBOLS)


@settings
class Granted:
    """Every message has its grant when it comes, as where devices have configured grants.

    3GPP TS 38.214, sec. 6.1.2.3.
    """

    kind: Literal["none"] = "none"

    def wait_slots(self, spacing_khz: int, uniform: float) -> int:
        """No slots."""
        return 0

    def mean_s(self, spacing_khz: int) -> float:
        """No time."""
        return 0.0


@settings
class GrantAccess:
    """Uplink access by scheduling request and grant.

    d = U + grant + k2 in slots, U uniform on (0, period): the data comes at any time between two request occasions.

    3GPP TS 38.213, sec. 9.2.4 (request); TS 38.214, sec. 6.1.2.1 and 6.4 (k2, processing time of capability 1).

    request_period_slots: slots from one scheduling request occasion to the next, 1 to 640.
    grant_slots: slots from a request to its grant, 0 to 640; processing of the base station.
    k2_slots: slots from a grant to its block, 0 to 32; never fewer than the device needs for its preparation.

    >>> GrantAccess(request_period_slots=10, grant_slots=3, k2_slots=2).mean_s(spacing_khz=30)
    0.005
    """

    kind: Literal["grant"] = "grant"
    request_period_slots: Annotated[int, Ge(1), Le(640)] = 10
    grant_slots: Annotated[int, Ge(0), Le(640)] = 3
    k2_slots: Annotated[int, Ge(0), Le(32)] = 2

    def wait_slots(self, spacing_khz: int, uniform: float) -> int:
        """Slots from the one in which a message comes to its first, of a uniform random number in [0, 1).

        spacing_khz: subcarrier spacing in kHz.
        """
        asked = 1 + math.floor(uniform * self.request_period_slots)
        return asked + self.grant_slots + max(self.k2_slots, shortest_k2_slots(spacing_khz))

    def mean_s(self, spacing_khz: int) -> float:
        """Mean access delay, s; a message comes half a slot after the beginning of one, in the mean."""
        return (self.wait_slots(spacing_khz, 0.0) - 1 + self.request_period_slots / 2) * slot_s(spacing_khz)


Access = Annotated[Granted | GrantAccess, Kinds()]
