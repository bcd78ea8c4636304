"""The modem of a 5G device: the states and transitions of 3GPP TR 38.840, in watts of a measured module.

The report gives relative power per slot. Here a device receives or sends for as long as a message is in the air, and in
between it monitors the control channel until timers put it to sleep. Both ramps of a sleep, down and up again, are
booked on the way down: the report gives their sum, and the radio of a device that is scheduled wakes ahead of its slot.
So a transfer never waits for a radio, and the power model never changes a time; a transfer that begins within a
transition breaks it off, and what is left of it is not paid. Left out: DRX cycles with their wake-ups, measurements,
cross-slot scheduling, several carriers, transmission with two antennas.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from wirelessfsl.devices.power_states import NoiseFigureDb, PowerStates, Silence, SilentState
from wirelessfsl.settings import settings
from wirelessfsl.units import Ge, Le, NonNegative, Positive, dbm_to_watt

UePowerDbm = Annotated[float, Ge(-40), Le(23)]
PartHz = Annotated[float, Ge(10e6), Le(100e6)]


class _Range(NamedTuple):
    """Power units of a frequency range; transmission at 0 and at 23 dBm."""

    monitoring: float
    reception: float
    transmission: tuple[float, float]


class _Sleep(NamedTuple):
    """Power units of a sleep; seconds, and unit seconds above the sleep itself, of its two transitions together."""

    state: SilentState
    units: float
    transition_s: float
    transition_unit_s: float


_RANGES = {"fr1": _Range(100.0, 300.0, (250.0, 700.0)), "fr2": _Range(175.0, 350.0, (350.0, 350.0))}
_SLEEPS = {
    "micro_sleep_after_s": _Sleep("micro sleep", 45.0, 0.0, 0.0),
    "light_sleep_after_s": _Sleep("light sleep", 20.0, 6e-3, 0.100),
    "deep_sleep_after_s": _Sleep("sleep", 1.0, 20e-3, 0.450),
}
_LEAST_MONITORING = 50.0


@settings
class NrUe:
    """5G device of 3GPP TR 38.840 (sec. 8.1): P = deep_sleep_w + unit_w (u - 1) for u power units.

    In FR1 u is 1 in deep sleep, 20 in light and 45 in micro sleep, 100 while it monitors the control channel, 300 in
    reception, 250 in transmission at 0 dBm (and below) and 700 at 23 dBm; in FR2 it is 175 while it monitors, 350 in
    reception and in transmission. Falling into deep sleep and waking up take 450 unit ms more than the sleep, over
    20 ms; of light sleep 100 over 6 ms, of micro sleep nothing. A bandwidth part of X MHz scales what reception and
    monitoring draw in FR1 by 0.4 + 0.6 (X - 20) / 80, monitoring to 50 units at the least. Watts are of a Snapdragon
    X55 module measured at 4.2 V: 40 mA in deep sleep, and 1.55 mA a unit above it.

    tx_power_dbm: radiated power in dBm, -40 to 23.
    frequency_range: fr1 (below 7 GHz) or fr2 (millimetre waves).
    bandwidth_hz: bandwidth part in Hz to which the receiver is open, 10e6 to 100e6; the medium says what a message
        gets.
    two_antennas: whether it receives with two antennas instead of four, for 0.7 times the units.
    between: how transmission grows between 0 and 23 dBm, where the report has no figures, linear in milliwatt or in
        decibel.
    unit_w: supply power of a power unit in W, > 0.
    deep_sleep_w: supply power in deep sleep in W, >= 0; with unit_w for both, powers are in the report's ratios.
    micro_sleep_after_s: silence in s after which micro sleep begins, >= 0; None for never.
    light_sleep_after_s: silence in s after which the transition to light sleep begins, >= 0; None for never.
    deep_sleep_after_s: silence in s after which the transition to deep sleep begins, >= 0; None for never.
    noise_figure_db: noise figure of the receiver in dB, 0 to 40 (3GPP TR 38.901 sec. 7.8: handset 9).

    Raises ValueError where a sleep begins before the transition to a lighter one is over.

    >>> round(NrUe().states.transmit_w, 2), round(NrUe().states.receive_w, 2)
    (4.72, 2.11)
    """

    kind: Literal["nr_ue"] = "nr_ue"
    tx_power_dbm: UePowerDbm = 23.0
    frequency_range: Literal["fr1", "fr2"] = "fr1"
    bandwidth_hz: PartHz = 100e6
    two_antennas: bool = False
    between: Literal["milliwatt", "decibel"] = "milliwatt"
    unit_w: Positive = 6.51e-3
    deep_sleep_w: NonNegative = 0.168
    micro_sleep_after_s: NonNegative | None = None
    light_sleep_after_s: NonNegative | None = None
    deep_sleep_after_s: NonNegative | None = 0.1
    noise_figure_db: NoiseFigureDb = 9.0

    def __post_init__(self) -> None:
        free_s = 0.0
        for name, after_s, sleep in self._sleeps:
            if after_s < free_s:
                lighter = "before it a lighter sleep begins, or the transition to one is under way"
                raise ValueError(f"NrUe.{name}: got {after_s!r}, must be >= {free_s:g}: {lighter}")
            free_s = after_s + sleep.transition_s

    @property
    def states(self) -> PowerStates:
        """What the modem draws, state by state."""
        units = _RANGES[self.frequency_range]
        scale = 1.0
        if self.frequency_range == "fr1":
            scale = (0.4 + 0.6 * (self.bandwidth_hz / 1e6 - 20.0) / 80.0) * (0.7 if self.two_antennas else 1.0)
        silent = [Silence(0.0, "idle", self._watt(max(_LEAST_MONITORING, scale * units.monitoring)))]
        for _, after_s, sleep in self._sleeps:
            if sleep.transition_s:
                above = sleep.transition_unit_s / sleep.transition_s
                silent.append(Silence(after_s, "transition", self._watt(sleep.units + above)))
            silent.append(Silence(after_s + sleep.transition_s, sleep.state, self._watt(sleep.units)))
        return PowerStates(
            silent=tuple(silent),
            transmit_w=self._watt(self._transmission(*units.transmission)),
            receive_w=self._watt(scale * units.reception),
            shared_w=self.deep_sleep_w,
        )

    @property
    def _sleeps(self) -> list[tuple[str, float, _Sleep]]:
        """The sleeps that it falls into, from the lightest: field, its value, and what the report says."""
        timers = ((name, getattr(self, name), sleep) for name, sleep in _SLEEPS.items())
        return [each for each in timers if each[1] is not None]

    def _transmission(self, low: float, high: float) -> float:
        """Power units of transmission, between those at 0 and at 23 dBm."""
        power_dbm = max(self.tx_power_dbm, 0.0)
        if self.between == "decibel":
            return low + (high - low) * power_dbm / 23.0
        span_w = dbm_to_watt(23.0) - dbm_to_watt(0.0)
        return low + (high - low) * (dbm_to_watt(power_dbm) - dbm_to_watt(0.0)) / span_w

    def _watt(self, units: float) -> float:
        return self.deep_sleep_w + self.unit_w * (units - 1.0)
