"""The network section of a scenario: what of it cannot be together, and which of its knobs have no effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.engine.access import Fdma, Ofdma, Pipes, Tdma, TraceLinks
from wirelessfsl.network.cells import Hexagonal
from wirelessfsl.network.layout import FromFile, InCells
from wirelessfsl.network.mobility import Static
from wirelessfsl.network.position_trace import PositionTrace
from wirelessfsl.network.tables import digest_of
from wirelessfsl.network.topology import SITE, Graph
from wirelessfsl.network.traces import Direction
from wirelessfsl.radio.ar1 import AR1, LONGEST
from wirelessfsl.radio.clarke import Clarke
from wirelessfsl.radio.fading import Nakagami, Rayleigh, Rician, doppler_hz
from wirelessfsl.radio.grid import grid
from wirelessfsl.radio.nr.numerology import resource_blocks
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.propagation import LogDistance, UrbanMacro
from wirelessfsl.radio.sionna import Sionna
from wirelessfsl.radio.taps import Taps
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.inh import InH
from wirelessfsl.radio.tr38901.rma import RMa
from wirelessfsl.radio.tr38901.uma import UMa
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.records import SERVER
from wirelessfsl.scenario.derived import (
    broadcasts,
    network_files,
    places_of,
)
from wirelessfsl.scenario.problems import Path, Problem, Unused, near
from wirelessfsl.scenario.settings import Scenario

_ALGORITHM: Path = ("algorithm", "kind")
_MEDIUM: Path = ("network", "medium", "kind")
_PHY: Path = ("network", "channel", "phy")
_RELIABILITY: Path = ("network", "transport", "reliability")


def conflicts(s: Scenario) -> Iterator[Problem]:
    """What cannot be together in the network."""
    for i, relay in enumerate(s.network.topology.relays):
        if relay.profile not in PROFILES:
            known = f"{near(relay.profile, PROFILES)}, allowed: {', '.join(PROFILES)}"
            yield Problem(("network", "topology", "relays", i, "profile"), f"got {relay.profile!r}{known}")
    yield from _of_cells(s)
    yield from _of_files(s)
    if isinstance(s.network.medium, Ofdma) and s.network.medium.mode == "slots" and s.network.topology.relays:
        text = f"got {len(s.network.topology.relays)}, must be none: slots are played for one station"
        yield Problem(("network", "topology", "relays"), text, reads=(("network", "medium", "mode"),))
    if broadcasts(s) and s.network.topology.kind == "graph":
        text = f"got 'graph', must be direct: {s.algorithm.kind} broadcasts, which is one hop"
        yield Problem(("network", "topology", "kind"), text, reads=(_ALGORITHM,))
    transport, latency_s = s.network.transport, s.network.medium.latency_s
    constant = not getattr(s.network.medium, "latency", ())
    if s.algorithm.messages and constant and transport.timeout_s is not None and transport.timeout_s <= latency_s:
        text = f"got {transport.timeout_s:g}, must be > network.medium.latency_s = {latency_s:g}: nothing would arrive"
        yield Problem(("network", "transport", "timeout_s"), text, reads=(("network", "medium", "latency_s"),))
    yield from _of_traces(s)
    if transport.packet_loss and transport.reliability == "retransmit" and broadcasts(s):
        text = f"got {transport.packet_loss:g}, must be 0: {s.algorithm.kind} broadcasts, which nobody acknowledges;"
        text += " or set reliability: lossy"
        yield Problem(("network", "transport", "packet_loss"), text, reads=(_ALGORITHM, _RELIABILITY))
    yield from _of_failures(s)
    yield from _of_movement(s)
    yield from _of_carriers(s)
    yield from _of_fading(s)
    if s.network.medium.kind in ("wifi", "aloha"):
        yield from _of_contention(s)
    law = s.network.channel.path_loss
    if getattr(s.algorithm, "hand_over", "server") == "peer" and isinstance(law, UMa | UMi | RMa | InH | InF):
        text = f"got {law.kind!r}, must be a law of distance: {law.kind} is for a site, and clients hand over as peers"
        yield Problem(("network", "channel", "path_loss", "kind"), text, reads=(("algorithm", "hand_over"),))


def _of_files(s: Scenario) -> Iterator[Problem]:
    """Files that are others than when the scenario was written down."""
    for name, of in network_files(s):
        try:
            now = digest_of(of.files)
        except ValueError:
            continue  # told where it is read
        if of.sha256 not in (None, now):
            text = f"got {of.sha256}, the digest of {' and '.join(of.files)} is {now}: restore it, or remove sha256"
            yield Problem(("network", name, "sha256"), text)


def _of_cells(s: Scenario) -> Iterator[Problem]:
    cells, topology = s.network.cells, s.network.topology
    where: Path = ("network", "cells", "kind")
    sites = len(cells.sites_m) if isinstance(cells, Hexagonal) else 1
    if isinstance(topology, Graph):
        known = {f"site-{k}" for k in range(sites)}
        for i, wire in enumerate(topology.wires):
            for name in wire.ends:
                if name.startswith("site-") and name not in known:
                    text = f"got {name!r}, must be one of the {sites} of network.cells, from {SITE!r} on"
                    yield Problem(("network", "topology", "wires", i, "ends"), text, reads=(where,))
    if not isinstance(cells, Hexagonal):
        if isinstance(s.network.layout, InCells):
            text = "got 'cells', must be another: there is one cell; or set network.cells: {kind: hexagonal}"
            yield Problem(("network", "layout", "kind"), text, reads=(where,))
        return
    if not isinstance(s.network.medium, Fdma | Tdma | Pipes):
        text = f"got 'hexagonal', must be single with medium {s.network.medium.kind}"
        yield Problem(where, text, reads=(("network", "medium", "kind"),))
    if broadcasts(s):
        text = f"got 'hexagonal', must be single: {s.algorithm.kind} broadcasts in one cell"
        yield Problem(where, text, reads=(_ALGORITHM,))
    if topology.relays:
        text = "got 'hexagonal', must be single: relays are for one cell"
        yield Problem(where, text, reads=(("network", "topology", "relays"),))
    if isinstance(topology, Graph):
        there = {name for wire in topology.wires for name in wire.ends}
        if lacking := [name for k in range(len(cells.sites_m)) if (name := f"site-{k}") not in there]:
            text = f"got none at {', '.join(lacking)}, must join all {len(cells.sites_m)} sites of network.cells"
            yield Problem(("network", "topology", "wires"), text, reads=(where,))


def _of_traces(s: Scenario) -> Iterator[Problem]:
    medium = s.network.medium
    if not isinstance(medium, TraceLinks) or not s.algorithm.messages:
        return
    reads: tuple[Path, ...] = tuple(("network", "medium", field) for field in ("format", "at_end", "uplink"))
    ways: tuple[tuple[str, Callable[[Direction], object], Direction], ...] = (
        ("uplink", medium.rates, "uplink"),
        ("downlink" if medium.downlink else "uplink", medium.rates, "downlink"),
        ("latency", medium.latencies, "uplink"),
        ("latency", medium.latencies, "downlink"),
    )
    for field, read, way in ways:
        try:
            read(way)
        except ValueError as error:
            yield Problem(("network", "medium", field), str(error), reads=reads)
            return


def _of_failures(s: Scenario) -> Iterator[Problem]:
    """Windows of links that there are not."""
    topology = s.network.topology
    names = {f"client-{i}" for i in range(s.data.clients)} | {relay.name for relay in topology.relays} | {SERVER}
    wires = {tuple(sorted(wire.ends)) for wire in getattr(topology, "wires", ())}
    for i, failure in enumerate(s.network.failures if s.algorithm.messages else ()):
        of = tuple(sorted(failure.of))
        if of not in wires and not (len(of) == 1 and of[0] in names):
            known = f"client-0 to client-{s.data.clients - 1}, {SERVER}"
            known += "".join(f", {relay.name}" for relay in topology.relays)
            text = f"got {list(failure.of)}, must be [name] of {known}, or the two ends of a wire"
            reads: tuple[Path, ...] = (("data", "clients"), ("network", "topology"))
            yield Problem(("network", "failures", i, "of"), text, reads=reads)


def _of_movement(s: Scenario) -> Iterator[Problem]:
    layout, mobility = s.network.layout, s.network.mobility
    where: Path = ("network", "mobility")
    if isinstance(layout, InCells) and not isinstance(s.network.cells, Hexagonal):
        return  # told with the cells
    if isinstance(layout, FromFile):
        try:
            layout.positions_m((), s.seed)
        except ValueError as error:
            yield Problem(("network", "layout", "path"), str(error), reads=(("network", "layout"),))
            return
    if isinstance(mobility, PositionTrace):
        try:
            mobility.tracks()
        except ValueError as error:
            yield Problem((*where, "path"), str(error), reads=(where,))
    elif hasattr(mobility, "region") and getattr(mobility, "start", "layout") == "layout":
        places = places_of(s)
        outside = np.flatnonzero(~mobility.region.holds(places))
        if len(outside):
            x, y = places[outside[0]]
            text = f"client-{outside[0]} begins at ({x:.4g}, {y:.4g}) m, outside of it; make it larger"
            reads = (where, ("network", "layout"), ("data", "clients"), ("seed",))
            yield Problem((*where, "region"), text, reads=reads)


def _of_carriers(s: Scenario) -> Iterator[Problem]:
    """Bands of the medium that NR has no carrier for, or that have no room for a transport or a resource block."""
    phy, medium = s.network.channel.phy, s.network.medium
    if not s.algorithm.messages or medium.kind == "wifi":
        return
    if isinstance(medium, Ofdma) and not isinstance(phy, Nr):
        yield from _of_blocks(medium)
    if not isinstance(phy, Nr):
        return
    for field in "bandwidth_hz", "downlink_bandwidth_hz":
        path: Path = ("network", "medium", field)
        if (width_hz := getattr(medium, field, None)) is None:
            continue
        try:
            blocks = resource_blocks(width_hz, phy.subcarrier_spacing_khz, phy.frequency_range)
        except ValueError as error:
            yield Problem(path, str(error), reads=(_PHY,))
        else:
            if phy.block_prb > blocks and getattr(medium, "mode", "fluid") == "fluid":
                text = f"got {phy.block_prb}, must be <= {blocks}, the resource blocks of network.medium.{field}"
                yield Problem((*_PHY, "block_prb"), text, reads=(path,))


def _of_blocks(medium: Ofdma) -> Iterator[Problem]:
    for field in "bandwidth_hz", "downlink_bandwidth_hz":
        try:
            grid(None, getattr(medium, field) or medium.bandwidth_hz, medium.subcarrier_spacing_khz)
        except ValueError as error:
            spacing: Path = ("network", "medium", "subcarrier_spacing_khz")
            yield Problem(("network", "medium", field), str(error), reads=(spacing,))
            return


def _of_fading(s: Scenario) -> Iterator[Problem]:
    """Fading that comes of movement where nobody moves, and blocks that are too long for their speed."""
    channel, fading = s.network.channel, s.network.channel.fading
    where: Path = ("network", "channel", "fading")
    if not s.algorithm.messages or s.network.medium.kind == "constant" or channel.phy.kind == "fixed":
        return
    if isinstance(fading, Sionna) and find_spec("sionna") is None:
        text = "got 'sionna', which is not installed: pip install sionna-no-rt, or take another kind, such as taps"
        yield Problem((*where, "kind"), text)
    if isinstance(s.network.mobility, Static):
        reads: tuple[Path, ...] = (where, ("network", "mobility"))
        if isinstance(fading, Rayleigh | Rician | Nakagami) and fading.coherence_time_s is None:
            yield Problem((*where, "coherence_time_s"), "got nothing, must be given: no device moves", reads=reads)
        if isinstance(fading, AR1 | Clarke | Taps | Sionna) and fading.speed_m_s is None:
            text = f"got {fading.kind!r}, which comes of movement, and no device moves: set speed_m_s"
            yield Problem((*where, "kind"), text, reads=reads)
    if isinstance(fading, AR1) and fading.speed_m_s is not None and fading.block_s is not None:
        longest_s = LONGEST / doppler_hz(fading.speed_m_s, channel.carrier_hz)
        if fading.block_s >= longest_s:
            text = f"got {fading.block_s:g}, must be < {LONGEST} / fd = {longest_s:g} at {fading.speed_m_s:g} m/s"
            reads = (*((*where, knob) for knob in ("kind", "speed_m_s")), ("network", "channel", "carrier_hz"))
            yield Problem((*where, "block_s"), text, reads=reads)


def _of_contention(s: Scenario) -> Iterator[Problem]:
    """On a channel that all contend for, messages are to the server or from it."""
    kind = s.network.medium.kind
    if getattr(s.algorithm, "hand_over", "server") == "peer":
        text = f"got 'peer', must be server: on medium {kind} all messages go to the access point or come from it"
        yield Problem(("algorithm", "hand_over"), text, reads=(_MEDIUM,))
    if s.network.topology.relays:
        text = f"got {len(s.network.topology.relays)}, must be none: medium {kind} has one access point"
        yield Problem(("network", "topology", "relays"), text, reads=(_MEDIUM,))


def unused(s: Scenario) -> Unused:
    """Knobs of the network that have no effect."""
    for of in (_idle_air, _idle_traces, _idle_movement, _idle_retransmission, _idle_cells, _idle_fading):
        yield from of(s)


def _idle_air(s: Scenario) -> Unused:
    medium, channel = s.network.medium, s.network.channel
    if medium.kind == "wifi":
        yield ("network", "channel", "phy"), "medium wifi has rates of its own", _MEDIUM
    if isinstance(medium, Pipes):
        for part in "layout", "mobility", "cells", "channel", "blockage":
            yield ("network", part), f"medium {medium.kind} needs no positions and no channel", _MEDIUM
        if s.network.topology.kind == "graph":
            yield ("network", "topology", "relays"), f"medium {medium.kind} needs no positions and no relays", _MEDIUM
    elif channel.phy.kind == "fixed" and medium.kind != "wifi" and s.network.cells.kind == "single":
        for part in ("layout", "mobility") if not s.network.topology.relays else ():
            yield ("network", part), "phy fixed has the same rate everywhere", (*_PHY, "kind")
        for part in "carrier_hz", "path_loss", "shadowing", "fading", "noise_density_dbm_hz", "antenna_gain_db":
            yield ("network", "channel", part), "phy fixed has the same rate everywhere", (*_PHY, "kind")
    else:
        yield from _idle_path_loss(channel.path_loss)
    if isinstance(medium, Ofdma):
        yield from _idle_blocks(medium, channel.phy)


def _idle_blocks(medium: Ofdma, phy: Any) -> Unused:
    at: Path = ("network", "medium")
    if phy.kind == "nr":
        yield (*at, "subcarrier_spacing_khz"), "phy nr has its own", (*_PHY, "kind")
        if medium.mode == "slots":
            why = "with mode slots blocks are as wide as the scheduler makes them"
            yield ("network", "channel", "phy", "block_prb"), why, (*at, "mode"), _MEDIUM
    if phy.kind != "nr" or medium.mode == "fluid":
        yield (*at, "outer_loop_step_db"), "it is of phy nr with mode slots", (*at, "mode"), (*_PHY, "kind")
    if phy.kind == "fixed":
        yield (*at, "power_control"), "no rate depends on power", (*_PHY, "kind")


def _idle_path_loss(law: Any) -> Unused:
    at: Path = ("network", "channel", "path_loss")
    carrier: Path = ("network", "channel", "carrier_hz")
    if isinstance(law, UrbanMacro):
        yield carrier, "path_loss urban_macro is for 2 GHz", (*at, "kind")
    elif isinstance(law, LogDistance) and law.reference_loss_db is not None:
        yield carrier, "path_loss.reference_loss_db is given", (*at, "reference_loss_db")
    if not isinstance(law, UMa | UMi | RMa | InH | InF):
        return
    sight: Path = (*at, "line_of_sight")
    certain = law.line_of_sight != "drawn"
    if law.line_of_sight == "always":
        for knob in sorted({"nlos", "street_width_m"} & vars(law).keys()):
            yield (*at, knob), "all devices are in line of sight", sight
    if isinstance(law, InH) and certain:
        yield (*at, "office"), "it says how line_of_sight: drawn is drawn", sight
    if isinstance(law, InF):
        hall: Path = (*at, "hall")
        if law.hall == "hh":
            yield sight, "in a hall hh there is always line of sight", hall
        for knob in "clutter_size_m", "clutter_density", "clutter_height_m":
            if law.hall == "hh" or certain:
                yield (*at, knob), "it says how line_of_sight: drawn is drawn, in all halls but hh", hall, sight
            elif knob == "clutter_height_m" and law.hall in ("sl", "dl"):
                yield (*at, knob), f"in a hall {law.hall} both antennas are below the clutter", hall
    if isinstance(law, UMa | UMi | RMa):
        indoors: Path = (*at, "indoor_share")
        if law.indoor_share == 0.0:
            for knob in sorted({"building", "release", "floor"} & vars(law).keys()):
                yield (*at, knob), "nobody is indoors: indoor_share is 0", indoors
        elif not isinstance(law, RMa) and law.building != "high_loss":
            yield (*at, "release"), "it is of coated glass, building: high_loss", (*at, "building")
        if law.car_share == 0.0:
            yield (*at, "windows"), "nobody is in a car: car_share is 0", (*at, "car_share")


def _idle_traces(s: Scenario) -> Unused:
    medium = s.network.medium
    if not isinstance(medium, TraceLinks):
        return
    own: Path = ("network", "medium")
    if medium.format == "csv":
        yield (*own, "bin_s"), "the rates of format csv are not binned", (*own, "format")
    if medium.latency:
        yield (*own, "latency_s"), "latency has the delays over time", (*own, "latency")


def _idle_movement(s: Scenario) -> Unused:
    mobility = s.network.mobility
    where: Path = ("network", "mobility")
    if mobility.kind == "trace":
        yield ("network", "layout"), "mobility trace says where devices are", (*where, "kind")
    elif getattr(mobility, "start", "layout") == "stationary":
        why = f"mobility {mobility.kind} begins in its stationary state"
        yield ("network", "layout"), why, (*where, "kind"), (*where, "start")


def _idle_cells(s: Scenario) -> Unused:
    cells: Any = s.network.cells
    at: Path = ("network", "cells")
    if cells.kind != "hexagonal":
        return
    if cells.sectors == 1:
        for knob in "antenna_gain_dbi", "beamwidth_deg", "max_attenuation_db":
            yield (*at, knob), "an antenna of a single sector radiates alike in all directions", (*at, "sectors")
    if s.network.mobility.kind == "static":
        yield (*at, "handover"), "nobody moves", ("network", "mobility", "kind")
    elif len(cells.site_of) == 1:
        yield (*at, "handover"), "there is one cell", (*at, "rings")
    if len(set(cells.reuse_group.tolist())) == len(cells.site_of):
        yield (*at, "load"), "no other cell is on a cell's frequencies", (*at, "rings")
    if s.network.layout.kind != "cells":
        yield (*at, "min_distance_m"), "layout drops nobody in the cells", ("network", "layout", "kind")
    if cells.rings == 0:
        yield (*at, "wrap_around"), "one site has no neighbours", (*at, "rings")


def _idle_retransmission(s: Scenario) -> Unused:
    phy = s.network.channel.phy
    if phy.kind == "nr" and phy.harq.transmissions == 1:
        harq: Path = ("network", "channel", "phy", "harq")
        for knob in "combining", "processes", "rtt_slots":
            yield (*harq, knob), "nothing is sent again: transmissions is 1", (*harq, "transmissions")


def _idle_fading(s: Scenario) -> Unused:
    fading = s.network.channel.fading
    if isinstance(fading, Clarke) and fading.k_factor_db is None:
        where: Path = ("network", "channel", "fading")
        yield (*where, "los_angle_deg"), "there is no line of sight: k_factor_db is not given", (*where, "k_factor_db")
