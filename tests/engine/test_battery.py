"""A battery runs empty at the instant that its joules and the power states say.

Powers (``tests.worlds``): processor idle 2 W and 3 W more when busy; radio 0.5 W idle, 3 W sending, 1.5 W receiving,
0.1 W asleep.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest

from tests.worlds import (
    CLIENT_MODEL,
    CLIENT_PARAMETERS,
    DEVICE,
    FORWARD,
    RADIO,
    SERVE,
    SERVER_PARAMETERS,
    UPLOAD,
    ListLog,
    one_round,
    run,
    tiles,
    tiny,
    world_of,
)
from wirelessfsl.devices.battery import Battery
from wirelessfsl.devices.lte_phone import LtePhone
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.devices.radio_power import RadioModel
from wirelessfsl.engine.access import ConstantLink, Fdma
from wirelessfsl.engine.node import Node
from wirelessfsl.engine.world import World
from wirelessfsl.records import DROP, SERVER
from wirelessfsl.scenario import EvaluationSettings

NEAR = {"abs": 1e-9, "rel": 0}
Session = Callable[[World, Node], Generator[Any, Any, Any]]


def lives(capacity_j: float, session: Session, radio: RadioModel = RADIO) -> tuple[float, Node, ListLog]:
    """When a client with this battery died in a session, while a second one outlived it."""
    devices = (replace(DEVICE, radio=radio, battery=Battery(capacity_j=capacity_j)), DEVICE)
    # 1,000 bytes a second each way.
    world, log = world_of(tiny(devices=devices, medium=ConstantLink(uplink_bit_s=8e3, downlink_bit_s=8e3, latency_s=0)))
    mortal, other = world.clients

    def outlive() -> Generator[Any, Any, Any]:
        yield world.env.timeout(50.0)

    done = one_round(world, {mortal: session(world, mortal), other: outlive()})
    assert list(done) == [other]
    assert world.env.now == 50.0
    (drop,) = log.rows(activity=DROP)
    assert (drop.node, drop.phase) == ("client-0", "battery")
    assert mortal.energy_j == pytest.approx(capacity_j, rel=1e-12)
    assert (mortal.up, mortal.gone) == (False, True)
    for meter in (mortal.meter, mortal.radio.meter):
        assert meter.time_s["off"] == pytest.approx(50.0 - drop.end_s, **NEAR)
    return drop.end_s, mortal, log


def wait(world: World, node: Node) -> Generator[Any, Any, Any]:
    yield world.env.timeout(100.0)


def test_while_idle() -> None:
    died, _, log = lives(10.0, wait)
    assert died == pytest.approx(10.0 / 2.5, **NEAR)
    assert log.rows(node="client-0", activity="idle")[0].energy_j == pytest.approx(10.0)


def test_an_initial_fraction_is_what_is_left() -> None:
    devices = (replace(DEVICE, battery=Battery(capacity_j=100.0, initial_fraction=0.1)),)
    world, log = world_of(tiny(devices=devices))
    one_round(world, {world.clients[0]: wait(world, world.clients[0])})
    assert log.rows(activity=DROP)[0].end_s == pytest.approx(4.0, **NEAR)


def test_while_computing() -> None:
    def session(world: World, node: Node) -> Generator[Any, Any, Any]:
        yield world.env.timeout(1.0)
        yield from node.spend("client_forward", 10 * FORWARD)

    died, _, log = lives(2.5 + 2.0 * 5.5, session)
    assert died == pytest.approx(3.0, **NEAR)
    (row,) = log.rows(activity="compute")
    assert (row.start_s, row.end_s) == pytest.approx((1.0, 3.0), **NEAR)
    assert (row.flops, row.energy_j) == pytest.approx((2 * FORWARD, 2 * 3.0))


def test_while_transmitting() -> None:
    def session(world: World, node: Node) -> Generator[Any, Any, Any]:
        yield world.env.timeout(1.0)
        yield from world.transfer(node, world.server, model_upload=world.initial[0].weights)

    died, mortal, log = lives(2.5 + 2.00025 * 5.0, session)
    assert died == pytest.approx(3.00025, **NEAR)
    (row,) = log.rows(activity="transfer")
    assert (row.bytes, row.delivered) == (2000, False)  # 2000.25 bytes have flown
    assert row.energy_j == pytest.approx(2.00025 * 3.0)
    assert mortal.uplink_bytes == 2000


def test_while_receiving() -> None:
    def session(world: World, node: Node) -> Generator[Any, Any, Any]:
        yield from world.transfer(world.server, node, model_download=world.initial[0].weights)

    died, mortal, log = lives(3.00025 * 3.5, session)
    assert died == pytest.approx(3.00025, **NEAR)
    (row,) = log.rows(activity="receive", node="client-0")
    assert row.energy_j == pytest.approx(3.00025 * 1.5)
    assert mortal.downlink_bytes == 3000


def test_with_the_radio_asleep() -> None:
    # 1 s at 2.5 W, then the radio sleeps and the processor idles: 2.1 W.
    died, mortal, _ = lives(2.5 + 3.0 * 2.1, wait, replace(RADIO, sleep_after_s=1.0))
    assert died == pytest.approx(4.0, **NEAR)
    assert mortal.radio.meter.time_s["sleep"] == pytest.approx(3.0, **NEAR)


def test_while_the_radio_wakes_and_sleeps_by_turns() -> None:
    def session(world: World, node: Node) -> Generator[Any, Any, Any]:
        yield world.env.timeout(3.0)  # 1 s idle, 2 s asleep
        yield world.medium.transmit(node, world.server, 2000)  # 2 s
        yield world.env.timeout(100.0)  # 1 s idle, asleep from 6 s on

    spent_j = 2.5 + 2 * 2.1 + 2 * 5.0 + 2.5
    died, _, _ = lives(spent_j + 4.0 * 2.1, session, replace(RADIO, sleep_after_s=1.0))
    assert died == pytest.approx(10.0, **NEAR)


SLOW_LTE = LtePhone(
    uplink_w_per_mbit_s=125.0, downlink_w_per_mbit_s=50.0, base_w=2.0, tail_w=1.0, tail_s=3.0, idle_w=0.1
)
"""At 8 kbit/s: 1 W more while it sends, 0.4 W more while it receives."""


def test_in_a_tail_and_after_it() -> None:
    died, mortal, _ = lives(2 * 3.0, wait, SLOW_LTE)
    assert died == pytest.approx(2.0, **NEAR)
    died, mortal, _ = lives(3 * 3.0 + 4 * 2.1, wait, SLOW_LTE)
    assert died == pytest.approx(7.0, **NEAR)
    assert dict(mortal.radio.meter.time_s) == pytest.approx({"tail": 3.0, "idle": 4.0, "off": 43.0}, **NEAR)


@pytest.mark.parametrize(("up", "radio_w"), [(True, 3.0), (False, 2.4)])
def test_while_the_power_depends_on_the_rate(up: bool, radio_w: float) -> None:
    def session(world: World, node: Node) -> Generator[Any, Any, Any]:
        yield world.medium.transmit(*((node, world.server) if up else (world.server, node)), 9000)

    died, mortal, _ = lives(4.0 * (2.0 + radio_w), session, SLOW_LTE)
    assert died == pytest.approx(4.0, **NEAR)
    assert mortal.radio.meter.energy_j["transmit" if up else "receive"] == pytest.approx(4.0 * radio_w)


def test_while_the_rate_changes() -> None:
    # 8 kbit/s alone for 2 s, half of it while another message shares the band, alone again when that one has flown.
    medium = Fdma(bandwidth_hz=8e3, latency_s=0.0)  # 1 bit/s/Hz
    spent_j = 2 * (2.0 + 3.0) + 2 * (2.0 + 2.5) + 3 * (2.0 + 3.0)
    devices = (replace(DEVICE, radio=SLOW_LTE, battery=Battery(capacity_j=spent_j)), DEVICE)
    world, log = world_of(tiny(devices=devices, medium=medium))
    mortal, other = world.clients

    def sending() -> Generator[Any, Any, Any]:
        yield world.medium.transmit(mortal, world.server, 50_000)

    def disturbing() -> Generator[Any, Any, Any]:
        yield world.env.timeout(2.0)
        yield world.medium.transmit(other, world.server, 1000)  # 2 s at half the band
        yield world.env.timeout(10.0)

    one_round(world, {mortal: sending(), other: disturbing()})
    (drop,) = log.rows(activity=DROP)
    assert drop.end_s == pytest.approx(7.0, **NEAR)
    assert mortal.energy_j == pytest.approx(spent_j, rel=1e-12)


def test_on_the_way_into_sleep() -> None:
    # 1 W a unit: 100 W for 0.5 s, then 23.5 W for 20 ms (1 W of deep sleep and 0.45 J over 20 ms), then 1 W.
    modem = NrUe(unit_w=1.0, deep_sleep_w=1.0, deep_sleep_after_s=0.5)
    died, mortal, _ = lives(0.5 * 102.0 + 0.01 * 25.5, wait, modem)
    assert died == pytest.approx(0.51, **NEAR)
    assert mortal.radio.meter.energy_j["transition"] == pytest.approx(0.235)
    died, _, _ = lives(0.5 * 102.0 + 0.02 * 25.5 + 6 * 3.0, wait, modem)
    assert died == pytest.approx(6.52, **NEAR)


def test_a_dead_client_stays_out_and_the_rounds_go_on_with_the_others() -> None:
    # 1e6 bit/s: the download takes 0.133632 s at 3.5 W; the rest is computation at 5.5 W, gone after 0.5 s.
    download = CLIENT_MODEL * 8 / 1e6
    battery = Battery(capacity_j=download * 3.5 + 0.5 * 5.5)
    link = ConstantLink(uplink_bit_s=1e6, downlink_bit_s=1e6, latency_s=0.0)
    devices = (DEVICE, replace(DEVICE, battery=battery), DEVICE)
    log, outcome = run(tiny(devices=devices, medium=link, rounds=2))
    assert (outcome.status, outcome.rounds) == ("completed", 2)
    (drop,) = log.rows(activity=DROP)
    assert (drop.node, drop.phase, drop.round) == ("client-1", "battery", 1)
    assert drop.end_s == pytest.approx(download + 0.5, **NEAR)
    # The others queue at the server behind each other, not behind the dead one.
    ready = download + 1.0 + UPLOAD * 8 / 1e6
    rest = (UPLOAD - 142) * 8 / 1e6 + 1.0 + CLIENT_MODEL * 8 / 1e6
    average = 2 * 2 * (CLIENT_PARAMETERS + SERVER_PARAMETERS) / SERVE
    one = ready + 2.0 + rest + average
    assert [m.time_s for m in log.metrics if m.client is None and m.split == "test"] == pytest.approx(
        [one, 2 * one], **NEAR
    )
    assert tiles(log, "client-1")[-1].activity == "wait"
    assert not [row for row in log.rows(round=2, activity="transfer") if "client-1" in (row.node, row.peer)]


def test_when_all_batteries_are_empty_the_run_is_exhausted() -> None:
    devices = (replace(DEVICE, count=2, battery=Battery(capacity_j=20.0)),)
    log, outcome = run(tiny(devices=devices, rounds=50))
    assert outcome.status == "exhausted"
    drops = log.rows(activity=DROP)
    assert sorted(row.node for row in drops) == ["client-0", "client-1"]
    # A round was begun as long as somebody was there; the last one with rows is the one in which the last died.
    assert outcome.rounds == max(row.round for row in log.events) == drops[-1].round
    assert max(m.round for m in log.metrics) == outcome.rounds
    assert {row.node for row in log.rows(round=outcome.rounds, activity="idle")} == {"client-0", "client-1", SERVER}


def test_a_battery_that_is_empty_at_the_start_exhausts_the_run_at_once() -> None:
    devices = (replace(DEVICE, battery=Battery(capacity_j=20.0, initial_fraction=0.0)),)
    log, outcome = run(tiny(devices=devices, rounds=3))
    assert outcome.status == "exhausted"
    assert not log.rows(activity="compute")


def test_an_exhausted_run_is_evaluated_after_its_last_round() -> None:
    devices = (replace(DEVICE, battery=Battery(capacity_j=20.0)),)
    log, outcome = run(tiny(devices=devices, rounds=50, evaluation=EvaluationSettings(every_rounds=10)))
    assert outcome.status == "exhausted"
    assert [m.round for m in log.metrics if m.split == "test" and m.client is None] == [outcome.rounds]
