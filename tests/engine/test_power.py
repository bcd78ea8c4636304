"""Meters against integrals on paper."""

from __future__ import annotations

import pytest

from wirelessfsl.devices.radio_power import RadioPower
from wirelessfsl.engine.power import BUSY, DUPLEX, IDLE, OFF, RECEIVE, SLEEP, TRANSMIT, Chain, Meter, Radio

POWER = RadioPower(
    tx_power_dbm=30.0,
    amplifier_efficiency=0.5,
    circuit_w=1.0,
    receive_w=1.5,
    idle_w=0.5,
    sleep_w=0.1,
    sleep_after_s=2.0,
)


def test_a_meter_integrates_power_over_every_state() -> None:
    meter = Meter(2.0)
    meter.change(3.0, BUSY, 5.0)
    meter.change(4.0, IDLE, 2.0)
    meter.settle(10.0)
    assert dict(meter.time_s) == {IDLE: 9.0, BUSY: 1.0}
    assert dict(meter.energy_j) == {IDLE: 18.0, BUSY: 5.0}


def test_settling_twice_counts_nothing_twice() -> None:
    meter = Meter(2.0)
    for _ in range(3):
        meter.settle(4.0)
    assert dict(meter.energy_j) == {IDLE: 8.0}


def test_overlapping_transfers_share_the_power_of_a_chain_and_add_up_to_it() -> None:
    chain = Chain(6.0)
    a = chain.begin(0.0)
    b = chain.begin(1.0)
    c = chain.begin(2.0)
    # a alone 0-1, a and b 1-2, all three 2-3, a and c 3-5, c alone 5-6.
    b_j = chain.end(3.0, b)
    a_j = chain.end(5.0, a)
    c_j = chain.end(6.0, c)
    assert (a_j, b_j, c_j) == pytest.approx((6 + 3 + 2 + 6, 3 + 2, 2 + 6 + 6))
    assert a_j + b_j + c_j == pytest.approx(6.0 * 6.0)


def test_a_silent_chain_draws_nothing() -> None:
    chain = Chain(6.0)
    chain.end(1.0, chain.begin(0.0))
    begun = chain.begin(100.0)
    assert chain.end(101.0, begun) == pytest.approx(6.0)


def test_a_radio_passes_through_its_states_and_falls_asleep() -> None:
    radio = Radio(POWER)
    begun = radio.transmitter.begin(1.0)
    radio.update(1.0, up=True)
    heard = radio.receiver.begin(2.0)
    radio.update(2.0, up=True)
    radio.transmitter.end(4.0, begun)
    radio.update(4.0, up=True)
    radio.receiver.end(7.0, heard)
    radio.update(7.0, up=True)
    assert radio.next_change_s == 9.0
    radio.settle(12.0)
    radio.update(12.0, up=False)
    radio.settle(13.0)
    times = {IDLE: 1.0 + 2.0, TRANSMIT: 1.0, DUPLEX: 2.0, RECEIVE: 3.0, SLEEP: 3.0, OFF: 1.0}
    powers = {IDLE: 0.5, TRANSMIT: 3.0, DUPLEX: 4.5, RECEIVE: 1.5, SLEEP: 0.1, OFF: 0.0}
    assert dict(radio.meter.time_s) == pytest.approx(times)
    assert dict(radio.meter.energy_j) == pytest.approx({state: powers[state] * t for state, t in times.items()})
    assert sum(times.values()) == 13.0


def test_a_radio_that_is_used_in_time_does_not_sleep() -> None:
    radio = Radio(POWER)
    for start in (1.5, 3.5, 5.5):
        begun = radio.transmitter.begin(start)
        radio.update(start, up=True)
        radio.transmitter.end(start + 0.5, begun)
        radio.update(start + 0.5, up=True)
    radio.settle(7.0)
    assert SLEEP not in radio.meter.time_s
