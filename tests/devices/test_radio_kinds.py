"""Radio power models against the published figures that they reproduce, and against each other."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from wirelessfsl.devices.earth import EarthStation
from wirelessfsl.devices.lte_phone import LtePhone
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.devices.radio_power import RadioPower
from wirelessfsl.devices.wifi_radio import WifiRadio

UNITS = NrUe(unit_w=1.0, deep_sleep_w=1.0)
"""Watts are power units."""


def test_states_of_the_report_in_power_units() -> None:
    states = replace(UNITS, micro_sleep_after_s=0.0, light_sleep_after_s=0.05).states
    units = {silence.state: silence.power_w for silence in states.silent if silence.state != "transition"}
    assert units == {"idle": 100.0, "micro sleep": 45.0, "light sleep": 20.0, "sleep": 1.0}
    assert (states.receive_w, states.transmit_w) == pytest.approx((300.0, 700.0))


@pytest.mark.parametrize("between", ["milliwatt", "decibel"])
def test_transmission_has_the_anchors_of_the_report_whatever_is_between(between: str) -> None:
    sending = [replace(UNITS, tx_power_dbm=dbm, between=between).states.transmit_w for dbm in (-10.0, 0.0, 23.0)]
    assert sending == pytest.approx([250.0, 250.0, 700.0])


def test_between_the_anchors_transmission_is_linear_in_milliwatt_or_in_decibel() -> None:
    half_mw = 10 * math.log10((1.0 + 10**2.3) / 2)  # halfway from 1 mW to 200 mW
    assert replace(UNITS, tx_power_dbm=half_mw).states.transmit_w == pytest.approx(475.0)
    assert replace(UNITS, tx_power_dbm=11.5, between="decibel").states.transmit_w == pytest.approx(475.0)


def test_millimetre_waves_have_their_own_row() -> None:
    states = replace(UNITS, frequency_range="fr2").states
    assert (states.silent[0].power_w, states.receive_w, states.transmit_w) == (175.0, 350.0, 350.0)


@pytest.mark.parametrize(
    ("bandwidth_hz", "two_antennas", "monitoring", "reception"),
    [
        (100e6, False, 100.0, 300.0),
        (60e6, False, 70.0, 210.0),
        (20e6, False, 50.0, 120.0),  # 40 units of monitoring are below the least
        (100e6, True, 70.0, 210.0),
        (40e6, True, 50.0, 0.7 * 0.55 * 300.0),
    ],
)
def test_bandwidth_part_and_antennas_scale_the_receiver(
    bandwidth_hz: float, two_antennas: bool, monitoring: float, reception: float
) -> None:
    states = replace(UNITS, bandwidth_hz=bandwidth_hz, two_antennas=two_antennas).states
    assert (states.silent[0].power_w, states.receive_w) == pytest.approx((monitoring, reception))
    assert states.transmit_w == pytest.approx(700.0)
    assert states.silent[-1].power_w == 1.0


def test_transitions_have_the_energy_and_the_time_of_the_report() -> None:
    silent = replace(UNITS, light_sleep_after_s=0.1, deep_sleep_after_s=0.2).states.silent
    begins = {(silence.state, silence.after_s): silence.power_w for silence in silent}
    assert [*begins] == [
        ("idle", 0.0),
        ("transition", 0.1),
        ("light sleep", pytest.approx(0.106)),
        ("transition", 0.2),
        ("sleep", pytest.approx(0.22)),
    ]
    assert (begins["transition", 0.1] - 20.0) * 0.006 == pytest.approx(0.100)  # 100 units ms above light sleep
    assert (begins["transition", 0.2] - 1.0) * 0.020 == pytest.approx(0.450)


def test_the_measured_module_gives_the_watts() -> None:
    states = NrUe().states
    # 4.2 V x (40 mA + 1.55 mA for every unit above the first)
    assert states.receive_w == pytest.approx(4.2 * (0.040 + 0.00155 * 299))
    assert states.receive_w == pytest.approx(2.1, abs=0.05)
    assert states.transmit_w == pytest.approx(4.7, abs=0.05)
    assert states.silent[-1].power_w == pytest.approx(4.2 * 0.040)


def test_the_linear_handset_is_the_same_module() -> None:
    linear, modem = RadioPower().states, NrUe().states
    assert (linear.transmit_w, linear.receive_w) == pytest.approx((modem.transmit_w, modem.receive_w), rel=2e-3)
    assert linear.silent[0].power_w == pytest.approx(modem.silent[0].power_w, rel=1e-3)


@pytest.mark.parametrize(
    ("field", "timers"),
    [
        ("light_sleep_after_s", {"micro_sleep_after_s": 0.2, "light_sleep_after_s": 0.1, "deep_sleep_after_s": 1.0}),
        ("deep_sleep_after_s", {"light_sleep_after_s": 0.1, "deep_sleep_after_s": 0.105}),
    ],
)
def test_sleep_only_deepens(field: str, timers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=rf"NrUe\.{field}: got .*, must be >= "):
        NrUe(**timers)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("alpha_u", "alpha_d", "beta"),
    [(0.43839, 0.05197, 1.28804), (0.86898, 0.12212, 0.81788), (0.28317, 0.13701, 0.13286)],
    ids=["LTE", "3G", "Wi-Fi"],
)
def test_power_of_a_phone_at_a_rate_is_the_row_of_huang(alpha_u: float, alpha_d: float, beta: float) -> None:
    states = LtePhone(uplink_w_per_mbit_s=alpha_u, downlink_w_per_mbit_s=alpha_d, base_w=beta).states
    up_w = states.transmit_w + 3e6 * states.transmit_j_per_bit
    down_w = states.receive_w + 20e6 * states.receive_j_per_bit
    both_w = up_w + down_w - states.shared_w
    assert (up_w, down_w) == pytest.approx((beta + 3 * alpha_u, beta + 20 * alpha_d))
    assert both_w == pytest.approx(3 * alpha_u + 20 * alpha_d + beta)


def test_the_default_phone_is_lte_with_its_tail() -> None:
    states = LtePhone().states
    assert (states.transmit_w, states.transmit_j_per_bit, states.receive_j_per_bit) == pytest.approx(
        (1.28804, 0.43839e-6, 0.05197e-6)
    )
    assert states.silent == ((0.0, "tail", 1.06), (11.6, "idle", 0.02))


def test_wifi_has_the_currents_of_ns3_at_3_v() -> None:
    states = WifiRadio(sleep_after_s=0.5).states
    assert (states.transmit_w, states.receive_w) == pytest.approx((1.14, 0.939))
    assert [silence.power_w for silence in states.silent] == pytest.approx([0.819, 0.099])
    assert states.transmit_w + states.receive_w - states.shared_w == pytest.approx(3.0 * (0.380 + 0.313 - 0.273))


def test_transceivers_multiply_the_fixed_power_but_share_what_is_radiated() -> None:
    one, six = EarthStation().states, EarthStation(transceivers=6, sleep_after_s=1.0).states
    assert six.transmit_w - one.transmit_w == pytest.approx(5 * 130.0)
    assert six.silent[-1].power_w == 6 * 75.0


def test_a_base_station_draws_its_fixed_power_once() -> None:
    states = EarthStation().states
    assert states.transmit_w + states.receive_w - states.shared_w == pytest.approx(states.transmit_w)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WifiRadio(sleep_a=0.5), r"WifiRadio\.sleep_a: got 0\.5, must be <= idle_a 0\.273"),
        (lambda: WifiRadio(idle_a=0.32), r"WifiRadio\.idle_a: got 0\.32, must be <= receive_a 0\.313"),
        (lambda: EarthStation(sleep_w=131.0), r"EarthStation\.sleep_w: got 131\.0, must be <= fixed_w 130\.0"),
        (lambda: NrUe(tx_power_dbm=26.0), r"NrUe\.tx_power_dbm: got 26\.0, must be <= 23"),
        (lambda: NrUe(bandwidth_hz=400e6), r"NrUe\.bandwidth_hz: got 400000000\.0, must be <= 1e\+08"),
    ],
)
def test_what_cannot_be_is_refused(make: type, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "radio",
    [
        RadioPower(sleep_after_s=1.0),
        NrUe(micro_sleep_after_s=0.0, light_sleep_after_s=0.1, deep_sleep_after_s=0.2),
        LtePhone(),
        WifiRadio(sleep_after_s=1.0),
        EarthStation(),
    ],
    ids=type,
)
def test_silence_begins_at_once_and_its_states_follow_one_another(radio: NrUe) -> None:
    begins = [silence.after_s for silence in radio.states.silent]
    assert begins[0] == 0.0
    assert begins == sorted(begins)
    assert radio.states.shared_w <= min(radio.states.receive_w, radio.states.transmit_w)
