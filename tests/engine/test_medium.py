"""Airtimes of staggered messages by hand, and under fading against an integral of the rate over time."""

from __future__ import annotations

import math
import re
from collections.abc import Generator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.worlds import DEVICE, STATION, ListLog, one_round, run, tell, tiny, world_of
from wirelessfsl.engine.access import ConstantLink, Fdma, Tdma
from wirelessfsl.engine.airs import ConstantAir, RadioAir
from wirelessfsl.engine.band import Band
from wirelessfsl.engine.flight import Delivery
from wirelessfsl.engine.medium import Medium
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.world import SimulationError, World
from wirelessfsl.network.layout import Fixed
from wirelessfsl.network.mobility import Standing
from wirelessfsl.radio.fading import NoFading, Rayleigh, Rician
from wirelessfsl.radio.link import Channel, Links, noise_density_w_hz
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.records import LABELS, SERVER
from wirelessfsl.simulation import play
from wirelessfsl.units import dbm_to_watt

NEAR = {"abs": 1e-9, "rel": 0}


def near(pairs: list[tuple[float, float]]) -> Any:
    return pytest.approx(np.array(pairs), **NEAR)


def flights(width: float, plan: list[tuple[float, int]], latency_s: float = 0.0) -> list[Delivery]:
    """Deliveries of messages (instant, bytes) over a band of 8 bit/s: a byte alone takes a second."""
    world, _ = world_of(tiny(len(plan)))
    medium = pipe(world, width, latency_s)
    arrived: dict[int, Delivery] = {}

    def send(i: int, at: float, size: int) -> Generator[Any, Any, Any]:
        yield world.env.timeout(at)
        arrived[i] = yield medium.transmit(world.clients[i], world.server, size)
        assert world.env.now == pytest.approx(arrived[i].end_s, **NEAR)

    for i, (at, size) in enumerate(plan):
        world.env.process(send(i, at, size))
    world.env.run()
    return [arrived[i] for i in range(len(plan))]


def pipe(world: World, width: float, latency_s: float = 0.0) -> Medium:
    band = Band(world.env, ConstantAir(8.0), width, latency_s)
    return Medium(world.env, lambda sender, receiver: band)


def test_fdma_shares_are_planned_anew_at_every_arrival_and_departure() -> None:
    # 0-2: a alone, 2 of its 6 bytes. 2-5: a and b, 1.5 each; a has 2.5 left, b 0.5. 5-6.5: three share, 0.5 each: b is
    # done. 6.5-9.5: a and c share, 1.5 each: c (2 bytes) is done. 9.5-10: a has its last 0.5 alone.
    a, b, c = flights(math.inf, [(0.0, 6), (2.0, 2), (5.0, 2)])
    assert [d.start_s for d in (a, b, c)] == [0.0, 2.0, 5.0]
    assert [d.end_s for d in (a, b, c)] == pytest.approx([10.0, 6.5, 9.5], **NEAR)


def test_tdma_serves_in_order_of_arrival() -> None:
    a, b, c = flights(1.0, [(0.0, 6), (2.0, 2), (1.0, 3)])
    assert [(d.start_s, d.end_s) for d in (a, c, b)] == near([(0, 6), (6, 9), (9, 11)])


def test_a_band_that_two_may_share_is_between_the_two() -> None:
    # a and b share from 0 to 4 (2 bytes each), then a and c, who waited: a's last 4 bytes and c's 4 take 8 s.
    a, b, c = flights(2.0, [(0.0, 6), (0.0, 2), (1.0, 4)])
    assert [d.end_s for d in (a, b, c)] == pytest.approx([12.0, 4.0, 12.0], **NEAR)
    assert c.start_s == pytest.approx(4.0, **NEAR)


@pytest.mark.parametrize("width", [1.0, math.inf])
def test_latency_comes_on_top_and_does_not_hold_the_band(width: float) -> None:
    a, b = flights(width, [(0.0, 3), (3.0, 3)], latency_s=10.0)
    assert [(d.start_s, d.end_s) for d in (a, b)] == near([(0, 13), (3, 16)])


