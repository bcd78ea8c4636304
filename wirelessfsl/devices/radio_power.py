"""What a radio draws from its supply, by kind of radio; ``linear`` is the one that a scenario means without a kind.

The states are powers at the supply, not at the antenna. Energy is their integral over the time spent in each, which the
engine takes. The linear form of this module serves both ends: P = P_out / eta + P_circuit for a device, and
P = P_0 + Delta_p P_out for a base station (EARTH; Auer et al., IEEE Wireless Communications 18(5), 2011) with
eta = 1 / Delta_p and P_circuit = P_0. Left out of it: the energy of switching states and the dependence on the data
rate, which ``nr_ue`` and ``lte_phone`` have.
"""

from __future__ import annotations

from typing import Annotated, Literal

from wirelessfsl.devices.earth import EarthStation
from wirelessfsl.devices.lte_phone import LtePhone
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.devices.power_states import NoiseFigureDb, PowerStates, resting
from wirelessfsl.devices.wifi_radio import WifiRadio
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import NonNegative, PositiveFraction, PowerDbm, dbm_to_watt


@settings
class RadioPower:
    """Radio with four power states; transmitting draws P_out / amplifier_efficiency + circuit_w.

    Defaults: a 5G handset at 23 dBm. 3GPP TR 38.840 (sec. 8.1) gives states in power units (deep sleep 1, control
    channel only 100, reception 300, transmission 250 at 0 dBm and 700 at 23 dBm); a Snapdragon X55 module measured at
    4.2 V draws 40 mA + 1.55 mA per unit above the first. Efficiency and circuit power follow from its two transmit
    points, linear in mW between them: 1.79 W at 0 dBm, 4.72 W at 23 dBm.

    tx_power_dbm: radiated power P_out in dBm, -100 to 80.
    amplifier_efficiency: radiated power over the supply power it adds, (0, 1]; 1 / Delta_p of a base station.
    circuit_w: supply power of the transmit chain besides the amplifier's in W, >= 0; P_0 of a base station.
    receive_w: supply power while receiving in W, >= 0.
    idle_w: supply power while awake with nothing to do in W, >= 0.
    sleep_w: supply power while asleep in W, from 0 to idle_w; used once sleep_after_s is set.
    sleep_after_s: idle time in s after which the radio sleeps, >= 0; None for never.
    noise_figure_db: noise figure of the receiver in dB, 0 to 40 (3GPP TR 38.901 sec. 7.8: handset 9).

    Raises ValueError where it sleeps and would draw more than idling.

    >>> round(RadioPower(tx_power_dbm=20.0, amplifier_efficiency=0.25, circuit_w=0.5).transmit_w, 3)
    0.9
    """

    kind: Literal["linear"] = "linear"
    tx_power_dbm: PowerDbm = 23.0
    amplifier_efficiency: PositiveFraction = 0.0678
    circuit_w: NonNegative = 1.774
    receive_w: NonNegative = 2.114
    idle_w: NonNegative = 0.812
    sleep_w: NonNegative = 0.168
    sleep_after_s: NonNegative | None = None
    noise_figure_db: NoiseFigureDb = 9.0

    def __post_init__(self) -> None:
        if self.sleep_after_s is not None and self.sleep_w > self.idle_w:
            raise ValueError(f"RadioPower.sleep_w: got {self.sleep_w!r}, must be <= idle_w {self.idle_w!r}")

    @property
    def transmit_w(self) -> float:
        """Supply power while transmitting in W."""
        return dbm_to_watt(self.tx_power_dbm) / self.amplifier_efficiency + self.circuit_w

    @property
    def states(self) -> PowerStates:
        """What the radio draws, state by state; sending and receiving at once draw the sum of both."""
        return PowerStates(
            silent=resting(self.idle_w, self.sleep_w, self.sleep_after_s),
            transmit_w=self.transmit_w,
            receive_w=self.receive_w,
        )


RadioModel = Annotated[RadioPower | NrUe | LtePhone | WifiRadio | EarthStation, Kinds(default="linear")]
