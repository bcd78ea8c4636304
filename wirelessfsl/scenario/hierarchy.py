"""Hierarchy: which servers the clients have, and whether there is a cloud above these."""

from __future__ import annotations

from typing import Annotated, Literal

from wirelessfsl.devices.compute import Processor
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import Count, Ge


@settings
class EdgeServer:
    """An edge server: one node, never failing, on mains power.

    at: name of its node in network.topology.
    clients: numbers of its clients, from 0, where assignment is listed.
    profile: device of the catalogue whose processor it has.
    processor: another processor than the profile's.
    """

    at: str
    clients: tuple[Annotated[int, Ge(0)], ...] = ()
    profile: str = "edge-gpu"
    processor: Processor | None = None


@settings
class Flat:
    """One server, to which all clients belong."""

    kind: Literal["flat"] = "flat"


@settings
class EdgeCloud:
    """Edge servers between the clients and the server, which is the cloud (Liu et al., ICC 2020, HierFAVG).

    In each of algorithm.rounds the cloud sends the model to the edge servers; each runs edge_rounds rounds of the
    scheme with its clients and sends its model back; the cloud averages, by what clients that took part weigh together.
    Participation and deadlines are each edge's own, in every round of it. Edge servers and cloud are nodes of
    network.topology; between them fly model_download and model_upload, with their codecs. The stations of the sites
    have the radio of server, and draw from the accounts of the edge servers. For schemes whose server holds one model,
    or averages what it holds: splitfed_v1, splitfed_v2, parallel_sl, cpsl, fedlite, fedavg, fedprox.

    servers: the edge servers.
    edge_rounds: rounds of the scheme at every edge in a round of the cloud, kappa_2.
    assignment: whose client a device is for the whole run: of the edge server that is the nearest by wires to the site
        that it is the nearest to at the beginning; in turn, first the first; or as servers list them.
    """

    kind: Literal["edge_cloud"] = "edge_cloud"
    servers: tuple[EdgeServer, ...]
    edge_rounds: Count = 1
    assignment: Literal["nearest", "in_turn", "listed"] = "nearest"

    def __post_init__(self) -> None:
        places = [server.at for server in self.servers]
        if not places:
            raise ValueError("servers: got an empty list, must be a list of one edge server or more")
        for i, at in enumerate(places):
            if at in places[:i]:
                raise ValueError(f"servers: got {at!r} twice, must be a node of its own for each")


Hierarchy = Annotated[Flat | EdgeCloud, Kinds()]
