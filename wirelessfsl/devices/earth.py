"""A base station after EARTH: a fixed power of its transceivers, and a slope over the radiated power.

Follows Auer et al., IEEE Wireless Communications 18(5), 2011; the figures are as they are commonly quoted, and each is
a knob. Left out: power that depends on how much of the band is used, and the time that falling asleep and waking up
take.
"""

from __future__ import annotations

from typing import Literal

from wirelessfsl.devices.power_states import NoiseFigureDb, PowerStates, resting
from wirelessfsl.settings import settings
from wirelessfsl.units import Count, NonNegative, PowerDbm, dbm_to_watt


@settings
class EarthStation:
    """Base station that draws P = N_TRX P_0 + Delta_p P_out while it transmits, and N_TRX P_0 awake without.

    P_out is what all transceivers radiate together. EARTH (Auer et al. 2011), as commonly quoted, by cell with
    tx_power_dbm, fixed_w, slope and sleep_w of a transceiver: macro 43.01, 130, 4.7 and 75, the defaults; remote radio
    head 43.01, 84, 2.8 and 56; micro 37.99, 56, 2.6 and 39; pico 21.14, 6.8, 4.0 and 4.3; femto 16.99, 4.8, 8.0 and
    2.9. The profiles edge-gpu-macro to edge-gpu-femto have these.

    tx_power_dbm: radiated power P_out in dBm, -100 to 80.
    transceivers: N_TRX, >= 1.
    fixed_w: P_0 of a transceiver in W, >= sleep_w.
    slope: Delta_p, supply power in W for every W radiated, >= 0.
    sleep_w: supply power of a sleeping transceiver in W, >= 0; used once sleep_after_s is set.
    sleep_after_s: silence in s after which all transceivers sleep, >= 0; None for never.
    noise_figure_db: noise figure of the receiver in dB, 0 to 40 (3GPP TR 38.901 sec. 7.8: base station 5).

    Raises ValueError where sleeping would draw more than P_0.

    >>> round(EarthStation().states.transmit_w, 1)
    224.0
    """

    kind: Literal["earth"] = "earth"
    tx_power_dbm: PowerDbm = 43.01
    transceivers: Count = 1
    fixed_w: NonNegative = 130.0
    slope: NonNegative = 4.7
    sleep_w: NonNegative = 75.0
    sleep_after_s: NonNegative | None = None
    noise_figure_db: NoiseFigureDb = 5.0

    def __post_init__(self) -> None:
        if self.sleep_w > self.fixed_w:
            raise ValueError(f"EarthStation.sleep_w: got {self.sleep_w!r}, must be <= fixed_w {self.fixed_w!r}")

    @property
    def states(self) -> PowerStates:
        """What the station draws, state by state."""
        awake_w = self.transceivers * self.fixed_w
        return PowerStates(
            silent=resting(awake_w, self.transceivers * self.sleep_w, self.sleep_after_s),
            transmit_w=awake_w + self.slope * dbm_to_watt(self.tx_power_dbm),
            receive_w=awake_w,
            shared_w=awake_w,
        )
