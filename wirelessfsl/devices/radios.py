"""The radios that the catalogue's devices carry, each figure with its source.

Powers are at the radio's supply and its own: where a meter saw more than the radio, the rest is subtracted and the
source says so. Left out: power that depends on the modulation.
"""

from __future__ import annotations

from typing import NamedTuple

from wirelessfsl.devices.earth import EarthStation
from wirelessfsl.devices.lte_phone import LtePhone
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.devices.profiles import Source, Sources
from wirelessfsl.devices.radio_power import RadioModel, RadioPower


class Radio(NamedTuple):
    """A radio and the sources of its figures, by "radio.<field>"."""

    power: RadioModel
    sources: Sources


_NS3 = "ns-3 WifiRadioEnergyModel defaults at 3 V"
_NO_SLEEP = Source("estimate", "our choice: no state deeper than idle")

WIFI = Radio(
    RadioPower(
        tx_power_dbm=16.02,
        amplifier_efficiency=0.1,
        circuit_w=0.74,
        receive_w=0.939,
        idle_w=0.099,
        sleep_w=0.099,
        noise_figure_db=7.0,
    ),
    {
        "radio.tx_power_dbm": Source("datasheet", "ns-3 WifiPhy default TxPowerStart, 16.0206 dBm (40 mW)"),
        "radio.amplifier_efficiency": Source("datasheet", "ns-3 LinearWifiTxCurrentModel default Eta, 0.1"),
        "radio.circuit_w": Source("datasheet", f"{_NS3}: transmit 0.380 A = 1.14 W, less 0.04 W / 0.1"),
        "radio.receive_w": Source("datasheet", f"{_NS3}: receive 0.313 A"),
        "radio.idle_w": Source(
            "estimate", f"{_NS3}: sleep 0.033 A; an associated station dozes between beacons (802.11 power save)"
        ),
        "radio.sleep_w": Source("estimate", "as idle: the station already dozes"),
        "radio.sleep_after_s": _NO_SLEEP,
        "radio.noise_figure_db": Source("datasheet", "ns-3 WifiPhy default RxNoiseFigure"),
    },
)
"""Wi-Fi module of a board, in 802.11 power save while idle."""

_ESPRESSIF = "ESP32 datasheet, RF power consumption at 3.3 V"
_CORE = "the 30 mA of an idle core, which the processor counts"

ESP32_WIFI = Radio(
    RadioPower(
        tx_power_dbm=14.0,
        amplifier_efficiency=0.25,
        circuit_w=0.395,
        receive_w=0.223,
        idle_w=0.0,
        sleep_w=0.0,
        noise_figure_db=7.0,
    ),
    {
        "radio.tx_power_dbm": Source("datasheet", f"{_ESPRESSIF}: 802.11n MCS7, 14 dBm"),
        "radio.amplifier_efficiency": Source("estimate", "ours; only its sum with circuit_w is known"),
        "radio.circuit_w": Source(
            "datasheet", f"{_ESPRESSIF}: transmit 180 mA less {_CORE} = 0.495 W, less 0.0251 W / 0.25"
        ),
        "radio.receive_w": Source("datasheet", f"{_ESPRESSIF}: receive 95-100 mA, 97.5 mA less {_CORE}"),
        "radio.idle_w": Source("datasheet", "ESP32 datasheet, modem-sleep: the radio is off while the core runs"),
        "radio.sleep_w": Source("datasheet", "ESP32 datasheet, modem-sleep: the radio is off while the core runs"),
        "radio.sleep_after_s": _NO_SLEEP,
        "radio.noise_figure_db": Source("estimate", "as ns-3 WifiPhy default RxNoiseFigure"),
    },
)
"""The 802.11n radio of an ESP32, as power above its idle core."""

_TR = "3GPP TR 38.840 power units x Snapdragon X55 scale (4.2 V x (40 mA + 1.55 mA per unit above 1))"

HANDSET = Radio(
    RadioPower(sleep_after_s=0.1),
    {
        "radio.tx_power_dbm": Source("datasheet", "3GPP TS 38.101-1, power class 3: 23 dBm"),
        "radio.amplifier_efficiency": Source("measured", f"{_TR}: slope between 250 at 0 dBm and 700 at 23 dBm"),
        "radio.circuit_w": Source("measured", f"{_TR}: 250 units at 0 dBm, 1.79 W, less the amplifier's share"),
        "radio.receive_w": Source("measured", f"{_TR}: control and data channel, 300 units"),
        "radio.idle_w": Source("measured", f"{_TR}: control channel only, 100 units"),
        "radio.sleep_w": Source("measured", f"{_TR}: deep sleep, 1 unit"),
        "radio.sleep_after_s": Source("estimate", "ours: inactivity timer of 100 ms; no transition energy"),
        "radio.noise_figure_db": Source("datasheet", "3GPP TR 38.901 sec. 7.8, user equipment"),
    },
)
"""5G modem of a telephone."""

_MODEM = "3GPP TR 38.840 sec. 8.1"
_X55 = "Snapdragon X55 module measured at 4.2 V"

