"""Messages that contend: means against every access played, what is conserved, and what it costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.worlds import DEVICE, RADIO, ListLog, assert_tiled, played, tiny, world_of
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.devices.battery import Battery
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.devices.lte_phone import LtePhone
from wirelessfsl.devices.wifi_radio import WifiRadio
from wirelessfsl.engine.flight import Delivery
from wirelessfsl.engine.power import IDLE, RECEIVE, TRANSMIT
from wirelessfsl.engine.transport import Transport
from wirelessfsl.engine.world import World
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.contention import saturated
from wirelessfsl.radio.fading import NoFading, Rayleigh
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.phy import FixedEfficiency
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.records import SERVER
from wirelessfsl.streams import Floats, stream

WIFI = Wifi(latency_s=0.0)
ALOHA = SlottedAloha(latency_s=0.0)
STILL = Channel(fading=NoFading())
NEAR_M, FAR_M = 10.0, 200.0
"""MCS 11, and MCS 0, with the tests' 30 dBm."""
SIZE = 20_000


def air(medium: Any, distances_m: tuple[float, ...], **changes: Any) -> World:
    channel = changes.pop("channel", STILL)
    layout = Fixed(distances_m=distances_m)
    world, _ = world_of(tiny(len(distances_m), medium=medium, channel=channel, layout=layout, **changes))
    return world


def saturate(world: World, seconds: float, size: int = SIZE, uplink: bool = True) -> list[list[Delivery]]:
    """Every client (or the server, to every client) sends one message after the other; those that arrived in time."""
    sent: list[list[Delivery]] = [[] for _ in world.clients]

    def send(i: int) -> Generator[Any, Any, Any]:
        ends = (world.clients[i], world.server) if uplink else (world.server, world.clients[i])
        while True:
            sent[i].append((yield world.medium.transmit(*ends, size)))

    for i in range(len(world.clients)):
        world.env.process(send(i))
    with np.errstate(divide="ignore"):  # as a run has it: between its accesses a message has no rate
        world.env.run(seconds)
    return sent


def delays(sent: list[list[Delivery]]) -> Floats:
    return np.array([each.end_s - each.start_s for own in sent for each in own])


@pytest.mark.parametrize(
    ("medium", "n", "seconds"),
    [
        (WIFI, 1, 0.5),
        pytest.param(WIFI, 5, 2.0, marks=pytest.mark.slow),
        (WIFI, 10, 3.0),
        (replace(WIFI, rts_cts=True), 10, 2.0),
        (replace(WIFI, frames_per_access=1), 5, 0.7),
        pytest.param(ALOHA, 5, 4.0, marks=pytest.mark.slow),
        (ALOHA, 10, 4.0),
    ],
    ids=lambda given: f"{given.kind}" if hasattr(given, "kind") else str(given),
)
def test_saturated_stations_have_the_mean_throughput_and_delay_of_what_is_played(
    medium: Any, n: int, seconds: float
) -> None:
    mean, slots = (saturate(air(replace(medium, mode=mode), (NEAR_M,) * n), seconds) for mode in ("fluid", "slots"))
    # Messages that end in each of 20 spans of time are all but independent of each other.
    ends = [each.end_s for own in slots for each in own]
    spans = np.histogram(ends, bins=20, range=(0.0, seconds))[0]
    error = spans.std(ddof=1) * np.sqrt(20)
    known, seen = delays(mean), delays(slots)
    assert error < 0.03 * len(known)
    assert abs(len(seen) - len(known)) < 4 * error + 0.01 * len(known) + n  # n are on their way at the end
    assert known == pytest.approx(np.full(len(known), known[0]), rel=1e-6)
    assert abs(seen.mean() - known[0]) < 4 * seen.std() / np.sqrt(len(seen)) + 0.01 * known[0]


def test_what_the_server_sends_is_sent_by_one_station() -> None:
    # Five messages downwards meet no others, so that nothing collides: each has a fifth of a station's rate alone.
    alone = delays(saturate(air(WIFI, (NEAR_M,)), 0.5)).mean()
    for mode in ("fluid", "slots"):
        five = saturate(air(replace(WIFI, mode=mode), (NEAR_M,) * 5), 2.0, uplink=False)
        assert {each.attempts for own in five for each in own} == {1}
        assert delays(five).mean() == pytest.approx(5 * alone, rel=0.01)


def test_both_directions_share_the_channel() -> None:
    world = air(WIFI, (NEAR_M,) * 2)
    up = world.medium.transmit(world.clients[0], world.server, SIZE)
    down = world.medium.transmit(world.server, world.clients[1], SIZE)
    world.env.run()
    pair = saturate(air(WIFI, (NEAR_M,) * 2), 0.5)
    assert up.value.end_s == down.value.end_s == pytest.approx(pair[0][0].end_s, rel=1e-12)


