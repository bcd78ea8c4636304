"""The radios that the catalogue's devices carry, each figure with its source.

Powers are at the radio's supply and its own: where a meter saw more than the radio, the rest is subtracted and the
source says so. Left out: power that depends on the modulation, and the cost of waking up.
"""

from __future__ import annotations

from typing import NamedTuple

from wirelessfsl.devices.profiles import Source, Sources
from wirelessfsl.devices.radio_power import RadioPower


class Radio(NamedTuple):
    """A radio and the sources of its figures, by "radio.<field>"."""

    power: RadioPower
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
