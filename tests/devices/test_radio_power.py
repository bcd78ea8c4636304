"""Radio power states against hand calculations and the published points that the defaults reproduce."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wirelessfsl.devices.radio_power import RadioPower


def x55_w(units: float) -> float:
    """Supply power of a Snapdragon X55 module in a TR 38.840 state of so many power units."""
    return 4.2 * (0.040 + 0.00155 * (units - 1))


def test_transmit_power_is_radiated_power_over_efficiency_plus_circuit() -> None:
    # 20 dBm is 0.1 W: 0.1 / 0.25 + 0.5
    radio = RadioPower(tx_power_dbm=20.0, amplifier_efficiency=0.25, circuit_w=0.5)
    assert radio.transmit_w == pytest.approx(0.9, rel=1e-12)


def test_base_station_form_is_the_same_line() -> None:
    # EARTH micro: 56 W + 2.6 x 6.3 W; 6.3 W is 37.993 dBm
    radio = RadioPower(tx_power_dbm=37.993405, amplifier_efficiency=1 / 2.6, circuit_w=56.0, idle_w=56.0)
    assert radio.transmit_w == pytest.approx(56.0 + 2.6 * 6.3, rel=1e-6)


def test_defaults_reproduce_the_handset_states_of_3gpp() -> None:
    handset = RadioPower()
    # Three or four digits were kept of each figure.
    assert handset.transmit_w == pytest.approx(x55_w(700), rel=2e-3)
    assert replace(handset, tx_power_dbm=0.0).transmit_w == pytest.approx(x55_w(250), rel=2e-3)
    assert handset.receive_w == pytest.approx(x55_w(300), rel=1e-3)
    assert handset.idle_w == pytest.approx(x55_w(100), rel=1e-3)
    assert handset.sleep_w == pytest.approx(x55_w(1), rel=1e-3)


def test_three_decibels_more_double_the_amplifier_share_only() -> None:
    low, high = (RadioPower(tx_power_dbm=p, amplifier_efficiency=0.3, circuit_w=1.0) for p in (10.0, 13.0103))
    assert high.transmit_w - 1.0 == pytest.approx(2 * (low.transmit_w - 1.0), rel=1e-5)


def test_sleeping_above_idle_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sleep_w: got 0\.5, must be <= idle_w 0\.1"):
        RadioPower(idle_w=0.1, sleep_w=0.5, sleep_after_s=1.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tx_power_dbm", 200.0),  # milliwatts by mistake
        ("amplifier_efficiency", 0.0),
        ("amplifier_efficiency", 1.1),
        ("circuit_w", -1.0),
        ("sleep_after_s", -1.0),
        ("noise_figure_db", -1.0),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"RadioPower\.{field}: got"):
        RadioPower(**{field: value})
