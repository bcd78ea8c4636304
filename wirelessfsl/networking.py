"""From the network of a scenario to a medium: airs, bands, and the ways that messages take over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from math import inf
from typing import get_args

import numpy as np

from wirelessfsl.contending import contended_air
from wirelessfsl.devices.battery import NoBattery
from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.devices.compute import MeasuredProcessor, Processor
from wirelessfsl.devices.power_states import InTurns, Powered
from wirelessfsl.devices.radio_power import RadioModel, RadioPower
from wirelessfsl.engine.access import Bands, ConstantLink, Fdma, Ofdma, Pipes, TraceLinks
from wirelessfsl.engine.airs import Air, ConstantAir, Index, PairAir, RadioAir, SharedAir, TraceAir
from wirelessfsl.engine.band import Band
from wirelessfsl.engine.cellular import Association, CellularAir
from wirelessfsl.engine.failing import FailingAir, failing
from wirelessfsl.engine.journey import Hop
from wirelessfsl.engine.kept import Made
from wirelessfsl.engine.line import Line
from wirelessfsl.engine.medium import Medium
from wirelessfsl.engine.node import Node
from wirelessfsl.engine.pipe import Pipe
from wirelessfsl.engine.world import World
from wirelessfsl.network.cells import Hexagonal, Sector
from wirelessfsl.network.failures import NoBlockage, downtimes
from wirelessfsl.network.mobility import Between, Both, Standing
from wirelessfsl.network.tables import dealt
from wirelessfsl.network.topology import SITE, Direct, Graph
from wirelessfsl.network.traces import Direction
from wirelessfsl.radio.allocation import Equal
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.link import Links, Omni, Paths, Site, noise_density_w_hz
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.shadowing import Correlated
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.records import SERVER
from wirelessfsl.scenario import Devices, EdgeCloud, Scenario, Server, places_of, radio_loses, rates_depend_on_power
from wirelessfsl.scheduling import Way, ofdma_air, slotted_airs
from wirelessfsl.streams import Floats
from wirelessfsl.units import db_to_linear, dbm_to_watt

NO_RADIO = RadioPower(circuit_w=0.0, receive_w=0.0, idle_w=0.0, sleep_w=0.0)
"""Of nodes without a network, and of the ends of wires: draws nothing."""
NOBODY = MeasuredProcessor(idle_w=0.0)
"""Of nodes that compute nothing."""
Choice = Callable[[Node, "Node | None"], Line]
"""The band from a node to another, or to many."""
Some = tuple[Made[Line], ...]
"""All bands there are behind it."""


def equipment(owner: Devices | Server) -> tuple[Processor, RadioModel]:
    """Processor and radio of a group of devices or of the server: its own, else its profile's."""
    profile = PROFILES[owner.profile]
    return owner.processor or profile.processor, owner.radio or profile.radio


def duplexed(s: Scenario, radio: Powered, of_site: bool = False) -> Powered:
    """A radio as the duplex of the scenario uses it: in turns, where the physical layer shares time between ways."""
    phy = s.network.channel.phy
    if not isinstance(phy, Nr) or phy.uplink_share == phy.downlink_share == 1.0 or not rates_depend_on_power(s):
        return radio
    shares = (phy.downlink_share, phy.uplink_share) if of_site else (phy.uplink_share, phy.downlink_share)
    return InTurns(radio, *shares)


def ways_of(s: Scenario) -> Paths:
    """Where the clients of a scenario are as time goes by."""
    names = [f"client-{i}" for i in range(s.data.clients)]
    return s.network.mobility.paths(names, places_of(s), s.seed)


def relays_m(s: Scenario) -> Floats:
    """Where the relays are, m, shape (relays, 2)."""
    return np.array([relay.at_m for relay in s.network.topology.relays]).reshape(-1, 2)


def nearest_relay(at_m: Floats, positions_m: Floats) -> Index:
    """Number of the relay next to every device that is nearer than the site, -1 for none, shape (n,).

    at_m: where the relays are, shape (relays, 2). positions_m: where the devices are, shape (n, 2).
    """
    if not len(at_m):
        return np.full(len(positions_m), -1)
    apart_m = np.hypot(*np.moveaxis(positions_m[:, None] - at_m, 2, 0))
    return np.where(apart_m.min(axis=1) < np.hypot(*positions_m.T), apart_m.argmin(axis=1), -1)


