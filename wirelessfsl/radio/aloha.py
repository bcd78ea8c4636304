"""Slotted ALOHA: stations send in slots of a common clock, each with a constant probability, and collide.

Roberts, "ALOHA Packet System with and without Slots and Capture", ACM SIGCOMM Computer Communication Review 5(2), 1975.
Left out: capture, and backoff that follows the load.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from wirelessfsl.radio.contention import Index, Shares
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import BandwidthHz, Ge, Gt, LatencyS, Le, Lt

SlotS = Annotated[float, Gt(0), Le(10)]
AccessProbability = Annotated[float, Ge(1e-6), Lt(1)]


@settings
class SlottedAloha:
    """Slotted ALOHA: one band for both directions, in whose slots all send at random who have something to send.

    Of n stations that send with probability q in a slot, one is alone with n q (1 - q)^(n-1), which for many stations
    becomes G e^-G with G = n q. The server contends as one station for all that it has to send. The
    channel's fading is the same both ways, its physical layer that of the uplink. All who have a message in the air
    listen to the band, and the energy is of that and of their own slots, collided ones too.

    Roberts, "ALOHA Packet System with and without Slots and Capture", ACM SIGCOMM CCR 5(2), 1975.

    bandwidth_hz: width of the band in Hz, 1e3 to 1e12.
    slot_s: a slot in s, > 0 to 10, which carries as much as the physical layer does in that time.
    access_probability: that a station sends in a slot, from 1e-6 to below 1; by default 1 / n, the best if all know
        how many n contend.
    latency_s: constant delay of every message beside the access in s, 0 to 3600.
    mode: fluid for means, slots to play every slot.

    >>> aloha = SlottedAloha(access_probability=0.5, slot_s=1e-3)
    >>> aloha.shares(np.full(2, 1e-3), station=np.array([0, 1])).success_hz
    array([250., 250.])
    """

    kind: Literal["aloha"] = "aloha"
    bandwidth_hz: BandwidthHz = 20e6
    slot_s: SlotS = 1e-3
    access_probability: AccessProbability | None = None
    latency_s: LatencyS = 0.005
    mode: Literal["fluid", "slots"] = "fluid"

    def probability(self, stations: float) -> float:
        """That each of so many stations sends in a slot."""
        return 1.0 / stations if self.access_probability is None else self.access_probability

    def among_equals(self, data_s: Floats, stations: Floats) -> Floats:
        """Slots per second that a station has among so many like it, which need not be a whole number."""
        q = 1.0 / stations if self.access_probability is None else self.access_probability
        found: Floats = q * (1.0 - q) ** (stations - 1.0) / data_s
        return found

    def shares(self, data_s: Floats, station: Index) -> Shares:
        """What messages have of the band; those of one station have equal parts of its accesses.

        data_s: length of an access, which is a slot. station: which station sends each, shape (k,), k >= 1.
        """
        names, station, counts = np.unique(station, return_inverse=True, return_counts=True)
        q = self.probability(len(names))
        airtime = q / counts[station]
        attempt_hz: Floats = airtime / self.slot_s
        return Shares(attempt_hz * (1.0 - q) ** (len(names) - 1), attempt_hz, airtime)

    def accesses(self, size_bits: Floats, bit_s: Floats) -> tuple[Floats, Floats]:
        """How many slots with success a message takes, and how long each is in s, both of shape (k,).

        size_bits: of the messages, shape (k,). bit_s: their rates on the band, > 0, shape (k,).
        """
        return np.ceil(size_bits / (bit_s * self.slot_s)), np.full(np.shape(bit_s), self.slot_s)