def test_a_thousand_messages_at_once_share_equally_and_end_together() -> None:
    ends = [d.end_s for d in flights(math.inf, [(0.0, 5)] * 1000)]
    assert ends == pytest.approx([5000.0] * 1000, abs=1e-8)


def test_transfer_energy_is_the_radios_power_over_the_time_on_the_air() -> None:
    a, b = flights(math.inf, [(0.0, 3), (3.0, 4)], latency_s=1.0)
    assert [d.transmit_j for d in (a, b)] == pytest.approx([3 * 3.0, 4 * 3.0])  # 3 W each
    assert [d.receive_j for d in (a, b)] == pytest.approx([3 * 1.5, 4 * 1.5])
    a, b = flights(math.inf, [(0.0, 3), (0.0, 3)])
    assert [d.transmit_j for d in (a, b)] == pytest.approx([6 * 3.0] * 2)  # two senders for 6 s
    assert a.receive_j + b.receive_j == pytest.approx(6 * 1.5)  # one receiver, shared


@pytest.mark.parametrize("when", [3.0, 3.5])
def test_an_aborted_message_has_flown_in_part_and_the_others_speed_up(when: float) -> None:
    world, _ = world_of(tiny(2))
    first, second = world.clients
    medium = pipe(world, math.inf)
    ends: list[float] = []

    def aborted() -> Generator[Any, Any, Any]:
        flight = medium.transmit(first, world.server, 10)
        yield world.env.timeout(when)
        delivery = medium.leave(flight, world.server)
        assert not delivery.arrived
        assert (delivery.start_s, delivery.end_s) == (0.0, when)
        assert delivery.sent_bytes == int(when / 2)  # whole bytes at half rate
        assert delivery.transmit_j == pytest.approx(3.0 * when)

    def other() -> Generator[Any, Any, Any]:
        yield medium.transmit(second, world.server, 10)
        ends.append(world.env.now)

    world.env.process(aborted())
    world.env.process(other())
    world.env.run()
    assert ends == pytest.approx([when + 10 - when / 2], **NEAR)


def test_a_message_aborted_in_line_has_not_flown_and_leaves_the_line() -> None:
    world, _ = world_of(tiny(3))
    medium = pipe(world, 1.0)
    ends: dict[int, float] = {}

    def aborted() -> Generator[Any, Any, Any]:
        flight = medium.transmit(world.clients[1], world.server, 10)
        yield world.env.timeout(2.0)
        delivery = medium.leave(flight, world.server)
        assert (delivery.sent_bytes, delivery.transmit_j, delivery.receive_j, delivery.arrived) == (0, 0.0, 0.0, False)

    def send(i: int) -> Generator[Any, Any, Any]:
        yield medium.transmit(world.clients[i], world.server, 4)
        ends[i] = world.env.now

    world.env.process(send(0))
    world.env.process(aborted())
    world.env.process(send(2))
    world.env.run()
    assert ends == {0: pytest.approx(4.0, **NEAR), 2: pytest.approx(8.0, **NEAR)}


def test_a_message_aborted_in_its_latency_has_flown_whole_but_not_arrived() -> None:
    world, _ = world_of(tiny(1))
    medium = pipe(world, 1.0, latency_s=5.0)

    def story() -> Generator[Any, Any, Any]:
        flight = medium.transmit(world.clients[0], world.server, 4)
        yield world.env.timeout(6.0)
        return medium.leave(flight, world.server)

    delivery = tell(world, story())
    assert (delivery.sent_bytes, delivery.arrived, delivery.end_s) == (4, False, 6.0)
    assert delivery.transmit_j == pytest.approx(3.0 * 4)  # on the air for 4 s, whatever happened then


