"""Every kind of radio on every medium, in runs in which everything happens: energies add up, no kind changes a time."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from tests.engine.test_accounts import (  # noqa: F401 (they run here with other radios)
    MEDIA,
    SPLITFED,
    nodes,
    stormy,
    test_a_node_that_is_off_draws_nothing,
    test_energies_of_a_nodes_rows_add_up_to_the_integral_of_its_power,
    test_every_clients_rows_tile_its_time,
    test_phases_add_up_to_the_whole,
    test_times_in_power_states_add_up_to_the_clock,
)
from tests.worlds import BATCH, DEVICE, PROCESSOR, STATION, ListLog, one_round, played, tiny, world_of
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.devices.battery import Battery, NoBattery
from wirelessfsl.devices.earth import EarthStation
from wirelessfsl.devices.lte_phone import LtePhone
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.devices.power_states import InTurns
from wirelessfsl.devices.radio_power import RadioModel, RadioPower
from wirelessfsl.devices.wifi_radio import WifiRadio
from wirelessfsl.engine.access import Fdma, TraceLinks
from wirelessfsl.engine.power import RECEIVE, TRANSMIT
from wirelessfsl.engine.world import World
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.fading import NoFading, Rayleigh
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.records import TRANSFER
from wirelessfsl.scenario import Scenario

THIRSTY = LtePhone(uplink_w_per_mbit_s=20.0, downlink_w_per_mbit_s=15.0, tail_s=0.3)
"""At the rates of the storm, tens of kbit/s, bits take as much energy as time does."""
KINDS = {
    "linear": RadioPower(sleep_after_s=0.1),
    "nr_ue": NrUe(tx_power_dbm=20.0, light_sleep_after_s=0.02, deep_sleep_after_s=0.1),
    "lte_phone": THIRSTY,
    "wifi_radio": WifiRadio(sleep_after_s=0.05),
    "earth": EarthStation(sleep_after_s=0.2),
}
ALIKE = {"tx_power_dbm": 20.0, "noise_figure_db": 6.0}


def carrying(scenario: Scenario, radio: RadioModel, **every: Any) -> Scenario:
    """The scenario with this radio in every node."""
    devices = tuple(replace(group, radio=radio, **every) for group in scenario.devices)
    return replace(scenario, devices=devices, server=replace(scenario.server, radio=radio))


SFL_GA = SFLGA(rounds=3, local_steps=2, batch_size=BATCH)


ALOHA = SlottedAloha(bandwidth_hz=2e5, slot_s=0.01, latency_s=0.05)
CONTENDING = {
    "wifi": Wifi(latency_s=0.05),
    "wifi-slots": Wifi(latency_s=0.05, mode="slots"),
    "aloha": ALOHA,
    "aloha-slots": replace(ALOHA, mode="slots"),
}
NEAR = Fixed(distances_m=(10.0, 20.0, 30.0, 10.0, 20.0, 30.0, 2e3))
TRACE = "time_s,rate_bit_s\n0,5e4\n0.4,0\n0.5,9e4\n1.1,2e4\n1.7,6e4\n"


@pytest.fixture(
    scope="module",
    params=[(kind, medium, None) for kind in KINDS for medium in (*MEDIA, *CONTENDING, "trace")]
    + [(kind, medium, SFL_GA) for kind in ("nr_ue", "lte_phone") for medium in ("fdma", *CONTENDING)],
    ids=lambda param: f"{param[0]}-{param[1]}{'-broadcast' if param[2] else ''}",
)
def storm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, ListLog]:
    kind, medium, scheme = request.param
    scenario = stormy(medium if medium in MEDIA else "fdma", scheme or SPLITFED)
    network = scenario.network
    if medium in CONTENDING:
        network = replace(network, medium=CONTENDING[medium], layout=NEAR)
    elif medium == "trace":
        file = tmp_path_factory.mktemp("trace") / "rates.csv"
        file.write_text(TRACE)
        network = replace(network, medium=TraceLinks(uplink=(str(file),), latency_s=0.05))
    with np.errstate(divide="ignore"):  # as a run has it: between its accesses a message has no rate
        world, log, _ = played(carrying(replace(scenario, network=network), KINDS[kind]))
    return world, log


def test_every_kind_is_tried() -> None:
    assert {type(radio) for radio in KINDS.values()} == {*get_args(get_args(RadioModel)[0])}


def test_every_kind_goes_through_all_of_its_states(storm: tuple[World, ListLog]) -> None:
    world, _ = storm
    states = world.clients[0].radio.states
    seen = {state for node in nodes(world) for state in node.radio.meter.time_s}
    assert seen >= {silence.state for silence in states.silent} | {TRANSMIT, RECEIVE}


def test_energy_of_transfers_is_what_the_radio_drew_while_it_sent_or_received(storm: tuple[World, ListLog]) -> None:
    world, log = storm
    for node in nodes(world):
        rows = [row.energy_j for row in log.rows(node=node.name) if row.activity in ("transfer", "receive")]
        drawn = node.radio.meter.energy_j
        active_j = sum(drawn.get(state, 0.0) for state in ("transmit", "receive", "duplex"))
        assert sum(rows) == pytest.approx(active_j, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", [*KINDS])
def test_no_kind_of_radio_changes_a_time_or_a_byte(kind: str) -> None:
    def told(radio: RadioModel) -> list[tuple[Any, ...]]:
        # Batteries empty at other times with other radios, and are left out.
        _, log, _ = played(carrying(stormy("fdma"), replace(radio, **ALIKE), battery=NoBattery()))  # type: ignore[type-var]
        return [row._replace(energy_j=0.0) for row in log.events]

    assert told(KINDS[kind]) == told(RadioPower())


def test_an_lte_transfer_takes_alpha_a_bit_and_beta_a_second_however_its_rate_changes() -> None:
    channel = Channel(fading=Rayleigh(coherence_time_s=0.05))
    phone = LtePhone(uplink_w_per_mbit_s=3.0, downlink_w_per_mbit_s=2.0)
    devices = (replace(DEVICE, count=3, radio=phone),)
    world, _ = world_of(tiny(devices=devices, channel=channel, medium=Fdma(bandwidth_hz=1e5, latency_s=0.1)))
    deliveries = []

    def session(i: int) -> Generator[Any, Any, Any]:
        yield world.env.timeout(0.1 * i)
        for ends in (world.clients[i], world.server), (world.server, world.clients[i]):
            deliveries.append((i, ends[0], (yield world.medium.transmit(*ends, 5000 * (i + 1)))))

    one_round(world, {client: session(i) for i, client in enumerate(world.clients)})
    assert len(deliveries) == 6
    for i, sender, delivery in deliveries:
        airtime_s, megabits = delivery.end_s - 0.1 - delivery.start_s, 0.04 * (i + 1)
        if sender is world.server:
            assert delivery.receive_j == pytest.approx(1.28804 * airtime_s + 2.0 * megabits)
        else:
            assert delivery.transmit_j == pytest.approx(1.28804 * airtime_s + 3.0 * megabits)


def test_a_battery_is_empty_to_the_joule_with_every_kind() -> None:
    for radio in KINDS.values():
        devices = (
            replace(DEVICE, radio=radio, battery=Battery(capacity_j=30.0), processor=replace(PROCESSOR, idle_w=0.5)),
        )
        world, _, end = played(tiny(devices=devices, rounds=500, server=STATION))
        assert end == "exhausted"
        assert world.clients[0].energy_j == pytest.approx(30.0, rel=1e-9)


def test_in_time_division_a_radio_draws_its_power_in_its_share_of_the_slots_alone() -> None:
    # Uplink a quarter of the time, downlink three: idle in between. Both ends, every kind of radio.
    for radio in KINDS.values():
        turns = InTurns(radio, send=0.25, receive=0.75).states
        idle_w = radio.states.silent[0].power_w
        assert turns.transmit_w == pytest.approx(0.25 * radio.states.transmit_w + 0.75 * idle_w)
        assert turns.receive_w == pytest.approx(0.75 * radio.states.receive_w + 0.25 * idle_w)
        assert turns.transmit_w + turns.receive_w - turns.shared_w == pytest.approx(
            0.25 * radio.states.transmit_w + 0.75 * radio.states.receive_w
        )


def test_a_quarter_of_the_time_for_the_uplink_takes_four_times_as_long_and_as_much_energy_above_idle() -> None:
    above_j = []
    for shares in ((1.0, 1.0), (0.25, 0.75)):
        channel = Channel(phy=Nr(uplink_share=shares[0], downlink_share=shares[1]), fading=NoFading())
        _, log, _ = played(tiny(1, medium=Fdma(bandwidth_hz=20e6, latency_s=0.0), channel=channel))
        rows = log.rows(node="client-0", activity=TRANSFER)
        seconds = sum(row.end_s - row.start_s for row in rows)
        above_j.append((seconds, sum(row.energy_j for row in rows)))
    (full_s, full_j), (part_s, part_j) = above_j
    idle_w = DEVICE.radio.states.silent[0].power_w
    assert part_s == pytest.approx(4.0 * full_s)
    assert part_j - idle_w * part_s == pytest.approx(full_j - idle_w * full_s)
