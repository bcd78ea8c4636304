"""A pipe is a band of width 1 on an air of constant rate, number for number."""

from __future__ import annotations

from collections.abc import Callable, Generator
from math import inf
from typing import Any

import numpy as np
import pytest

from tests.engine.test_accounts import stormy
from tests.worlds import ListLog, played, tiny, world_of
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.engine.airs import ConstantAir
from wirelessfsl.engine.band import Band
from wirelessfsl.engine.flight import Delivery
from wirelessfsl.engine.line import Line
from wirelessfsl.engine.medium import Medium
from wirelessfsl.engine.pipe import Pipe
from wirelessfsl.engine.world import World
from wirelessfsl.scenario import Devices

Make = Callable[[World, float], Line]
RATE_BIT_S = 12_345.6


def pipe(world: World, queue_bytes: float) -> Line:
    return Pipe(world.env, ConstantAir(RATE_BIT_S), 0.1, queue_bytes)


def band(world: World, queue_bytes: float) -> Line:
    return Band(world.env, ConstantAir(RATE_BIT_S), 1.0, 0.1, queue_bytes)


def fates(make: Make, seed: int, queue_bytes: float, devices: tuple[Devices, ...]) -> list[tuple[float, Delivery]]:
    """What becomes of random messages and broadcasts, of which some are called off, and when it is known."""
    world, _ = world_of(tiny(6, devices=devices))
    line = make(world, queue_bytes)
    medium, rng, found = Medium(world.env, lambda sender, receiver: line), np.random.default_rng(seed), []

    def sending(i: int, at_s: float, size_bytes: int, patience_s: float) -> Generator[Any, Any, None]:
        yield world.env.timeout(at_s)
        client = world.clients[i]
        flight = medium.transmit(client, world.server, size_bytes)
        yield flight | world.env.timeout(patience_s)
        delivery = flight.part(world.server) if flight.processed else medium.leave(flight, world.server)
        found.append((world.env.now, delivery))

    def telling(at_s: float, size_bytes: int) -> Generator[Any, Any, None]:
        yield world.env.timeout(at_s)
        flight = medium.broadcast(world.server, size_bytes)
        flight.receivers.extend(world.clients[:3])
        yield flight | world.env.timeout(0.4)
        found.append((world.env.now, medium.leave(flight, world.clients[1])))
        yield flight
        found.append((world.env.now, flight.part(world.clients[0])))

    for i in range(6):
        for at_s in np.round(rng.uniform(0.0, 4.0, 5), 1):  # rounded, so that some come at the same instant
            world.env.process(sending(i, at_s, int(rng.integers(1, 900)), float(rng.choice([0.0, 0.3, 99.0]))))
    for at_s in rng.uniform(0.0, 4.0, 2 if queue_bytes == inf else 0):
        world.env.process(telling(at_s, int(rng.integers(400, 900))))
    world.env.run()
    assert not line.timer or line.timer.processed
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("queue_bytes", [inf, 1500])
def test_what_becomes_of_messages_is_the_same_to_the_last_bit(seed: int, queue_bytes: float) -> None:
    assert fates(pipe, seed, queue_bytes, ()) == fates(band, seed, queue_bytes, ())


def test_radios_that_pay_for_every_bit_pay_the_same() -> None:
    devices = (Devices(count=6, radio=NrUe()),)
    assert fates(pipe, 1, inf, devices) == fates(band, 1, inf, devices)


def test_the_log_of_a_constant_link_is_that_of_a_band(monkeypatch: pytest.MonkeyPatch) -> None:
    def log() -> ListLog:
        return played(stormy("constant"))[1]

    ours = log()
    monkeypatch.setattr("wirelessfsl.networking.Pipe", lambda env, air, *rest: Band(env, air, 1.0, *rest))
    assert ours.events == log().events