def airs(
    s: Scenario,
    medium: Bands,
    radios: Sequence[Powered],
    station: Powered,
    names: Sequence[str] | None = None,
    paths: Paths | None = None,
    site: Site | None = None,
) -> tuple[RadioAir | CellularAir, RadioAir | CellularAir]:
    """Uplink and downlink of the radio channel between stations and devices with these radios, in their order.

    By default the devices are the scenario's clients, and the stations, all with the server's radio, those of its
    cells.
    """
    channel, cells = s.network.channel, s.network.cells
    names = names or [f"client-{i}" for i in range(len(radios))]
    paths = paths or ways_of(s)
    heard = {
        "uplink": np.full(len(radios), noise_density_w_hz(channel.noise_density_dbm_hz, station.noise_figure_db)),
        "downlink": np.array([noise_density_w_hz(channel.noise_density_dbm_hz, of.noise_figure_db) for of in radios]),
    }
    sent = {
        "uplink": np.array([dbm_to_watt(radio.tx_power_dbm) for radio in radios]),
        "downlink": np.full(len(radios), dbm_to_watt(station.tx_power_dbm)),
    }
    allocation = medium.allocation if isinstance(medium, Fdma) else Equal()
    wide = {"uplink": medium.bandwidth_hz, "downlink": medium.downlink_bandwidth_hz or medium.bandwidth_hz}

    def air(way: Way) -> RadioAir | CellularAir:
        spread, loses = way == "downlink", radio_loses(s) and s.network.transport.reliability == "lossy"
        phy = channel.phy.one_way(way, not loses) if isinstance(channel.phy, Nr) else channel.phy.one_way(way)
        if site is not None or not isinstance(cells, Hexagonal):
            links = Links(channel, names, paths, s.seed, way, wide[way], site or Omni())
            if isinstance(medium, Ofdma):
                return ofdma_air(channel, medium, way, links, sent[way], heard[way], wide[way])
            return RadioAir(links, phy, sent[way], heard[way], wide[way], spread, allocation, loses)
        sectors = [Sector(cells, number) for number in range(len(cells.site_of))]
        of_cells = [Links(channel, names, paths, s.seed, way, wide[way] / cells.reuse, sector) for sector in sectors]
        association = Association(of_cells, cells.handover, paths.speed_m_s > 0)
        rise = 1.0 if spread else db_to_linear(cells.noise_rise_db)
        ends, groups = (sent[way], heard[way]), cells.reuse_group.tolist()
        return CellularAir(
            of_cells, association, phy, *ends, wide[way], spread, groups, cells.load, rise, allocation, loses
        )

    return air("uplink"), air("downlink")


def _failing(s: Scenario, air: Air, links: Sequence[Sequence[str]], radio: bool = True) -> Air:
    """The air with the downtimes of its links, each of which has the names of all that it needs."""
    network = s.network
    blockage = network.blockage if radio else NoBlockage()
    if not network.failures and isinstance(blockage, NoBlockage):
        return air
    return failing(air, downtimes(network.failures, blockage, s.seed, links))


def _at_site(s: Scenario) -> tuple[str, ...]:
    """The server's name if it is where the radio links end."""
    return (SERVER,) if s.network.topology.server == SITE else ()


def medium_of(s: Scenario, world: World) -> Medium:
    """The medium that the messages of a world go over."""
    match s.network.medium:
        case ConstantLink():
            band, bands = _pipes(s, world)
        case TraceLinks():
            band, bands = _played(s, world)
        case Wifi() | SlottedAloha():
            band, bands = _shared(s, world)
        case _:
            band, bands = _bands(s, world)
    if isinstance(s.network.topology, Direct):
        return Medium(world.env, band, bands)
    hops, more = _hops(s, world, band)
    return Medium(world.env, band, bands + more, hops)


def _shared(s: Scenario, world: World) -> tuple[Choice, Some]:
    """One band for all messages, both ways."""
    settings = s.network.medium
    assert isinstance(settings, Wifi | SlottedAloha)
    radios = [client.radio.power for client in world.clients]
    air = contended_air(s, settings, radios, equipment(s.server)[1], ways_of(s))
    links = [(client.name, *_at_site(s)) for client in world.clients]
    only: Made[Line] = Made(lambda: Band(world.env, _failing(s, air, links), inf, settings.latency_s))
    return lambda sender, receiver: only[()], (only,)