NR_MODEM = Radio(
    NrUe(),
    {
        "radio.tx_power_dbm": Source("datasheet", "3GPP TS 38.101-1, power class 3: 23 dBm"),
        "radio.frequency_range": Source("estimate", "our choice: below 7 GHz"),
        "radio.bandwidth_hz": Source("datasheet", f"{_MODEM}: reference of 100 MHz"),
        "radio.two_antennas": Source("datasheet", f"{_MODEM}: reference of four receive antennas"),
        "radio.between": Source("estimate", f"our choice: {_MODEM} has 0 and 23 dBm only; both ways are in use"),
        "radio.unit_w": Source("measured", f"{_X55}: 1.55 mA for each unit of {_MODEM}"),
        "radio.deep_sleep_w": Source("measured", f"{_X55}: 40 mA in deep sleep"),
        "radio.micro_sleep_after_s": Source("estimate", "our choice: no micro sleep"),
        "radio.light_sleep_after_s": Source("estimate", "our choice: no light sleep"),
        "radio.deep_sleep_after_s": Source("estimate", "ours: inactivity timer of 100 ms"),
        "radio.noise_figure_db": Source("datasheet", "3GPP TR 38.901 sec. 7.8, user equipment"),
    },
)
"""5G modem of a telephone, with sleep states and their transitions."""

_HUANG = "Huang et al., MobiSys 2012, LTE; as commonly quoted"

LTE_MODEM = Radio(
    LtePhone(),
    {
        "radio.tx_power_dbm": Source("datasheet", "3GPP TS 36.101, power class 3: 23 dBm"),
        "radio.uplink_w_per_mbit_s": Source("measured", f"{_HUANG}: 438.39 mW/(Mbit/s)"),
        "radio.downlink_w_per_mbit_s": Source("measured", f"{_HUANG}: 51.97 mW/(Mbit/s)"),
        "radio.base_w": Source("measured", f"{_HUANG}: 1288.04 mW"),
        "radio.tail_w": Source("measured", f"{_HUANG}: 1060 mW"),
        "radio.tail_s": Source("measured", f"{_HUANG}: 11.6 s"),
        "radio.idle_w": Source("estimate", "ours: a mean over paging cycles"),
        "radio.noise_figure_db": Source("datasheet", "3GPP TR 38.901 sec. 7.8, user equipment"),
    },
)
"""LTE modem of a telephone, with power that grows with the rate and a tail."""

_EARTH = (
    "EARTH model, micro base station (Auer et al., IEEE Wireless Communications 18(5), 2011), one transceiver chain"
)

MICRO_CELL = Radio(
    RadioPower(
        tx_power_dbm=38.0,
        amplifier_efficiency=0.385,
        circuit_w=56.0,
        receive_w=56.0,
        idle_w=56.0,
        sleep_w=39.0,
        noise_figure_db=5.0,
    ),
    {
        "radio.tx_power_dbm": Source("datasheet", f"{_EARTH}: 6.3 W"),
        "radio.amplifier_efficiency": Source("datasheet", f"{_EARTH}: 1 / Delta_p = 1 / 2.6"),
        "radio.circuit_w": Source("datasheet", f"{_EARTH}: P_0 = 56 W"),
        "radio.receive_w": Source("datasheet", f"{_EARTH}: P_0 = 56 W; the model has no term for reception"),
        "radio.idle_w": Source("datasheet", f"{_EARTH}: P_0 = 56 W"),
        "radio.sleep_w": Source("datasheet", f"{_EARTH}: P_sleep = 39 W"),
        "radio.sleep_after_s": Source("estimate", "our choice: a serving cell does not sleep"),
        "radio.noise_figure_db": Source("datasheet", "3GPP TR 38.901 sec. 7.8, base station"),
    },
)
"""Micro base station beside an edge server; the same for every server, so that swapping servers compares processors."""


def _earth(cell: str, tx_power_dbm: float, radiated_w: float, fixed_w: float, slope: float, sleep_w: float) -> Radio:
    """Base station of one transceiver of EARTH's table."""
    table = f"EARTH model, {cell} (Auer et al., IEEE Wireless Communications 18(5), 2011); as commonly quoted"
    return Radio(
        EarthStation(tx_power_dbm=tx_power_dbm, fixed_w=fixed_w, slope=slope, sleep_w=sleep_w),
        {
            "radio.tx_power_dbm": Source("datasheet", f"{table}: {radiated_w:g} W"),
            "radio.transceivers": Source("estimate", "our choice: one sector with one antenna"),
            "radio.fixed_w": Source("datasheet", f"{table}: P_0 = {fixed_w:g} W"),
            "radio.slope": Source("datasheet", f"{table}: Delta_p = {slope:g}"),
            "radio.sleep_w": Source("datasheet", f"{table}: P_sleep = {sleep_w:g} W"),
            "radio.sleep_after_s": Source("estimate", "our choice: a serving cell does not sleep"),
            "radio.noise_figure_db": Source("datasheet", "3GPP TR 38.901 sec. 7.8, base station"),
        },
    )


EARTH_CELLS = {
    "macro": _earth("macro cell", 43.01, 20.0, 130.0, 4.7, 75.0),
    "rrh": _earth("remote radio head", 43.01, 20.0, 84.0, 2.8, 56.0),
    "micro": _earth("micro cell", 37.99, 6.3, 56.0, 2.6, 39.0),
    "pico": _earth("pico cell", 21.14, 0.13, 6.8, 4.0, 4.3),
    "femto": _earth("femto cell", 16.99, 0.05, 4.8, 8.0, 2.9),
}
"""Base stations of EARTH, by cell; P_0 counts once while they send and receive, unlike in :data:`MICRO_CELL`."""
