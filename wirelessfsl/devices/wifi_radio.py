"""A Wi-Fi radio by the currents of its states, as ns-3 has them: transmit, receive, idle (listening) and sleep.

Left out: currents that depend on modulation, bandwidth or radiated power, and the energy of switching states.
"""

from __future__ import annotations

from typing import Literal

from wirelessfsl.devices.power_states import NoiseFigureDb, PowerStates, resting
from wirelessfsl.settings import settings
from wirelessfsl.units import NonNegative, Positive, PowerDbm


@settings
class WifiRadio:
    """Wi-Fi radio that draws P = V I in each state; the idle current counts once while it sends and receives.

    Defaults: the WifiRadioEnergyModel of ns-3 at 3 V. Its idle radio listens all the time; a station in power save
    sleeps, after sleep_after_s.

    tx_power_dbm: radiated power in dBm, -100 to 80 (default of ns-3); it changes rates, not this model's energy.
    voltage_v: supply voltage V in V, > 0.
    transmit_a: current while transmitting in A, >= idle_a.
    receive_a: current while receiving in A, >= idle_a.
    idle_a: current while listening to a silent channel in A, >= sleep_a.
    sleep_a: current while asleep in A, >= 0; used once sleep_after_s is set.
    sleep_after_s: silence in s after which the radio sleeps, >= 0; None for never.
    noise_figure_db: noise figure of the receiver in dB, 0 to 40 (default of ns-3).

    Raises ValueError where a deeper state would draw more.

    >>> round(WifiRadio().states.transmit_w, 3)
    1.14
    """

    kind: Literal["wifi_radio"] = "wifi_radio"
    tx_power_dbm: PowerDbm = 16.02
    voltage_v: Positive = 3.0
    transmit_a: NonNegative = 0.380
    receive_a: NonNegative = 0.313
    idle_a: NonNegative = 0.273
    sleep_a: NonNegative = 0.033
    sleep_after_s: NonNegative | None = None
    noise_figure_db: NoiseFigureDb = 7.0

    def __post_init__(self) -> None:
        for lower, higher in ("sleep_a", "idle_a"), ("idle_a", "receive_a"), ("idle_a", "transmit_a"):
            if getattr(self, lower) > getattr(self, higher):
                limit = f"{higher} {getattr(self, higher)!r}"
                raise ValueError(f"WifiRadio.{lower}: got {getattr(self, lower)!r}, must be <= {limit}")

    @property
    def states(self) -> PowerStates:
        """What the radio draws, state by state."""
        volt = self.voltage_v
        return PowerStates(
            silent=resting(volt * self.idle_a, volt * self.sleep_a, self.sleep_after_s),
            transmit_w=volt * self.transmit_a,
            receive_w=volt * self.receive_a,
            shared_w=volt * self.idle_a,
        )