def _bands(s: Scenario, world: World) -> tuple[Choice, Some]:
    """A band for each direction; for messages from client to client one a pair."""
    settings, station = s.network.medium, equipment(s.server)[1]
    assert not isinstance(settings, Pipes)
    assert isinstance(settings, Bands)
    there = (*world.clients, *world.relays)
    names, radios = [node.name for node in there], [node.radio.power for node in there]
    clients = ways_of(s)
    paths = Both(clients, Standing(relays_m(s))) if world.relays else clients
    links = [(name, *_at_site(s)) for name in names]
    both: Iterable[SharedAir] = airs(s, settings, radios, station, names, paths)
    if isinstance(settings, Ofdma) and settings.mode == "slots":
        both = slotted_airs(s, settings, both, names)
    up, down = (_failing(s, air, links) for air in both)
    main: Made[Line] = Made(lambda uplink: Band(world.env, up if uplink else down, settings.width, settings.latency_s))
    between: Made[Line] = Made(lambda sender, receiver: _sidelink(s, settings, world, clients, sender, receiver))

    def band(sender: Node, receiver: Node | None) -> Line:
        if receiver is not None and _peers(sender, receiver):
            return between[sender, receiver]
        return main[sender.link >= 0,]

    return band, (main, between)


def _sidelink(s: Scenario, settings: Bands, world: World, paths: Paths, sender: Node, receiver: Node) -> Band:
    """A band between two clients: as wide as the uplink's, over the distance from one to the other, at least 1 m.

    Shadowing that neighbours share is another for every pair.
    """
    channel, apart = s.network.channel, Between(paths, sender.link, receiver.link)
    noise = noise_density_w_hz(channel.noise_density_dbm_hz, receiver.radio.power.noise_figure_db)
    pair = f"{sender.name} {receiver.name}"
    site = Omni(pair) if isinstance(channel.shadowing, Correlated) else Omni()
    air = PairAir(
        links=Links(channel, [pair], apart, s.seed, "sidelink", settings.bandwidth_hz, site),
        phy=channel.phy.one_way("uplink"),
        transmit_w=np.array([dbm_to_watt(sender.radio.power.tx_power_dbm)]),
        noise_w_hz=np.array([noise]),
        bandwidth_hz=settings.bandwidth_hz,
        spread=False,
    )
    return Band(world.env, _failing(s, air, [(sender.name, receiver.name)]), settings.width, settings.latency_s)


def _ends(s: Scenario, world: World, sender: Node, receiver: Node | None) -> list[tuple[str, ...]]:
    """What each of the links of a pipe needs: one link, or for a broadcast one a client."""
    if receiver is None:
        return [(client.name, *_at_site(s)) for client in world.clients]
    names = sorted({sender.name, receiver.name} - {SERVER})
    return [(*names, *(_at_site(s) if world.server in (sender, receiver) else ()))]


def _pipes(s: Scenario, world: World) -> tuple[Choice, Some]:
    """A band of its own for every client and direction, and for broadcasts; made when first used."""
    settings = s.network.medium
    assert isinstance(settings, ConstantLink)

    def made(sender: Node, receiver: Node | None) -> Line:
        rate = settings.uplink_bit_s if sender.link >= 0 else settings.downlink_bit_s
        air = _failing(s, ConstantAir(rate), _ends(s, world, sender, receiver), radio=False)
        return _pipe(world, air, settings.latency_s)

    pipes: Made[Line] = Made(made)
    return lambda sender, receiver: pipes[sender, receiver], (pipes,)


def _pipe(world: World, air: Air, latency_s: float, queue_bytes: float = inf) -> Line:
    """Carries one message at a time; over a link that fails as a band does."""
    if isinstance(air, ConstantAir):
        return Pipe(world.env, air, latency_s, queue_bytes)
    return Band(world.env, air, 1.0, latency_s, queue_bytes)