def test_uplink_and_downlink_do_not_contend() -> None:
    for medium in (Fdma(bandwidth_hz=8e3, latency_s=0.0), Tdma(bandwidth_hz=8e3, latency_s=0.0)):
        world, _ = world_of(tiny(1, medium=medium))  # 1 bit/s/Hz
        (client,), server = world.clients, world.server
        up, down = world.medium.transmit(client, server, 2000), world.medium.transmit(server, client, 1000)
        world.env.run()
        assert (up.value.end_s, down.value.end_s) == pytest.approx((2.0, 1.0), **NEAR)


def test_every_client_has_a_constant_link_of_its_own_that_serves_in_order() -> None:
    world, _ = world_of(tiny(2, medium=ConstantLink(uplink_bit_s=8e3, downlink_bit_s=8e3, latency_s=0.0)))
    first, second = world.clients
    sent = [world.medium.transmit(client, world.server, 1000) for client in (first, second, first)]
    world.env.run()
    assert [flight.value.end_s for flight in sent] == pytest.approx([1.0, 1.0, 2.0], **NEAR)


# Under fading: the bits of every message are the integral of its rate.

RADIO_CHANNEL = {"phy": Shannon(gap_db=3.0, cap_bit_s_hz=6.0)}
BANDWIDTH_HZ, DOWNLINK_HZ, LATENCY_S, COHERENCE_S = 2e5, 5e5, 0.003, 0.02


def on_the_air(log: ListLog, direction: str) -> list[tuple[int, float, float, int]]:
    """Client, first and last instant on the air, and bytes of every message in a direction."""
    messages: list[tuple[int, float, float, int]] = []
    for row in sorted(log.rows(activity="transfer"), key=lambda row: (row.node, row.peer, row.start_s)):
        if (row.node == SERVER) == (direction == "downlink"):
            begin_s, before = row.start_s, 0
            if row.phase == LABELS:  # behind the activations, in the same message
                _, begin_s, _, before = messages.pop()
            client = int((row.peer if row.node == SERVER else row.node).removeprefix("client-"))
            messages.append((client, begin_s, row.end_s - LATENCY_S, before + row.bytes))
    return messages


@pytest.mark.parametrize(
    "fading", [NoFading(), Rayleigh(coherence_time_s=COHERENCE_S), Rician(coherence_time_s=COHERENCE_S)]
)
@pytest.mark.parametrize("kind", [Fdma, Tdma])
def test_bits_of_every_message_are_the_integral_of_its_rate(
    kind: type[Fdma] | type[Tdma], fading: NoFading | Rayleigh | Rician
) -> None:
    distances = (80.0, 150.0, 300.0)
    places = Standing(np.column_stack((distances, np.zeros(3))))
    channel = Channel(fading=fading, **RADIO_CHANNEL)
    medium = kind(bandwidth_hz=BANDWIDTH_HZ, downlink_bandwidth_hz=DOWNLINK_HZ, latency_s=LATENCY_S)
    log, _ = run(tiny(3, channel=channel, medium=medium, layout=Fixed(distances_m=distances), rounds=2))
    noise = noise_density_w_hz(channel.noise_density_dbm_hz, DEVICE.radio.noise_figure_db)
    power = dbm_to_watt(DEVICE.radio.tx_power_dbm)
    assert STATION.radio == DEVICE.radio
    for direction, band in (("uplink", BANDWIDTH_HZ), ("downlink", DOWNLINK_HZ)):
        links = Links(channel, [f"client-{i}" for i in range(3)], places, 1, direction)
        messages = on_the_air(log, direction)
        assert len(messages) == 2 * 3 * 2
        ends = {t for _, start, end, _ in messages for t in (start, end)}
        blocks = {k * COHERENCE_S for k in range(int(max(ends) / COHERENCE_S) + 2)}
        instants = sorted(ends | blocks)
        for client, start, end, size in messages:
            bits = 0.0
            for begin, until in pairwise(instants):
                if begin < start or until > end:
                    continue
                middle = (begin + until) / 2
                sharing = sum(s < middle < e for _, s, e, _ in messages)
                share = band / sharing
                received = power * float(links.gain(middle)[client])
                if direction == "downlink":
                    received /= sharing
                bits += (until - begin) * share * min(6.0, math.log2(1 + received / (noise * share) / 10**0.3))
            assert bits == pytest.approx(8 * size, rel=1e-9)


