"""Meters against integrals on paper."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wirelessfsl.devices.earth import EarthStation
from wirelessfsl.devices.lte_phone import LtePhone
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.devices.radio_power import RadioModel, RadioPower
from wirelessfsl.devices.wifi_radio import WifiRadio
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


UNITS = NrUe(unit_w=1.0, deep_sleep_w=1.0, light_sleep_after_s=0.5, deep_sleep_after_s=2.0)
"""Watts are power units."""
KINDS = POWER, UNITS, LtePhone(tail_s=2.0), WifiRadio(sleep_after_s=1.0), EarthStation(sleep_after_s=0.5)


def test_every_kind_is_tried() -> None:
    assert {type(power) for power in KINDS} == {*get_args(get_args(RadioModel)[0])}


def test_a_modem_falls_asleep_step_by_step_and_pays_for_each_transition() -> None:
    radio = Radio(UNITS)
    begun = radio.receiver.begin(0.0)
    radio.update(0.0, up=True)
    radio.receiver.end(1.0, begun)
    radio.update(1.0, up=True)
    radio.settle(11.0)
    times = {RECEIVE: 1.0, IDLE: 0.5, "transition": 0.006 + 0.020, "light sleep": 2.0 - 0.506, SLEEP: 8.0 - 0.020}
    assert dict(radio.meter.time_s) == pytest.approx(times)
    energies = {
        RECEIVE: 300.0,
        IDLE: 50.0,
        "transition": 20 * 0.006 + 0.100 + 1 * 0.020 + 0.450,  # of light sleep, and of deep sleep
        "light sleep": 20 * 1.494,
        SLEEP: 7.980,
    }
    assert dict(radio.meter.energy_j) == pytest.approx(energies)


def test_a_transfer_breaks_a_transition_off_and_the_timers_begin_anew() -> None:
    radio = Radio(UNITS)
    begun = radio.transmitter.begin(2.010)  # halfway down to deep sleep
    radio.update(2.010, up=True)
    radio.transmitter.end(3.010, begun)
    radio.update(3.010, up=True)
    assert radio.next_change_s == pytest.approx(3.510)
    radio.settle(3.310)
    assert radio.meter.time_s["transition"] == pytest.approx(0.006 + 0.010)
    assert radio.meter.energy_j["transition"] == pytest.approx(20 * 0.006 + 0.100 + (1 * 0.020 + 0.450) / 2)
    assert SLEEP not in radio.meter.time_s
    assert radio.meter.energy_j[TRANSMIT] == pytest.approx(700.0)


def test_a_phone_has_a_tail_after_every_transfer() -> None:
    radio = Radio(LtePhone())
    for start in (20.0, 25.0):  # the second one ends the first one's tail
        begun = radio.receiver.begin(start)
        radio.update(start, up=True)
        radio.receiver.end(start + 1.0, begun)
        radio.update(start + 1.0, up=True)
    radio.settle(50.0)
    tail_s = 11.6 + 4.0 + 11.6  # the run begins with one
    idle_s = (20.0 - 11.6) + (50.0 - 37.6)
    assert dict(radio.meter.time_s) == pytest.approx({"tail": tail_s, IDLE: idle_s, RECEIVE: 2.0})
    assert radio.meter.energy_j["tail"] == pytest.approx(1.06 * tail_s)
    assert sum(radio.silent_j) == pytest.approx(1.06 * tail_s + 0.02 * idle_s)


def test_what_is_shared_is_drawn_once_and_split_between_sending_and_receiving() -> None:
    radio = Radio(EarthStation(tx_power_dbm=40.0))  # 130 W + 4.7 x 10 W
    sent = radio.transmitter.begin(0.0)
    radio.update(0.0, up=True)
    heard = radio.receiver.begin(1.0)
    radio.update(1.0, up=True)
    sent_j = radio.transmitter.end(3.0, sent)
    radio.update(3.0, up=True)
    heard_j = radio.receiver.end(4.0, heard)
    radio.update(4.0, up=True)
    assert dict(radio.meter.energy_j) == pytest.approx({TRANSMIT: 177.0, DUPLEX: 2 * 177.0, RECEIVE: 130.0})
    assert (sent_j, heard_j) == pytest.approx((177.0 + 2 * (47.0 + 65.0), 2 * 65.0 + 130.0))


def test_bits_cost_what_they_cost_at_any_rate() -> None:
    radio = Radio(LtePhone())
    begun = radio.transmitter.begin(0.0)
    for now, rate_bit_s in ((0.0, 2e6), (3.0, 0.5e6)):
        radio.transmitter.flow_bit_s = rate_bit_s
        radio.update(now, up=True)
    radio.settle(7.0)
    assert radio.transmitter.end(7.0, begun) == pytest.approx(7 * 1.28804)
    assert radio.meter.energy_j[TRANSMIT] == pytest.approx(7 * 1.28804 + (6.0 + 2.0) * 0.43839)


STEPS = st.lists(
    st.tuples(st.floats(0.0, 3.0), st.sampled_from(["send", "receive", "stop", "off", "on"])), min_size=1, max_size=25
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(STEPS, st.sampled_from(KINDS))
def test_states_fill_the_clock_and_energies_add_up_on_any_timeline(
    steps: list[tuple[float, str]], power: RadioModel
) -> None:
    radio, now, up = Radio(power), 0.0, True
    under_way: list[tuple[Chain, float]] = []
    transfers_j = 0.0
    for gap_s, step in [*steps, *((0.5, "stop") for _ in steps)]:
        now += gap_s
        if step == "off":  # ends everything
            transfers_j += sum(chain.end(now, begun) for chain, begun in under_way)
            under_way, up = [], False
        elif step == "on":
            up = True
        elif step == "stop" and under_way:
            chain, begun = under_way.pop(0)
            transfers_j += chain.end(now, begun)
        elif step != "stop" and up:
            chain = radio.transmitter if step == "send" else radio.receiver
            under_way.append((chain, chain.begin(now)))
        radio.update(now, up)
    radio.settle(now)
    meter, states = radio.meter, power.states
    assert sum(meter.time_s.values()) == pytest.approx(now)
    watts: dict[str, float] = {silence.state: silence.power_w for silence in states.silent}
    watts |= {TRANSMIT: states.transmit_w, RECEIVE: states.receive_w, OFF: 0.0}
    watts |= {DUPLEX: states.transmit_w + states.receive_w - states.shared_w}
    for state in meter.energy_j.keys() - {"transition"}:  # of which there are two
        assert meter.energy_j[state] == pytest.approx(watts[state] * meter.time_s[state], abs=1e-9)
    active_j = sum(meter.energy_j.get(state, 0.0) for state in (TRANSMIT, RECEIVE, DUPLEX))
    assert transfers_j == pytest.approx(active_j, abs=1e-9)
    assert active_j + sum(radio.silent_j) == pytest.approx(sum(meter.energy_j.values()), abs=1e-9)
