"""From the network of a scenario to the one channel that all contend for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from wirelessfsl.devices.power_states import Powered
from wirelessfsl.engine.airs import RadioAir
from wirelessfsl.engine.contention import AlohaSlots, Channel, MeanAir, PlayedAir, WifiSlots
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.link import Links, Paths, noise_density_w_hz
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.records import SERVER
from wirelessfsl.scenario import Scenario
from wirelessfsl.streams import keys
from wirelessfsl.units import dbm_to_watt


def shared_channel(
    s: Scenario, medium: Wifi | SlottedAloha, radios: Sequence[Powered], station: Powered, paths: Paths
) -> Channel:
    """The channel between the server's station, at the origin, and clients with these radios, in their order."""
    density_dbm_hz = s.network.channel.noise_density_dbm_hz
    noise = np.array([noise_density_w_hz(density_dbm_hz, radio.noise_figure_db) for radio in radios])
    power = np.array([dbm_to_watt(radio.tx_power_dbm) for radio in radios])
    station_noise = noise_density_w_hz(density_dbm_hz, station.noise_figure_db)
    station_power = dbm_to_watt(station.tx_power_dbm)
    names = [f"client-{i}" for i in range(len(radios))]
    down = RadioAir(
        links=Links(s.network.channel, names, paths, s.seed, "uplink", medium.bandwidth_hz),
        phy=Shannon() if isinstance(medium, Wifi) else s.network.channel.phy.one_way("uplink"),
        transmit_w=np.full(len(radios), station_power),
        noise_w_hz=noise,
        bandwidth_hz=medium.bandwidth_hz,
        spread=False,
    )
    rate = medium.rate_bit_s if isinstance(medium, Wifi) else partial(down.rate_bit_s, sharing=1.0)
    return Channel(down, (power * noise) / (station_power * station_noise), rate)


def contended_air(
    s: Scenario, medium: Wifi | SlottedAloha, radios: Sequence[Powered], station: Powered, paths: Paths
) -> MeanAir | PlayedAir:
    """What carries the messages of this channel: at mean rates, or slot by slot."""
    channel = shared_channel(s, medium, radios, station, paths)
    if medium.mode == "fluid":
        return MeanAir(channel, medium)
    stations = [*(f"client-{i}" for i in range(len(radios))), SERVER]
    stream_keys = keys(s.seed, [("contention", name) for name in stations])
    slots = WifiSlots(medium, stream_keys) if isinstance(medium, Wifi) else AlohaSlots(medium, stream_keys)
    return PlayedAir(channel, medium, slots)