def test_the_medium_is_the_only_one_who_knows_an_airtime() -> None:
    # A message over the world's transport takes what the medium says, to the last bit.
    world, log = world_of(tiny(1, medium=Fdma(bandwidth_hz=8e3, latency_s=0.5)))
    client, server = world.clients[0], world.server

    def session() -> Generator[Any, Any, Any]:
        yield from world.transfer(client, server, model_upload=world.initial[0].weights)

    one_round(world, {client: session()})
    (row,) = log.rows(activity="transfer")
    assert row.end_s == pytest.approx(row.bytes * 8 / 8e3 + 0.5, **NEAR)


def test_a_link_that_is_all_but_dead_ends_the_run_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wirelessfsl.engine.band.PATIENCE", 300)
    far = tiny(2, medium=Fdma(), layout=Fixed(distances_m=(100.0, 3e6)), channel=Channel(fading=Rayleigh()))
    with pytest.raises(SimulationError, match=r"round 1, .* to client-1, .* 300 fading blocks .* Bring the"):
        play(far, ListLog())
    assert play(replace(far, participation=Participation(deadline_s=1.0)), ListLog()).status == "completed"


def test_where_nobody_has_any_rate_the_run_ends_much_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wirelessfsl.engine.band.SILENCE", 20)
    channel = Channel(phy=Nr(), fading=Rayleigh(coherence_time_s=1e-4))
    medium, layout = Fdma(bandwidth_hz=5e6, latency_s=0.0), Fixed(distances_m=(100.0, 3e6))
    far = tiny(2, medium=medium, layout=layout, channel=channel)
    with pytest.raises(SimulationError, match=r"to client-1, .* bytes to go after 20 fading .* Bring the") as told:
        play(far, ListLog())
    # Blocks count from when the other's message, of 16,704 bytes in half of the band, has come through.
    gave_up_s = float(re.findall(r"simulated time (\S+) s", str(told.value))[0])
    assert gave_up_s > 16704 * 8 / (2.5e6 * 7.4) + 20 * 1e-4
    assert gave_up_s < 1.0  # and the other has not computed its batch


def test_a_link_that_has_no_rate_and_never_will_ends_the_run_with_what_to_do() -> None:
    channel = Channel(phy=Nr(), fading=NoFading())
    far = tiny(2, medium=Fdma(), layout=Fixed(distances_m=(100.0, 3e6)), channel=channel)
    with pytest.raises(SimulationError, match=r"round 1, .* nothing can happen any more; .* rate 0 .* Set network\."):
        play(far, ListLog())
    assert play(replace(far, participation=Participation(deadline_s=9.0)), ListLog()).status == "completed"


def test_patience_is_counted_anew_whenever_a_message_begins_or_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wirelessfsl.engine.band.PATIENCE", 300)
    near_by = tiny(2, medium=Fdma(bandwidth_hz=5e6), channel=Channel(fading=Rayleigh(coherence_time_s=1e-4)), rounds=20)
    outcome = play(near_by, log := ListLog())
    assert outcome.rounds == 20
    assert max(event.end_s for event in log.events) > 2 * 300 * 1e-4


def test_the_qualities_of_all_links_of_a_band_are_looked_at_once_an_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = world_of(tiny(5, medium=Tdma()))
    looks, quality = 0, RadioAir.quality

    def counted(air: RadioAir, time_s: float) -> Any:
        nonlocal looks
        looks += 1
        return quality(air, time_s)

    monkeypatch.setattr(RadioAir, "quality", counted)
    for instant in 1, 2:
        world.env.run(instant)
        for client in world.clients:
            world.medium.quality(client, world.server)
    assert looks == 2
