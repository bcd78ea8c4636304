"""Devices at one distance with a known mean SNR over the whole band, whose messages share an OFDMA band."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np

from tests.worlds import RADIO, tiny, world_of
from wirelessfsl.engine.access import Fdma, Ofdma
from wirelessfsl.engine.flight import Delivery
from wirelessfsl.engine.world import World
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.radio.propagation import LogDistance

BAND_HZ = 1.8e6
"""Ten blocks of 180 kHz."""
LOSS_DB = 100.0
_NOISE_DBM_HZ = -174.0 + RADIO.noise_figure_db


def channel(snr_db: float = 10.0, band_hz: float = BAND_HZ, phy: Any = None, fading: Any = None) -> Channel:
    """A channel on which a device at 1 m has an SNR over the whole band, with both antennas' gain in it."""
    gain_db = snr_db + LOSS_DB + _NOISE_DBM_HZ + 10 * np.log10(band_hz) - RADIO.tx_power_dbm
    return Channel(
        path_loss=LogDistance(reference_loss_db=LOSS_DB, reference_distance_m=1.0, exponent=2.0),
        fading=fading or NoFading(),
        phy=phy or Shannon(cap_bit_s_hz=100.0),
        antenna_gain_db=float(gain_db),
    )


def there(
    clients: int, medium: Ofdma | Fdma, on: Channel, distances_m: tuple[float, ...] = (1.0,), seed: int = 1
) -> World:
    """A world of devices with messages to send."""
    medium = replace(medium, latency_s=0.0)
    world, _ = world_of(tiny(clients, medium=medium, channel=on, layout=Fixed(distances_m=distances_m), seed=seed))
    return world


def play(world: World, until_s: float | None = None) -> None:
    with np.errstate(divide="ignore"):  # as a run does: a message without a rate takes infinitely long
        world.env.run(until_s)


def sent(world: World, sizes: list[int], at_s: list[float] | None = None, down: bool = False) -> list[Delivery]:
    """Deliveries of one message of every client."""
    arrived: dict[int, Delivery] = {}

    def send(i: int) -> Generator[Any, Any, Any]:
        yield world.env.timeout(at_s[i] if at_s else 0.0)
        ends = (world.server, world.clients[i]) if down else (world.clients[i], world.server)
        arrived[i] = yield world.medium.transmit(*ends, sizes[i])

    for i in range(len(sizes)):
        world.env.process(send(i))
    play(world)
    return [arrived[i] for i in range(len(sizes))]


def carried_bit_s(world: World, until_s: float, down: bool = False) -> np.ndarray[Any, Any]:
    """Throughput of every client that always has something to send, bit/s."""
    flights = []
    for client in world.clients:
        ends = (world.server, client) if down else (client, world.server)
        flights.append((world.medium.transmit(*ends, 10**12), ends[1]))
    play(world, until_s)
    return np.array([world.medium.leave(flight, to).sent_bytes * 8 / until_s for flight, to in flights])
