"""Sounding: what the channel of a scenario is, asked at chosen instants and places instead of by messages.

The log of a run has no samples of the channel. It needs none: places, path loss, shadowing and fading are functions of
seed, name and instant, so that the scenario gives them again, with the very models that the engine uses. What depends
on other messages is left out: a sounding is of a message that is alone, in the whole band of its cell, while other
cells send as their load says.

>>> from wirelessfsl import load_scenario   # doctest: +SKIP
>>> samples = sound(load_scenario("scenarios/mobility.yaml"), until_s=60.0)   # doctest: +SKIP
>>> samples.sinr_db[samples.direction == "uplink"].mean()   # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, get_args

import numpy as np

from wirelessfsl.charts import Coverage, Line, Place, Plan, Samples
from wirelessfsl.contending import shared_channel
from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.devices.radio_power import RadioModel
from wirelessfsl.engine.access import ConstantLink, Pipes
from wirelessfsl.engine.airs import Index, RadioAir
from wirelessfsl.engine.cellular import CellularAir
from wirelessfsl.network.cells import Hexagonal
from wirelessfsl.network.mobility import Standing
from wirelessfsl.network.tables import dealt
from wirelessfsl.network.topology import SITE, Graph
from wirelessfsl.network.traces import Direction, TraceEnded
from wirelessfsl.networking import airs, equipment, nearest_relay, relays_m, ways_of
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Omni, Paths
from wirelessfsl.radio.propagation import LogNormal, NoShadowing
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.records import SERVER
from wirelessfsl.scenario import Scenario
from wirelessfsl.streams import Floats

DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
SHOWN = 4
"""Clients that are sounded if none are named."""


class Reading(NamedTuple):
    """What devices have in one direction at an instant, arrays of shape (n,); ``sinr`` is linear."""

    sinr: Floats
    rate_bit_s: Floats
    mcs: Index
    cell: Any


Reader = Callable[[float], Reading]


def sound(s: Scenario, until_s: float = 10.0, clients: Sequence[str] | None = None, instants: int = 240) -> Samples:
    """What some clients have of the channel at equally spaced instants from 0 on.

    until_s: end of the time that is looked at, s, > 0.
    clients: their names; by default up to four, an even choice of all.
    instants: how many.

    Raises ValueError if the scheme sends nothing, for a name that no client has, and at the end of a trace.
    """
    _check(s)
    names = _names(s)
    chosen = list(clients) if clients is not None else _evenly(names)
    if unknown := set(chosen) - set(names):
        raise ValueError(f"{s.name}: got client {min(unknown)!r}, allowed: client-0 to {names[-1]}")
    own = [names.index(name) for name in chosen]
    paths, times_s = ways_of(s), np.arange(instants) * (until_s / instants)
    placed = not isinstance(s.network.medium, Pipes)
    calm, radios = _calm(s), _radios(s)
    faded, means = (_readers(each, names, radios, paths) for each in (s, calm))
    blocks = []
    try:
        for direction in DIRECTIONS:
            for time_s in times_s.tolist():
                now, mean = faded[direction](time_s), means[direction](time_s)
                x_m, y_m = (paths.positions_m(time_s) if placed else np.full((len(names), 2), np.nan)).T
                columns = (
                    np.full(len(own), time_s), np.array(chosen), np.full(len(own), direction), x_m[own], y_m[own],
                    now.cell[own], _decibel(now.sinr)[own], _decibel(mean.sinr)[own], now.rate_bit_s[own], now.mcs[own],
                )  # fmt: skip
                blocks.append(columns)
    except TraceEnded as error:
        raise ValueError(f"{s.name}: {error}") from error
    return Samples(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def cover(s: Scenario, until_s: float = 10.0, points: int = 90) -> Coverage:
    """What a device outdoors, with the radio of the first group, would have at the points of a grid at the instant 0.

    Line of sight and correlated shadowing are those of the place; fading, and what is drawn for each device alone, are
    left out.

    until_s: the grid holds the devices' ways until then, s, beside sites and relays.
    points: of the grid, along its longer side.

    Raises ValueError if the scheme sends nothing, or if its medium knows no places.
    """
    _check(s)
    if isinstance(s.network.medium, Pipes):
        raise ValueError(f"{s.name}: network.medium {s.network.medium.kind} has rates without places: there is no map")
    calm, channel = _calm(s), s.network.channel
    drawn = channel.path_loss
    shares: dict[str, Any] = {name: 0.0 for name in ("indoor_share", "car_share") if getattr(drawn, name, 0.0)}
    alone = isinstance(channel.shadowing, LogNormal)
    left_out = {"fading": channel.fading.kind != "none", "walls and cars": bool(shares), "shadowing": alone}
    outdoors = replace(calm.network.channel, path_loss=replace(drawn, **shares))
    if alone:
        outdoors = replace(outdoors, shadowing=NoShadowing())
    x_m, y_m = _grid(s, until_s, points)
    grid_m = np.stack(np.meshgrid(x_m, y_m), axis=-1).reshape(-1, 2)
    names = [f"point-{i}" for i in range(len(grid_m))]
    readers = _readers(
        replace(calm, network=replace(calm.network, channel=outdoors)),
        names,
        _radios(s)[:1] * len(names),
        Standing(grid_m),
    )
    shape = len(y_m), len(x_m)
    found = {direction: readers[direction](0.0) for direction in DIRECTIONS}
    cells = s.network.cells
    if isinstance(cells, Hexagonal) and cells.wrap_around:
        beyond = ~cells.holds(grid_m)
        for each in found.values():
            each.sinr[beyond] = each.rate_bit_s[beyond] = np.nan
    return Coverage(
        x_m,
        y_m,
        {direction: _decibel(each.sinr).reshape(shape) for direction, each in found.items()},
        {direction: each.rate_bit_s.reshape(shape) for direction, each in found.items()},
        found["uplink"].cell.reshape(shape),
        tuple(what for what, is_out in left_out.items() if is_out),
    )


def plan(s: Scenario, until_s: float = 10.0) -> Plan:
    """Where devices, sites and relays are, who serves whom at the beginning, and the wires or pipes.

    until_s: until when the ways of devices that move are told, s.

    Raises ValueError if the scheme sends nothing.
    """
    _check(s)
    network, names = s.network, _names(s)
    topology, medium = network.topology, network.medium
    wires = topology.wires if isinstance(topology, Graph) else ()
    lines = [Line(wire.ends, wire.rate_bit_s, wire.rate_bit_s, wire.delay_s) for wire in wires]
    server = topology.server if isinstance(topology, Graph) else SERVER
    if isinstance(medium, Pipes):
        ends = f"{len(names)} clients" if len(names) > 1 else names[0], SITE if wires else server
        return Plan((), (), {}, {}, (_pipe(medium, names, ends), *lines), server)
    paths, cells = ways_of(s), network.cells
    start_m = paths.positions_m(0.0)
    serving = _readers(_calm(s), names, _radios(s), paths)["uplink"](0.0).cell.tolist()
    stations = [Place(relay.name, "relay", *relay.at_m) for relay in topology.relays]
    if isinstance(cells, Hexagonal):
        stations += [Place(f"site-{i}", "site", *at) for i, at in enumerate(cells.sites_m.tolist())]
        sites = [int(cells.site_of[int(cell.removeprefix("cell-"))]) for cell in serving]
        seen = zip(start_m, sites, strict=True)
        images = [(site, *(at - cells.offset_m(at[None], site)[0]).tolist()) for at, site in seen]
        served = [Place(f"site-{site}", "site", x, y) for site, x, y in images]
    else:
        stations.append(Place(SITE, "site", 0.0, 0.0))
        served = [next(each for each in stations if each.name == name) for name in serving]
    ways_m: dict[str, Floats] = {}
    if paths.speed_m_s:
        steps = np.stack([paths.positions_m(time_s) for time_s in np.linspace(0.0, until_s, 240).tolist()], axis=1)
        ways_m = dict(zip(names, steps, strict=True))
    return Plan(
        places=(
            *(Place(name, "device", *at) for name, at in zip(names, start_m.tolist(), strict=True)),
            *stations,
        ),
        borders_m=tuple(cells.borders_m) if isinstance(cells, Hexagonal) else (),
        ways_m=ways_m,
        served=dict(zip(names, served, strict=True)),
        lines=tuple(lines),
        server=server if wires else SITE,
    )


def _check(s: Scenario) -> None:
    if not s.algorithm.messages:
        raise ValueError(f"{s.name}: {s.algorithm.kind} sends no messages: there is no channel and no network to show")


def _names(s: Scenario) -> list[str]:
    return [f"client-{i}" for i in range(s.data.clients)]


def _evenly(names: Sequence[str]) -> list[str]:
    return [names[i] for i in np.unique(np.linspace(0, len(names) - 1, SHOWN).round().astype(int)).tolist()]


def _radios(s: Scenario) -> list[RadioModel]:
    return [equipment(group)[1] for group in s.groups for _ in range(group.count)]


def _calm(s: Scenario) -> Scenario:
    """The scenario without fading."""
    return replace(s, network=replace(s.network, channel=replace(s.network.channel, fading=NoFading())))


def _decibel(sinr: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(sinr)


def _readers(s: Scenario, names: Sequence[str], radios: Sequence[RadioModel], paths: Paths) -> dict[Direction, Reader]:
    """What devices of these names and radios, in their order, have over time in each direction."""
    medium, station = s.network.medium, equipment(s.server)[1]
    if isinstance(medium, Pipes):
        return {direction: _pipes(medium, direction, names) for direction in DIRECTIONS}
    if isinstance(medium, Wifi | SlottedAloha):
        channel = shared_channel(s, medium, radios, station, paths)
        of_phy = medium.mcs if isinstance(medium, Wifi) else _mcs(s, "uplink")
        here = np.full(len(names), SITE)

        def contended(uplink: bool) -> Reader:
            def read(time_s: float) -> Reading:
                snr = channel.snr_of(time_s, uplink)
                return Reading(snr, channel.bit_s_of(time_s, uplink), of_phy(snr), here)

            return read

        return {direction: contended(direction == "uplink") for direction in DIRECTIONS}
    stations = [(SITE, airs(s, medium, radios, station, names, paths))]
    for relay in s.network.topology.relays:
        site, radio = Omni(relay.name, relay.at_m), PROFILES[relay.profile].radio
        stations.append((relay.name, airs(s, medium, radios, radio, names, paths, site)))
    at_m, every = relays_m(s), np.arange(len(names))

    def through(way: int, direction: Direction) -> Reader:
        each = [_radio(pair[way], _mcs(s, direction), name) for name, pair in stations]

        def read(time_s: float) -> Reading:
            found = [reader(time_s) for reader in each]
            by = nearest_relay(at_m, paths.positions_m(time_s)) + 1
            return Reading(*(np.stack(column)[by, every] for column in zip(*found, strict=True)))

        return read

    return {direction: through(way, direction) for way, direction in enumerate(DIRECTIONS)}


def _radio(air: RadioAir | CellularAir, mcs: Callable[[Floats], Index], site: str) -> Reader:
    def read(time_s: float) -> Reading:
        quality = air.expected(time_s)
        if isinstance(air, RadioAir):
            sinr, cell = air.snr(time_s), np.full(len(quality), site)
        else:
            sinr, cell = quality, np.array([f"cell-{number}" for number in air.serving(time_s)])
        return Reading(sinr, air.rate_bit_s(quality, 1.0), mcs(sinr), cell)

    return read


def _mcs(s: Scenario, direction: Direction) -> Callable[[Floats], Index]:
    phy = s.network.channel.phy.one_way(direction)
    return getattr(phy, "mcs", lambda sinr: np.full(len(sinr), -1))


def _pipes(medium: Pipes, direction: Direction, names: Sequence[str]) -> Reader:
    nothing = np.full(len(names), np.nan), np.full(len(names), -1), np.full(len(names), "")
    if isinstance(medium, ConstantLink):
        constant = np.full(len(names), medium.uplink_bit_s if direction == "uplink" else medium.downlink_bit_s)
        return lambda time_s: Reading(nothing[0], constant, *nothing[1:])
    traces = dealt(medium.rates(direction), names)
    return lambda time_s: Reading(nothing[0], np.array([each.value(time_s) for each in traces]), *nothing[1:])


def _pipe(medium: Pipes, names: Sequence[str], ends: tuple[str, str]) -> Line:
    """All clients' pipes as one line, a trace by its means."""
    if isinstance(medium, ConstantLink):
        return Line(ends, medium.uplink_bit_s, medium.downlink_bit_s, medium.latency_s)
    up, down = (np.mean([each.mean for each in dealt(medium.rates(way), names)]).item() for way in DIRECTIONS)
    delay_s = np.mean([each.mean for way in DIRECTIONS for each in dealt(medium.latencies(way), names)]).item()
    return Line(ends, up, down, delay_s, "means of traces")


def _grid(s: Scenario, until_s: float, points: int) -> tuple[Floats, Floats]:
    """Columns and rows of a grid of squares that holds all that has a place, and is not too narrow."""
    shown = plan(s, until_s)
    places = [np.array([[place.x_m, place.y_m] for place in shown.places])]
    seen = np.concatenate([*places, *shown.borders_m, *shown.ways_m.values()])
    middle, size = (seen.max(axis=0) + seen.min(axis=0)) / 2, np.ptp(seen, axis=0)
    size = 1.1 * np.maximum(size, max(size.max() / 2, 1.0))
    step_m = size.max() / points
    x_m, y_m = (
        at + step_m * (np.arange(n) - (n - 1) / 2)
        for at, n in zip(middle, np.ceil(size / step_m).astype(int), strict=True)
    )
    return x_m, y_m