def poisson(world: World, per_second: float, count: int, size: int) -> Floats:
    """Delays of messages that come by chance, from any client."""
    rng, found = stream(7, "arrivals"), np.zeros(count)

    def one(at: int, i: int) -> Generator[Any, Any, Any]:
        begun = world.env.now
        yield world.medium.transmit(world.clients[i], world.server, size)
        found[at] = world.env.now - begun

    def come() -> Generator[Any, Any, Any]:
        for at in range(count):
            yield world.env.timeout(rng.exponential(1 / per_second))
            world.env.process(one(at, int(rng.integers(len(world.clients)))))

    world.env.process(come())
    with np.errstate(divide="ignore"):
        world.env.run()
    return found


@pytest.mark.parametrize(("medium", "per_second"), [(WIFI, 12.0), (ALOHA, 8.0)], ids=["wifi", "aloha"])
def test_under_light_load_the_mean_delay_is_that_of_what_is_played(medium: Any, per_second: float) -> None:
    # Messages that wait for the next slot of ALOHA's clock do so for half a slot in the mean, which fluid leaves out.
    known, seen = (
        poisson(air(replace(medium, mode=mode), (NEAR_M,) * 10), per_second, 300, 400_000)
        for mode in ("fluid", "slots")
    )
    clock_s = medium.slot_s / 2 if isinstance(medium, SlottedAloha) else 0.0
    more = seen - known - clock_s
    error = more.std(ddof=1) / np.sqrt(len(more))
    assert error < 0.02 * known.mean()
    assert abs(more.mean()) < 4 * error + 0.01 * known.mean()


@pytest.mark.parametrize("mode", ["fluid", "slots"])
def test_one_slow_station_pulls_all_others_down(mode: str) -> None:
    single = replace(WIFI, frames_per_access=1, mode=mode)
    quick = saturate(air(single, (NEAR_M,) * 4), 0.5, size=1500)
    slow = saturate(air(single, (NEAR_M,) * 3 + (FAR_M,)), 1.0, size=1500)
    counts = np.array([len(own) for own in slow]) / 1.0
    assert counts[:3].mean() == pytest.approx(counts[3], rel=0.15)
    assert counts[:3].mean() < 0.5 * np.mean([len(own) for own in quick]) / 0.5


@pytest.mark.parametrize("mode", ["fluid", "slots"])
def test_energy_is_of_the_time_on_the_air_with_collisions_and_of_listening(mode: str) -> None:
    n, seconds = 5, 2.0
    world = air(replace(WIFI, mode=mode), (NEAR_M,) * n)
    saturate(world, seconds)
    bits, rate = np.full(n, 8.0 * SIZE), WIFI.rate_bit_s(np.full(n, 1e9))
    count, data_s = WIFI.accesses(bits, rate)
    shares = saturated(WIFI.rules, data_s, np.arange(n))
    assert count.tolist() == [1] * n
    sent_s = []
    for client in world.clients:
        client.settle()
        times, energy = client.radio.meter.time_s, client.radio.meter.energy_j
        sent_s.append(times[TRANSMIT])
        assert times[TRANSMIT] + times[RECEIVE] == pytest.approx(seconds, rel=1e-9)
        assert energy[TRANSMIT] == pytest.approx(RADIO.transmit_w * times[TRANSMIT])
        assert energy[RECEIVE] == pytest.approx(RADIO.receive_w * times[RECEIVE])
        assert times[IDLE] == pytest.approx(0.0, abs=1e-9)
    # Of a thousand accesses and more, the share of collisions is known to some hundredths.
    assert sum(sent_s) == pytest.approx(shares.airtime.sum() * seconds, rel=1e-9 if mode == "fluid" else 0.03)


@pytest.mark.parametrize("mode", ["fluid", "slots"])
@pytest.mark.parametrize(
    ("radio", "transmit_w", "receive_w", "joules_per_mbit"),
    [(RADIO, 3.0, 1.5, 0.0), (WifiRadio(tx_power_dbm=30.0), 1.14, 0.939, 0.0), (LtePhone(), 1.28804, 1.28804, 0.43839)],
    ids=["linear", "wifi_radio", "lte_phone"],
)
def test_attempts_and_joules_of_a_message_by_hand(
    radio: Any, transmit_w: float, receive_w: float, joules_per_mbit: float, mode: str
) -> None:
    # Alone, 20,000 bytes are 14 frames in one access; the backoff is 7.5 slots in the mean.
    world = air(replace(WIFI, mode=mode), (NEAR_M,), devices=(replace(DEVICE, radio=radio),))
    (sent,) = saturate(world, 1.0)
    _, (data_s,) = WIFI.accesses(np.array([8.0 * SIZE]), WIFI.rate_bit_s(np.array([1e9])))
    for each in sent:
        span_s = each.end_s - each.start_s
        assert each.attempts == 1
        listening_s, bits_j = span_s - data_s, joules_per_mbit * 8e-6 * SIZE
        assert each.transmit_j == pytest.approx(data_s * transmit_w + listening_s * receive_w + bits_j)
        assert each.receive_j == pytest.approx(span_s * RADIO.receive_w)
    assert np.mean([each.end_s - each.start_s for each in sent]) == pytest.approx(
        data_s + WIFI.rules.success_s + 7.5 * 9e-6, rel=1e-9 if mode == "fluid" else 0.01
    )


