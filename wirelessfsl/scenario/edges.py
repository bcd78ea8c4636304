"""Edge servers: whose clients are whose, and what cannot be together with them or has no effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import numpy as np

from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.devices.economy import FullSpeed
from wirelessfsl.network.cells import Hexagonal
from wirelessfsl.network.topology import Graph
from wirelessfsl.scenario.derived import places_of
from wirelessfsl.scenario.hierarchy import EdgeCloud
from wirelessfsl.scenario.problems import Path, Problem, near
from wirelessfsl.scenario.settings import Algorithm, Scenario

_ALGORITHM: Path = ("algorithm", "kind")
_KIND: Path = ("hierarchy", "kind")
_SERVERS: Path = ("hierarchy", "servers")
_ASSIGNMENT: Path = ("hierarchy", "assignment")
_TOPOLOGY: Path = ("network", "topology")


def clients_of_edges(s: Scenario) -> list[tuple[int, ...]]:
    """Numbers of the clients of every edge server; none without edge servers behind wires."""
    hierarchy, topology, cells = s.hierarchy, s.network.topology, s.network.cells
    if not isinstance(hierarchy, EdgeCloud) or not isinstance(topology, Graph):
        return []
    if hierarchy.assignment == "listed":
        return [server.clients for server in hierarchy.servers]
    own = np.arange(s.data.clients) % len(hierarchy.servers)
    if hierarchy.assignment == "nearest":
        sites = np.zeros_like(own)
        if isinstance(cells, Hexagonal):
            sites = cells.site_of[np.linalg.norm(cells.offsets_m(places_of(s)), axis=-1).argmin(axis=-1)]
        names = [f"site-{site}" for site in range(sites.max() + 1)]
        seconds = [[topology.seconds(name, server.at) for server in hierarchy.servers] for name in names]
        own = np.argmin(seconds, axis=1)[sites]
    return [tuple(np.flatnonzero(own == edge).tolist()) for edge in range(len(hierarchy.servers))]


def conflicts(s: Scenario) -> Iterator[Problem]:
    """What edge servers cannot be together with."""
    hierarchy, topology, scheme = s.hierarchy, s.network.topology, s.algorithm
    if not isinstance(hierarchy, EdgeCloud):
        return
    if not getattr(scheme, "merges", False):
        able = [kind.kind for kind in get_args(get_args(Algorithm)[0]) if getattr(kind, "merges", False)]
        text = f"got 'edge_cloud', must be flat with algorithm {scheme.kind}; it is for {', '.join(able)}"
        yield Problem(_KIND, text, reads=(_ALGORITHM,))
    for i, server in enumerate(hierarchy.servers):
        if server.profile not in PROFILES:
            known = f"{near(server.profile, PROFILES)}, allowed: {', '.join(PROFILES)}"
            yield Problem((*_SERVERS, i, "profile"), f"got {server.profile!r}{known}")
    if s.model.cuts == "auto":
        text = "got 'auto', must name the cut: rounds of hierarchy edge_cloud are not predicted"
        yield Problem(("model", "cuts"), text, reads=(_KIND,))
    for i, group in enumerate(s.devices):
        if not isinstance(group.economy, FullSpeed):
            text = f"got {group.economy.kind!r}, must be full_speed: rounds of hierarchy edge_cloud are not predicted"
            yield Problem(("devices", i, "economy", "kind"), text, reads=(_KIND,))
    if not isinstance(topology, Graph):
        text = "got 'edge_cloud', must be flat with topology direct; set network.topology: {kind: graph, wires: ...}"
        yield Problem(_KIND, text, reads=((*_TOPOLOGY, "kind"),))
        return
    for i, server in enumerate(hierarchy.servers):
        if server.at not in topology.wired or server.at == topology.server:
            places = [name for name in topology.wired if name != topology.server]
            text = f"got {server.at!r}, allowed: {', '.join(places)}{near(server.at, places)}"
            yield Problem((*_SERVERS, i, "at"), text, reads=(_TOPOLOGY,))
            return
    yield from _of_assignment(s, hierarchy)


def _of_assignment(s: Scenario, hierarchy: EdgeCloud) -> Iterator[Problem]:
    """Clients with no edge server or with several, and edge servers without clients."""
    try:
        dealt = clients_of_edges(s)
    except ValueError:  # of the layout's file, which has a problem of its own
        return
    reads: tuple[Path, ...] = (_ASSIGNMENT, ("data", "clients"))
    if hierarchy.assignment == "listed" and sorted(sum(dealt, ())) != [*range(s.data.clients)]:
        lists = ", ".join(str([*own]) for own in dealt)
        text = f"got clients {lists}, must have each of 0 to {s.data.clients - 1} once"
        yield Problem(_SERVERS, text, reads=reads)
    elif () in dealt:
        text = f"got {hierarchy.assignment!r}, which leaves {hierarchy.servers[dealt.index(())].at} without clients"
        remedy = "; take in_turn or listed" if hierarchy.assignment == "nearest" else ""
        yield Problem(_ASSIGNMENT, text + remedy, reads=(*reads, _SERVERS, ("network",)))


def unused(s: Scenario) -> Iterator[tuple[Path, str, *tuple[Path, ...]]]:
    """Knobs of edge servers that have no effect."""
    hierarchy = s.hierarchy
    if not isinstance(hierarchy, EdgeCloud):
        return
    for i, server in enumerate(hierarchy.servers):
        at: Path = (*_SERVERS, i)
        if hierarchy.assignment != "listed":
            yield (*at, "clients"), f"assignment is {hierarchy.assignment}", _ASSIGNMENT
        if server.processor is not None:
            yield (*at, "profile"), "processor is given", (*at, "processor")
            if not s.algorithm.cuts:
                why = f"{s.algorithm.kind} computes one thing at a time at its server"
                yield (*at, "processor", "slots"), why, _ALGORITHM
