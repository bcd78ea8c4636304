"""The radio of a telephone whose power grows with the rate, and that stays awake for seconds after a transfer.

The model of Huang et al. (MobiSys 2012) for LTE, 3G and Wi-Fi. Its figures are as they are commonly quoted, and each is
a knob. Left out: the energy of promotion from idle, and what the radiated power changes.
"""

from __future__ import annotations

from typing import Literal

from wirelessfsl.devices.power_states import NoiseFigureDb, PowerStates, Silence
from wirelessfsl.settings import settings
from wirelessfsl.units import NonNegative, PowerDbm


@settings
class LtePhone:
    """Radio of a telephone: P = alpha_u R_u + alpha_d R_d + beta while active, then a tail, then idle.

    R_u and R_d are the rates in Mbit/s at which messages fly, so that a transfer takes alpha joules a Mbit and beta
    times its time; beta is drawn once while it does both. Every transfer is followed by tail_s at tail_w, and so is the
    start of the run. Huang et al., MobiSys 2012, as commonly quoted (alpha_u and alpha_d in W/(Mbit/s), beta in W):
    LTE 0.43839, 0.05197 and 1.28804, tail 1.06 W for 11.6 s, which are the defaults; 3G 0.86898, 0.12212 and 0.81788;
    Wi-Fi 0.28317, 0.13701 and 0.13286.

    tx_power_dbm: radiated power in dBm, -100 to 80; it changes rates, not this model's energy.
    uplink_w_per_mbit_s: alpha_u in W/(Mbit/s), >= 0.
    downlink_w_per_mbit_s: alpha_d in W/(Mbit/s), >= 0.
    base_w: beta in W, >= 0.
    tail_w: supply power in the tail in W, >= 0.
    tail_s: length of the tail in s, >= 0.
    idle_w: supply power after the tail in W, >= 0; our estimate of a mean over paging cycles.
    noise_figure_db: noise figure of the receiver in dB, 0 to 40 (3GPP TR 38.901 sec. 7.8: handset 9).

    >>> phone = LtePhone()
    >>> round(phone.base_w + 5.0 * phone.uplink_w_per_mbit_s, 2)
    3.48
    """

    kind: Literal["lte_phone"] = "lte_phone"
    tx_power_dbm: PowerDbm = 23.0
    uplink_w_per_mbit_s: NonNegative = 0.43839
    downlink_w_per_mbit_s: NonNegative = 0.05197
    base_w: NonNegative = 1.28804
    tail_w: NonNegative = 1.06
    tail_s: NonNegative = 11.6
    idle_w: NonNegative = 0.02
    noise_figure_db: NoiseFigureDb = 9.0

    @property
    def states(self) -> PowerStates:
        """What the radio draws, state by state."""
        return PowerStates(
            silent=(Silence(0.0, "tail", self.tail_w), Silence(self.tail_s, "idle", self.idle_w)),
            transmit_w=self.base_w,
            receive_w=self.base_w,
            shared_w=self.base_w,
            transmit_j_per_bit=self.uplink_w_per_mbit_s / 1e6,
            receive_j_per_bit=self.downlink_w_per_mbit_s / 1e6,
        )