def test_a_station_out_of_range_does_not_contend_and_its_message_times_out() -> None:
    world = air(WIFI, (NEAR_M, 5000.0))
    sent = saturate(world, 0.2)
    alone = saturate(air(WIFI, (NEAR_M,)), 0.2)
    assert sent[1] == []
    assert len(sent[0]) == len(alone[0])


STORMS = {
    "wifi": replace(WIFI, latency_s=0.002),
    "wifi-slots": replace(WIFI, latency_s=0.002, mode="slots"),
    "aloha": replace(ALOHA, bandwidth_hz=2e5, latency_s=0.002),
    "aloha-slots": replace(ALOHA, bandwidth_hz=2e5, latency_s=0.002, mode="slots"),
}


@pytest.fixture(scope="module", params=STORMS)
def storm(request: pytest.FixtureRequest) -> tuple[World, ListLog]:
    """A run with fading, a failure, a small battery, a radio that sleeps, and a broadcast in every step."""
    sleeper = replace(RADIO, sleep_after_s=0.3)
    scenario = tiny(
        devices=(
            replace(DEVICE, count=2),
            replace(DEVICE, radio=sleeper, battery=Battery(capacity_j=25.0)),
            replace(DEVICE, radio=sleeper, failures=FailAt(times_s=(2.005,), repair_s=1.5)),
        ),
        medium=STORMS[request.param],
        channel=Channel(fading=Rayleigh(coherence_time_s=0.01)),
        layout=Fixed(distances_m=(NEAR_M, 20.0, 30.0, 40.0)),
        transport=Transport(timeout_s=5.0),
        algorithm=SFLGA(rounds=3, local_steps=2, batch_size=16),
    )
    with np.errstate(divide="ignore"):
        world, log, _ = played(scenario)
    return world, log


def test_everything_happens_in_the_storm(storm: tuple[World, ListLog]) -> None:
    _, log = storm
    assert {row.phase for row in log.rows(activity="drop")} >= {"battery", "failure"}
    assert log.rows(activity="transfer", phase="gradients", node=SERVER)


def test_rows_tile_the_time_and_their_energies_are_the_integral_of_power(storm: tuple[World, ListLog]) -> None:
    world, log = storm
    rows: dict[str, float] = defaultdict(float)
    for row in log.events:
        assert row.energy_j >= -1e-12
        rows[row.node] += row.energy_j
    for node in (*world.clients, world.server):
        assert rows[node.name] == pytest.approx(node.energy_j, rel=1e-9)
        assert sum(node.radio.meter.time_s.values()) == pytest.approx(world.env.now, rel=1e-9)
    assert_tiled(log, "client-0", world.env.now)


def test_the_bytes_that_arrive_are_those_that_were_sent(storm: tuple[World, ListLog]) -> None:
    world, log = storm
    up = [row for row in log.rows(activity="transfer", delivered=True) if row.node != SERVER]
    assert up
    assert sum(row.bytes for row in up) <= sum(client.uplink_bytes for client in world.clients)
    of_one = {row.bytes for row in up if row.phase == "activations"}
    assert len(of_one) == 1


def test_all_that_is_on_the_air_at_once_is_one_access_or_a_collision() -> None:
    # A second of saturated stations carries no more than a second of accesses with success.
    for mode in ("fluid", "slots"):
        sent = saturate(air(replace(WIFI, mode=mode), (NEAR_M,) * 10), 1.0)
        _, (data_s,) = WIFI.accesses(np.array([8.0 * SIZE]), WIFI.rate_bit_s(np.array([1e9])))
        assert sum(len(own) for own in sent) * (data_s + WIFI.rules.success_s) < 1.0


@pytest.mark.parametrize(("load", "throughput"), [(0.5, 0.3032653299), (1.0, 0.3678794412)])
def test_slots_of_aloha_have_the_throughput_of_their_closed_form(load: float, throughput: float) -> None:
    # n q (1 - q)^(n - 1) of 20 stations is above G e^-G by a factor of its own; a message is one slot.
    n, seconds = 20, 2.0
    q = load / n
    aloha = SlottedAloha(access_probability=q, bandwidth_hz=1e6, latency_s=0.0, mode="slots")
    channel = Channel(phy=FixedEfficiency(bit_s_hz=1.0))
    sent = saturate(air(aloha, (NEAR_M,) * n, channel=channel), seconds, size=125)
    slots = seconds / aloha.slot_s
    share = sum(len(own) for own in sent) / slots
    finite = (1 - q) ** (n - 1) * np.exp(load)
    assert abs(share - throughput * finite) < 4 * np.sqrt(throughput * (1 - throughput) / slots)


def test_backoffs_do_not_depend_on_who_else_is_there_at_first() -> None:
    alone, pair = (air(replace(WIFI, mode="slots"), (NEAR_M,) * n) for n in (1, 2))
    first = [world.medium.transmit(world.clients[0], world.server, SIZE) for world in (alone, pair)]
    with np.errstate(divide="ignore"):
        alone.env.run()
        pair.env.run()
    assert first[0].value == first[1].value