def _played(s: Scenario, world: World) -> tuple[Choice, Some]:
    """A band of its own for every client and direction, and for broadcasts, on which traces are played."""
    settings, names = s.network.medium, [client.name for client in world.clients]
    assert isinstance(settings, TraceLinks)
    rates, latencies = (
        {way: dealt(read(way), names) for way in get_args(Direction)} for read in (settings.rates, settings.latencies)
    )

    def made(sender: Node, receiver: Node | None) -> Band:
        way: Direction = "uplink" if sender.link >= 0 else "downlink"
        link = sender.link if way == "uplink" else -1 if receiver is None else receiver.link
        own = slice(link, link + 1) if link >= 0 else slice(None)
        latest = latencies[way][own]
        air = _failing(s, TraceAir(rates[way][own]), _ends(s, world, sender, receiver), radio=False)
        return Band(world.env, air, 1.0, lambda now: max(each.value(now) for each in latest))

    pipes: Made[Line] = Made(made)
    return lambda sender, receiver: pipes[sender, receiver], (pipes,)


def _hops(s: Scenario, world: World, band: Choice) -> tuple[Callable[[Node, Node], list[Hop]], Some]:
    """The way of a message through the air (by a relay, if that is nearer than the site) and over wires.

    The station of a site draws from the account of the server at the other end, wherever that is; wires draw nothing.
    """
    topology = s.network.topology
    assert isinstance(topology, Graph)
    stands = {world.server: topology.server}
    if isinstance(s.hierarchy, EdgeCloud):
        stands |= {node: each.at for node, each in zip(world.edge_servers, s.hierarchy.servers, strict=True)}
    places = cache(lambda name: Node(world, name, 0, NOBODY, NO_RADIO, NoBattery()))
    paths, at_m = ways_of(s), relays_m(s)

    def wire_band(start: str, end: str) -> Line:
        it = topology.wire(start, end)
        queue_bytes = inf if it.queue_bytes is None else it.queue_bytes
        needs = " ".join(sorted((start, end))), *((SERVER,) if topology.server in (start, end) else ())
        air = _failing(s, ConstantAir(it.rate_bit_s), [needs], radio=False)
        return _pipe(world, air, it.delay_s, queue_bytes)

    def relay_band(i: int, way: int) -> Line:
        settings, relay = s.network.medium, world.relays[i]
        assert not isinstance(settings, Pipes)
        assert isinstance(settings, Bands)
        radios = [client.radio.power for client in world.clients]
        both = airs(s, settings, radios, relay.radio.power, paths=paths, site=Omni(relay.name, topology.relays[i].at_m))
        air = _failing(s, both[way], [(client.name, relay.name) for client in world.clients])
        return Band(world.env, air, settings.width, settings.latency_s)

    wired, access = Made(wire_band), Made(relay_band)

    @cache
    def wire(start: str, end: str) -> Hop:
        return Hop(wired[start, end], places(start), places(end), wired=True)

    def hops(sender: Node, receiver: Node) -> list[Hop]:
        if _peers(sender, receiver):
            return [Hop(band(sender, receiver), sender, receiver)]
        if sender in stands and receiver in stands:
            return [wire(*ends) for ends in topology.path(stands[sender], stands[receiver])]
        client, server, up = (sender, receiver, True) if receiver in stands else (receiver, sender, False)
        site = _site(s, band(client, server), client, world.env.now)
        i = int(nearest_relay(at_m, paths.positions_m(world.env.now)[[client.link]])[0])
        ends = (site, stands[server]) if up else (stands[server], site)
        wires = [wire(*pair) for pair in topology.path(*ends)]
        air = [Hop(band(sender, receiver), sender, receiver)]
        if i >= 0:
            relay, via = world.relays[i], len(world.clients) + i
            main, far_up, far_down = band(sender, receiver), access[i, 0], access[i, 1]
            if up:
                air = [Hop(far_up, client, relay), Hop(main, relay, server, via, True)]
            else:
                air = [Hop(main, server, relay, via, False), Hop(far_down, relay, client)]
        return [*air, *wires] if up else [*wires, *air]

    return hops, (wired, access)


def _peers(sender: Node, receiver: Node) -> bool:
    """Whether a message is from client to client."""
    return min(sender.link, receiver.link) >= 0


def _site(s: Scenario, uplink: Line, client: Node, time_s: float) -> str:
    """Name of the site that serves a client now."""
    cells, air = s.network.cells, uplink.air
    air = air.air if isinstance(air, FailingAir) else air
    if isinstance(cells, Hexagonal) and isinstance(air, CellularAir):
        return f"site-{cells.site_of[air.serving(time_s)[client.link]]}"
    return SITE
